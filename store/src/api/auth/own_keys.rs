//! The keys with which this catalog signs its own tokens, and what of them it publishes.
//!
//! A plugin that is called by the catalog looks for its public keys where `discovery` says the catalog is, as it
//! does for any other plugin. Whichever process answers there publishes the keys of all, so the public ones are in the
//! database. A private key never leaves its process. A key signs for an hour and is published for three, so that every
//! token it signed can be checked until the token ends.

use std::sync::Arc;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::MICROS_PER_SECOND;
use super::bearer::PLUGIN_TOKEN;
use super::principal::UserProof;
use crate::repo::{PublishedKey, Repo, RepoError};

/// How long a key signs, and how long a token of it holds.
const SIGNS_FOR_SECONDS: i64 = 60 * 60;
/// How long it is published.
const PUBLISHED_FOR_SECONDS: i64 = 3 * SIGNS_FOR_SECONDS;
/// Who we are to other plugins.
const OWN_ID: &str = "catalog";

/// The keys of this catalog. Times are seconds since the epoch.
pub(super) struct OwnKeys {
    repo: Repo,
    /// Locked while a new one is made, as nobody could sign meanwhile anyway.
    current: Mutex<Option<CurrentKey>>,
}

struct CurrentKey {
    key: Arc<SigningKey>,
    made_at: i64,
}

/// A key pair.
pub(in crate::api) struct SigningKey {
    id: String,
    private: EncodingKey,
    public: Value,
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

impl OwnKeys {
    pub(super) fn new(repo: Repo) -> Self {
        Self {
            repo,
            current: Mutex::new(None),
        }
    }

    /// What is published now.
    pub(super) async fn published(&self, now: i64) -> Result<Value, RepoError> {
        let mut tx = self.repo.read_once().await?;
        let rows = tx.published_keys(now * MICROS_PER_SECOND).await?;
        tx.commit().await?;
        let keys = rows.iter().map(|row| -> Value {
            serde_json::from_str(&row.public_key).expect("it was written as JSON")
        });
        Ok(json!({ "keys": keys.collect::<Vec<_>>() }))
    }

    /// A token for one plugin, for ourselves or on behalf of a user.
    pub(super) async fn token_for(
        &self,
        target: &str,
        user: Option<&UserProof>,
        now: i64,
    ) -> Result<SecretString, RepoError> {
        let key = self.key_of_now(now).await?;
        Ok(key.sign(&claims_for(target, user, now)).into())
    }

    /// The key that signs now, which is published before it does.
    pub(super) async fn key_of_now(&self, now: i64) -> Result<Arc<SigningKey>, RepoError> {
        let mut current = self.current.lock().await;
        if let Some(current) = &*current
            && now < current.made_at + SIGNS_FOR_SECONDS
        {
            return Ok(Arc::clone(&current.key));
        }
        let key = Arc::new(SigningKey::generate());
        self.publish(&key, now).await?;
        *current = Some(CurrentKey {
            key: Arc::clone(&key),
            made_at: now,
        });
        Ok(key)
    }

    async fn publish(&self, key: &SigningKey, now: i64) -> Result<(), RepoError> {
        let mut tx = self.repo.write().await?;
        tx.remove_expired_keys(now * MICROS_PER_SECOND).await?;
        tx.publish_key(&PublishedKey {
            id: key.id.clone(),
            public_key: key.public.to_string(),
            expires_at: (now + PUBLISHED_FOR_SECONDS) * MICROS_PER_SECOND,
        })
        .await?;
        tx.commit().await
    }
}

fn claims_for(target: &str, user: Option<&UserProof>, now: i64) -> Value {
    let end = now + SIGNS_FOR_SECONDS;
    let mut claims = json!({ "sub": OWN_ID, "aud": target, "iat": now, "exp": end });
    if let Some(user) = user {
        // What we say for somebody holds no longer than what he says himself.
        claims["exp"] = user.expires_at.min(end).into();
        claims["obo"] = user.token.expose_secret().into();
    }
    claims
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

    async fn empty_database() -> Repo {
        let config = crate::config::DatabaseConfig::Temporary;
        Repo::open(&config).await.expect("a database")
    }

    /// What another process of the same catalog publishes.
    async fn published(repo: &Repo, now: i64) -> KeySet {
        let keys = OwnKeys::new(repo.clone()).published(now).await;
        KeySet::parse(keys.expect("rows").to_string().as_bytes()).expect("a key set")
    }

    async fn is_known(repo: &Repo, token: &SecretString, at: i64) -> bool {
        let header = decode_header(token.expose_secret()).expect("a header");
        let keys = published(repo, at).await;
        keys.verify(token.expose_secret(), &header, &[]).is_ok()
    }

    #[tokio::test]
    async fn a_key_signs_for_an_hour_and_is_published_for_three() {
        let repo = empty_database().await;
        let keys = OwnKeys::new(repo.clone());
        let sign = async |at| {
            let token = keys.token_for("permission", None, at).await;
            token.expect("a token")
        };
        let first = sign(NOW).await;
        let last = sign(NOW + SIGNS_FOR_SECONDS - 1).await;
        let next = sign(NOW + SIGNS_FOR_SECONDS).await;
        let key_of =
            |token: &SecretString| decode_header(token.expose_secret()).expect("a header").kid;
        assert_eq!(key_of(&first), key_of(&last));
        assert_ne!(key_of(&first), key_of(&next));
        let end = NOW + PUBLISHED_FOR_SECONDS;
        assert!(is_known(&repo, &first, end - 1).await);
        assert!(!is_known(&repo, &first, end).await);
        assert!(is_known(&repo, &next, end).await);
    }

    #[tokio::test]
    async fn processes_publish_the_keys_of_each_other() {
        let repo = empty_database().await;
        let (one, other) = (OwnKeys::new(repo.clone()), OwnKeys::new(repo.clone()));
        for keys in [&one, &other] {
            let token = keys.token_for("permission", None, NOW).await;
            assert!(is_known(&repo, &token.expect("a token"), NOW).await);
        }
        let published = one.published(NOW).await.expect("rows");
        assert_eq!(published["keys"].as_array().map(Vec::len), Some(2));
    }

    #[tokio::test]
    async fn a_token_says_who_calls_whom_and_for_whom() {
        let repo = empty_database().await;
        let user = UserProof {
            token: SecretString::from("limited"),
            expires_at: NOW + 60,
        };
        let keys = OwnKeys::new(repo.clone());
        let token = keys.token_for("permission", Some(&user), NOW).await;
        let token = token.expect("a token");
        let header = decode_header(token.expose_secret()).expect("a header");
        assert_eq!(header.typ.as_deref(), Some(PLUGIN_TOKEN));
        let claims = published(&repo, NOW).await;
        let claims = claims.verify(token.expose_secret(), &header, &[]);
        let claims = claims.expect("it is ours");
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
        let key = SigningKey::generate();
        let mut names: Vec<&String> = key.public.as_object().expect("an object").keys().collect();
        names.sort();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "x", "y"]);
    }
}
