//! What is kept of every write and every refusal: who, what, and how it ended.
//!
//! Events of the target `audit`, which an operator can send elsewhere and keep longer than other lines. Never a token,
//! a header, a query or a body: what is written there is read by people who may not see those.

use std::time::Instant;

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use freshet_runtime::summed_up::RepeatedLine;

use super::PERMISSION_CONDITIONS;

/// Routes that read, although what is asked for is in the body.
const READING_POSTS: [&str; 7] = [
    "/api/catalog/entities/by-query",
    "/api/catalog/entities/by-refs",
    "/api/catalog/entity-facets",
    "/api/catalog/locations/by-query",
    "/api/catalog/validate-entity",
    "/api/catalog/analyze-location",
    PERMISSION_CONDITIONS,
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuditedRequest {
    method: Method,
    path: String,
    effect: Effect,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// To see something.
    Reads,
    /// To change something.
    Writes,
}

/// What is to be kept of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AuditOutcome {
    Done,
    Failed,
    Refused,
    /// Refused because there were too many; of such a flood not every request is kept.
    Limited,
}

impl AuditedRequest {
    /// `path` is as the client wrote it, and `route` what it led to.
    pub(super) fn new(method: &Method, path: &str, route: Option<&MatchedPath>) -> Self {
        Self {
            method: method.clone(),
            path: path.to_owned(),
            effect: effect_of(method, route.map(MatchedPath::as_str)),
        }
    }

    /// Keeps how it ended.
    pub(super) fn record(&self, caller: &str, status: StatusCode) {
        static LIMITED: RepeatedLine = RepeatedLine::new();
        let (method, path) = (self.method.as_str(), self.path.as_str());
        let (event, left_out) = match outcome_of(self.effect, status) {
            None => return,
            Some(AuditOutcome::Done) => ("a write is done", 0),
            Some(AuditOutcome::Failed) => ("a write has failed", 0),
            Some(AuditOutcome::Refused) => ("a request is refused", 0),
            Some(AuditOutcome::Limited) => match LIMITED.admit("", Instant::now()) {
                Some(left_out) => ("requests are refused, as there are too many", left_out),
                None => return,
            },
        };
        tracing::info!(
            target: "audit",
            caller,
            request.method = method,
            request.path = path,
            response.status = status.as_u16(),
            left_out,
            "{event}"
        );
    }
}

/// What a request to a route is for. Where nothing leads, nothing changes; what is not known to read, writes.
pub(super) fn effect_of(method: &Method, route: Option<&str>) -> Effect {
    match (method, route) {
        (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) | (_, None) => Effect::Reads,
        (&Method::POST, Some(route)) if READING_POSTS.contains(&route) => Effect::Reads,
        (_, Some(_)) => Effect::Writes,
    }
}

fn outcome_of(effect: Effect, status: StatusCode) -> Option<AuditOutcome> {
    match (status, effect) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Some(AuditOutcome::Refused),
        (StatusCode::TOO_MANY_REQUESTS, _) => Some(AuditOutcome::Limited),
        (_, Effect::Reads) => None,
        (status, Effect::Writes) if status.is_success() => Some(AuditOutcome::Done),
        (_, Effect::Writes) => Some(AuditOutcome::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, route: Option<&str>, status: u16, expected: Option<AuditOutcome>) {
        let status = StatusCode::from_u16(status).expect("a status");
        let outcome = outcome_of(effect_of(method, route), status);
        assert_eq!(outcome, expected, "{method} {route:?} {status}");
    }

    #[test]
    fn every_write_and_every_refusal_is_kept_and_nothing_else() {
        use AuditOutcome::{Done, Failed, Limited, Refused};
        let locations = Some("/api/catalog/locations");
        check(&Method::POST, locations, 201, Some(Done));
        check(&Method::POST, locations, 409, Some(Failed));
        check(&Method::POST, locations, 403, Some(Refused));
        check(
            &Method::DELETE,
            Some("/api/catalog/locations/{id}"),
            204,
            Some(Done),
        );
        check(&Method::GET, locations, 200, None);
        check(&Method::GET, locations, 401, Some(Refused));
        check(&Method::GET, locations, 429, Some(Limited));
        check(
            &Method::POST,
            Some("/api/catalog/entities/by-refs"),
            200,
            None,
        );
        check(
            &Method::POST,
            Some("/api/catalog/entities/by-refs"),
            401,
            Some(Refused),
        );
        check(
            &Method::PUT,
            Some("/api/catalog/entities/by-refs"),
            200,
            Some(Done),
        );
        check(&Method::POST, None, 404, None);
    }
}
