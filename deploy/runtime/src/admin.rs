//! The admin listener: is the process alive, is it ready, what does it measure.
//!
//! It serves no entity data and takes no input. `/livez` depends on nothing but the process itself, so
//! that a restart is never the answer to a database that is down; `/readyz` names every condition, and how far
//! long work is.

mod readiness;
mod readiness_body;

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
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::readiness::{Readiness, ReadyState};
use self::readiness_body::ReadinessBody;
use crate::metrics::{CONTENT_TYPE, Registry};
use crate::progress::ProgressBoard;

/// How long one scrape hook may take before the metrics are served as they stand.
const SCRAPE_HOOK_TIMEOUT: Duration = Duration::from_secs(5);

type ScrapeHook = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The admin listener before it is served.
pub struct Admin {
    registry: Registry,
    readiness: Readiness,
    progress: ProgressBoard,
    hooks: ScrapeHooks,
}

/// What is done before every scrape; clones share it, and it may grow while the listener is served.
#[derive(Clone, Default)]
pub struct ScrapeHooks(Arc<Mutex<Vec<ScrapeHook>>>);

impl ScrapeHooks {
    /// Runs `hook` before every scrape, for metrics that are computed rather than counted.
    pub fn add<F, Fut>(&self, hook: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let hook: ScrapeHook = Arc::new(move || Box::pin(hook()));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(hook);
    }

    fn list(&self) -> Vec<ScrapeHook> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Admin {
    /// Serves these metrics, this readiness, and how far long work is.
    #[must_use]
    pub fn new(registry: Registry, readiness: Readiness, progress: ProgressBoard) -> Self {
        Self {
            registry,
            readiness,
            progress,
            hooks: ScrapeHooks::default(),
        }
    }

    /// What is done before every scrape.
    #[must_use]
    pub fn hooks(&self) -> ScrapeHooks {
        self.hooks.clone()
    }

    /// Answers until `shutdown`.
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> io::Result<()> {
        let router = Router::new()
            // Alive as long as it answers. Were it to ask the database, an outage there would have
            // every process killed and started in vain.
            .route("/livez", get(|| async { "ok" }))
            .route("/readyz", get(serve_readiness))
            .route("/metrics", get(serve_metrics))
            .with_state(Arc::new(self));
        axum::serve(listener, router)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
    }
}

async fn serve_readiness(State(admin): State<Arc<Admin>>) -> Response {
    // The body names every condition in both cases, so that whoever is woken by it need not look
    // into logs first.
    let status = if admin.readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = ReadinessBody {
        conditions: admin.readiness.list_conditions(),
        progresses: admin.progress.list(),
    };
    (status, Json(body)).into_response()
}

async fn serve_metrics(State(admin): State<Arc<Admin>>) -> Response {
    for hook in admin.hooks.list() {
        // A database that hangs must not take the metrics away with which its hanging is seen.
        if tokio::time::timeout(SCRAPE_HOOK_TIMEOUT, hook())
            .await
            .is_err()
        {
            crate::summed_up!(
                warn,
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
