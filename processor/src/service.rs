//! Puts a processor together.

use std::convert::Infallible;
use std::sync::Arc;

use freshet_bus::{Bus, ConsumeError, Inbox};
use freshet_proto::message::Lane;
use freshet_proto::origin::{LOCAL_INSTALLATION, URL_INSTALLATION};
use freshet_proto::stream::job_consumer;
use freshet_proto::subject::Subjects;
use freshet_runtime::admin::Readiness;
use freshet_runtime::clock::Clock;
use freshet_runtime::metrics::Registry;
use freshet_runtime::supervisor::Supervisor;
use thiserror::Error;

use crate::budget::RateBudget;
use crate::catalog_file::ReadPolicy;
use crate::config::{GithubIntegration, ProcessorConfig};
use crate::fetch::fetcher::{Clients, FileFetcher};
use crate::fingerprint::fingerprint;
use crate::metrics::ProcessorMetrics;
use crate::source::github::client::{ClientError, Endpoints, GithubClient};
use crate::source::url::reader::UrlReader;
use crate::worker::{JobWorker, PlainFileWorker, WorkerContext};

const CONDITION: &str = "processor";

/// What a processor needs from its process.
pub struct ProcessorDeps {
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
pub struct ProcessorHandle {
    fingerprint: String,
}

impl ProcessorHandle {
    /// Names its way of reading.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Why a processor cannot start.
#[derive(Debug, Error)]
pub enum ProcessorStartError {
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
/// [`ProcessorStartError`] if an integration is unusable or its jobs cannot be received.
pub async fn start(
    config: ProcessorConfig,
    deps: ProcessorDeps,
    supervisor: &mut Supervisor,
) -> Result<ProcessorHandle, ProcessorStartError> {
    let policy = Arc::new(ReadPolicy::of(&config));
    let pages = UrlReader::new(policy.urls.clone()).map_err(ProcessorStartError::Certificates)?;
    let fingerprint = fingerprint(&config);
    let metrics = ProcessorMetrics::registered(&deps.registry);
    let clients = Arc::new(clients(&config, &deps.clock, &metrics)?);
    let shared = Arc::new(WorkerContext {
        subjects: Subjects::new(&config.subject_prefix),
        fingerprint: fingerprint.clone(),
        bus: deps.bus,
        clock: deps.clock,
        metrics,
        policy,
        supplier: FileFetcher {
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
            let worker = JobWorker {
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
            let worker = PlainFileWorker {
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
    // Without the bus there is nothing to do; with it, GitHub's troubles are reported by the observations.
    let bus = shared.bus.clone();
    supervisor.spawn(
        "processor readiness",
        deps.readiness.watch_connection(
            CONDITION,
            "the bus",
            move || bus.is_connected(),
            supervisor.shutdown(),
        ),
    );
    Ok(ProcessorHandle { fingerprint })
}

async fn inbox(
    shared: &WorkerContext,
    lane: Lane,
    installation: &str,
) -> Result<Inbox, ProcessorStartError> {
    let spec = job_consumer(&shared.subjects, lane, installation);
    let inbox = shared.bus.consume(&spec).await;
    inbox.map_err(|source| ProcessorStartError::Consume {
        host: installation.to_owned(),
        source,
    })
}

fn clients(
    config: &ProcessorConfig,
    clock: &Clock,
    metrics: &ProcessorMetrics,
) -> Result<Clients, ProcessorStartError> {
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
    config: &ProcessorConfig,
    clock: &Clock,
    metrics: &ProcessorMetrics,
    integration: &GithubIntegration,
) -> Result<GithubClient, ProcessorStartError> {
    let failed = |source| ProcessorStartError::Integration {
        host: integration.host.clone(),
        source,
    };
    let endpoints = Endpoints::of(&integration.api_base_url).map_err(failed)?;
    let budget = RateBudget::new(&endpoints.host, config.max_concurrent_calls, clock.clone());
    GithubClient::new(
        integration,
        endpoints,
        config.timeouts,
        config.retry,
        budget,
        metrics.clone(),
    )
    .map_err(failed)
}
