//! The public keys of somebody who signs tokens, and whether a token bears such a signature. Pure.
//!
//! Only signatures that nobody can make who checks them count. A token that is "signed" with nothing, or
//! with the public key as if it were a shared secret, is refused before any key is looked for.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;

/// Keys of one set that are looked at.
const KEYS_MAX: usize = 100;

/// Signatures that only the holder of the private key can make.
const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::EdDSA,
];

/// The public keys of one who signs.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<PublicKey>,
}

#[derive(Debug)]
struct PublicKey {
    id: Option<String>,
    /// What it can check.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Why a token does not bear a signature of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureFault {
    /// It is not signed in a way that would count.
    #[error("its algorithm is not allowed")]
    Algorithm,
    /// It names a key that is not there.
    #[error("its key is not in the key set")]
    UnknownKey,
    /// Several keys could be meant.
    #[error("it does not say which key of the key set")]
    AmbiguousKey,
    /// The key did not sign this.
    #[error("its signature is of something else")]
    Forged,
}

/// What a server answers where its keys are.
#[derive(Deserialize)]
struct PublishedKeys {
    /// One by one: a key of a sort that we do not know must not hide the others.
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads what a server published.
    ///
    /// # Errors
    /// If it is no key set.
    pub(super) fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let published: PublishedKeys = serde_json::from_slice(body)?;
        let keys = published.keys.into_iter().take(KEYS_MAX);
        Ok(Self {
            keys: keys.filter_map(PublicKey::read).collect(),
        })
    }

    /// Whether a token with this header could be checked.
    pub(super) fn has_key_of(&self, header: &Header) -> bool {
        self.candidates(header).next().is_some()
    }

    /// What a token says, if it is signed with one of the keys and one of these algorithms; with none, any that counts.
    pub(super) fn verify(
        &self,
        token: &str,
        header: &Header,
        allowed: &[Algorithm],
    ) -> Result<Claims, SignatureFault> {
        let is_listed = allowed.is_empty() || allowed.contains(&header.alg);
        // What a header declares critical must be understood, and we know nothing of that sort.
        if !is_listed || !is_asymmetric(header.alg) || header.crit.is_some() {
            return Err(SignatureFault::Algorithm);
        }
        let mut candidates = self.candidates(header);
        let key = candidates.next().ok_or(SignatureFault::UnknownKey)?;
        if candidates.next().is_some() {
            return Err(SignatureFault::AmbiguousKey);
        }
        let token = jsonwebtoken::decode(token, &key.key, &signature_alone(header.alg));
        let token = token.map_err(|_invalid| SignatureFault::Forged)?;
        Ok(Claims::new(token.claims))
    }

    fn candidates<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = &'a PublicKey> {
        self.keys.iter().filter(|key| {
            let is_meant = header.kid.is_none() || header.kid == key.id;
            is_meant && key.algorithms.contains(&header.alg)
        })
    }
}

impl PublicKey {
    fn read(published: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(published).ok()?;
        let is_for_signatures = match jwk.common.public_key_use {
            Some(PublicKeyUse::Signature) | None => true,
            Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
        };
        let algorithms = algorithms_of(&jwk);
        if !is_for_signatures || algorithms.is_empty() {
            return None;
        }
        Some(Self {
            key: DecodingKey::from_jwk(&jwk).ok()?,
            id: jwk.common.key_id,
            algorithms,
        })
    }
}

/// What a key can check: what its sort allows, and what it is published for.
fn algorithms_of(jwk: &Jwk) -> Vec<Algorithm> {
    let of_sort: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            EllipticCurve::P521 | EllipticCurve::Ed25519 => &[],
        },
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
        AlgorithmParameters::OctetKeyPair(_) => &[Algorithm::EdDSA],
        // A shared secret. Whoever publishes one has made it known to everybody.
        AlgorithmParameters::OctetKey(_) => &[],
    };
    let published = jwk.common.key_algorithm;
    let is_published =
        |algorithm: &Algorithm| published.is_none_or(|published| is_same(published, *algorithm));
    of_sort.iter().copied().filter(is_published).collect()
}

fn is_same(published: KeyAlgorithm, algorithm: Algorithm) -> bool {
    // Both have the names of the standard, and no other conversion is public.
    format!("{published:?}") == format!("{algorithm:?}")
}

/// Whether only the holder of a private key can sign like this.
pub(super) fn is_asymmetric(algorithm: Algorithm) -> bool {
    ASYMMETRIC.contains(&algorithm)
}

/// What the claims must be is decided apart, by our clock.
pub(super) fn signature_alone(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, decode_header, encode};
    use serde_json::json;

    use super::super::own_keys::SigningKey;
    use super::*;

    fn sign(header: &Header, key: &EncodingKey) -> String {
        encode(header, &json!({"sub": "search"}), key).expect("a token")
    }

    fn header(algorithm: Algorithm, id: Option<&str>) -> Header {
        Header {
            kid: id.map(str::to_owned),
            ..Header::new(algorithm)
        }
    }

    fn key_set(keys: &[&SigningKey]) -> KeySet {
        let keys: Vec<&Value> = keys.iter().map(|key| key.public()).collect();
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a key set")
    }

    #[track_caller]
    fn check(
        set: &KeySet,
        token: &str,
        allowed: &[Algorithm],
        expected: Result<(), SignatureFault>,
    ) {
        let header = decode_header(token).expect("a header");
        let outcome = set.verify(token, &header, allowed);
        assert_eq!(outcome.map(|_claims| ()), expected, "{token}");
    }

    #[test]
    fn a_token_is_checked_with_the_key_it_names() {
        let (ours, other) = (SigningKey::generate(), SigningKey::generate());
        let set = key_set(&[&ours, &other]);
        let named = header(Algorithm::ES256, Some(ours.id()));
        let token = sign(&named, ours.private());
        check(&set, &token, &[], Ok(()));
        check(&set, &token, &[Algorithm::ES256], Ok(()));
        check(
            &set,
            &token,
            &[Algorithm::RS256],
            Err(SignatureFault::Algorithm),
        );
        check(
            &set,
            &sign(&named, other.private()),
            &[],
            Err(SignatureFault::Forged),
        );
        let unknown = header(Algorithm::ES256, Some("another"));
        check(
            &set,
            &sign(&unknown, ours.private()),
            &[],
            Err(SignatureFault::UnknownKey),
        );
        let unnamed = sign(&header(Algorithm::ES256, None), ours.private());
        check(&set, &unnamed, &[], Err(SignatureFault::AmbiguousKey));
        check(&key_set(&[&ours]), &unnamed, &[], Ok(()));
    }

    #[test]
    fn a_public_key_is_no_shared_secret() {
        let ours = SigningKey::generate();
        let set = key_set(&[&ours]);
        let public = ours.public().to_string();
        for secret in [
            public.as_str(),
            ours.public()["x"].as_str().expect("a text"),
            "",
        ] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let token = sign(
                    &header(algorithm, Some(ours.id())),
                    &EncodingKey::from_secret(secret.as_bytes()),
                );
                check(&set, &token, &[], Err(SignatureFault::Algorithm));
                check(&set, &token, &[algorithm], Err(SignatureFault::Algorithm));
            }
        }
    }

    #[test]
    fn a_header_that_must_be_understood_is_refused() {
        let ours = SigningKey::generate();
        let critical = Header {
            crit: Some(vec!["b64".to_owned()]),
            ..header(Algorithm::ES256, Some(ours.id()))
        };
        let token = sign(&critical, ours.private());
        check(
            &key_set(&[&ours]),
            &token,
            &[],
            Err(SignatureFault::Algorithm),
        );
    }

    #[track_caller]
    fn check_key(published: &Value, expected: &[Algorithm]) {
        let body = json!({ "keys": [published] }).to_string();
        let set = KeySet::parse(body.as_bytes()).expect("a key set");
        let read: Vec<Algorithm> = set
            .keys
            .into_iter()
            .flat_map(|key| key.algorithms)
            .collect();
        assert_eq!(read, expected, "{published}");
    }

    #[test]
    fn a_key_checks_what_its_sort_and_its_publisher_allow() {
        let rsa = |more: Value| {
            let mut key = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
            key.as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            key
        };
        check_key(&rsa(json!({})), AlgorithmFamily::Rsa.algorithms());
        check_key(
            &rsa(json!({"alg": "RS512", "use": "sig"})),
            &[Algorithm::RS512],
        );
        check_key(&rsa(json!({"alg": "RSA-OAEP"})), &[]);
        check_key(&rsa(json!({"alg": "ES256"})), &[]);
        check_key(&rsa(json!({"use": "enc"})), &[]);
        check_key(&json!({"kty": "oct", "k": "AQAB", "alg": "HS256"}), &[]);
        check_key(
            &json!({"kty": "EC", "crv": "secp256k1", "x": "AQAB", "y": "AQAB"}),
            &[],
        );
        check_key(
            &json!({"kty": "OKP", "crv": "Ed25519", "x": "AQAB"}),
            &[Algorithm::EdDSA],
        );
        check_key(&json!("nonsense"), &[]);
        assert!(KeySet::parse(b"{}").is_err() && KeySet::parse(b"[]").is_err());
    }
}
