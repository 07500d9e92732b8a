//! Answers that are made in one go carry an entity tag, and are not sent to who has them.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::ok_json;

/// Bytes of the digest that is in a tag.
const TAG_BYTES: usize = 15;

/// The answer with its tag, or only the word that the client has it already.
pub(super) fn answer_tagged(request: &HeaderMap, json: String) -> Response {
    let tag = weak_tag(&json);
    if is_held(request, &tag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    let mut response = ok_json(json);
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// The same for plain data: texts, numbers and lists of them.
pub(super) fn answer_data_tagged(request: &HeaderMap, data: &impl Serialize) -> Response {
    let json = serde_json::to_string(data).expect("an answer is plain data");
    answer_tagged(request, json)
}

fn weak_tag(json: &str) -> HeaderValue {
    let digest = STANDARD_NO_PAD.encode(&Sha256::digest(json)[..TAG_BYTES]);
    let tag = format!("W/\"{:x}-{digest}\"", json.len());
    HeaderValue::from_str(&tag).expect("digits and letters")
}

fn is_held(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let forces = request
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("no-cache"));
    if forces {
        return false;
    }
    let strip = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let own = tag.to_str().map(strip).unwrap_or_default();
    let held = request.get_all(header::IF_NONE_MATCH).iter();
    let mut held = held
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    held.any(|held| held.trim() == "*" || strip(held) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(header::HeaderName, &str)], expected: StatusCode) {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value")))
            .collect();
        assert_eq!(answer_tagged(&headers, "{}".to_owned()).status(), expected);
    }

    #[test]
    fn who_has_an_answer_is_not_sent_it_again() {
        let tag = weak_tag("{}");
        let tag = tag.to_str().expect("a text");
        let strong = tag.trim_start_matches("W/");
        check(&[], StatusCode::OK);
        check(&[(header::IF_NONE_MATCH, tag)], StatusCode::NOT_MODIFIED);
        check(&[(header::IF_NONE_MATCH, strong)], StatusCode::NOT_MODIFIED);
        check(&[(header::IF_NONE_MATCH, "*")], StatusCode::NOT_MODIFIED);
        let several = format!("W/\"other\", {tag}");
        check(
            &[(header::IF_NONE_MATCH, &several)],
            StatusCode::NOT_MODIFIED,
        );
        check(&[(header::IF_NONE_MATCH, "W/\"other\"")], StatusCode::OK);
        let forced = [
            (header::IF_NONE_MATCH, tag),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        check(&forced, StatusCode::OK);
    }
}
