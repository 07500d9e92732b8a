//! A small HTTP client: keep-alive, JSON, server-sent events.

use bytes::Bytes;
use freshet_wait::PATIENCE;
use futures::Stream;
use http::request::Builder;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A client that keeps its connections.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    authorization: Option<String>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

impl Default for Http {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            authorization: None,
        }
    }
}

impl Http {
    /// A client that sends this token along.
    #[must_use]
    pub fn with_token(token: &str) -> Self {
        Self {
            authorization: Some(format!("Bearer {token}")),
            ..Self::default()
        }
    }

    fn begin(&self) -> Builder {
        let request = Request::builder();
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    /// Sends one request and reads its whole answer.
    ///
    /// # Errors
    ///
    /// In words, when there is no answer in time.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let mut request = self.begin().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let exchange = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(|error| format!("{url}: {error}"))?;
            let (parts, body) = response.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| format!("{url}: {error}"))?
                .to_bytes();
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| format!("{url}: no answer within {PATIENCE:?}"))?
    }

    /// GET.
    ///
    /// # Errors
    ///
    /// As [`Http::send`].
    pub async fn get(&self, url: &str) -> Result<Answer, String> {
        self.send(Method::GET, url, &[], Bytes::new()).await
    }

    /// The events of a server-sent event stream, as `(id, event, data)`.
    ///
    /// # Errors
    ///
    /// In words, when the stream cannot be opened.
    pub async fn events(
        &self,
        url: &str,
        last_event_id: Option<&str>,
    ) -> Result<impl Stream<Item = SseEvent> + use<>, String> {
        let mut request = self.begin().uri(url).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let request = request
            .body(Full::default())
            .map_err(|error| error.to_string())?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("{url}: {}", response.status()));
        }
        Ok(events_of(response.into_body()))
    }
}

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// `id:`
    pub id: String,
    /// `event:`
    pub event: String,
    /// `data:`
    pub data: String,
}

fn events_of(body: Incoming) -> impl Stream<Item = SseEvent> {
    futures::stream::unfold((body, Vec::new()), |(mut body, mut buffer)| async move {
        loop {
            if let Some(event) = take_event(&mut buffer) {
                return Some((event, (body, buffer)));
            }
            let frame = body.frame().await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                buffer.extend_from_slice(&bytes);
            }
        }
    })
}

/// Takes the first complete event with data out of `buffer`; comments and heartbeats are skipped.
fn take_event(buffer: &mut Vec<u8>) -> Option<SseEvent> {
    loop {
        let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let block: Vec<u8> = buffer.drain(..end + 2).collect();
        let event = parse_event(&String::from_utf8_lossy(&block));
        if !event.data.is_empty() {
            return Some(event);
        }
    }
}

fn parse_event(block: &str) -> SseEvent {
    let mut event = SseEvent::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut event.id),
            "event" => value.clone_into(&mut event.event),
            "data" => event.data.push_str(value),
            _ => {}
        }
    }
    event
}
