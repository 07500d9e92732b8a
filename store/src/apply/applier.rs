//! The applier: what it holds, and the loop in which batches and confirmations come to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use freshet_bus::{Bus, Delivery};
use freshet_proto::message::{Lane, Observation};
use freshet_proto::stream::observation_consumer;
use freshet_proto::subject::{Stage, Subjects};
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use prost::DecodeError;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Notify, Semaphore};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::entities::annotate::Forges;
use super::error::ApplyError;
use super::removals::limits::RecentRemovals;
use super::slices::SlicedRuns;
use crate::batch_limits::BatchLimits;
use crate::config::{Fingerprint, OrphanStrategy, Recheck, RemovalLimits, Root, Rule, StoreConfig};
use crate::consumer::{BatchConsumer, BatchHandler, BatchRemedy, decode_one};
use crate::ledger::{JobPublisher, Providers};
use crate::metrics::{ObservationOutcome, StoreMetrics};
use crate::repo::Repo;
use crate::view::View;

/// What the configuration takes away is looked at a second time no more often than this.
const SECOND_LOOK_MIN: Duration = Duration::from_secs(1);
/// How long a stop waits for jobs that are on their way out.
const PUBLISH_AT_STOP_MAX: Duration = Duration::from_secs(3);
/// Messages whose work is too short to be worth moving other tasks out of its way.
const SHORT_BATCH: usize = 8;

/// What the applier is told.
#[derive(Clone, Debug)]
pub struct ApplyConfig {
    pub(crate) subjects: Subjects,
    pub(crate) providers: Arc<Providers>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) rules: Arc<[Rule]>,
    pub(crate) forges: Arc<Forges>,
    pub(crate) roots: Vec<Root>,
    pub(crate) recheck: Recheck,
    pub(crate) removals: RemovalLimits,
    pub(crate) orphans: OrphanStrategy,
    pub(crate) batch: BatchLimits,
}

impl From<&StoreConfig> for ApplyConfig {
    fn from(config: &StoreConfig) -> Self {
        Self {
            subjects: Subjects::new(&config.subject_prefix),
            providers: Arc::new(Providers::new(&config.providers)),
            fingerprint: config.fingerprint(),
            rules: Arc::from(config.rules.as_slice()),
            forges: Arc::new(read_forges(config)),
            roots: config.roots.clone(),
            recheck: config.recheck,
            removals: config.removals,
            orphans: config.orphan_strategy,
            batch: config.into(),
        }
    }
}

/// What the configuration tells of the forges. A provider's host is one, whoever else names it.
fn read_forges(config: &StoreConfig) -> Forges {
    let mut hosts = config.github_hosts.clone();
    for provider in &config.providers {
        if !hosts.contains(&provider.host) {
            hosts.push(provider.host.clone());
        }
    }
    Forges {
        hosts,
        slug_kinds: config.scm_slug_kinds.clone(),
    }
}

/// Applies observations until it is told to stop.
pub struct Applier {
    pub(crate) repo: Repo,
    pub(crate) bus: Bus,
    pub(crate) view: Arc<View>,
    pub(crate) clock: Clock,
    pub(crate) config: ApplyConfig,
    pub(crate) metrics: Arc<StoreMetrics>,
    pub(crate) jobs: JobPublisher,
    pub(crate) publishing: TaskTracker,
    pub(crate) turn: Arc<Semaphore>,
    /// What was taken away lately.
    pub(crate) recent: Mutex<RecentRemovals>,
    /// Told when a removal was confirmed.
    pub(crate) confirmed: Arc<Notify>,
    /// Whether there may be removals that wait.
    pub(crate) removals_wait: AtomicBool,
    /// Whether something the configuration takes away waits.
    pub(crate) configuration_waits: AtomicBool,
    /// Observations that are too large for one transaction.
    pub(crate) runs: SlicedRuns,
}

impl Applier {
    /// An applier over this database, bus and view.
    #[must_use]
    pub fn new(
        repo: Repo,
        bus: Bus,
        view: Arc<View>,
        clock: Clock,
        config: ApplyConfig,
        metrics: Arc<StoreMetrics>,
    ) -> Self {
        let jobs = JobPublisher::new(bus.clone(), config.subjects.clone(), Arc::clone(&metrics));
        Self {
            repo,
            bus,
            view,
            clock,
            config,
            metrics,
            jobs,
            publishing: TaskTracker::new(),
            turn: Arc::new(Semaphore::new(1)),
            recent: Mutex::default(),
            confirmed: Arc::default(),
            // Until the first look: the process before this one may have left some.
            removals_wait: AtomicBool::new(true),
            configuration_waits: AtomicBool::new(false),
            runs: SlicedRuns::default(),
        }
    }

    /// Applies observations until `shutdown`. A batch that was begun is finished.
    ///
    /// # Errors
    ///
    /// If the database is not the one the view was loaded from: it must be loaded again, which is what
    /// a start does. An outage of the bus or the database is waited out.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) -> Result<(), ApplyError> {
        let ended = self.apply_until(&shutdown).await;
        self.publishing.close();
        // Those of a large listing may take longer where the bus is slow. What is not out by then, the
        // reconciler finds at the next start.
        let published = tokio::time::timeout(PUBLISH_AT_STOP_MAX, self.publishing.wait());
        if published.await.is_err() {
            tracing::info!("jobs are left to the next start, for they were not out in time");
        }
        ended
    }

    async fn apply_until(&self, shutdown: &CancellationToken) -> Result<(), ApplyError> {
        let subjects = &self.config.subjects;
        let lanes = [Lane::Hi, Lane::Lo].map(|lane| observation_consumer(subjects, lane));
        let limits = self.config.batch;
        let mut consumer = BatchConsumer::new(self, &self.bus, subjects, lanes.into(), limits);
        // What the configuration takes away waits for its second look like everything else.
        let mut second_looks =
            tokio::time::interval(self.config.removals.wait.max(SECOND_LOOK_MIN));
        second_looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Err(error) = self.resume_runs().await {
            // Those sources are outstanding, so they are read again.
            tracing::info!(error = %Chain(&error), "observations of which a part was applied are not gone on with");
        }
        loop {
            tokio::select! {
                // Whatever waits goes first, a push before a sweep, and then one slice.
                biased;
                // In the loop and not beside it, where it would only wait for the lock of the log.
                () = self.confirmed.notified() => self.configure_again().await,
                _ = second_looks.tick(), if self.configuration_waits.load(Ordering::Relaxed) => {
                    self.configure_again().await;
                }
                batch = consumer.receive_batch(shutdown) => match batch {
                    Some(batch) => consumer.handle_batch(batch, shutdown).await?,
                    None => return Ok(()),
                },
                () = std::future::ready(()), if !self.runs.is_empty() => {}
            }
            self.continue_run(shutdown).await?;
        }
    }

    /// To be told when a removal was confirmed: one that the configuration asks for is made then.
    #[must_use]
    pub fn confirmed(&self) -> Arc<Notify> {
        Arc::clone(&self.confirmed)
    }

    async fn configure_again(&self) {
        if let Err(error) = self.configure().await {
            tracing::warn!(error = %Chain(&error), "a confirmed removal is made at the next start");
        }
    }
}

impl BatchHandler for Applier {
    type Message = Observation;
    type Error = ApplyError;
    const STAGE: Stage = Stage::Apply;

    fn decode(&self, deliveries: &[Delivery]) -> Vec<Result<Observation, DecodeError>> {
        compute(deliveries.len(), || {
            deliveries.iter().map(decode_one).collect()
        })
    }

    async fn handle_all(&self, observations: &[Observation]) -> Result<(), ApplyError> {
        let began = Instant::now();
        self.apply(observations).await?;
        self.metrics.applied(began.elapsed().as_secs_f64());
        Ok(())
    }

    fn panicked() -> ApplyError {
        ApplyError::Panicked
    }

    fn remedy(error: &ApplyError) -> BatchRemedy {
        match error {
            ApplyError::Diverged { .. } => BatchRemedy::Stop,
            error => error.trouble().into(),
        }
    }

    async fn set_back(
        &self,
        observation: &Observation,
        error: &ApplyError,
    ) -> Result<(), ApplyError> {
        self.set_back_source(observation.source_id.into(), error)
            .await
    }

    async fn record_dead(&self, _delivery: &Delivery) -> Result<(), ApplyError> {
        self.metrics.observation(ObservationOutcome::Dead);
        Ok(())
    }
}

/// Runs work that is pure and may be long. The thread's other tasks, such as answers of the API, go
/// on elsewhere meanwhile, unless there is so little to do that moving them would cost more, or
/// there is no elsewhere.
pub(crate) fn compute<R>(messages: usize, work: impl FnOnce() -> R) -> R {
    let is_long = messages > SHORT_BATCH;
    if is_long && Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        #[expect(
            clippy::disallowed_methods,
            reason = "the runtime was asked; the work borrows, so it cannot move to another thread"
        )]
        return tokio::task::block_in_place(work);
    }
    work()
}

#[cfg(test)]
#[path = "applier_tests.rs"]
mod tests;
