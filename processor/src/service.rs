//! Puts a processor together.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{Bus, ConsumeError, Inbox};
use freshet_proto::message::Lane;
use freshet_proto::stream::job_consumer;
use freshet_proto::subject::Subjects;
use freshet_runtime::admin::{Readiness, ReadyState};
use freshet_runtime::clock::Clock;
use freshet_runtime::metrics::Registry;
use freshet_runtime::supervisor::Supervisor;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::catalog_file::Policy;
use crate::config::{Config, GithubIntegration};
use crate::fetch::fetcher::{Clients, Supplier};
use crate::fingerprint::fingerprint;
use crate::metrics::Metrics;
use crate::source::github::client::{Client, ClientError, Endpoints};
use crate::source::url::reader::UrlReader;
use crate::worker::{OutsideWorker, Shared, Worker};

/// Who pays for reading plain URLs, and for reading local files: nobody, but their jobs need a name.
const URL_INSTALLATION: &str = "url";
const LOCAL_INSTALLATION: &str = "local";
const CONDITION: &str = "processor";
/// How often it looks whether it is ready.
const READINESS_EVERY: Duration = Duration::from_secs(1);

/// What a processor needs from its process.
pub struct Deps {
    /// Where jobs come from and observations go.
    pub bus: Bus,
    /// The time.
    pub clock: Clock,
    /// Where its metrics are registered.
    pub registry: Registry,
    /// Where it says that it is ready.
    pub readiness: Readiness,
}

/// A running processor.
#[derive(Clone, Debug)]
pub struct Handle {
    fingerprint: String,
}

impl Handle {
    /// Names its way of reading.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Why a processor cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An integration is unusable.
    #[error("the integration {host}")]
    Integration {
        /// Its host.
        host: String,
        /// Why.
        #[source]
        source: ClientError,
    },
    /// The certificates that servers are checked with cannot be loaded.
    #[error("the certificates of the system cannot be loaded")]
    Certificates(#[source] std::io::Error),
    /// Jobs cannot be received.
    #[error("the jobs of {host}")]
    Consume {
        /// Whose jobs.
        host: String,
        /// Why.
        #[source]
        source: ConsumeError,
    },
}

/// Starts a processor: for every integration one worker per lane. The tasks belong to `supervisor`.
///
/// # Errors
/// [`StartError`] if an integration is unusable or its jobs cannot be received.
pub async fn start(
    config: Config,
    deps: Deps,
    supervisor: &mut Supervisor,
) -> Result<Handle, StartError> {
    let policy = Arc::new(Policy::of(&config));
    let pages = UrlReader::new(policy.urls.clone()).map_err(StartError::Certificates)?;
    let fingerprint = fingerprint(&config);
    let metrics = Metrics::registered(&deps.registry);
    let clients = Arc::new(clients(&config, &deps.clock, &metrics)?);
    let shared = Arc::new(Shared {
        subjects: Subjects::new(&config.subject_prefix),
        fingerprint: fingerprint.clone(),
        bus: deps.bus,
        clock: deps.clock,
        metrics,
        policy,
        supplier: Supplier {
            clients: Arc::clone(&clients),
            pages: Arc::new(pages),
            limits: config.limits,
        },
        config,
    });
    for integration in &shared.config.github {
        let client = &clients[&integration.host.to_lowercase()];
        for lane in [Lane::Hi, Lane::Lo] {
            let inbox = inbox(&shared, lane, &integration.host).await?;
            let worker = Worker {
                shared: Arc::clone(&shared),
                client: Arc::clone(client),
                lane,
                inbox,
                received: Vec::new(),
            };
            let shutdown = supervisor.shutdown();
            supervisor.spawn("processor worker", async move {
                worker.run(shutdown).await;
                Ok::<(), Infallible>(())
            });
        }
    }
    for installation in [URL_INSTALLATION, LOCAL_INSTALLATION] {
        for lane in [Lane::Hi, Lane::Lo] {
            let inbox = inbox(&shared, lane, installation).await?;
            let worker = OutsideWorker {
                shared: Arc::clone(&shared),
                lane,
                inbox,
            };
            let shutdown = supervisor.shutdown();
            supervisor.spawn("processor worker", async move {
                worker.run(shutdown).await;
                Ok::<(), Infallible>(())
            });
        }
    }
    deps.readiness.set(CONDITION, ReadyState::Ready);
    supervisor.spawn(
        "processor readiness",
        watch_bus(shared.bus.clone(), deps.readiness, supervisor.shutdown()),
    );
    Ok(Handle { fingerprint })
}

async fn inbox(shared: &Shared, lane: Lane, installation: &str) -> Result<Inbox, StartError> {
    let spec = job_consumer(&shared.subjects, lane, installation);
    let inbox = shared.bus.consume(&spec).await;
    inbox.map_err(|source| StartError::Consume {
        host: installation.to_owned(),
        source,
    })
}

/// Without the bus there is nothing to do; with it, GitHub's troubles are reported by the observations.
async fn watch_bus(
    bus: Bus,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> Result<(), Infallible> {
    let mut every = tokio::time::interval(READINESS_EVERY);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = every.tick() => {}
        }
        let state = if bus.is_connected() {
            ReadyState::Ready
        } else {
            ReadyState::NotReady("the bus is not connected".to_owned())
        };
        readiness.set(CONDITION, state);
    }
}

fn clients(config: &Config, clock: &Clock, metrics: &Metrics) -> Result<Clients, StartError> {
    config
        .github
        .iter()
        .map(|integration| {
            let client = client(config, clock, metrics, integration)?;
            Ok((integration.host.to_lowercase(), Arc::new(client)))
        })
        .collect()
}

fn client(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    integration: &GithubIntegration,
) -> Result<Client, StartError> {
    let failed = |source| StartError::Integration {
        host: integration.host.clone(),
        source,
    };
    let endpoints = Endpoints::of(&integration.api_base_url).map_err(failed)?;
    let budget = Budget::new(&endpoints.host, config.max_concurrent_calls, clock.clone());
    Client::new(
        integration,
        endpoints,
        config.timeouts,
        config.retry,
        budget,
        metrics.clone(),
    )
    .map_err(failed)
}
