//! Who may call an API that others can reach: the external callers of Backstage's configuration.
//!
//! Pure. The tokens of Backstage's own users and plugins are not known here, so they are refused as any
//! other that nobody configured.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

const SCHEME: &str = "bearer";
/// Whom the older tokens of Backstage's backends name as their subject.
const LEGACY_SUBJECT: &str = "backstage-server";

/// Somebody outside who has credentials.
#[derive(Clone)]
pub struct ExternalAccess {
    subject: String,
    credential: Credential,
    scope: AccessScope,
}

#[derive(Clone)]
enum Credential {
    /// The digest of a token: that two digests differ early says nothing about the token.
    Static([u8; 32]),
    /// Signs tokens of its own.
    Legacy(DecodingKey),
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessScope {
    /// Nothing: the credentials are for other plugins.
    Nothing,
    /// Requests that change nothing.
    Reads,
    /// Every request.
    Everything,
}

/// Who may call.
#[derive(Clone, Debug)]
pub enum ApiAccess {
    /// Everybody who reaches the listener, which is on loopback.
    Open,
    /// These.
    Guarded(Vec<ExternalAccess>),
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessRefusal {
    /// It has no credentials.
    Missing,
    /// Nobody has such credentials.
    Illegal,
    /// They are good for less.
    Restricted,
}

/// Secrets are in it.
impl fmt::Debug for ExternalAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExternalAccess")
            .field("subject", &self.subject)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl ExternalAccess {
    /// Somebody who sends this token.
    #[must_use]
    pub fn with_token(token: &SecretString, subject: &str, scope: AccessScope) -> Self {
        Self {
            subject: subject.to_owned(),
            credential: Credential::Static(Sha256::digest(token.expose_secret()).into()),
            scope,
        }
    }

    /// Somebody who signs tokens with this secret, as Backstage's backends did before each had keys of its
    /// own; `None` if it is no base64.
    #[must_use]
    pub fn with_legacy_secret(
        secret: &SecretString,
        subject: &str,
        scope: AccessScope,
    ) -> Option<Self> {
        // Backstage takes both alphabets, with and without padding.
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        let mut decoded = [STANDARD, URL_SAFE]
            .iter()
            .map(|alphabet| GeneralPurpose::new(alphabet, config).decode(secret.expose_secret()));
        let key = decoded.find_map(Result::ok)?;
        Some(Self {
            subject: subject.to_owned(),
            credential: Credential::Legacy(DecodingKey::from_secret(&key)),
            scope,
        })
    }

    fn recognises(&self, token: &str) -> bool {
        match &self.credential {
            Credential::Static(digest) => Sha256::digest(token)[..] == digest[..],
            Credential::Legacy(key) => is_signed_by(token, key),
        }
    }
}

/// What must not stand in a legacy token: one with an audience is of another sort.
#[derive(Deserialize)]
struct LegacyClaims {
    aud: Option<serde_json::Value>,
}

fn is_signed_by(token: &str, key: &DecodingKey) -> bool {
    let mut validation = Validation::new(Algorithm::HS256);
    // They need not expire; those that do are not good a second longer.
    validation.set_required_spec_claims(&["sub"]);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation.sub = Some(LEGACY_SUBJECT.to_owned());
    jsonwebtoken::decode::<LegacyClaims>(token, key, &validation)
        .is_ok_and(|token| token.claims.aud.is_none())
}

impl ApiAccess {
    /// Whether a request with this header may do what needs `needed`.
    pub(super) fn authorise(
        &self,
        authorization: Option<&str>,
        needed: AccessScope,
    ) -> Result<(), AccessRefusal> {
        let Self::Guarded(callers) = self else {
            return Ok(());
        };
        let token = authorization
            .and_then(bearer_token)
            .ok_or(AccessRefusal::Missing)?;
        let caller = callers
            .iter()
            .find(|caller| caller.recognises(token))
            .ok_or(AccessRefusal::Illegal)?;
        if caller.scope < needed {
            return Err(AccessRefusal::Restricted);
        }
        tracing::debug!(access.subject = caller.subject, "A caller was let in.");
        Ok(())
    }
}

/// The token of a header. As in Backstage, a header of another scheme counts as none.
fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_token = !token.is_empty() && !token.contains(char::is_whitespace);
    (scheme.eq_ignore_ascii_case(SCHEME) && is_token).then_some(token)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "c2VjcmV0LW9mLWEtYmFja2VuZD8/";
    /// The year 2100 and the year 1970.
    const LATER: i64 = 4_102_444_800;
    const LONG_AGO: i64 = 1;

    fn callers() -> ApiAccess {
        let token = |token: &str, scope| {
            ExternalAccess::with_token(&SecretString::from(token), "a-tool", scope)
        };
        let legacy = ExternalAccess::with_legacy_secret(
            &SecretString::from(SECRET),
            "old-tool",
            AccessScope::Everything,
        );
        ApiAccess::Guarded(vec![
            token("all-of-it", AccessScope::Everything),
            token("only-reads", AccessScope::Reads),
            token("of-others", AccessScope::Nothing),
            legacy.expect("base64"),
        ])
    }

    #[track_caller]
    fn check(header: Option<&str>, needed: AccessScope, expected: Result<(), AccessRefusal>) {
        assert_eq!(callers().authorise(header, needed), expected, "{header:?}");
    }

    #[test]
    fn loopback_asks_nobody() {
        assert_eq!(
            ApiAccess::Open.authorise(None, AccessScope::Everything),
            Ok(())
        );
    }

    #[test]
    fn whoever_is_not_listed_is_refused() {
        use AccessRefusal::{Illegal, Missing};
        let reads = AccessScope::Reads;
        check(None, reads, Err(Missing));
        check(Some(""), reads, Err(Missing));
        check(Some("all-of-it"), reads, Err(Missing));
        check(Some("Basic all-of-it"), reads, Err(Missing));
        check(Some("Bearer all-of-it twice"), reads, Err(Missing));
        check(Some("Bearer "), reads, Err(Missing));
        check(Some("Bearer all-of-i"), reads, Err(Illegal));
        check(Some("Bearer all-of-it"), reads, Ok(()));
        check(Some("bearer   all-of-it"), reads, Ok(()));
        let nobody = ApiAccess::Guarded(Vec::new());
        assert_eq!(nobody.authorise(Some("Bearer x"), reads), Err(Illegal));
    }

    #[test]
    fn restricted_credentials_are_good_for_no_more() {
        use AccessRefusal::Restricted;
        let (reads, all) = (AccessScope::Reads, AccessScope::Everything);
        check(Some("Bearer only-reads"), reads, Ok(()));
        check(Some("Bearer only-reads"), all, Err(Restricted));
        check(Some("Bearer of-others"), reads, Err(Restricted));
        check(Some("Bearer all-of-it"), all, Ok(()));
    }

    #[track_caller]
    fn check_legacy(header: &Header, claims: &serde_json::Value, secret: &[u8], good: bool) {
        let token = encode(header, claims, &EncodingKey::from_secret(secret)).expect("a token");
        let expected = if good {
            Ok(())
        } else {
            Err(AccessRefusal::Illegal)
        };
        let header = format!("Bearer {token}");
        check(Some(&header), AccessScope::Everything, expected);
    }

    #[test]
    fn a_legacy_token_is_signed_and_current_and_has_no_audience() {
        const KEY: &[u8] = b"secret-of-a-backend??";
        let header = Header::new(Algorithm::HS256);
        let server = json!({"sub": "backstage-server", "exp": LATER});
        check_legacy(&header, &server, KEY, true);
        check_legacy(&header, &json!({"sub": "backstage-server"}), KEY, true);
        check_legacy(&header, &server, b"secret-of-another", false);
        check_legacy(&Header::new(Algorithm::HS512), &server, KEY, false);
        for claims in [
            json!({"sub": "backstage-server", "exp": LONG_AGO}),
            json!({"sub": "backstage-server", "nbf": LATER}),
            json!({"sub": "backstage-server", "aud": "catalog"}),
            json!({"sub": "user:default/guest"}),
            json!({}),
        ] {
            check_legacy(&header, &claims, KEY, false);
        }
    }

    #[test]
    fn a_legacy_secret_is_base64_of_either_alphabet() {
        let decodes = |secret: &str| {
            let secret = SecretString::from(secret);
            ExternalAccess::with_legacy_secret(&secret, "s", AccessScope::Reads).is_some()
        };
        assert!(decodes(SECRET));
        assert!(decodes("c2VjcmV0LW9mLWEtYmFja2VuZD8_"));
        assert!(decodes("c2Vj cmV0".replace(' ', "").as_str()));
        assert!(decodes("YQ==") && decodes("YQ"));
        assert!(!decodes("no base64!"));
    }

    #[test]
    fn a_caller_is_never_printed_with_the_secret() {
        assert!(!format!("{:?}", callers()).contains("all-of-it"));
    }
}
