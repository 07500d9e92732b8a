//! The ledger: from "something may have changed" to "reconcile this source".
//!
//! Every signal is recorded under its identity, raises a generation of the source it is about,
//! and gets a job with the reading list as it stands in that transaction. Signals are
//! acknowledged after the commit; a job that was lost after it is found by the [`Reconciler`].
//!
//! It refuses to read anything at the source, and to believe what a signal says about content.

mod decide;
mod dependents;
mod job;
mod providers;
mod publish;
mod reconciler;
mod record;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{Bus, Delivery, Inbox};
use freshet_proto::message::Signal;
use freshet_proto::stream::signals_consumer;
use freshet_proto::subject::{Stage, Subjects};
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use futures::FutureExt;
use prost::Message;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Fingerprint};
use crate::metrics::Metrics;
use crate::metrics::SignalOutcome;
use crate::repo::{DeliveryRow, Outcome, Repo, RepoError, Trouble};
use crate::settle::{Failure, RETRY_AFTER, acknowledge, give_back, keep_as_dead_letter, pause};

pub(crate) use crate::repo::HEAD;
pub(crate) use decide::raise;
pub(crate) use decide::source_ref;
pub(crate) use providers::{Provider, Providers};
pub(crate) use publish::{JobPublisher, jobs_of};
pub use reconciler::Reconciler;

/// Attempts at a batch that lost a race against another transaction.
const CONFLICT_ATTEMPTS: usize = 5;

/// What the ledger is told.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    pub(crate) subjects: Subjects,
    pub(crate) providers: Arc<Providers>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) reconcile_every: Duration,
    pub(crate) enqueued_recently: Duration,
    pub(crate) batch_max: usize,
}

impl From<&Config> for LedgerConfig {
    fn from(config: &Config) -> Self {
        Self {
            subjects: Subjects::new(&config.subject_prefix),
            providers: Arc::new(Providers::new(&config.providers)),
            fingerprint: config.fingerprint(),
            reconcile_every: config.reconcile_every,
            enqueued_recently: config.enqueued_recently,
            batch_max: config.batch_max,
        }
    }
}

/// Why signals were not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// The database refused or is away.
    #[error("cannot record signals")]
    Repo(#[from] RepoError),
    /// A bug; the panic itself is in the log.
    #[error("recording signals panicked")]
    Panicked,
}

impl RecordError {
    fn trouble(&self) -> Trouble {
        match self {
            Self::Repo(error) => error.trouble(),
            Self::Panicked => Trouble::Defect,
        }
    }
}

/// Records signals until it is told to stop.
pub struct Ledger {
    repo: Repo,
    bus: Bus,
    clock: Clock,
    config: LedgerConfig,
    jobs: JobPublisher,
    metrics: Arc<Metrics>,
}

impl Ledger {
    /// A ledger over this database and bus.
    #[must_use]
    pub fn new(
        repo: Repo,
        bus: Bus,
        clock: Clock,
        config: LedgerConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        let jobs = JobPublisher::new(bus.clone(), config.subjects.clone(), Arc::clone(&metrics));
        Self {
            repo,
            bus,
            clock,
            config,
            jobs,
            metrics,
        }
    }

    /// Records signals until `shutdown`. A batch that was begun is finished.
    ///
    /// # Errors
    ///
    /// None: an outage of the bus or the database is waited out.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        while !shutdown.is_cancelled() {
            let consumer = signals_consumer(&self.config.subjects);
            match self.bus.consume(&consumer).await {
                Ok(inbox) => self.consume(inbox, &shutdown).await,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "signals cannot be consumed yet");
                    pause(&shutdown).await;
                }
            }
        }
        Ok(())
    }

    async fn consume(&self, mut inbox: Inbox, shutdown: &CancellationToken) {
        loop {
            let received = tokio::select! {
                () = shutdown.cancelled() => return,
                // Cancel safe: what was not returned comes again.
                received = inbox.next(self.config.batch_max) => received,
            };
            match received {
                Ok(deliveries) => self.handle(deliveries, shutdown).await,
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "signals stopped coming and are asked for again");
                    pause(shutdown).await;
                    return;
                }
            }
        }
    }

    async fn handle(&self, deliveries: Vec<Delivery>, shutdown: &CancellationToken) {
        let mut signals = Vec::with_capacity(deliveries.len());
        let mut readable = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match Signal::decode(delivery.payload.clone()) {
                Ok(signal) => {
                    signals.push(signal);
                    readable.push(delivery);
                }
                Err(error) => self.bury(delivery, "unreadable", &error).await,
            }
        }
        match self.record_with_retries(&signals).await {
            Ok(()) => acknowledge(readable).await,
            Err(error) => self.recover(signals, readable, &error, shutdown).await,
        }
    }

    /// Records signals and publishes their jobs: all of them or none.
    pub(crate) async fn record(&self, signals: &[Signal]) -> Result<(), RecordError> {
        // One message that trips over a bug must not end the process, and then the next, for ever.
        // Unwinding is safe: the transaction rolls back, and there is no other state.
        AssertUnwindSafe(record::record(self, signals))
            .catch_unwind()
            .await
            .map_or(Err(RecordError::Panicked), |ended| Ok(ended?))
    }

    /// Races are decided by trying again; everything else is the caller's.
    async fn record_with_retries(&self, signals: &[Signal]) -> Result<(), RecordError> {
        let mut attempt = 1;
        loop {
            match self.record(signals).await {
                Err(error)
                    if error.trouble() == Trouble::Conflict && attempt < CONFLICT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn recover(
        &self,
        signals: Vec<Signal>,
        deliveries: Vec<Delivery>,
        error: &RecordError,
        shutdown: &CancellationToken,
    ) {
        tracing::warn!(error = %Chain(error), signals = signals.len(), "signals could not be recorded");
        match error.trouble() {
            Trouble::Outage | Trouble::Conflict => {
                give_back(deliveries).await;
                pause(shutdown).await;
            }
            Trouble::Defect => {
                for (signal, delivery) in signals.iter().zip(deliveries) {
                    self.record_alone(signal, delivery).await;
                }
            }
        }
    }

    async fn record_alone(&self, signal: &Signal, delivery: Delivery) {
        match self.record_with_retries(std::slice::from_ref(signal)).await {
            Ok(()) => acknowledge(vec![delivery]).await,
            Err(error) if error.trouble() == Trouble::Defect => {
                self.bury(delivery, "refused", &error).await;
            }
            Err(_) => give_back(vec![delivery]).await,
        }
    }

    async fn record_dead(&self, delivery: &Delivery) -> Result<(), RepoError> {
        let Some(guid) = &delivery.envelope.id else {
            return Ok(());
        };
        let mut tx = self.repo.write().await?;
        tx.put_deliveries(&[dead(guid, self.clock.now_micros())])
            .await?;
        tx.commit().await
    }

    /// Puts a message we cannot handle where a person finds it; it comes again if even that fails.
    async fn bury(&self, delivery: Delivery, reason: &'static str, error: &Failure) {
        tracing::error!(error = %Chain(error), message.subject = %delivery.subject, "a signal could not be handled and is kept as a dead letter");
        // A letter whose delivery has no end in the ledger would be a signal nobody accounts for.
        if let Err(error) = self.record_dead(&delivery).await {
            tracing::warn!(error = %Chain(&error), "the end of a delivery could not be recorded, so it comes again");
            return delivery.retry_after(RETRY_AFTER).await;
        }
        self.metrics.signal(SignalOutcome::Dead);
        let subject = self
            .config
            .subjects
            .dead(Stage::Ledger, reason, "none", &delivery.subject);
        keep_as_dead_letter(&self.bus, subject, delivery, reason).await;
    }
}

/// The delivery of a signal that could not be handled. All that is known of it is its identity.
fn dead(guid: &str, now: i64) -> DeliveryRow {
    DeliveryRow {
        guid: guid.to_owned(),
        event: String::new(),
        received_at: now,
        source_id: None,
        generation: 0,
        outcome: Outcome::Dead,
        reason: String::new(),
        covered_at: Some(now),
    }
}
