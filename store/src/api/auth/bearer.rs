//! The token of a request, and whose it claims to be. Pure; nothing here is proved.

use jsonwebtoken::{Header, dangerous::insecure_decode, decode_header};

use super::claims::Claims;

const SCHEME: &str = "bearer";
/// As much as Node takes of all headers together, so no longer one ever reached a Backstage.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What Backstage writes into the header of the tokens it issues.
pub(super) const PLUGIN_TOKEN: &str = "vnd.backstage.plugin";
pub(super) const USER_TOKEN: &str = "vnd.backstage.user";
pub(super) const LIMITED_USER_TOKEN: &str = "vnd.backstage.limited-user";
/// Whom its older tokens of users, which said nothing in the header, are for.
pub(super) const USER_AUDIENCE: &str = "backstage";

/// Whose token it claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A plugin's. Who that is, is not proved either, but it says whose keys are needed.
    Plugin {
        /// What it says of it.
        subject: Option<String>,
    },
    /// A user's.
    User(UserTokenForm),
    /// Somebody else's.
    Other,
}

/// In which form a user's token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UserTokenForm {
    /// As it is issued.
    Full,
    /// Without anything that a plugin could use for more than to say who asks.
    Limited,
    /// As it was issued before there were forms.
    Untyped,
}

/// The token of a header. As in Backstage, a header of another scheme counts as none.
pub(super) fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_token = !token.is_empty() && !token.contains(char::is_whitespace);
    (scheme.eq_ignore_ascii_case(SCHEME) && is_token).then_some(token)
}

/// The header of a token, if it is one that is signed.
pub(super) fn read_header(token: &str) -> Option<Header> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    decode_header(token).ok()
}

/// Whose a token claims to be.
pub(super) fn classify(token: &str, header: &Header) -> TokenKind {
    let claims = || {
        insecure_decode(token)
            .ok()
            .map(|token| Claims::new(token.claims))
    };
    match header.typ.as_deref() {
        Some(PLUGIN_TOKEN) => TokenKind::Plugin {
            subject: claims().and_then(|claims| claims.text("sub").map(str::to_owned)),
        },
        Some(USER_TOKEN) => TokenKind::User(UserTokenForm::Full),
        Some(LIMITED_USER_TOKEN) => TokenKind::User(UserTokenForm::Limited),
        Some(_) | None => {
            let audience =
                claims().is_some_and(|claims| claims.only_audience() == Some(USER_AUDIENCE));
            if audience {
                TokenKind::User(UserTokenForm::Untyped)
            } else {
                TokenKind::Other
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, encode};
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check_header(header: &str, expected: Option<&str>) {
        assert_eq!(bearer_token(header), expected, "{header:?}");
    }

    #[test]
    fn a_header_of_another_scheme_has_no_token() {
        check_header("Bearer abc", Some("abc"));
        check_header("bearer   abc", Some("abc"));
        for header in [
            "",
            "abc",
            "Basic abc",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer\tabc",
        ] {
            check_header(header, None);
        }
    }

    #[track_caller]
    fn check(typ: Option<&str>, claims: &Value, expected: &TokenKind) {
        let header = Header {
            typ: typ.map(str::to_owned),
            ..Header::new(Algorithm::HS256)
        };
        let token = encode(&header, claims, &EncodingKey::from_secret(b"x")).expect("a token");
        let header = read_header(&token).expect("a header");
        assert_eq!(&classify(&token, &header), expected, "{typ:?} {claims}");
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let plugin = |subject: Option<&str>| TokenKind::Plugin {
            subject: subject.map(str::to_owned),
        };
        check(
            Some(PLUGIN_TOKEN),
            &json!({"sub": "search"}),
            &plugin(Some("search")),
        );
        check(Some(PLUGIN_TOKEN), &json!({"sub": 1}), &plugin(None));
        check(
            Some(PLUGIN_TOKEN),
            &json!({"aud": "backstage"}),
            &plugin(None),
        );
        let user = TokenKind::User;
        check(Some(USER_TOKEN), &json!({}), &user(UserTokenForm::Full));
        check(
            Some(LIMITED_USER_TOKEN),
            &json!({"aud": "backstage"}),
            &user(UserTokenForm::Limited),
        );
        check(
            None,
            &json!({"aud": "backstage"}),
            &user(UserTokenForm::Untyped),
        );
        check(
            Some("JWT"),
            &json!({"aud": "backstage"}),
            &user(UserTokenForm::Untyped),
        );
        check(None, &json!({"aud": ["backstage"]}), &TokenKind::Other);
        check(
            Some("JWT"),
            &json!({"sub": "backstage-server"}),
            &TokenKind::Other,
        );
    }

    #[test]
    fn what_is_not_signed_has_no_header() {
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoidm5kLmJhY2tzdGFnZS51c2VyIn0.e30.";
        let long = format!("{}.{}.x", "a".repeat(TOKEN_BYTES_MAX), "b");
        for token in ["", "static-token", "a.b.c", unsigned, long.as_str()] {
            assert!(read_header(token).is_none(), "{token}");
        }
    }
}
