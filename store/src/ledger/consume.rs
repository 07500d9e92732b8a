//! Signals on their way into the ledger.

use freshet_bus::Delivery;
use freshet_proto::message::Signal;
use freshet_proto::stream::signals_consumer;
use freshet_proto::subject::Stage;
use tokio_util::sync::CancellationToken;

use super::record::{Ledger, RecordError};
use crate::consumer::{BatchConsumer, BatchHandler, BatchRemedy};
use crate::metrics::SignalOutcome;
use crate::repo::{DeliveryRow, Outcome};

impl Ledger {
    /// Records signals until `shutdown`. A batch that was begun is finished.
    ///
    /// # Errors
    ///
    /// None: an outage of the bus or the database is waited out.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RecordError> {
        let subjects = &self.config.subjects;
        let lanes = vec![signals_consumer(subjects)];
        let mut consumer = BatchConsumer::new(&self, &self.bus, subjects, lanes, self.config.batch);
        while let Some(batch) = consumer.receive_batch(&shutdown).await {
            consumer.handle_batch(batch, &shutdown).await?;
        }
        Ok(())
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

    fn remedy(error: &RecordError) -> BatchRemedy {
        match error {
            RecordError::Repo(error) => error.trouble().into(),
            RecordError::Panicked => BatchRemedy::Isolate,
        }
    }

    // There is no source to set back: which one a signal is about is known once it is recorded.
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
        self.metrics.count_signal(SignalOutcome::Dead);
        Ok(())
    }
}

/// The delivery of a signal that could not be handled. All that is known of it is its identity.
fn dead_delivery(guid: &str, now: i64) -> DeliveryRow {
    DeliveryRow {
        guid: guid.to_owned(),
        event: String::new(),
        // When it was received stands in what could not be read.
        received_at: now,
        source_id: None,
        generation: 0,
        outcome: Outcome::Dead,
        reason: String::new(),
        covered_at: Some(now),
    }
}
