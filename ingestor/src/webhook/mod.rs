//! `POST /webhooks/github`: limit → verify → translate → publish → 202.
//!
//! A 202 means the delivery is durable. Everything that is not durable is answered 503: GitHub
//! keeps failed deliveries in its log, from where they can be redelivered, while a 202 without
//! durability would hide the loss.

mod payload;
mod signature;
mod translate;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use freshet_proto::message::{Signal, signal};
use freshet_runtime::clock::Clock;
use futures::StreamExt as _;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;

use crate::config::{WebhookLimits, WebhookSecret};
use crate::metrics::{IngestorMetrics, SignatureCheck, WebhookAnswer};
use crate::publish::{SignalPublication, SignalPublisher};
use signature::{Keyring, Verified};
use translate::WebhookDelivery;

const EVENT_HEADER: &str = "x-github-event";
const DELIVERY_HEADER: &str = "x-github-delivery";
const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// What a shed or failed delivery is told. GitHub does not obey it; proxies and people do.
const RETRY_AFTER_SECONDS: &str = "30";

/// Everything the webhook handler needs.
pub(crate) struct WebhookReceiver {
    keyring: Keyring,
    limits: WebhookLimits,
    in_flight_bytes: Semaphore,
    publisher: SignalPublisher,
    clock: Clock,
    metrics: IngestorMetrics,
}

impl WebhookReceiver {
    pub(crate) fn new(
        webhooks: Vec<WebhookSecret>,
        limits: WebhookLimits,
        publisher: SignalPublisher,
        clock: Clock,
        metrics: IngestorMetrics,
    ) -> Self {
        let in_flight_bytes = Semaphore::new(limits.in_flight_bytes_max);
        Self {
            keyring: Keyring::new(webhooks),
            limits,
            in_flight_bytes,
            publisher,
            clock,
            metrics,
        }
    }
}

/// Serves webhooks until `shutdown`, then finishes what was accepted.
pub(crate) async fn serve_webhooks(
    receiver: Arc<WebhookReceiver>,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, build_router(receiver))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

/// Both paths are one handler: the second is where existing Backstage GitHub Apps already point.
fn build_router(receiver: Arc<WebhookReceiver>) -> Router {
    // Shed and not queued: a delivery that waits in line runs down the ten seconds GitHub gives it,
    // and then fails all the same.
    let shed = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_overloaded| {
            respond_unavailable("too many deliveries at once")
        }))
        .load_shed()
        .concurrency_limit(receiver.limits.concurrency_max);
    Router::new()
        .route("/webhooks/github", post(receive_delivery))
        .route("/api/events/http/github", post(receive_delivery))
        .layer(shed)
        .with_state(receiver)
}

async fn receive_delivery(
    State(receiver): State<Arc<WebhookReceiver>>,
    request: Request<Body>,
) -> Result<Response, Infallible> {
    let received_at = receiver.clock.now_micros();
    let (answer, response) = match receiver.handle_delivery(request, received_at).await {
        Ok((answer, guid)) => (answer, respond_accepted(&guid)),
        Err(refusal) => (refusal.answer(), refusal.into_response()),
    };
    // By the clock that also dates the signal, so that both agree in a test.
    let micros = receiver.clock.now_micros().saturating_sub(received_at);
    receiver.metrics.count_answer(
        answer,
        Duration::from_micros(micros.max(0).unsigned_abs()).as_secs_f64(),
    );
    Ok(response)
}

impl WebhookReceiver {
    async fn handle_delivery(
        &self,
        request: Request<Body>,
        received_at: i64,
    ) -> Result<(WebhookAnswer, String), WebhookRefusal> {
        let (parts, body) = request.into_parts();
        self.check_head(&parts.headers)?;
        let (body, _held) = self.read_body(body).await?;
        // Nothing of the body is read before its signature is checked: a parser is the largest
        // thing a stranger can reach.
        let host = self.verify_signature(&parts.headers, &body)?;
        let delivery = read_delivery(&parts.headers, host, received_at)?;
        let guid = delivery.guid.to_owned();
        let signal = translate::translate_delivery(&delivery, &body);
        self.publish_signal(&signal)
            .await
            .map(|answer| (answer, guid))
    }

    /// Cheap refusals before the body is read.
    fn check_head(&self, headers: &HeaderMap) -> Result<(), WebhookRefusal> {
        let content_type = header_text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        if !content_type
            .to_ascii_lowercase()
            .starts_with("application/json")
        {
            return Err(WebhookRefusal::NotJson);
        }
        let declared = header_text(headers, CONTENT_LENGTH.as_str())
            .and_then(|length| length.parse::<usize>().ok());
        match declared {
            // On its word alone, to save reading; one that announces less than it sends is caught
            // while it is read.
            Some(length) if length > self.limits.body_bytes_max => Err(self.refuse_size()),
            Some(_) | None => Ok(()),
        }
    }

    async fn read_body(
        &self,
        body: Body,
    ) -> Result<(Vec<u8>, SemaphorePermit<'_>), WebhookRefusal> {
        // A body that trickles in would hold its place among the deliveries for as long as it
        // likes.
        tokio::time::timeout(self.limits.read_timeout, self.collect_body(body))
            .await
            .unwrap_or(Err(WebhookRefusal::Slow))
    }

    /// Room is taken for bytes that have come. Were it taken for what is announced, a few strangers
    /// who announce much and send nothing would shut everyone out.
    async fn collect_body(
        &self,
        body: Body,
    ) -> Result<(Vec<u8>, SemaphorePermit<'_>), WebhookRefusal> {
        // Grows with the body and is given back as a whole when the delivery is answered.
        let mut held = self.reserve_bytes(0)?;
        let mut bytes = Vec::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_interrupted| WebhookRefusal::Interrupted)?;
            if bytes.len() + chunk.len() > self.limits.body_bytes_max {
                return Err(self.refuse_size());
            }
            held.merge(self.reserve_bytes(chunk.len())?);
            bytes.extend_from_slice(&chunk);
        }
        Ok((bytes, held))
    }

    fn refuse_size(&self) -> WebhookRefusal {
        WebhookRefusal::TooLarge {
            bytes_max: self.limits.body_bytes_max,
        }
    }

    fn reserve_bytes(&self, bytes: usize) -> Result<SemaphorePermit<'_>, WebhookRefusal> {
        let permits = u32::try_from(bytes).map_err(|_| self.refuse_size())?;
        // Not waited for: whoever waits keeps what he has read so far, and a few who do that wait for each other.
        self.in_flight_bytes
            .try_acquire_many(permits)
            .map_err(|_| WebhookRefusal::Overloaded)
    }

    /// The host whose secret signed these bytes.
    fn verify_signature(&self, headers: &HeaderMap, body: &[u8]) -> Result<&str, WebhookRefusal> {
        match self
            .keyring
            .find_signer(header_text(headers, SIGNATURE_HEADER), body)
        {
            Verified::By { host, current } => {
                self.metrics.count_signature(if current {
                    SignatureCheck::Current
                } else {
                    SignatureCheck::Previous
                });
                Ok(host)
            }
            Verified::ByNobody => {
                self.metrics.count_signature(SignatureCheck::Bad);
                Err(WebhookRefusal::Forged)
            }
        }
    }

    async fn publish_signal(&self, signal: &Signal) -> Result<WebhookAnswer, WebhookRefusal> {
        match self.publisher.publish_signal(signal).await {
            Ok(SignalPublication::Duplicate) => Ok(WebhookAnswer::Duplicate),
            Ok(SignalPublication::New) => Ok(match signal.body {
                Some(signal::Body::Ignored(_)) => WebhookAnswer::Ignored,
                _ => WebhookAnswer::Accepted,
            }),
            Err(error) => {
                freshet_runtime::summed_up!(warn, error = %error, delivery.id = %signal.id, "a delivery could not be made durable");
                Err(WebhookRefusal::NotDurable)
            }
        }
    }
}

fn read_delivery<'a>(
    headers: &'a HeaderMap,
    host: &'a str,
    received_at: i64,
) -> Result<WebhookDelivery<'a>, WebhookRefusal> {
    let named = |name| header_text(headers, name).filter(|value| !value.is_empty());
    Ok(WebhookDelivery {
        guid: named(DELIVERY_HEADER).ok_or(WebhookRefusal::HeaderMissing(DELIVERY_HEADER))?,
        event: named(EVENT_HEADER).ok_or(WebhookRefusal::HeaderMissing(EVENT_HEADER))?,
        host,
        received_at,
    })
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Why a delivery was not accepted.
#[derive(Debug, PartialEq, Eq)]
enum WebhookRefusal {
    NotJson,
    TooLarge { bytes_max: usize },
    Slow,
    Interrupted,
    Forged,
    HeaderMissing(&'static str),
    Overloaded,
    NotDurable,
}

impl WebhookRefusal {
    fn answer(&self) -> WebhookAnswer {
        match self {
            Self::NotJson
            | Self::TooLarge { .. }
            | Self::Slow
            | Self::Interrupted
            | Self::HeaderMissing(_) => WebhookAnswer::Refused,
            Self::Forged => WebhookAnswer::Forged,
            Self::Overloaded | Self::NotDurable => WebhookAnswer::Unavailable,
        }
    }
}

impl IntoResponse for WebhookRefusal {
    fn into_response(self) -> Response {
        match self {
            Self::NotJson => respond_refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "set the hook's content type to application/json",
            ),
            Self::TooLarge { bytes_max } => respond_refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("the body has more than {bytes_max} bytes"),
            ),
            Self::Slow => respond_refused(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            ),
            Self::Interrupted => respond_refused(StatusCode::BAD_REQUEST, "the body ended early"),
            Self::Forged => {
                respond_refused(StatusCode::UNAUTHORIZED, "the signature does not match")
            }
            Self::HeaderMissing(name) => respond_refused(
                StatusCode::BAD_REQUEST,
                &format!("the header {name} is missing"),
            ),
            Self::Overloaded => respond_unavailable("too many deliveries at once"),
            Self::NotDurable => respond_unavailable("the delivery could not be made durable"),
        }
    }
}

fn respond_accepted(guid: &str) -> Response {
    let body = serde_json::json!({"status": "accepted", "delivery": guid});
    (StatusCode::ACCEPTED, axum::Json(body)).into_response()
}

fn respond_refused(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(serde_json::json!({"message": message}))).into_response()
}

fn respond_unavailable(message: &str) -> Response {
    let mut response = respond_refused(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(
        RETRY_AFTER,
        axum::http::HeaderValue::from_static(RETRY_AFTER_SECONDS),
    );
    response
}

#[cfg(test)]
mod tests;
