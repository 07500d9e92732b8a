//! A GitHub API that answers each request as a closure says.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// One answer.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

impl Reply {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "JSON literals read best without a reference in front"
    )]
    pub(crate) fn json(body: serde_json::Value) -> Self {
        Self::status(200, &body.to_string())
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        }
    }

    /// No answer at all; the connection stays open.
    pub(crate) fn silence() -> Self {
        Self::status(0, "")
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

type Answering = dyn Fn(&str, usize) -> Reply + Send + Sync;

struct Shared {
    answer: Box<Answering>,
    log: Mutex<Vec<(Instant, String)>>,
}

/// The running API. It stops when dropped.
pub(crate) struct Stub {
    shared: Arc<Shared>,
    address: std::net::SocketAddr,
    _server: AbortOnDropHandle<()>,
}

impl Stub {
    /// Starts it; `answer` gets the GraphQL query (or the path, for REST) and the number of the request.
    pub(crate) async fn start(
        answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            log: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let app = Router::new()
            .fallback(reply)
            .with_state(Arc::clone(&shared));
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's task ends with its runtime"
        )]
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("a server");
        });
        Self {
            shared,
            address,
            _server: AbortOnDropHandle::new(server),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.log()
            .iter()
            .map(|(_, request)| request.clone())
            .collect()
    }

    /// When each request came.
    pub(crate) fn times(&self) -> Vec<Instant> {
        self.log().iter().map(|(at, _)| *at).collect()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, String)>> {
        self.shared.log.lock().expect("no request panics")
    }
}

async fn reply(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let body = axum::body::to_bytes(request.into_body(), usize::MAX)
        .await
        .expect("a body");
    let asked = match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(body) if path == "/graphql" => body["query"].as_str().expect("a query").to_owned(),
        _ => path,
    };
    let number = {
        let mut log = shared.log.lock().expect("no request panics");
        log.push((Instant::now(), asked.clone()));
        log.len() - 1
    };
    let reply = (shared.answer)(&asked, number);
    if reply.status == 0 {
        return std::future::pending().await;
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).expect("a response")
}
