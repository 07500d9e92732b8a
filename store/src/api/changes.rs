//! `GET /api/v1/changes`: the change feed as server-sent events.
//!
//! `id:` is the position after the event, `event:` the verb, `data:` the CloudEvent in structured mode. A
//! client that reconnects sends `Last-Event-ID` by itself. To start without a gap: read the entities,
//! note their `Catalog-Revision`, subscribe with `?since=` that revision, and drop what is known.

use std::convert::Infallible;

use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use futures::stream;
use tokio_stream::wrappers::ReceiverStream;

use super::Api;
use super::error::{ApiError, ApiProblem, RequestLine};
use super::parameters::Parameters;
use crate::feed::{FeedEvent, FeedPosition, SubscribeError};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Subscribes to what follows a position, or to what happens from now on.
pub(super) async fn subscribe_to_changes(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let after = requested_position(&request).map_err(|problem| asked.fail_with(problem))?;
    let events = api
        .feed
        .subscribe(after)
        .await
        .map_err(|error| asked.fail_with(problem_of(error)))?;
    // Something must be sent at once, or a client does not know that it is connected.
    let hello = stream::iter([Ok(Event::default().comment("connected"))]);
    let events = hello
        .chain(ReceiverStream::new(events).map(|event| Ok::<_, Infallible>(to_sse_event(event))));
    // Proxies cut connections that say nothing for a minute.
    let keep_alive = KeepAlive::new().interval(api.feed.limits().heartbeat_every);
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

/// A reconnecting client knows better than the address it was first given.
fn requested_position(request: &Request) -> Result<Option<FeedPosition>, ApiProblem> {
    let parameters = Parameters::read_known(request, &["since"])?;
    let header = request.headers().get(LAST_EVENT_ID);
    let text = match header.and_then(|value| value.to_str().ok()) {
        Some(text) => Some(text),
        None => parameters.single_value("since")?,
    };
    text.map(|text| {
        FeedPosition::parse(text).ok_or_else(|| {
            ApiProblem::Input(format!("'{text}' is not a position in the change feed"))
        })
    })
    .transpose()
}

fn problem_of(error: SubscribeError) -> ApiProblem {
    match error {
        SubscribeError::OutOfReach(out) => {
            ApiProblem::Gone(format!("{out}; start over from the entities"))
        }
        SubscribeError::Full { .. } => ApiProblem::Unavailable(error.to_string()),
        SubscribeError::Unreadable(error) => ApiProblem::from(error),
    }
}

fn to_sse_event(event: FeedEvent) -> Event {
    Event::default()
        .id(event.position.to_string())
        .event(event.op.as_str())
        .data(event.json)
}
