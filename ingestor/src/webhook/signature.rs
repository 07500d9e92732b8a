//! Whether a delivery is authentic: HMAC-SHA256 over exactly the bytes received, as GitHub's
//! documentation "Validating webhook deliveries" says. SHA-1 signatures are not looked at.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;

use crate::config::WebhookSecret;

const PREFIX: &str = "sha256=";

/// Who signed a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verified<'a> {
    /// The hooks of this host, with the current secret or a previous one.
    By {
        /// Host of the integration.
        host: &'a str,
        /// Whether it was the current secret.
        current: bool,
    },
    /// No secret fits.
    ByNobody,
}

/// Every secret a delivery may be signed with.
pub(super) struct Keyring {
    webhooks: Vec<WebhookSecret>,
}

impl Keyring {
    pub(super) fn new(webhooks: Vec<WebhookSecret>) -> Self {
        Self { webhooks }
    }

    /// Compares against every secret, in constant time each and without stopping at a match, so that
    /// the time of an answer tells nothing about which hook or secret exists.
    pub(super) fn find_signer(&self, header: Option<&str>, body: &[u8]) -> Verified<'_> {
        // An unreadable header is compared like a wrong one, so that its time tells nothing either.
        let given = header.and_then(decode_header);
        let mut verified = Verified::ByNobody;
        for webhook in &self.webhooks {
            for (age, secret) in webhook.secrets.iter().enumerate() {
                // Before `verified` is looked at: a short cut here would answer sooner for the
                // first secret than for the last.
                let matches =
                    signature_matches(secret.expose_secret().as_bytes(), body, given.as_deref());
                if matches && verified == Verified::ByNobody {
                    verified = Verified::By {
                        host: &webhook.host,
                        current: age == 0,
                    };
                }
            }
        }
        verified
    }
}

fn decode_header(header: &str) -> Option<Vec<u8>> {
    hex::decode(header.strip_prefix(PREFIX)?).ok()
}

fn signature_matches(secret: &[u8], body: &[u8], given: Option<&[u8]>) -> bool {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    // An absent signature is compared too: same work, never equal.
    mac.verify_slice(given.unwrap_or_default()).is_ok() && given.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of GitHub's documentation.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn keyring() -> Keyring {
        Keyring::new(vec![
            WebhookSecret {
                host: "ghe.acme.example".to_owned(),
                secrets: vec!["other".into()],
            },
            WebhookSecret {
                host: "github.com".to_owned(),
                secrets: vec!["new".into(), SECRET.into()],
            },
        ])
    }

    #[track_caller]
    fn check(header: Option<&str>, body: &[u8], expected: bool) {
        let verified = keyring().find_signer(header, body) != Verified::ByNobody;
        assert_eq!(verified, expected, "{header:?}");
    }

    #[test]
    fn only_the_exact_bytes_signed_with_a_known_secret_pass() {
        check(Some(SIGNATURE), BODY, true);
        check(Some(&SIGNATURE.replace("sha256=", "SHA256=")), BODY, false);
        check(Some(SIGNATURE), b"Hello, World", false);
        check(Some(SIGNATURE), b"Hello, World! ", false);
        check(Some(&SIGNATURE[..SIGNATURE.len() - 2]), BODY, false);
        check(Some(&SIGNATURE["sha256=".len()..]), BODY, false);
        check(Some("sha256="), BODY, false);
        check(Some("sha256=zz"), BODY, false);
        check(Some("sha1=03d2a1b5f4c1"), BODY, false);
        check(Some(""), BODY, false);
        check(None, BODY, false);
        check(None, b"", false);
    }

    #[test]
    fn a_previous_secret_is_told_from_the_current_one() {
        let keyring = keyring();
        assert_eq!(
            keyring.find_signer(Some(SIGNATURE), BODY),
            Verified::By {
                host: "github.com",
                current: false
            }
        );
    }
}
