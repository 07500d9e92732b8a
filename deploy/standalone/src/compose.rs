//! Composition: which services a process runs, over which bus, on which listeners.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use freshet_bus::Bus;
use freshet_proto::stream::{StreamSizes, topology_of_sizes};
use freshet_proto::subject::Subjects;
use freshet_runtime::admin::{Admin, Readiness, ReadyState, ScrapeHooks};
use freshet_runtime::clock::Clock;
use freshet_runtime::listen::ListenAddress;
use freshet_runtime::metrics::Registry;
use freshet_runtime::progress::{ProgressBoard, ProgressReporter};
use freshet_runtime::supervisor::{Supervisor, SupervisorError};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::app_config::{AppConfig, BusConfig};
use crate::cli::ServiceRole;

/// How long the bus may take to say good-bye, when nothing depends on it any more.
const BUS_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether every service has begun.
const STARTED: &str = "process.started";
const STARTING: &str = "the services are being started";

/// A started process: its tasks and where it listens.
pub struct Running {
    /// Owns every task; run it to the end.
    pub supervisor: Supervisor,
    /// Where the listeners are.
    pub addresses: Addresses,
    /// The store, if this process runs it.
    pub store: Option<freshet_store::StoreHandle>,
    /// Connects the services; closed after all of them.
    pub bus: Bus,
}

impl Running {
    /// Runs until every task has ended, then lets go of the bus.
    ///
    /// # Errors
    ///
    /// The first failure of a task, else the tasks that did not stop in time.
    pub async fn run(self) -> Result<(), SupervisorError> {
        let outcome = self.supervisor.run().await;
        // After the last task: an acknowledgement on its way would be lost with the connection, and its message
        // be handled again by whoever starts next.
        if timeout(BUS_CLOSE_TIMEOUT, self.bus.close()).await.is_err() {
            tracing::warn!("the bus could not be told of the end in time");
        }
        outcome
    }
}

/// Where the listeners are, with real ports.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The catalog API, if this process runs the store.
    pub api: Option<SocketAddr>,
    /// Webhooks, if this process runs the ingestor.
    pub webhooks: Option<SocketAddr>,
    /// Health and metrics.
    pub admin: SocketAddr,
}

/// Starts the services of `role`. What takes long, now or later, is told on `progress`.
///
/// # Errors
///
/// If a listener cannot be bound, the bus or the database cannot be reached, or the role needs a bus
/// that reaches other processes.
pub async fn start_services(
    config: AppConfig,
    role: ServiceRole,
    shutdown: CancellationToken,
    progress: ProgressBoard,
) -> anyhow::Result<Running> {
    if role != ServiceRole::All && matches!(config.bus, BusConfig::Memory) {
        bail!("--role needs freshet.bus.nats: the memory bus does not leave its process");
    }
    let clock = Clock::system();
    let registry = Registry::new("catalog");
    let readiness = Readiness::default();
    let mut supervisor = Supervisor::new(shutdown, config.stop_deadline);
    // Before all that may take long: a bus that is far away, a database that is migrated, a large catalog.
    let (scrape_hooks, admin_address) =
        serve_admin(&config, &registry, &readiness, &progress, &mut supervisor).await?;
    let bus = connect_bus(&config.bus, &config.store.subject_prefix, role).await?;

    // The store first: on the memory bus a signal is accepted only once the ledger has committed it, so whoever
    // takes webhooks must find the ledger listening.
    let mut store = None;
    if role.runs_store() {
        let deps = freshet_store::StoreDeps {
            bus: bus.clone(),
            clock: clock.clone(),
            registry: registry.clone(),
            readiness: readiness.clone(),
            progress: progress.clone(),
            listener: bind_listener(&config.listeners.api, "backend.listen").await?,
        };
        let handle = freshet_store::start(config.store, deps, &mut supervisor)
            .await
            .context("cannot start the store")?;
        // Service metrics are computed when somebody asks; an idle store does not query its database for nobody.
        let scraped = handle.clone();
        scrape_hooks.add(move || scraped.refresh_service_metrics());
        store = Some(handle);
    }
    if role.runs_processor() {
        let deps = freshet_processor::ProcessorDeps {
            bus: bus.clone(),
            clock: clock.clone(),
            registry: registry.clone(),
            readiness: readiness.clone(),
            progress,
        };
        freshet_processor::start(config.processor, deps, &mut supervisor)
            .await
            .context("cannot start the processor")?;
    }
    let mut webhooks = None;
    if role.runs_ingestor() {
        let deps = freshet_ingestor::IngestorDeps {
            bus: bus.clone(),
            clock,
            registry,
            readiness: readiness.clone(),
            listener: bind_listener(&config.listeners.webhooks, "freshet.webhooks.listen").await?,
        };
        let handle = freshet_ingestor::start(config.ingestor, deps, &mut supervisor)
            .context("cannot start the ingestor")?;
        webhooks = Some(handle.webhook_address);
    }

    // Last, so that `/readyz` says yes only after every service has named what it waits for.
    readiness.set(STARTED, ReadyState::Ready);
    let addresses = Addresses {
        api: store.as_ref().map(|handle| handle.api_address),
        webhooks,
        admin: admin_address,
    };
    Ok(Running {
        supervisor,
        addresses,
        store,
        bus,
    })
}

/// Opens what a process is watched by, which says that the services are being started.
async fn serve_admin(
    config: &AppConfig,
    registry: &Registry,
    readiness: &Readiness,
    progress: &ProgressBoard,
    supervisor: &mut Supervisor,
) -> anyhow::Result<(ScrapeHooks, SocketAddr)> {
    readiness.set(STARTED, ReadyState::NotReady(STARTING.to_owned()));
    let logged_every = config.telemetry.progress_every;
    let reporter = ProgressReporter::new(progress.clone(), registry, logged_every);
    supervisor.spawn("progress", reporter.run(supervisor.shutdown()));
    let listener = bind_listener(&config.listeners.admin, "freshet.admin.listen").await?;
    let address = listener.local_addr()?;
    let admin = Admin::new(registry.clone(), readiness.clone(), progress.clone());
    let scrape_hooks = admin.hooks();
    supervisor.spawn("admin", admin.serve(listener, supervisor.shutdown()));
    Ok((scrape_hooks, address))
}

async fn connect_bus(config: &BusConfig, prefix: &str, role: ServiceRole) -> anyhow::Result<Bus> {
    let (bus, replicas, sizes) = match config {
        BusConfig::Memory => (Bus::memory(), 1, StreamSizes::default()),
        BusConfig::Nats {
            url,
            credentials_file,
            replicas,
            sizes,
        } => {
            // The role is in the name, so that the server's list of connections says which process is which.
            let mut nats =
                freshet_bus::nats::NatsConfig::new(url.clone(), format!("freshet {role:?}"));
            nats.credentials_file.clone_from(credentials_file);
            (
                Bus::connect(&nats).await.context("cannot reach NATS")?,
                *replicas,
                *sizes,
            )
        }
    };
    // Every role provisions, as any of them may start first. It is idempotent, and refuses streams that differ
    // from what this version expects rather than use them.
    let subjects = Subjects::new(prefix);
    bus.provision(&topology_of_sizes(&subjects, replicas, &sizes))
        .await
        .context("cannot provision the streams")?;
    Ok(bus)
}

async fn bind_listener(address: &ListenAddress, setting: &str) -> anyhow::Result<TcpListener> {
    address
        .bind()
        .await
        .with_context(|| format!("cannot listen on {address} ({setting})"))
}
