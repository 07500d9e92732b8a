//! JSON bodies of requests: within one limit, of the one type that is taken, and what the route asks for.
//!
//! A body that is too large, is no JSON or says something else is answered 400, as Backstage does. What a body
//! may say is decided by its type: one with `deny_unknown_fields` takes nothing besides.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use super::error::ApiProblem;

/// Most bytes of a body.
const BODY_BYTES_MAX: usize = 100 * 1024;
const JSON: &str = "application/json";

/// The body of a request that must have one.
///
/// # Errors
///
/// If there is none, or it does not say what the route asks for.
pub(super) async fn read_body<T: DeserializeOwned>(request: Request) -> Result<T, ApiProblem> {
    // A page in somebody's browser can send anything but this without being asked first.
    if !is_json(request.headers()) {
        return Err(ApiProblem::Input(format!("The body must be {JSON}")));
    }
    parse_body(&read_bytes(request).await?)
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|it| it.to_str().ok());
    content_type.is_some_and(|it| {
        let essence = it.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(JSON)
    })
}

async fn read_bytes(request: Request) -> Result<Bytes, ApiProblem> {
    let read = to_bytes(request.into_body(), BODY_BYTES_MAX).await;
    // It may have been cut off as well, but whoever did that does not read the answer.
    read.map_err(|_| ApiProblem::Input("request entity too large".to_owned()))
}

fn parse_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiProblem> {
    serde_json::from_slice(bytes)
        .map_err(|error| ApiProblem::Input(format!("The body is not what is asked for: {error}")))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        limit: u32,
    }

    #[track_caller]
    fn check(content_type: Option<&str>, body: impl Into<Body>, expected: Result<u32, &str>) {
        let mut request = Request::new(body.into());
        if let Some(content_type) = content_type {
            let value = content_type.parse().expect("a header");
            request.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        let read = futures::executor::block_on(read_body::<Wanted>(request));
        match (read, expected) {
            (Ok(asked), expected) => assert_eq!(Ok(asked.limit), expected),
            (Err(ApiProblem::Input(message)), Err(part)) => {
                assert!(message.contains(part), "{message}");
            }
            (Err(problem), _) => panic!("{problem}"),
        }
    }

    #[test]
    fn json_of_the_right_shape_is_read() {
        check(Some(JSON), r#"{"limit":3}"#, Ok(3));
        check(
            Some("Application/JSON; charset=utf-8"),
            r#"{"limit":3}"#,
            Ok(3),
        );
    }

    #[test]
    fn nothing_else_is() {
        check(None, r#"{"limit":3}"#, Err("must be application/json"));
        check(
            Some("text/plain"),
            r#"{"limit":3}"#,
            Err("must be application/json"),
        );
        check(Some(JSON), "", Err("EOF"));
        check(Some(JSON), r#"{"limit""#, Err("EOF"));
        check(Some(JSON), r#"{"limit":"3"}"#, Err("invalid type"));
        check(Some(JSON), r#"{"limit":3,"x":1}"#, Err("unknown field `x`"));
        check(Some(JSON), "{}", Err("missing field `limit`"));
    }

    #[test]
    fn a_body_over_the_limit_is_too_large_whatever_it_says() {
        let body = |spaces: usize| format!("{}{}", r#"{"limit":3}"#, " ".repeat(spaces));
        check(Some(JSON), body(BODY_BYTES_MAX - 11), Ok(3));
        check(
            Some(JSON),
            body(BODY_BYTES_MAX - 10),
            Err("request entity too large"),
        );
    }
}
