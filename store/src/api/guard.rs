//! The door of the API: whoever has no credentials is turned away, where any are asked for.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{AccessRefusal, AccessScope};
use super::error::{ApiProblem, RequestLine};
use super::{Api, HEALTH, route_label};

/// Lets a request in or answers it.
pub(super) async fn check_credentials(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    // Whoever watches over the process has no credentials, and learns nothing of the catalog: of what is
    // no such route, not even that.
    let route = request.extensions().get::<MatchedPath>();
    if route.is_some_and(|route| route.as_str().starts_with(HEALTH)) {
        return next.run(request).await;
    }
    let started = Instant::now();
    let needed = match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => AccessScope::Reads,
        _ => AccessScope::Everything,
    };
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let Err(refusal) = api.access.authorise(authorization, needed) else {
        return next.run(request).await;
    };
    let response = RequestLine::of_request(&request)
        .fail_with(refusal)
        .into_response();
    api.metrics.observe_answer(
        route_label(request.extensions().get::<MatchedPath>()),
        response.status().as_u16(),
        started.elapsed().as_secs_f64(),
    );
    response
}

/// In Backstage's words.
impl From<AccessRefusal> for ApiProblem {
    fn from(refusal: AccessRefusal) -> Self {
        match refusal {
            AccessRefusal::Missing => Self::Unauthenticated("Missing credentials".to_owned()),
            AccessRefusal::Illegal => Self::Unauthenticated("Illegal token".to_owned()),
            AccessRefusal::Restricted => Self::NotAllowed(
                "This token's access is restricted, and does not reach this far".to_owned(),
            ),
        }
    }
}
