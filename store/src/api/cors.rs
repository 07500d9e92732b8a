//! Which pages of other origins a browser lets call the API, as `backend.cors` says it.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use freshet_model::glob::{Pattern, PatternOptions};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::CorsConfig;

/// Every origin.
const ANY: &str = "*";
/// What may be sent if nothing is said, as in Backstage.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::PUT,
    Method::PATCH,
    Method::POST,
    Method::DELETE,
];
/// Case is ignored, as in hosts, and a wildcard never reaches across a slash.
const ORIGIN_PATTERN: PatternOptions = PatternOptions {
    dot: true,
    ignores_case: true,
};

/// The origins from which the API may be called.
#[derive(Clone, Debug, Default)]
pub(super) struct CorsOrigins {
    patterns: Vec<Pattern>,
    is_any: bool,
}

impl CorsOrigins {
    pub(super) fn new(cors: Option<&CorsConfig>) -> Self {
        let origins = cors.map(|cors| cors.origins.as_slice()).unwrap_or_default();
        let patterns = origins
            .iter()
            .filter_map(|origin| Pattern::with(origin, ORIGIN_PATTERN).ok());
        Self {
            patterns: patterns.collect(),
            // Browsers refuse `*` together with credentials, so then it names no origin.
            is_any: origins.iter().any(|origin| origin == ANY)
                && cors.is_some_and(|cors| !cors.credentials),
        }
    }

    pub(super) fn allow(&self, origin: &str) -> bool {
        self.is_any || self.patterns.iter().any(|pattern| pattern.is_match(origin))
    }
}

/// Puts what browsers want to know around every answer of `router`, errors too: a browser hides the reason otherwise.
pub(super) fn add_cors(router: Router, cors: &CorsConfig) -> Router {
    router
        .layer(cors_layer(cors))
        .layer(from_fn(answer_preflight))
}

fn cors_layer(cors: &CorsConfig) -> CorsLayer {
    let origins = CorsOrigins::new(Some(cors));
    let origins = if origins.is_any {
        AllowOrigin::any()
    } else {
        AllowOrigin::predicate(move |origin, _request| {
            origin.to_str().is_ok_and(|origin| origins.allow(origin))
        })
    };
    let headers = match &cors.allowed_headers {
        Some(headers) => AllowHeaders::list(read_names(headers)),
        // As in Backstage: whoever may call may send what he likes.
        None => AllowHeaders::mirror_request(),
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(methods(cors))
        .allow_headers(headers)
        .expose_headers(read_names(&cors.exposed_headers).collect::<Vec<_>>())
        .allow_credentials(cors.credentials);
    match cors.max_age_seconds {
        Some(seconds) => layer.max_age(Duration::from_secs(seconds)),
        None => layer,
    }
}

fn methods(cors: &CorsConfig) -> Vec<Method> {
    let named = cors.methods.iter().filter_map(|method| method.parse().ok());
    let named: Vec<Method> = named.collect();
    if named.is_empty() {
        METHODS.to_vec()
    } else {
        named
    }
}

fn read_names(names: &[String]) -> impl Iterator<Item = HeaderName> {
    names.iter().filter_map(|name| name.parse().ok())
}

/// The question what may be sent is answered with nothing but headers.
async fn answer_preflight(request: Request, next: Next) -> Response {
    let is_preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if is_preflight {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(origins: &[&str], credentials: bool, origin: &str, allowed: bool) {
        let cors = CorsConfig {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            credentials,
            ..CorsConfig::default()
        };
        assert_eq!(
            CorsOrigins::new(Some(&cors)).allow(origin),
            allowed,
            "{origins:?} {origin}"
        );
    }

    #[test]
    fn origins_are_names_or_patterns_of_them() {
        let own = "http://localhost:3000";
        check(&[], false, own, false);
        check(&[own], true, own, true);
        check(&[own], true, "http://localhost:3001", false);
        check(
            &["https://*.acme.example"],
            true,
            "https://a.Acme.example",
            true,
        );
        check(
            &["https://*.acme.example"],
            true,
            "https://a.acme.example.evil",
            false,
        );
        check(
            &["https://*.acme.example"],
            true,
            "https://evil/.acme.example",
            false,
        );
        check(
            &["https://{a,b}.acme.example"],
            true,
            "https://b.acme.example",
            true,
        );
        check(&["*"], false, "https://anybody", true);
        check(&["*"], true, "https://anybody", false);
        assert!(!CorsOrigins::new(None).allow(own));
    }
}
