//! Calls to the plugins of Backstage and to other issuers of tokens, where the configuration says they are.
//!
//! Whoever answers there is believed by the operator, but not to be quick or brief: an answer has a time and a size.
//! No redirect is followed, for the token of a request must not go elsewhere, and no proxy of the environment is used.

use std::time::Duration;

use axum::http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a whole call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
const AGENT: &str = concat!("freshet/", env!("CARGO_PKG_VERSION"));

/// Calls others.
pub(super) struct OutboundClient {
    connections: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// There is nothing that could be called.
    #[error("{url} cannot be called")]
    Request {
        /// Where.
        url: String,
        /// Why not.
        source: axum::http::Error,
    },
    /// Nobody answered.
    #[error("{url} does not answer")]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        source: hyper_util::client::legacy::Error,
    },
    /// Nobody answered in time.
    #[error("{url} did not answer in time")]
    TimedOut {
        /// Where.
        url: String,
    },
    /// It was refused.
    #[error("{url} answers {status}")]
    Refused {
        /// Where.
        url: String,
        /// With which status.
        status: u16,
    },
    /// The answer broke off or was too long.
    #[error("the answer of {url} cannot be read")]
    Unreadable {
        /// Where.
        url: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl OutboundClient {
    /// A client that believes the certificates of the system.
    ///
    /// # Errors
    ///
    /// If they cannot be loaded.
    pub(super) fn new() -> std::io::Result<Self> {
        Self::with_timeout(CALL_TIMEOUT)
    }

    fn with_timeout(timeout: Duration) -> std::io::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // The connector below TLS is asked for https addresses too.
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self {
            connections: Client::builder(TokioExecutor::new()).build(connector),
            timeout,
        })
    }

    /// Reads what is there.
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, CallError> {
        self.call(url, Request::get(url), Bytes::new()).await
    }

    /// Sends JSON, with a token if there is one, and reads the answer.
    pub(super) async fn post_json(
        &self,
        url: &str,
        token: Option<&SecretString>,
        body: String,
    ) -> Result<Bytes, CallError> {
        let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.expose_secret());
            request = request.header(header::AUTHORIZATION, bearer);
        }
        self.call(url, request, body.into()).await
    }

    async fn call(
        &self,
        url: &str,
        request: axum::http::request::Builder,
        body: Bytes,
    ) -> Result<Bytes, CallError> {
        let request = request
            .header(header::USER_AGENT, AGENT)
            .header(header::ACCEPT, "application/json")
            .body(Full::new(body))
            .map_err(|source| CallError::Request {
                url: url.to_owned(),
                source,
            })?;
        let answer = tokio::time::timeout(self.timeout, self.exchange(url, request)).await;
        answer.unwrap_or_else(|_elapsed| {
            Err(CallError::TimedOut {
                url: url.to_owned(),
            })
        })
    }

    async fn exchange(&self, url: &str, request: Request<Full<Bytes>>) -> Result<Bytes, CallError> {
        let url = || url.to_owned();
        let response = self.connections.request(request).await;
        let response = response.map_err(|source| CallError::Unreachable { url: url(), source })?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            return Err(CallError::Refused { url: url(), status });
        }
        let body = read_body(response).await;
        body.map_err(|source| CallError::Unreadable { url: url(), source })
    }
}

async fn read_body(
    response: Response<Incoming>,
) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    Ok(body.collect().await?.to_bytes())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Calls a server that answers with this, or not at all.
    async fn call(answer: Option<String>) -> Result<Bytes, CallError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
        let serving = async {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            let _request = connection.read(&mut [0; 1024]).await.expect("a request");
            if let Some(answer) = answer {
                // Whoever has read enough does not wait for the rest.
                let _sent = connection.write_all(answer.as_bytes()).await;
            }
            connection
        };
        let client =
            OutboundClient::with_timeout(Duration::from_millis(500)).expect("certificates");
        tokio::join!(client.get(&url), serving).0
    }

    fn answer(status: &str, body: &str) -> Option<String> {
        let length = body.len();
        Some(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    #[tokio::test]
    async fn an_answer_is_read_if_it_comes_soon_and_is_short() {
        let body = call(answer("200 OK", "{}")).await.expect("an answer");
        assert_eq!(&body[..], b"{}");
        assert!(matches!(call(None).await, Err(CallError::TimedOut { .. })));
        let long = "x".repeat(ANSWER_BYTES_MAX + 1);
        let outcome = call(answer("200 OK", &long)).await;
        assert!(matches!(outcome, Err(CallError::Unreadable { .. })));
    }

    #[tokio::test]
    async fn nobody_is_led_elsewhere() {
        let moved = answer("302 Found\r\nlocation: http://127.0.0.1:9/", "");
        let outcome = call(moved).await;
        assert!(matches!(
            outcome,
            Err(CallError::Refused { status: 302, .. })
        ));
        let client = OutboundClient::new().expect("certificates");
        let outcome = client.get("nonsense").await;
        assert!(outcome.is_err());
    }
}
