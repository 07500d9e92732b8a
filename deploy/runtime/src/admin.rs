//! The admin listener: is the process alive, is it ready, what does it measure.
//!
//! It serves no entity data and takes no input. `/livez` depends on nothing but the process itself, so
//! that a restart is never the answer to a database that is down; `/readyz` names every condition.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::{CONTENT_TYPE, Registry};

/// How long one scrape hook may take before the metrics are served as they stand.
const SCRAPE_HOOK_TIMEOUT: Duration = Duration::from_secs(5);

type ScrapeHook = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Whether one condition of readiness holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyState {
    /// It holds.
    Ready,
    /// It does not, and why.
    NotReady(String),
}

/// The named conditions under which a process is ready; clones share them.
///
/// A process names its conditions before it opens the admin listener; with none it is ready.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, ReadyState>>>);

/// One condition, as `/readyz` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Condition {
    name: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The admin listener before it is served.
pub struct Admin {
    registry: Registry,
    readiness: Readiness,
    hooks: Vec<ScrapeHook>,
}

impl Readiness {
    /// States a condition, replacing what was stated before.
    pub fn set(&self, name: &'static str, state: ReadyState) {
        self.conditions().insert(name, state);
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.conditions()
            .values()
            .all(|state| *state == ReadyState::Ready)
    }

    fn report(&self) -> Vec<Condition> {
        let conditions = self.conditions();
        conditions
            .iter()
            .map(|(name, state)| Condition::new(name, state))
            .collect()
    }

    fn conditions(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, ReadyState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    fn new(name: &'static str, state: &ReadyState) -> Self {
        match state {
            ReadyState::Ready => Self {
                name,
                ready: true,
                reason: None,
            },
            ReadyState::NotReady(reason) => Self {
                name,
                ready: false,
                reason: Some(reason.clone()),
            },
        }
    }
}

impl Admin {
    /// Serves these metrics and this readiness.
    #[must_use]
    pub fn new(registry: Registry, readiness: Readiness) -> Self {
        Self {
            registry,
            readiness,
            hooks: Vec::new(),
        }
    }

    /// Runs `hook` before every scrape, for metrics that are computed rather than counted.
    pub fn on_scrape<F, Fut>(&mut self, hook: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.hooks.push(Box::new(move || Box::pin(hook())));
    }

    /// Answers until `shutdown`.
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
        let router = Router::new()
            .route("/livez", get(|| async { "ok" }))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(Arc::new(self));
        axum::serve(listener, router)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
    }
}

async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let status = if admin.readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(admin.readiness.report())).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    for hook in &admin.hooks {
        if tokio::time::timeout(SCRAPE_HOOK_TIMEOUT, hook())
            .await
            .is_err()
        {
            tracing::warn!(
                "Metrics computed at a scrape took too long and are served as they were"
            );
        }
    }
    (
        [(header::CONTENT_TYPE, CONTENT_TYPE)],
        admin.registry.encode(),
    )
        .into_response()
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;
