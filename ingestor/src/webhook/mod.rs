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

use crate::config::{Limits, WebhookSecret};
use crate::metrics::{Answer, IngestorMetrics, SignatureCheck};
use crate::publish::{Published, Publisher};
use signature::{Keyring, Verified};
use translate::Delivery;

const EVENT_HEADER: &str = "x-github-event";
const DELIVERY_HEADER: &str = "x-github-delivery";
const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// What a shed or failed delivery is told. GitHub does not obey it; proxies and people do.
const RETRY_AFTER_SECONDS: &str = "30";

/// Everything the webhook handler needs.
pub(crate) struct Receiver {
    keyring: Keyring,
    limits: Limits,
    in_flight_bytes: Semaphore,
    publisher: Publisher,
    clock: Clock,
    metrics: IngestorMetrics,
}

impl Receiver {
    pub(crate) fn new(
        webhooks: Vec<WebhookSecret>,
        limits: Limits,
        publisher: Publisher,
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
pub(crate) async fn serve(
    receiver: Arc<Receiver>,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router(receiver))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

/// Both paths are one handler: the second is where existing Backstage GitHub Apps already point.
fn router(receiver: Arc<Receiver>) -> Router {
    let shed = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |_overloaded| {
            refuse_unavailable("too many deliveries at once")
        }))
        .load_shed()
        .concurrency_limit(receiver.limits.concurrency_max);
    Router::new()
        .route("/webhooks/github", post(receive))
        .route("/api/events/http/github", post(receive))
        .layer(shed)
        .with_state(receiver)
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    request: Request<Body>,
) -> Result<Response, Infallible> {
    let received_at = receiver.clock.now_micros();
    let (answer, response) = match receiver.handle(request, received_at).await {
        Ok((answer, guid)) => (answer, accepted(&guid)),
        Err(refusal) => (refusal.answer(), refusal.into_response()),
    };
    let micros = receiver.clock.now_micros().saturating_sub(received_at);
    receiver.metrics.count_answer(
        answer,
        Duration::from_micros(micros.max(0).unsigned_abs()).as_secs_f64(),
    );
    Ok(response)
}

impl Receiver {
    async fn handle(
        &self,
        request: Request<Body>,
        received_at: i64,
    ) -> Result<(Answer, String), Refusal> {
        let (parts, body) = request.into_parts();
        self.check_head(&parts.headers)?;
        let (body, _held) = self.read(body).await?;
        let host = self.verify(&parts.headers, &body)?;
        let delivery = delivery(&parts.headers, host, received_at)?;
        let guid = delivery.guid.to_owned();
        let signal = translate::translate(&delivery, &body);
        self.publish(&signal).await.map(|answer| (answer, guid))
    }

    /// Cheap refusals before the body is read.
    fn check_head(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let content_type = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        if !content_type
            .to_ascii_lowercase()
            .starts_with("application/json")
        {
            return Err(Refusal::NotJson);
        }
        let declared =
            text(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
        match declared {
            Some(length) if length > self.limits.body_bytes_max => Err(Refusal::TooLarge),
            Some(_) | None => Ok(()),
        }
    }

    async fn read(&self, body: Body) -> Result<(Vec<u8>, SemaphorePermit<'_>), Refusal> {
        tokio::time::timeout(self.limits.read_timeout, self.collect(body))
            .await
            .unwrap_or(Err(Refusal::Slow))
    }

    /// Room is taken for bytes that have come. Were it taken for what is announced, a few strangers
    /// who announce much and send nothing would shut everyone out.
    async fn collect(&self, body: Body) -> Result<(Vec<u8>, SemaphorePermit<'_>), Refusal> {
        let mut held = self.hold(0)?;
        let mut bytes = Vec::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_interrupted| Refusal::Interrupted)?;
            if bytes.len() + chunk.len() > self.limits.body_bytes_max {
                return Err(Refusal::TooLarge);
            }
            held.merge(self.hold(chunk.len())?);
            bytes.extend_from_slice(&chunk);
        }
        Ok((bytes, held))
    }

    fn hold(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Refusal> {
        let permits = u32::try_from(bytes).map_err(|_| Refusal::TooLarge)?;
        self.in_flight_bytes
            .try_acquire_many(permits)
            .map_err(|_| Refusal::Overloaded)
    }

    /// The host whose secret signed these bytes.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<&str, Refusal> {
        match self.keyring.verify(text(headers, SIGNATURE_HEADER), body) {
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
                Err(Refusal::Forged)
            }
        }
    }

    async fn publish(&self, signal: &Signal) -> Result<Answer, Refusal> {
        match self.publisher.publish(signal).await {
            Ok(Published::Duplicate) => Ok(Answer::Duplicate),
            Ok(Published::New) => Ok(match signal.body {
                Some(signal::Body::Ignored(_)) => Answer::Ignored,
                _ => Answer::Accepted,
            }),
            Err(error) => {
                tracing::warn!(error = %error, delivery.id = %signal.id, "a delivery could not be made durable");
                Err(Refusal::NotDurable)
            }
        }
    }
}

fn delivery<'a>(
    headers: &'a HeaderMap,
    host: &'a str,
    received_at: i64,
) -> Result<Delivery<'a>, Refusal> {
    let named = |name| text(headers, name).filter(|value| !value.is_empty());
    Ok(Delivery {
        guid: named(DELIVERY_HEADER).ok_or(Refusal::HeaderMissing(DELIVERY_HEADER))?,
        event: named(EVENT_HEADER).ok_or(Refusal::HeaderMissing(EVENT_HEADER))?,
        host,
        received_at,
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Why a delivery was not accepted.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    NotJson,
    TooLarge,
    Slow,
    Interrupted,
    Forged,
    HeaderMissing(&'static str),
    Overloaded,
    NotDurable,
}

impl Refusal {
    fn answer(&self) -> Answer {
        match self {
            Self::NotJson
            | Self::TooLarge
            | Self::Slow
            | Self::Interrupted
            | Self::HeaderMissing(_) => Answer::Refused,
            Self::Forged => Answer::Forged,
            Self::Overloaded | Self::NotDurable => Answer::Unavailable,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::NotJson => refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "set the hook's content type to application/json",
            ),
            Self::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body exceeds 26 MiB"),
            Self::Slow => refuse(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            ),
            Self::Interrupted => refuse(StatusCode::BAD_REQUEST, "the body ended early"),
            Self::Forged => refuse(StatusCode::UNAUTHORIZED, "the signature does not match"),
            Self::HeaderMissing(name) => refuse(
                StatusCode::BAD_REQUEST,
                &format!("the header {name} is missing"),
            ),
            Self::Overloaded => refuse_unavailable("too many deliveries at once"),
            Self::NotDurable => refuse_unavailable("the delivery could not be made durable"),
        }
    }
}

fn accepted(guid: &str) -> Response {
    let body = serde_json::json!({"status": "accepted", "delivery": guid});
    (StatusCode::ACCEPTED, axum::Json(body)).into_response()
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(serde_json::json!({"message": message}))).into_response()
}

fn refuse_unavailable(message: &str) -> Response {
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(
        RETRY_AFTER,
        axum::http::HeaderValue::from_static(RETRY_AFTER_SECONDS),
    );
    response
}

#[cfg(test)]
mod tests;
