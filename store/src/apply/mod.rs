//! Apply: from what was observed to committed changes.
//!
//! A batch of observations is one transaction: lock the log, catch the view up with it, choose
//! the readings that count, plan (pure, from the view and the stored rows), write, commit, fold,
//! wake the outlets, acknowledge. A kill anywhere leaves all of it or nothing, and an observation
//! that comes again is stale.
//!
//! It refuses to delete anything because of a failure, and to let one message block the others: a
//! batch that fails is applied one by one, and what fails alone becomes a dead letter.

mod adopt;
mod annotate;
mod batch;
mod choose;
mod claims;
mod configure;
mod event;
mod face;
mod faces;
mod forest;
mod hold;
mod listing;
mod listing_apply;
mod load;
mod orphans;
mod plan;
mod problems;
mod relations;
mod roots;
mod sights;
mod sources;
mod stage;
mod tree;
mod tree_load;
mod tree_locate;

pub use hold::Held;
pub(crate) use roots::PROVIDER as PROVIDER_ROOTS;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use freshet_bus::{Bus, Delivery, Inbox, ReceiveError};
use freshet_proto::message::{Lane, Observation};
use freshet_proto::stream::observation_consumer;
use freshet_proto::subject::{Stage, Subjects};
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use futures::FutureExt;
use prost::Message;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Notify, Semaphore};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::annotate::Forges;
use crate::config::{Config, Fingerprint, OrphanStrategy, Recheck, RemovalLimits, Root, Rule};
use crate::ledger::{JobPublisher, Providers};
use crate::metrics::{Metrics, ObservationOutcome};
use crate::removal::Recent;
use crate::repo::{Repo, RepoError, Trouble};
use crate::settle::{Failure, acknowledge, give_back, keep_as_dead_letter, pause};
use crate::view::View;

/// What the configuration takes away is looked at a second time no more often than this.
const SECOND_LOOK_MIN: Duration = Duration::from_secs(1);
/// Attempts at a batch that lost a race against another transaction.
const CONFLICT_ATTEMPTS: usize = 5;
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
            forges: Arc::new(forges(config)),
            roots: config.roots.clone(),
            recheck: config.recheck,
            removals: config.removals,
            orphans: config.orphan_strategy,
            batch_max: config.batch_max,
        }
    }
}

/// What the configuration tells of the forges. A provider's host is one, whoever else names it.
fn forges(config: &Config) -> Forges {
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

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database refused or is away.
    #[error("cannot apply observations")]
    Repo(#[from] RepoError),
    /// What other processes wrote could not be read. No message is at fault.
    #[error("cannot read the changes other processes wrote")]
    CatchUp(#[source] RepoError),
    /// The view is ahead of the database, which was replaced by an older one.
    #[error("the view is at revision {view} and the database at {database}")]
    Diverged {
        /// Revision of the view.
        view: i64,
        /// Revision of the database.
        database: i64,
    },
    /// It would take too many entities away at once.
    #[error("too many entities would be removed at once")]
    Held(Held),
    /// A bug; the panic itself is in the log.
    #[error("applying observations panicked")]
    Panicked,
    /// A message this version cannot read.
    #[error("cannot read {what} of an observation")]
    Unreadable {
        /// What could not be read.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ApplyError {
    fn unreadable(
        what: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unreadable {
            what,
            source: Box::new(source),
        }
    }

    fn trouble(&self) -> Trouble {
        match self {
            Self::Repo(error) => error.trouble(),
            // No message is at fault.
            Self::CatchUp(_) | Self::Diverged { .. } => Trouble::Outage,
            Self::Panicked | Self::Unreadable { .. } | Self::Held(_) => Trouble::Defect,
        }
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
    recent: Mutex<Recent>,
    /// Told when a removal was confirmed.
    confirmed: Arc<Notify>,
    /// Whether there may be removals that wait.
    removals_wait: AtomicBool,
    /// Whether something the configuration takes away waits.
    configuration_waits: AtomicBool,
}

struct Lanes {
    hi: Inbox,
    lo: Inbox,
}

impl Lanes {
    /// Whatever waits, the high lane first. Cancel safe, as both inboxes are.
    async fn next(&mut self, max: usize) -> Result<Vec<Delivery>, ReceiveError> {
        tokio::select! {
            biased;
            received = self.hi.next(max) => received,
            received = self.lo.next(max) => received,
        }
    }
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
        while !shutdown.is_cancelled() {
            match self.lanes().await {
                Ok(lanes) => self.consume(lanes, shutdown).await?,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "observations cannot be consumed yet");
                    pause(shutdown).await;
                }
            }
        }
        Ok(())
    }

    async fn lanes(&self) -> Result<Lanes, freshet_bus::ConsumeError> {
        let subjects = &self.config.subjects;
        Ok(Lanes {
            hi: self
                .bus
                .consume(&observation_consumer(subjects, Lane::Hi))
                .await?,
            lo: self
                .bus
                .consume(&observation_consumer(subjects, Lane::Lo))
                .await?,
        })
    }

    async fn consume(
        &self,
        mut lanes: Lanes,
        shutdown: &CancellationToken,
    ) -> Result<(), ApplyError> {
        // What the configuration takes away waits for its second look like everything else.
        let mut second_looks =
            tokio::time::interval(self.config.removals.wait.max(SECOND_LOOK_MIN));
        second_looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let received = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = self.confirmed.notified() => {
                    self.configure_again().await;
                    continue;
                }
                _ = second_looks.tick(), if self.configuration_waits.load(Ordering::Relaxed) => {
                    self.configure_again().await;
                    continue;
                }
                received = lanes.next(self.config.batch_max) => received,
            };
            match received {
                Ok(deliveries) => self.handle(deliveries, shutdown).await?,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "observations stopped coming and are asked for again");
                    pause(shutdown).await;
                    return Ok(());
                }
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

    async fn handle(
        &self,
        deliveries: Vec<Delivery>,
        shutdown: &CancellationToken,
    ) -> Result<(), ApplyError> {
        let mut decoded = compute(deliveries.len(), || decode(&deliveries)).into_iter();
        let mut observations = Vec::with_capacity(deliveries.len());
        let mut readable = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match decoded.next().expect("one for each message") {
                Ok(observation) => {
                    observations.push(observation);
                    readable.push(delivery);
                }
                Err(error) => self.bury(delivery, "unreadable", &error).await,
            }
        }
        match self.apply_with_retries(&observations).await {
            Ok(()) => acknowledge(readable).await,
            // Not acknowledged, so all of them come again after the start.
            Err(error @ ApplyError::Diverged { .. }) => return Err(error),
            Err(error) => self.recover(observations, readable, &error, shutdown).await,
        }
        Ok(())
    }

    async fn apply_with_retries(&self, observations: &[Observation]) -> Result<(), ApplyError> {
        if observations.is_empty() {
            return Ok(());
        }
        let mut attempt = 1;
        loop {
            let began = Instant::now();
            match self.apply_or_panic(observations).await {
                Ok(()) => {
                    self.metrics.applied(began.elapsed().as_secs_f64());
                    return Ok(());
                }
                Err(error)
                    if error.trouble() == Trouble::Conflict && attempt < CONFLICT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    // One message that trips over a bug must not end the process, and then the next, for ever.
    // Unwinding is safe: the transaction rolls back, and the view is only folded after it.
    async fn apply_or_panic(&self, observations: &[Observation]) -> Result<(), ApplyError> {
        AssertUnwindSafe(self.apply(observations))
            .catch_unwind()
            .await
            .unwrap_or(Err(ApplyError::Panicked))
    }

    async fn recover(
        &self,
        observations: Vec<Observation>,
        deliveries: Vec<Delivery>,
        error: &ApplyError,
        shutdown: &CancellationToken,
    ) {
        tracing::warn!(error = %Chain(error), observations = observations.len(), "observations could not be applied");
        match error.trouble() {
            Trouble::Outage | Trouble::Conflict => {
                give_back(deliveries).await;
                pause(shutdown).await;
            }
            Trouble::Defect => {
                for (observation, delivery) in observations.iter().zip(deliveries) {
                    self.apply_alone(observation, delivery).await;
                }
            }
        }
    }

    async fn apply_alone(&self, observation: &Observation, delivery: Delivery) {
        match self
            .apply_with_retries(std::slice::from_ref(observation))
            .await
        {
            Ok(()) => acknowledge(vec![delivery]).await,
            Err(error) if error.trouble() == Trouble::Defect => {
                if let Err(failure) = self.set_back(observation, &error).await {
                    tracing::warn!(error = %Chain(&failure), source.id = observation.source_id, "a source could not be set back");
                    return give_back(vec![delivery]).await;
                }
                self.bury(delivery, "refused", &error).await;
            }
            Err(_) => give_back(vec![delivery]).await,
        }
    }

    /// Puts a message we cannot handle where a person finds it; it comes again if even that fails.
    async fn bury(&self, delivery: Delivery, reason: &'static str, error: &Failure) {
        tracing::error!(error = %Chain(error), message.subject = %delivery.subject, "an observation could not be handled and is kept as a dead letter");
        self.metrics.observation(ObservationOutcome::Dead);
        let subject = self
            .config
            .subjects
            .dead(Stage::Apply, reason, "none", &delivery.subject);
        keep_as_dead_letter(&self.bus, subject, delivery, reason).await;
    }
}

fn decode(deliveries: &[Delivery]) -> Vec<Result<Observation, prost::DecodeError>> {
    deliveries
        .iter()
        .map(|delivery| Observation::decode(delivery.payload.clone()))
        .collect()
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
#[path = "run_tests.rs"]
mod tests;
