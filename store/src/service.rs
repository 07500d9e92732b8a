//! Starting the store: what it is made of, and which tasks it has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::Bus;
use freshet_proto::subject::Subjects;
use freshet_runtime::admin::{Readiness, ReadyState};
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use freshet_runtime::metrics::Registry;
use freshet_runtime::progress::ProgressBoard;
use freshet_runtime::supervisor::Supervisor;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, ApiAuth, ApiAuthDeps, ApiDeps, Reach};
use crate::apply::{Applier, ApplyError};
use crate::config::StoreConfig;
use crate::feed::{ChangeFeed, FeedDeps};
use crate::freshness::{AgeBounds, Freshness, FreshnessPoller};
use crate::ledger::{Ledger, LedgerConfig, Reconciler};
use crate::metrics::{PublishedRevision, ServiceGauges, ServiceMetrics, StoreMetrics};
use crate::progress::{LOADING_VIEW, READING_CATALOG, ReadingWatch};
use crate::relay::ChangeRelay;
use crate::repo::{DatabaseFileLost, NotWritable, OpenError, Repo, RepoError, WriteProof};
use crate::view::{View, ViewFollower, ViewIndexer};

const READINESS_DATABASE: &str = "store.database";
const READINESS_BUS: &str = "store.bus";
const READINESS_VIEW: &str = "store.view";
const READINESS_EVERY: Duration = Duration::from_secs(1);
/// A database that takes longer to write one row is not ready.
const WRITE_WITHIN: Duration = Duration::from_secs(2);

/// What the store stands on.
pub struct StoreDeps {
    /// Where signals and observations come from and jobs and changes go; provisioned by the caller.
    pub bus: Bus,
    /// What time it is.
    pub clock: Clock,
    /// Where metrics are registered.
    pub registry: Registry,
    /// Where readiness is reported.
    pub readiness: Readiness,
    /// Where long work is told of.
    pub progress: ProgressBoard,
    /// Where the API listens; bound by the caller, so that its address is known before the start.
    pub listener: TcpListener,
}

/// A running store.
#[derive(Clone)]
pub struct StoreHandle {
    /// The catalog in memory.
    pub view: Arc<View>,
    /// The database.
    pub repo: Repo,
    /// Where the API listens.
    pub api_address: SocketAddr,
    service_metrics: ServiceMetrics,
}

impl StoreHandle {
    /// Brings the metrics that are computed at scrape up to date.
    #[must_use]
    pub fn refresh_service_metrics(&self) -> BoxFuture<'static, ()> {
        self.service_metrics.clone().refresh().boxed()
    }
}

/// Why the store did not start.
#[derive(Debug, thiserror::Error)]
pub enum StoreStartError {
    /// The database could not be opened.
    #[error("cannot open the catalog's database")]
    Database(#[from] OpenError),
    /// The catalog could not be read from it.
    #[error("cannot load the catalog from its database")]
    Load(#[source] RepoError),
    /// The roots of the catalog could not be made those of the configuration.
    #[error("cannot apply the configured locations")]
    Configure(#[source] ApplyError),
    /// The API's listener has no address.
    #[error("cannot read the address of the API's listener")]
    Address(#[source] std::io::Error),
    /// Nobody could be called over TLS.
    #[error("cannot load the certificates of the system")]
    Certificates(#[source] std::io::Error),
}

/// Opens the database, loads the view and starts the store's tasks in `supervisor`.
///
/// # Errors
///
/// If the database cannot be opened or read.
pub async fn start(
    config: StoreConfig,
    deps: StoreDeps,
    supervisor: &mut Supervisor,
) -> Result<StoreHandle, StoreStartError> {
    let api_address = deps
        .listener
        .local_addr()
        .map_err(StoreStartError::Address)?;
    let repo = Repo::open_on(&config.database, &deps.progress).await?;
    let auth = build_auth(api_address, &config, &repo, &deps.clock)?;
    // Before the pipeline: apply plans against the view, which must not be behind the log when it
    // begins.
    let view = load_view(&repo, &deps.progress).await?;
    let parts = StoreParts {
        metrics: Arc::new(StoreMetrics::register(&deps.registry)),
        gauges: ServiceGauges::register(&deps.registry),
        published: PublishedRevision::default(),
        bounds: Arc::new(AgeBounds::of_providers(&config.providers)),
        freshness: Freshness::default(),
        view,
        repo,
        deps,
        config,
    };
    let applier = parts.build_applier();
    // Before any observation: what the rules or the roots no longer allow must not come in once
    // more.
    applier
        .configure()
        .await
        .map_err(StoreStartError::Configure)?;
    let writers = ApiWriters {
        confirmed: applier.confirmed(),
        applier: Arc::new(applier),
        ledger: parts.build_ledger(),
    };
    parts.spawn_pipeline(&writers, supervisor);
    parts.spawn_followers(supervisor);
    let handle = StoreHandle {
        view: Arc::clone(&parts.view),
        repo: parts.repo.clone(),
        api_address,
        service_metrics: parts.service_metrics(),
    };
    parts.spawn_api(auth, writers, supervisor);
    Ok(handle)
}

/// Loads the catalog into memory, which takes as long as it is large.
async fn load_view(repo: &Repo, board: &ProgressBoard) -> Result<Arc<View>, StoreStartError> {
    let reading = board.begin(READING_CATALOG);
    let snapshot = repo.snapshot_counted(&reading).await;
    drop(reading);
    let loading = board.begin(LOADING_VIEW);
    let view = View::load_counted(snapshot.map_err(StoreStartError::Load)?, &loading);
    Ok(view)
}

/// Who may call the API. From where it is reached is asked of the listener and not of the configuration: a name may lead
/// anywhere.
fn build_auth(
    api_address: SocketAddr,
    config: &StoreConfig,
    repo: &Repo,
    clock: &Clock,
) -> Result<ApiAuth, StoreStartError> {
    let reach = if api_address.ip().is_loopback() {
        Reach::Loopback
    } else {
        Reach::Network
    };
    ApiAuth::new(ApiAuthDeps {
        config: config.auth.clone(),
        reach,
        base_url: &config.base_url,
        cors: config.cors.as_ref(),
        repo: repo.clone(),
        clock: clock.clone(),
    })
    .map_err(StoreStartError::Certificates)
}

/// What the API writes with, beside the tasks that write by themselves.
struct ApiWriters {
    applier: Arc<Applier>,
    ledger: Ledger,
    confirmed: Arc<Notify>,
}

/// What the tasks share.
struct StoreParts {
    config: StoreConfig,
    deps: StoreDeps,
    repo: Repo,
    view: Arc<View>,
    freshness: Freshness,
    bounds: Arc<AgeBounds>,
    metrics: Arc<StoreMetrics>,
    gauges: ServiceGauges,
    published: PublishedRevision,
}

impl StoreParts {
    fn build_applier(&self) -> Applier {
        Applier::new(
            self.repo.clone(),
            self.deps.bus.clone(),
            Arc::clone(&self.view),
            self.deps.clock.clone(),
            (&self.config).into(),
            Arc::clone(&self.metrics),
        )
    }

    fn build_ledger(&self) -> Ledger {
        Ledger::new(
            self.repo.clone(),
            self.deps.bus.clone(),
            self.deps.clock.clone(),
            LedgerConfig::from(&self.config),
            Arc::clone(&self.metrics),
        )
    }

    /// From signals to changes, and to the stream of changes.
    fn spawn_pipeline(&self, writers: &ApiWriters, supervisor: &mut Supervisor) {
        let (repo, bus, clock) = (&self.repo, &self.deps.bus, &self.deps.clock);
        let ledger = writers.ledger.clone();
        supervisor.spawn("ledger", ledger.run(supervisor.shutdown()));
        let reconciler = Reconciler::new(
            repo.clone(),
            bus.clone(),
            clock.clone(),
            LedgerConfig::from(&self.config),
            Arc::clone(&self.metrics),
        );
        supervisor.spawn("reconciler", reconciler.run(supervisor.shutdown()));
        let applier = Arc::clone(&writers.applier);
        supervisor.spawn("applier", applier.run(supervisor.shutdown()));
        // On the memory bus nobody outside could read the stream; the log serves the feed there.
        if bus.is_durable() {
            supervisor.spawn("relay", self.build_relay().run(supervisor.shutdown()));
        }
    }

    fn build_relay(&self) -> ChangeRelay {
        ChangeRelay {
            repo: self.repo.clone(),
            bus: self.deps.bus.clone(),
            view: Arc::clone(&self.view),
            clock: self.deps.clock.clone(),
            subjects: Subjects::new(&self.config.subject_prefix),
            base_url: self.config.base_url.clone(),
            metrics: Arc::clone(&self.metrics),
            reached: self.published.clone(),
            readiness: self.deps.readiness.clone(),
            progress: self.deps.progress.clone(),
        }
    }

    fn build_reading_watch(&self) -> ReadingWatch {
        ReadingWatch {
            repo: self.repo.clone(),
            view: Arc::clone(&self.view),
            clock: self.deps.clock.clone(),
            readiness: self.deps.readiness.clone(),
            board: self.deps.progress.clone(),
            metrics: Arc::clone(&self.metrics),
            conditions: &[READINESS_DATABASE, READINESS_BUS],
            every: self.config.progress_every,
        }
    }

    /// What other processes wrote, and whether this one can serve.
    fn spawn_followers(&self, supervisor: &mut Supervisor) {
        let follower = ViewFollower::new(
            self.repo.clone(),
            Arc::clone(&self.view),
            self.config.follow_every,
        );
        supervisor.spawn("view follower", follower.run(supervisor.shutdown()));
        let indexer = ViewIndexer::new(Arc::clone(&self.view));
        supervisor.spawn("view indexer", indexer.run(supervisor.shutdown()));
        let poller = FreshnessPoller::new(
            self.repo.clone(),
            self.freshness.clone(),
            self.config.freshness_every,
        );
        supervisor.spawn("freshness poller", poller.run(supervisor.shutdown()));
        let watch = self.build_reading_watch();
        supervisor.spawn("progress of reading", watch.run(supervisor.shutdown()));
        // It is loaded by now; only what follows it runs from here on.
        self.deps.readiness.set(READINESS_VIEW, ReadyState::Ready);
        let readiness = watch_readiness(
            self.repo.clone(),
            self.deps.bus.clone(),
            self.deps.readiness.clone(),
            Arc::clone(&self.metrics),
            supervisor.shutdown(),
        );
        supervisor.spawn("the catalog's database", readiness);
    }

    fn service_metrics(&self) -> ServiceMetrics {
        ServiceMetrics {
            gauges: self.gauges.clone(),
            published: self.published.clone(),
            repo: self.repo.clone(),
            view: Arc::clone(&self.view),
            bus: self.deps.bus.clone(),
            clock: self.deps.clock.clone(),
            bounds: Arc::clone(&self.bounds),
            freshness: self.freshness.clone(),
        }
    }

    fn spawn_api(self, auth: ApiAuth, writers: ApiWriters, supervisor: &mut Supervisor) {
        let feed = ChangeFeed::new(FeedDeps {
            repo: self.repo.clone(),
            view: Arc::clone(&self.view),
            clock: self.deps.clock.clone(),
            base_url: self.config.base_url,
            limits: self.config.feed,
            metrics: Arc::clone(&self.metrics),
            shutdown: supervisor.shutdown(),
        });
        let api = Api::new(ApiDeps {
            view: self.view,
            repo: self.repo,
            feed,
            freshness: self.freshness,
            bounds: self.bounds,
            clock: self.deps.clock,
            metrics: self.metrics,
            confirmed: writers.confirmed,
            auth,
            applier: writers.applier,
            ledger: writers.ledger,
            registration: self.config.registration,
        });
        let serving = api.serve(
            self.config.cors,
            self.config.certificate,
            self.deps.listener,
            supervisor.shutdown(),
        );
        supervisor.spawn("catalog API", serving);
    }
}

async fn watch_readiness(
    repo: Repo,
    bus: Bus,
    readiness: Readiness,
    metrics: Arc<StoreMetrics>,
    shutdown: CancellationToken,
) -> Result<(), DatabaseFileLost> {
    let mut every = tokio::time::interval(READINESS_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = every.tick() => {}
        }
        let proof = repo.prove_writable(WRITE_WITHIN).await;
        // What was proved last holds until something else is proved.
        if let Some(state) = database_state(&proof) {
            metrics.note_writable(proof.is_ok());
            readiness.set(READINESS_DATABASE, state);
        }
        // Nothing this process does from here on would be found again, and a new one begins with
        // what is there now.
        if let Err(NotWritable::FileLost(lost)) = proof {
            return Err(lost);
        }
        readiness.set(
            READINESS_BUS,
            ready_if(bus.is_connected(), "the bus is not connected"),
        );
    }
}

/// Whether what is sent to this process can be kept; `None` if the attempt to find out says nothing of it.
fn database_state(proof: &Result<WriteProof, NotWritable>) -> Option<ReadyState> {
    match proof {
        Ok(WriteProof::Written | WriteProof::Queued) => Some(ReadyState::Ready),
        Ok(WriteProof::Skipped) => None,
        Err(error) => {
            let reason = Chain(error);
            Some(ReadyState::NotReady(format!(
                "the database takes no writes: {reason}"
            )))
        }
    }
}

fn ready_if(holds: bool, reason: &str) -> ReadyState {
    if holds {
        ReadyState::Ready
    } else {
        ReadyState::NotReady(reason.to_owned())
    }
}

#[cfg(test)]
mod tests;
