//! The callers whom `backend.auth.externalAccess` names, and whose token is whose. Pure.
//!
//! What only a fetched key set can tell is told by `authenticate`; here is said which set that is, and what is made
//! of a token that bears its signature.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::claims::{ClaimRules, Claims};
use super::key_set::{KeySet, is_asymmetric, signature_alone};
use super::principal::Principal;
use super::restrictions::{OtherPlugins, PluginRestrictions};

/// Whom the older tokens of Backstage's backends name as their subject.
const LEGACY_SUBJECT: &str = "backstage-server";
/// What stands before the subject of a token that others issued, as in Backstage.
const FOREIGN_PREFIX: &str = "external:";

/// Somebody outside who has credentials.
#[derive(Clone)]
pub struct ExternalAccess {
    credential: Credential,
    restrictions: PluginRestrictions,
}

#[derive(Clone)]
enum Credential {
    /// The digest of a token: that two digests differ early says nothing about the token.
    Static { digest: [u8; 32], subject: String },
    /// Signs tokens of its own.
    Legacy { key: DecodingKey, subject: String },
    /// Has tokens that others sign.
    Issued(ForeignIssuer),
}

/// Somebody else who issues tokens, `type: jwks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignIssuer {
    /// Where its public keys are.
    pub url: String,
    /// How it may sign; of none, in any way that counts.
    pub algorithms: Vec<String>,
    /// What it may call itself; of none, anything.
    pub issuers: Vec<String>,
    /// Whom its tokens may be for; of none, anybody.
    pub audiences: Vec<String>,
    /// Put in front of its subjects.
    pub subject_prefix: Option<String>,
}

/// What a caller of the configuration makes of a token.
pub(super) enum Recognition<'a> {
    /// It is not his.
    Other,
    /// It is the token of this subject.
    Subject(&'a str),
    /// Ask the keys of this issuer.
    Ask(&'a ForeignIssuer),
}

/// Secrets are in it.
impl fmt::Debug for ExternalAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.credential {
            Credential::Static { subject, .. } | Credential::Legacy { subject, .. } => subject,
            Credential::Issued(issuer) => &issuer.url,
        };
        formatter
            .debug_struct("ExternalAccess")
            .field("name", name)
            .field("restrictions", &self.restrictions)
            .finish_non_exhaustive()
    }
}

impl ExternalAccess {
    /// Somebody who sends this token.
    #[must_use]
    pub fn with_token(
        token: &SecretString,
        subject: &str,
        restrictions: PluginRestrictions,
    ) -> Self {
        Self {
            credential: Credential::Static {
                digest: Sha256::digest(token.expose_secret()).into(),
                subject: subject.to_owned(),
            },
            restrictions,
        }
    }

    /// Somebody who signs tokens with this secret, as Backstage's backends did before each had keys of its
    /// own; `None` if it is no base64.
    #[must_use]
    pub fn with_legacy_secret(
        secret: &SecretString,
        subject: &str,
        restrictions: PluginRestrictions,
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
            credential: Credential::Legacy {
                key: DecodingKey::from_secret(&key),
                subject: subject.to_owned(),
            },
            restrictions,
        })
    }

    /// Everybody to whom somebody else issues tokens.
    #[must_use]
    pub fn with_issuer(issuer: ForeignIssuer, restrictions: PluginRestrictions) -> Self {
        Self {
            credential: Credential::Issued(issuer),
            restrictions,
        }
    }

    /// What is made of a token; `header` is its own, if it is signed. `now` is in seconds since the epoch.
    pub(super) fn recognise(
        &self,
        token: &str,
        header: Option<&Header>,
        now: i64,
    ) -> Recognition<'_> {
        match (&self.credential, header) {
            (Credential::Static { digest, subject }, _)
                if Sha256::digest(token)[..] == digest[..] =>
            {
                Recognition::Subject(subject)
            }
            (Credential::Legacy { key, subject }, Some(header))
                if is_legacy_token(token, header, key, now) =>
            {
                Recognition::Subject(subject)
            }
            (Credential::Issued(issuer), Some(header)) if is_asymmetric(header.alg) => {
                Recognition::Ask(issuer)
            }
            (Credential::Static { .. } | Credential::Legacy { .. } | Credential::Issued(_), _) => {
                Recognition::Other
            }
        }
    }

    /// Who that is, with what these credentials are good for here.
    pub(super) fn admit(&self, subject: &str) -> Result<Principal, OtherPlugins> {
        Ok(Principal::External {
            subject: subject.to_owned(),
            restrictions: self.restrictions.for_catalog()?.cloned(),
        })
    }
}

impl ForeignIssuer {
    /// Whom it issued a token to; `None` if it did not, or the token does not hold.
    pub(super) fn subject_of(
        &self,
        token: &str,
        header: &Header,
        keys: &KeySet,
        now: i64,
    ) -> Option<String> {
        let algorithms: Vec<Algorithm> = self
            .algorithms
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        // None that is known must not come out as any.
        if algorithms.is_empty() != self.algorithms.is_empty() {
            return None;
        }
        let claims = keys.verify(token, header, &algorithms).ok()?;
        let rules = ClaimRules {
            required: &[],
            audiences: &self.audiences,
            issuers: &self.issuers,
        };
        claims.check(&rules, now).ok()?;
        let subject = claims.text("sub").filter(|subject| !subject.is_empty())?;
        let prefix = self
            .subject_prefix
            .as_ref()
            .map(|prefix| format!("{prefix}:"));
        Some(format!(
            "{FOREIGN_PREFIX}{}{subject}",
            prefix.unwrap_or_default()
        ))
    }
}

fn is_legacy_token(token: &str, header: &Header, key: &DecodingKey, now: i64) -> bool {
    if header.alg != Algorithm::HS256 || header.crit.is_some() {
        return false;
    }
    let decoded = jsonwebtoken::decode(token, key, &signature_alone(Algorithm::HS256));
    decoded.is_ok_and(|token| {
        let claims = Claims::new(token.claims);
        // They need not expire. One with an audience is of another sort.
        claims.text("sub") == Some(LEGACY_SUBJECT)
            && claims.value("aud").is_none()
            && claims.check(&ClaimRules::default(), now).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, decode_header, encode};
    use serde_json::{Value, json};

    use super::super::own_keys::SigningKey;
    use super::super::restrictions::AccessRestrictions;
    use super::*;

    const SECRET: &str = "c2VjcmV0LW9mLWEtYmFja2VuZD8/";
    const KEY: &[u8] = b"secret-of-a-backend??";
    const NOW: i64 = 1_000_000;

    fn static_caller() -> ExternalAccess {
        let token = SecretString::from("the-token");
        ExternalAccess::with_token(&token, "a-tool", PluginRestrictions::default())
    }

    fn legacy_caller() -> ExternalAccess {
        let secret = SecretString::from(SECRET);
        ExternalAccess::with_legacy_secret(&secret, "old-tool", PluginRestrictions::default())
            .expect("base64")
    }

    #[track_caller]
    fn check(caller: &ExternalAccess, token: &str, expected: Option<&str>) {
        let header = decode_header(token).ok();
        let subject = match caller.recognise(token, header.as_ref(), NOW) {
            Recognition::Subject(subject) => Some(subject),
            Recognition::Other | Recognition::Ask(_) => None,
        };
        assert_eq!(subject, expected, "{token}");
    }

    #[test]
    fn a_static_token_is_compared_whole() {
        check(&static_caller(), "the-token", Some("a-tool"));
        for token in ["the-toke", "the-tokens", "", "The-token"] {
            check(&static_caller(), token, None);
        }
    }

    #[track_caller]
    fn check_legacy(header: &Header, claims: &Value, secret: &[u8], is_good: bool) {
        let token = encode(header, claims, &EncodingKey::from_secret(secret)).expect("a token");
        check(&legacy_caller(), &token, is_good.then_some("old-tool"));
    }

    #[test]
    fn a_legacy_token_is_signed_and_current_and_has_no_audience() {
        let header = Header::new(Algorithm::HS256);
        let server = json!({"sub": "backstage-server", "exp": NOW + 1});
        check_legacy(&header, &server, KEY, true);
        check_legacy(&header, &json!({"sub": "backstage-server"}), KEY, true);
        check_legacy(&header, &server, b"secret-of-another", false);
        check_legacy(&Header::new(Algorithm::HS512), &server, KEY, false);
        for claims in [
            json!({"sub": "backstage-server", "exp": NOW}),
            json!({"sub": "backstage-server", "nbf": NOW + 1}),
            json!({"sub": "backstage-server", "aud": "catalog"}),
            json!({"sub": "user:default/guest"}),
            json!({}),
        ] {
            check_legacy(&header, &claims, KEY, false);
        }
        check(&legacy_caller(), SECRET, None);
    }

    #[test]
    fn a_legacy_secret_is_base64_of_either_alphabet() {
        let decodes = |secret: &str| {
            let secret = SecretString::from(secret);
            ExternalAccess::with_legacy_secret(&secret, "s", PluginRestrictions::default())
                .is_some()
        };
        assert!(decodes(SECRET));
        assert!(decodes("c2VjcmV0LW9mLWEtYmFja2VuZD8_"));
        assert!(decodes("YQ==") && decodes("YQ"));
        assert!(!decodes("no base64!"));
    }

    #[track_caller]
    fn check_issued(issuer: &ForeignIssuer, claims: &Value, expected: Option<&str>) {
        let key = SigningKey::generate();
        let set = json!({ "keys": [key.public()] }).to_string();
        let set = KeySet::parse(set.as_bytes()).expect("a key set");
        let header = Header::new(Algorithm::ES256);
        let token = encode(&header, claims, key.private()).expect("a token");
        let subject = issuer.subject_of(&token, &header, &set, NOW);
        assert_eq!(subject.as_deref(), expected, "{issuer:?} {claims}");
    }

    #[test]
    fn an_issuer_is_believed_as_far_as_the_configuration_goes() {
        let texts = |text: &str| vec![text.to_owned()];
        let any = ForeignIssuer::default();
        let claims = json!({"sub": "ci", "iss": "https://idp", "aud": ["acme"], "exp": NOW + 1});
        check_issued(&any, &claims, Some("external:ci"));
        check_issued(&any, &json!({"iss": "https://idp"}), None);
        check_issued(&any, &json!({"sub": ""}), None);
        check_issued(&any, &json!({"sub": "ci", "exp": NOW}), None);
        let strict = ForeignIssuer {
            algorithms: texts("ES256"),
            issuers: texts("https://idp"),
            audiences: texts("acme"),
            subject_prefix: Some("idp".to_owned()),
            ..ForeignIssuer::default()
        };
        check_issued(&strict, &claims, Some("external:idp:ci"));
        check_issued(&strict, &json!({"sub": "ci", "iss": "https://idp"}), None);
        check_issued(&strict, &json!({"sub": "ci", "aud": "acme"}), None);
        for algorithm in ["RS256", "HS256", "none"] {
            let other = ForeignIssuer {
                algorithms: texts(algorithm),
                ..ForeignIssuer::default()
            };
            check_issued(&other, &claims, None);
        }
    }

    #[test]
    fn credentials_for_other_plugins_are_good_for_nothing_here() {
        let mut restrictions = PluginRestrictions::default();
        restrictions.insert("events", AccessRestrictions::default());
        let caller = ExternalAccess::with_token(&SecretString::from("t"), "a-tool", restrictions);
        let refused = caller.admit("a-tool").expect_err("it is for events");
        assert_eq!(refused, OtherPlugins(vec!["events".to_owned()]));
    }

    #[test]
    fn a_caller_is_never_printed_with_the_secret() {
        let printed = format!("{:?} {:?}", static_caller(), legacy_caller());
        assert!(!printed.contains("the-token") && !printed.contains("secret"));
    }
}
