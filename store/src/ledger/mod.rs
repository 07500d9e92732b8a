//! The ledger: from "something may have changed" to "reconcile this source".
//!
//! Every signal is recorded under its identity, requests a new generation of the source it is about,
//! and gets a job with the reading list as it stands in that transaction. Signals are
//! acknowledged after the commit; a job that was lost after it is found by the [`Reconciler`].
//!
//! It refuses to read anything at the source, and to believe what a signal says about content.

mod batch;
mod dependents;
mod job;
mod providers;
mod publish;
mod reconciler;
mod record;
mod request;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{Bus, Delivery};
use freshet_proto::message::Signal;
use freshet_proto::stream::signals_consumer;
use freshet_proto::subject::{Stage, Subjects};
use freshet_runtime::clock::Clock;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Fingerprint};
use crate::consumer::{BatchConsumer, BatchHandler, Remedy};
use crate::metrics::Metrics;
use crate::metrics::SignalOutcome;
use crate::repo::{DeliveryRow, Outcome, Repo, RepoError};

pub(crate) use crate::repo::HEAD;
pub(crate) use providers::{Provider, Providers};
pub(crate) use publish::{JobPublisher, build_jobs, build_jobs as jobs_of};
pub use reconciler::Reconciler;
pub(crate) use request::{request_refresh, request_refresh as raise};
pub(crate) use subject::source_ref;

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
pub enum RecordError {
    /// The database refused or is away.
    #[error("cannot record signals")]
    Repo(#[from] RepoError),
    /// A bug; the panic itself is in the log.
    #[error("recording signals panicked")]
    Panicked,
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
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RecordError> {
        let subjects = &self.config.subjects;
        let lanes = vec![signals_consumer(subjects)];
        let mut consumer =
            BatchConsumer::new(&self, &self.bus, subjects, lanes, self.config.batch_max);
        while let Some(batch) = consumer.receive_batch(&shutdown).await {
            consumer.handle_batch(batch, &shutdown).await?;
        }
        Ok(())
    }

    /// Records signals and publishes their jobs: all of them or none.
    pub(crate) async fn record(&self, signals: &[Signal]) -> Result<(), RecordError> {
        Ok(record::record_signals(self, signals).await?)
    }
}

impl BatchHandler for Ledger {
    type Message = Signal;
    type Error = RecordError;
    const STAGE: Stage = Stage::Ledger;

    async fn handle_all(&self, signals: &[Signal]) -> Result<(), RecordError> {
        self.record(signals).await
    }

    fn panicked() -> RecordError {
        RecordError::Panicked
    }

    fn remedy(error: &RecordError) -> Remedy {
        match error {
            RecordError::Repo(error) => error.trouble().into(),
            RecordError::Panicked => Remedy::Isolate,
        }
    }

    async fn set_back(&self, _signal: &Signal, _error: &RecordError) -> Result<(), RecordError> {
        Ok(())
    }

    // A letter whose delivery has no end in the ledger would be a signal nobody accounts for.
    async fn record_dead(&self, delivery: &Delivery) -> Result<(), RecordError> {
        if let Some(guid) = &delivery.envelope.id {
            let mut tx = self.repo.write().await?;
            tx.put_deliveries(&[dead_delivery(guid, self.clock.now_micros())])
                .await?;
            tx.commit().await?;
        }
        self.metrics.signal(SignalOutcome::Dead);
        Ok(())
    }
}

/// The delivery of a signal that could not be handled. All that is known of it is its identity.
fn dead_delivery(guid: &str, now: i64) -> DeliveryRow {
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
