//! Apply: from what was observed to committed changes.
//!
//! A batch of observations passes these stages, one folder each, in one transaction ([`batch`]):
//!
//! 1. [`observed`]: whole observations, the newest of each source, who the repositories are, and what
//!    is proved of each location.
//! 2. [`roots`] and [`listing`]: what the configuration names and what the providers discover.
//! 3. [`locations`]: the graph of locations; what enters the catalog and what leaves it.
//! 4. [`entities`]: what files declare, and who holds which ref.
//! 5. [`changes`]: the rows of the change log, with relations and problems.
//! 6. [`removals`]: whether so much may be removed without asking.
//!
//! Then everything is written ([`write`], [`source_state`]), committed and made visible
//! ([`transaction`]). A kill anywhere leaves all of it or nothing, and an observation that comes again
//! is stale.
//!
//! It refuses to delete anything because of a failure, and to let one message block the others.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | evidence | what one observation proves about one location: content, unchanged, absent, failed |
//! | absent, unreachable, removed | not in the source; no chain to a root; row deleted |
//! | root, target, link | registered or discovered location; what a Location entity points at; the edge between them |
//! | status | of an entity, as served: its own errors; of a Location entity also those of its targets |
//! | activate, prune | content enters the catalog; what no root reaches leaves it |
//! | claim, holder, conflict, promote | a location declares a ref; whose claim counts; several do; the next claim takes the ref |
//! | orphan | kept although nothing leads to it |
//! | refresh request | `wanted` is raised |
//! | withheld, pending removal | what the mass-removal limit keeps; what waits for a person |
//! | trigger | the source, delivery and commit that caused a change |

mod batch;
pub(crate) mod changes;
pub(crate) mod entities;
mod error;
mod listing;
mod locations;
mod observed;
pub(crate) mod removals;
mod roots;
mod source_state;
mod transaction;
mod write;

pub use error::ApplyError;
pub(crate) use roots::PROVIDER as PROVIDER_ROOTS;

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

use self::entities::annotate::Forges;
use self::removals::check::RecentRemovals;
use crate::config::{Config, Fingerprint, OrphanStrategy, Recheck, RemovalLimits, Root, Rule};
use crate::consumer::{BatchConsumer, BatchHandler, Remedy, decode_one};
use crate::ledger::{JobPublisher, Providers};
use crate::metrics::{Metrics, ObservationOutcome};
use crate::repo::Repo;
use crate::view::View;

/// What the configuration takes away is looked at a second time no more often than this.
const SECOND_LOOK_MIN: Duration = Duration::from_secs(1);
/// Messages whose work is too short to be worth moving other tasks out of its way.
const SHORT_BATCH: usize = 8;

/// What the applier is told.
#[derive(Clone, Debug)]
pub struct ApplyConfig {
    subjects: Subjects,
    providers: Arc<Providers>,
    fingerprint: Fingerprint,
    rules: Arc<[Rule]>,
    forges: Arc<Forges>,
    roots: Vec<Root>,
    recheck: Recheck,
    removals: RemovalLimits,
    orphans: OrphanStrategy,
    batch_max: usize,
}

impl From<&Config> for ApplyConfig {
    fn from(config: &Config) -> Self {
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
            batch_max: config.batch_max,
        }
    }
}

/// What the configuration tells of the forges. A provider's host is one, whoever else names it.
fn read_forges(config: &Config) -> Forges {
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
    repo: Repo,
    bus: Bus,
    view: Arc<View>,
    clock: Clock,
    config: ApplyConfig,
    metrics: Arc<Metrics>,
    jobs: JobPublisher,
    publishing: TaskTracker,
    turn: Arc<Semaphore>,
    /// What was taken away lately.
    recent: Mutex<RecentRemovals>,
    /// Told when a removal was confirmed.
    confirmed: Arc<Notify>,
    /// Whether there may be removals that wait.
    removals_wait: AtomicBool,
    /// Whether something the configuration takes away waits.
    configuration_waits: AtomicBool,
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
        metrics: Arc<Metrics>,
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
            removals_wait: AtomicBool::new(true),
            configuration_waits: AtomicBool::new(false),
        }
    }

    /// Applies observations until `shutdown`. A batch that was begun is finished.
    ///
    /// # Errors
    ///
    /// If the database is not the one the view was loaded from: it must be loaded again, which is what
    /// a start does. An outage of the bus or the database is waited out.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ApplyError> {
        let ended = self.apply_until(&shutdown).await;
        self.publishing.close();
        self.publishing.wait().await;
        ended
    }

    async fn apply_until(&self, shutdown: &CancellationToken) -> Result<(), ApplyError> {
        let subjects = &self.config.subjects;
        let lanes = [Lane::Hi, Lane::Lo].map(|lane| observation_consumer(subjects, lane));
        let batch_max = self.config.batch_max;
        let mut consumer = BatchConsumer::new(self, &self.bus, subjects, lanes.into(), batch_max);
        // What the configuration takes away waits for its second look like everything else.
        let mut second_looks =
            tokio::time::interval(self.config.removals.wait.max(SECOND_LOOK_MIN));
        second_looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.confirmed.notified() => self.configure_again().await,
                _ = second_looks.tick(), if self.configuration_waits.load(Ordering::Relaxed) => {
                    self.configure_again().await;
                }
                batch = consumer.receive_batch(shutdown) => match batch {
                    Some(batch) => consumer.handle_batch(batch, shutdown).await?,
                    None => return Ok(()),
                },
            }
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

    fn remedy(error: &ApplyError) -> Remedy {
        match error {
            ApplyError::Diverged { .. } => Remedy::Stop,
            error => error.trouble().into(),
        }
    }

    async fn set_back(
        &self,
        observation: &Observation,
        error: &ApplyError,
    ) -> Result<(), ApplyError> {
        self.set_back_source(observation, error).await
    }

    async fn record_dead(&self, _delivery: &Delivery) -> Result<(), ApplyError> {
        self.metrics.observation(ObservationOutcome::Dead);
        Ok(())
    }
}

/// Runs work that is pure and may be long. The thread's other tasks, such as answers of the API, go
/// on elsewhere meanwhile, unless there is so little to do that moving them would cost more, or
/// there is no elsewhere.
fn compute<R>(messages: usize, work: impl FnOnce() -> R) -> R {
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
#[path = "apply_tests.rs"]
mod tests;
