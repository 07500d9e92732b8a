//! `/livez`, `/readyz`, `/metrics`. No entity data.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Registry;

/// How long one scrape may compute its metrics; then the last values are served.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(5);
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether one condition of serving holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyState {
    /// It holds.
    Ready,
    /// It does not, for this reason.
    NotReady(String),
}

/// The conditions under which a process serves. With none set it is ready.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, ReadyState>>>);

impl Readiness {
    /// Sets one condition.
    pub fn set(&self, name: &'static str, state: ReadyState) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, state);
    }

    /// What does not hold, by name; empty if ready.
    #[must_use]
    pub fn missing(&self) -> BTreeMap<&'static str, String> {
        let conditions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        conditions
            .iter()
            .filter_map(|(name, state)| match state {
                ReadyState::Ready => None,
                ReadyState::NotReady(reason) => Some((*name, reason.clone())),
            })
            .collect()
    }

    /// Whether everything holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }
}

type ScrapeHook = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The admin listener.
#[derive(Clone)]
pub struct Admin {
    registry: Registry,
    readiness: Readiness,
    on_scrape: Vec<ScrapeHook>,
}

impl Admin {
    /// An admin listener over these metrics and conditions.
    #[must_use]
    pub fn new(registry: Registry, readiness: Readiness) -> Self {
        Self {
            registry,
            readiness,
            on_scrape: Vec::new(),
        }
    }

    /// Runs `hook` before each scrape: service metrics are computed then and nowhere else.
    pub fn on_scrape<F>(&mut self, hook: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.on_scrape.push(Arc::new(move || Box::pin(hook())));
    }

    /// Serves until `shutdown`.
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> std::io::Result<()> {
        let router = Router::new()
            .route("/livez", get(|| async { "ok" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self);
        axum::serve(listener, router)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
    }
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let missing = admin.readiness.missing();
    let (status, text) = if missing.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    let body = serde_json::json!({"status": text, "missing": missing});
    (status, axum::Json(body)).into_response()
}

async fn metrics(State(admin): State<Admin>) -> Response {
    for hook in &admin.on_scrape {
        if tokio::time::timeout(SCRAPE_TIMEOUT, hook()).await.is_err() {
            tracing::warn!("service metrics were not computed in time; the last values are served");
        }
    }
    ([(CONTENT_TYPE, OPENMETRICS)], admin.registry.encode()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_when_every_condition_holds() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready());
        readiness.set("bus", ReadyState::NotReady("not connected".to_owned()));
        readiness.set("database", ReadyState::Ready);
        assert_eq!(
            readiness.missing(),
            BTreeMap::from([("bus", "not connected".to_owned())])
        );
        readiness.set("bus", ReadyState::Ready);
        assert!(readiness.is_ready());
    }
}
