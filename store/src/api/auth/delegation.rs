//! From a user's token to one that a plugin may pass on: it says who he is and is good for nothing else. Pure.
//!
//! Backstage signs twice what a user's token says: once all of it, once who and until when. The second signature is a
//! claim of the token, so that whoever has the token can make the smaller one, and nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::bearer::{LIMITED_USER_TOKEN, UserTokenForm};
use super::claims::Claims;
use super::principal::UserProof;

/// The claim with the second signature.
const IDENTITY_PROOF: &str = "uip";
/// What the second signature is of.
const SIGNED_TWICE: [&str; 3] = ["sub", "iat", "exp"];

/// What proves to other plugins that the user asks whose token this is; `None` if it has no such proof.
pub(super) fn prove_user(
    token: &str,
    form: UserTokenForm,
    header: &Header,
    claims: &Claims,
) -> Option<UserProof> {
    let expires_at = claims.expires_at()?;
    let token = match form {
        UserTokenForm::Full => limited_token(header, claims)?,
        UserTokenForm::Limited => token.to_owned(),
        // As it says nothing in its header, plugins of that time take it as it is.
        UserTokenForm::Untyped if header.typ.is_none() => token.to_owned(),
        UserTokenForm::Untyped => return None,
    };
    Some(UserProof {
        token: SecretString::from(token),
        expires_at,
    })
}

fn limited_token(header: &Header, claims: &Claims) -> Option<String> {
    let proof = claims.text(IDENTITY_PROOF)?;
    let head = limited_head(header.alg, header.kid.as_deref());
    let claims: Map<String, Value> = SIGNED_TWICE
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), claims.value(name)?.clone())))
        .collect();
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    Some(format!(
        "{}.{}.{proof}",
        encode(&head),
        encode(&Value::Object(claims))
    ))
}

/// In the order in which Backstage writes it: the signature is of these bytes.
fn limited_head(algorithm: Algorithm, key_id: Option<&str>) -> Value {
    let mut head = json!({ "typ": LIMITED_USER_TOKEN, "alg": algorithm });
    if let Some(key_id) = key_id {
        head["kid"] = key_id.into();
    }
    head
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn claims(more: &[(&str, Value)]) -> Claims {
        let mut claims =
            json!({"iss": "https://auth", "exp": 2_000, "sub": "user:default/ana", "iat": 1_000});
        for (name, value) in more {
            claims[*name] = value.clone();
        }
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        Claims::new(claims)
    }

    fn header(typ: Option<&str>) -> Header {
        Header {
            typ: typ.map(str::to_owned),
            kid: Some("k1".to_owned()),
            ..Header::new(Algorithm::ES256)
        }
    }

    #[test]
    fn a_limited_token_has_the_bytes_that_were_signed() {
        let claims = claims(&[("uip", json!("signature"))]);
        let proof = prove_user("t", UserTokenForm::Full, &header(None), &claims).expect("a proof");
        let token = proof.token.expose_secret();
        let parts: Vec<String> = token
            .split('.')
            .take(2)
            .map(|part| {
                String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("text")
            })
            .collect();
        assert_eq!(
            parts,
            [
                r#"{"typ":"vnd.backstage.limited-user","alg":"ES256","kid":"k1"}"#,
                r#"{"sub":"user:default/ana","iat":1000,"exp":2000}"#,
            ]
        );
        assert!(token.ends_with(".signature"));
        assert_eq!(proof.expires_at, 2_000);
    }

    #[track_caller]
    fn check(
        form: UserTokenForm,
        typ: Option<&str>,
        more: &[(&str, Value)],
        expected: Option<&str>,
    ) {
        let proof = prove_user("as-it-is", form, &header(typ), &claims(more));
        let token = proof.map(|proof| proof.token.expose_secret().to_owned());
        assert_eq!(token.as_deref(), expected, "{form:?} {more:?}");
    }

    #[test]
    fn what_cannot_be_limited_proves_nothing() {
        check(UserTokenForm::Full, None, &[], None);
        check(UserTokenForm::Full, None, &[("uip", json!(7))], None);
        check(
            UserTokenForm::Limited,
            Some(LIMITED_USER_TOKEN),
            &[],
            Some("as-it-is"),
        );
        check(
            UserTokenForm::Limited,
            Some(LIMITED_USER_TOKEN),
            &[("exp", json!("x"))],
            None,
        );
        check(UserTokenForm::Untyped, None, &[], Some("as-it-is"));
        check(UserTokenForm::Untyped, Some("JWT"), &[], None);
    }
}
