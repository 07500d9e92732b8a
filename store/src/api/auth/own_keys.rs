//! The keys with which this catalog signs its own tokens, and what of them it publishes.
//!
//! A plugin that is called by the catalog looks for its public keys where `discovery` says the catalog is, as it
//! does for any other plugin. A key signs for an hour and is published for three, so that every token it signed can
//! be checked until the token ends. A private key never leaves the process and is not stored.

use std::sync::{Mutex, PoisonError};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bearer::PLUGIN_TOKEN;
use super::principal::UserProof;

/// How long a key signs, and how long a token of it holds.
const SIGNS_FOR_SECONDS: i64 = 60 * 60;
/// How long it is published.
const PUBLISHED_FOR_SECONDS: i64 = 3 * SIGNS_FOR_SECONDS;
/// Who we are to other plugins.
const OWN_ID: &str = "catalog";

/// The keys of this catalog.
pub(super) struct SigningKeys(Mutex<KeyRing>);

/// A key pair.
pub(in crate::api) struct SigningKey {
    id: String,
    private: EncodingKey,
    public: Value,
}

struct KeyRing {
    current: SigningKey,
    made_at: i64,
    /// Public keys, each with the end of its publication.
    published: Vec<(Value, i64)>,
}

impl SigningKey {
    /// A new pair.
    pub(in crate::api) fn generate() -> Self {
        let pair =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .expect("the system has random numbers");
        let private = EncodingKey::from_ec_der(pair.as_ref());
        let id = Uuid::new_v4().to_string();
        let mut public =
            Jwk::from_encoding_key(&private, Algorithm::ES256).expect("the key was just made");
        public.common.key_id = Some(id.clone());
        Self {
            id,
            private,
            public: serde_json::to_value(public).expect("a key is plain data"),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header {
            typ: Some(PLUGIN_TOKEN.to_owned()),
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        encode(&header, claims, &self.private).expect("the key is one of this algorithm")
    }
}

impl KeyRing {
    fn begin(now: i64) -> Self {
        let current = SigningKey::generate();
        let published = vec![(current.public.clone(), now + PUBLISHED_FOR_SECONDS)];
        Self {
            current,
            made_at: now,
            published,
        }
    }

    fn rotate(&mut self, now: i64) {
        self.published.retain(|(_, until)| *until > now);
        if now >= self.made_at + SIGNS_FOR_SECONDS {
            self.current = SigningKey::generate();
            self.made_at = now;
            self.published
                .push((self.current.public.clone(), now + PUBLISHED_FOR_SECONDS));
        }
    }
}

impl SigningKeys {
    /// Makes the first key. Times are seconds since the epoch.
    pub(super) fn begin(now: i64) -> Self {
        Self(Mutex::new(KeyRing::begin(now)))
    }

    /// What is published now.
    pub(super) fn published(&self, now: i64) -> Value {
        let keys = self.with_ring(now, |ring| {
            let keys = ring.published.iter().map(|(key, _)| key.clone());
            keys.collect::<Vec<_>>()
        });
        json!({ "keys": keys })
    }

    /// A token for one plugin, for ourselves or on behalf of a user.
    pub(super) fn token_for(
        &self,
        target: &str,
        user: Option<&UserProof>,
        now: i64,
    ) -> SecretString {
        let mut claims =
            json!({ "sub": OWN_ID, "aud": target, "iat": now, "exp": now + SIGNS_FOR_SECONDS });
        if let Some(user) = user {
            // What we say for somebody holds no longer than what he says himself.
            claims["exp"] = user.expires_at.min(now + SIGNS_FOR_SECONDS).into();
            claims["obo"] = user.token.expose_secret().into();
        }
        self.with_ring(now, |ring| ring.current.sign(&claims))
            .into()
    }

    fn with_ring<T>(&self, now: i64, then: impl FnOnce(&KeyRing) -> T) -> T {
        // A ring is whole at every moment, so that of a thread that panicked is as good.
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.rotate(now);
        then(&ring)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::decode_header;

    use super::super::claims::ClaimRules;
    use super::super::key_set::KeySet;
    use super::*;

    const NOW: i64 = 1_000_000;

    impl SigningKey {
        pub(in crate::api) fn id(&self) -> &str {
            &self.id
        }

        pub(in crate::api) fn private(&self) -> &EncodingKey {
            &self.private
        }

        pub(in crate::api) fn public(&self) -> &Value {
            &self.public
        }
    }

    fn published(keys: &SigningKeys, now: i64) -> KeySet {
        KeySet::parse(keys.published(now).to_string().as_bytes()).expect("a key set")
    }

    #[track_caller]
    fn check_verifies(keys: &SigningKeys, token: &SecretString, at: i64, is_known: bool) {
        let header = decode_header(token.expose_secret()).expect("a header");
        let claims = published(keys, at).verify(token.expose_secret(), &header, &[]);
        assert_eq!(claims.is_ok(), is_known, "at {at}");
    }

    #[test]
    fn a_key_signs_for_an_hour_and_is_published_for_three() {
        let keys = SigningKeys::begin(NOW);
        let first = keys.token_for("permission", None, NOW);
        let last = keys.token_for("permission", None, NOW + SIGNS_FOR_SECONDS - 1);
        let next = keys.token_for("permission", None, NOW + SIGNS_FOR_SECONDS);
        let key_of =
            |token: &SecretString| decode_header(token.expose_secret()).expect("a header").kid;
        assert_eq!(key_of(&first), key_of(&last));
        assert_ne!(key_of(&first), key_of(&next));
        let end = NOW + PUBLISHED_FOR_SECONDS;
        check_verifies(&keys, &first, end - 1, true);
        check_verifies(&keys, &first, end, false);
        check_verifies(&keys, &next, end, true);
    }

    #[test]
    fn a_token_says_who_calls_whom_and_for_whom() {
        let keys = SigningKeys::begin(NOW);
        let user = UserProof {
            token: SecretString::from("limited"),
            expires_at: NOW + 60,
        };
        let token = keys.token_for("permission", Some(&user), NOW);
        let header = decode_header(token.expose_secret()).expect("a header");
        assert_eq!(header.typ.as_deref(), Some(PLUGIN_TOKEN));
        let claims = published(&keys, NOW)
            .verify(token.expose_secret(), &header, &[])
            .expect("it is ours");
        let audience = ["permission".to_owned()];
        let rules = ClaimRules {
            required: &["iat", "exp", "sub", "aud"],
            audiences: &audience,
            issuers: &[],
        };
        assert_eq!(claims.check(&rules, NOW + 59), Ok(()));
        assert!(claims.check(&rules, NOW + 60).is_err());
        assert_eq!(
            (claims.text("sub"), claims.text("obo")),
            (Some("catalog"), Some("limited"))
        );
    }

    #[test]
    fn nothing_private_is_published() {
        let keys = SigningKeys::begin(NOW);
        let key = &keys.published(NOW)["keys"][0];
        let mut names: Vec<&String> = key.as_object().expect("an object").keys().collect();
        names.sort();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "x", "y"]);
    }
}
