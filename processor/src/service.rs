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
use freshet_runtime::progress::ProgressBoard;
use freshet_runtime::supervisor::Supervisor;
use thiserror::Error;

use crate::budget::{ClosingNotice, RateBudget};
use crate::catalog_file::ReadPolicy;
use crate::config::{GithubIntegration, ProcessorConfig};
use crate::fetch::fetcher::{FileFetcher, GithubClients};
use crate::fetch::parser::FileParser;
use crate::fingerprint::fingerprint;
use crate::metrics::ProcessorMetrics;
use crate::source::github::client::GithubClient;
use crate::source::github::endpoints::{ClientError, Endpoints};
use crate::source::url::reader::UrlReader;
use crate::worker::context::WorkerContext;
use crate::worker::in_hand::InHand;
use crate::worker::job_worker::{JobSource, JobWorker};

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
    /// Where it says that a limit makes it wait.
    pub progress: ProgressBoard,
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
    let policy = Arc::new(ReadPolicy::from_config(&config));
    let pages = UrlReader::new(policy.urls.clone()).map_err(ProcessorStartError::Certificates)?;
    let fingerprint = fingerprint(&config);
    let metrics = ProcessorMetrics::register(&deps.registry);
    let clients = Arc::new(connect_clients(
        &config,
        &deps.clock,
        &metrics,
        &deps.progress,
    )?);
    let context = Arc::new(WorkerContext {
        subjects: Subjects::new(&config.subject_prefix),
        hi_in_hand: InHand::new(&deps.bus, Lane::Hi, config.in_hand),
        lo_in_hand: InHand::new(&deps.bus, Lane::Lo, config.in_hand),
        fingerprint: fingerprint.clone(),
        bus: deps.bus,
        clock: deps.clock,
        metrics,
        parser: FileParser {
            limits: config.limits,
            kinds: config.kinds.clone(),
            policy,
        },
        fetcher: FileFetcher {
            clients: Arc::clone(&clients),
            pages: Arc::new(pages),
            limits: config.limits,
        },
        config,
    });
    let credentials = context.config.github.iter().map(|integration| {
        let client = &clients[&integration.host.to_lowercase()];
        let source = JobSource::Github(Arc::clone(client));
        (integration.host.as_str(), source)
    });
    let plain = [URL_INSTALLATION, LOCAL_INSTALLATION].map(|name| (name, JobSource::PlainFiles));
    // Two workers for each, so that a sweep of thousands of jobs never stands before a push.
    for (installation, source) in credentials.chain(plain) {
        for lane in [Lane::Hi, Lane::Lo] {
            let worker = JobWorker {
                context: Arc::clone(&context),
                source: source.clone(),
                lane,
                inbox: open_inbox(&context, lane, installation).await?,
                received: Vec::new(),
            };
            let shutdown = supervisor.shutdown();
            supervisor.spawn("processor worker", async move {
                worker.run(shutdown).await;
                Ok::<(), Infallible>(())
            });
        }
    }
    // Without the bus there is nothing to do; with it, GitHub's troubles are reported by the observations.
    let bus = context.bus.clone();
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

async fn open_inbox(
    context: &WorkerContext,
    lane: Lane,
    installation: &str,
) -> Result<Inbox, ProcessorStartError> {
    let spec = job_consumer(&context.subjects, lane, installation);
    let inbox = context.bus.consume(&spec).await;
    inbox.map_err(|source| ProcessorStartError::Consume {
        host: installation.to_owned(),
        source,
    })
}

fn connect_clients(
    config: &ProcessorConfig,
    clock: &Clock,
    metrics: &ProcessorMetrics,
    progress: &ProgressBoard,
) -> Result<GithubClients, ProcessorStartError> {
    config
        .github
        .iter()
        .map(|integration| {
            let notice = ClosingNotice {
                host: integration.host.clone(),
                board: progress.clone(),
            };
            let client = connect_client(config, clock, metrics, integration, notice)?;
            // Files spell hosts as they like, and the name of a host has no case.
            Ok((integration.host.to_lowercase(), Arc::new(client)))
        })
        .collect()
}

fn connect_client(
    config: &ProcessorConfig,
    clock: &Clock,
    metrics: &ProcessorMetrics,
    integration: &GithubIntegration,
    notice: ClosingNotice,
) -> Result<GithubClient, ProcessorStartError> {
    let failed = |source| ProcessorStartError::Integration {
        host: integration.host.clone(),
        source,
    };
    let endpoints = Endpoints::parse(&integration.api_base_url).map_err(failed)?;
    // One budget for both lanes, because GitHub counts by credential and knows no lanes.
    let budget = RateBudget::new(
        &endpoints.host,
        config.max_concurrent_calls,
        clock.clone(),
        notice,
    );
    GithubClient::new(
        integration,
        endpoints,
        config.timeouts,
        config.retry,
        config.github_limits,
        budget,
        metrics.clone(),
    )
    .map_err(failed)
}
