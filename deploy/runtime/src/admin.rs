//! The admin listener: is the process alive, is it ready, what does it measure.
//!
//! It serves no entity data and takes no input. `/livez` depends on nothing but the process itself, so
//! that a restart is never the answer to a database that is down; `/readyz` names every condition.

mod readiness;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::readiness::{Readiness, ReadyState};
use crate::metrics::{CONTENT_TYPE, Registry};

/// How long one scrape hook may take before the metrics are served as they stand.
const SCRAPE_HOOK_TIMEOUT: Duration = Duration::from_secs(5);

type ScrapeHook = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The admin listener before it is served.
pub struct Admin {
    registry: Registry,
    readiness: Readiness,
    hooks: Vec<ScrapeHook>,
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
    (status, Json(admin.readiness.list_conditions())).into_response()
}

async fn serve_metrics(State(admin): State<Arc<Admin>>) -> Response {
    for hook in &admin.hooks {
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
