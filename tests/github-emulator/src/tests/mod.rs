//! The emulator as its users meet it: over HTTP, with real git and a real receiver of hooks.

mod api;
mod hooks;
mod knobs;
mod push;
mod scale;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use freshet_wait::{eventually, in_time};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::{GithubEmulator, Options};

const TOKEN: &str = "emulated-token";
const SECRET: &str = "emulated-secret";
const CATALOG: &str = "catalog-info.yaml";

/// An emulator with the organisation `acme`, one repository, and somebody who receives its hooks.
struct World {
    github: GithubEmulator,
    receiver: Receiver,
    hook_id: u64,
}

/// A hook as it arrived.
struct Received {
    headers: HeaderMap,
    body: Bytes,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

struct Receiver {
    url: String,
    status: Arc<Mutex<StatusCode>>,
    arrivals: mpsc::Receiver<Received>,
    _server: AbortOnDropHandle<()>,
}

impl Receiver {
    async fn start() -> Self {
        let (sender, arrivals) = mpsc::channel(1000);
        let status = Arc::new(Mutex::new(StatusCode::ACCEPTED));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/hook", post(receive))
            .with_state((sender, Arc::clone(&status)));
        let server =
            TaskTracker::new().spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            status,
            arrivals,
            _server: AbortOnDropHandle::new(server),
        }
    }

    async fn next(&mut self) -> Received {
        in_time("a hook", self.arrivals.recv())
            .await
            .expect("a running receiver")
    }

    fn answer_with(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }
}

type Inbox = (mpsc::Sender<Received>, Arc<Mutex<StatusCode>>);

async fn receive(
    State((sender, status)): State<Inbox>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    sender.send(Received { headers, body }).await.unwrap();
    *status.lock().unwrap()
}

impl World {
    async fn start() -> Self {
        let receiver = Receiver::start().await;
        let options = Options {
            token: Some(TOKEN.to_owned()),
            installation: Some(77),
            ..Options::default()
        };
        let github = GithubEmulator::start(options).await.unwrap();
        github.create_org("acme");
        github
            .seed(
                "acme",
                vec![(
                    "pay",
                    vec![
                        (CATALOG, "kind: Component\n"),
                        ("docs/a.md", "A\n"),
                        ("docs/b.md", "B\n"),
                    ],
                )],
            )
            .unwrap();
        let hook_id = github.set_hook("acme", &receiver.url, SECRET);
        Self {
            github,
            receiver,
            hook_id,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.get_as(path, &[("authorization", &format!("Bearer {TOKEN}"))])
            .await
    }

    async fn get_as(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, Bytes::new()).await
    }

    async fn graphql(&self, query: &str) -> Answer {
        self.graphql_with(query, json!({})).await
    }

    async fn graphql_with(&self, query: &str, variables: Value) -> Answer {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let authorization = format!("bearer {TOKEN}");
        self.send(
            "POST",
            "/api/graphql",
            &[("authorization", &authorization)],
            Bytes::from(body),
        )
        .await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.github.base_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let response = client
            .request(request.body(Full::new(body)).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// The log of attempts, once it has this many.
    async fn attempts(&self, count: usize) -> Vec<super::DeliveryRecord> {
        eventually("the attempts are in the log", || async {
            let attempts = self.github.deliveries();
            if attempts.len() >= count {
                Ok(attempts)
            } else {
                Err(format!("{attempts:?}"))
            }
        })
        .await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Targets of the `Link` header by relation, without the base address.
    fn links(&self, base: &str) -> HashMap<String, String> {
        let links = self.header("link").unwrap_or_default();
        let parse = |link: &str| {
            let (target, rel) = link.split_once(">; rel=\"").unwrap();
            let target = target.trim_start_matches('<').trim_start_matches(base);
            (rel.trim_end_matches('"').to_owned(), target.to_owned())
        };
        links
            .split(", ")
            .filter(|link| !link.is_empty())
            .map(parse)
            .collect()
    }
}
