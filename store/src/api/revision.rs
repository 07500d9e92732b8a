//! `Catalog-Revision` on every answer, `minRevision` on every request; and counting both.
//!
//! What was written is in the revision that its answer names.

use std::num::ParseIntError;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use freshet_model::Revision;

use super::error::{ApiProblem, RequestLine};
use super::parameters::MIN_REVISION;
use super::{Api, route_label};

const CATALOG_REVISION: HeaderName = HeaderName::from_static("catalog-revision");
/// A request waits this long for the revision it asks for.
pub(super) const MIN_REVISION_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits for the revision asked for, answers, and says which revision the answer contains at least.
pub(super) async fn stamp_revision(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let route = route_label(request.extensions().get::<MatchedPath>());
    let wanted = min_revision(request.uri().query().unwrap_or_default());
    let waited = wait_for_revision(&api, wanted).await;
    // Taken before the answer is made, so that the answer has everything up to it.
    let before = api.view.revision();
    let mut response = match waited {
        Ok(()) => next.run(request).await,
        Err(problem) => RequestLine::of_request(&request)
            .fail_with(problem)
            .into_response(),
    };
    let said = response.headers_mut().entry(CATALOG_REVISION);
    said.or_insert(HeaderValue::from(before.get()));
    api.metrics.observe_answer(
        route,
        response.status().as_u16(),
        started.elapsed().as_secs_f64(),
    );
    response
}

/// The answer to a write: whoever reads from the revision that it names on sees what was written.
pub(super) fn answer_written(api: &Api, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    let revision = HeaderValue::from(api.view.revision().get());
    response.headers_mut().insert(CATALOG_REVISION, revision);
    response
}

fn min_revision(query: &str) -> Result<Option<Revision>, ApiProblem> {
    // Nearly every request goes this way, and parses nothing.
    if !query.contains(MIN_REVISION) {
        return Ok(None);
    }
    let value = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == MIN_REVISION)
        .map(|(_, value)| value.parse().map(Revision::new));
    value.transpose().map_err(|_not_a_number: ParseIntError| {
        ApiProblem::Input(format!(
            "Query parameter '{MIN_REVISION}' must be an integer"
        ))
    })
}

async fn wait_for_revision(
    api: &Api,
    wanted: Result<Option<Revision>, ApiProblem>,
) -> Result<(), ApiProblem> {
    let Some(revision) = wanted? else {
        return Ok(());
    };
    // For a client that has just been told of a revision, by the feed or by a webhook, and asks
    // another replica.
    if api.view.revision() >= revision || api.view.reached(revision, MIN_REVISION_TIMEOUT).await {
        return Ok(());
    }
    Err(ApiProblem::Unavailable(format!(
        "The catalog has not reached revision {revision}"
    )))
}
