//! Schedule ticks: one signal per provider and slot.
//!
//! The id of a tick is its slot, and the ledger ignores one it has. So any number of ingestors may
//! publish the same tick, and each publishes the current one again when it starts: neither restarts
//! nor replicas skip or double a sweep.

mod plan;

use std::convert::Infallible;
use std::time::Duration;

use freshet_proto::envelope::tick_id;
use freshet_proto::message::{Signal, Tick, signal};
use freshet_runtime::clock::Clock;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::config::Schedule;
use crate::metrics::Metrics;
use crate::publish::Publisher;

const PROVIDER: &str = "github";
const TICK: &str = "tick";

/// How long after a failed publish a tick is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Publishes the ticks of every schedule.
pub(crate) struct Ticker {
    schedules: Vec<Schedule>,
    publisher: Publisher,
    clock: Clock,
    metrics: Metrics,
}

impl Ticker {
    pub(crate) fn new(
        schedules: Vec<Schedule>,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self {
            schedules,
            publisher,
            clock,
            metrics,
        }
    }

    /// Publishes until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let all = self.schedules.iter().map(|schedule| self.follow(schedule));
        tokio::select! {
            () = shutdown.cancelled() => {}
            // A tick that is dropped half published is published again at the next start.
            _ = join_all(all) => shutdown.cancelled().await,
        }
        Ok(())
    }

    async fn follow(&self, schedule: &Schedule) {
        tokio::time::sleep(schedule.initial_delay).await;
        loop {
            let slot = plan::slot_at(self.clock.now_micros(), schedule.frequency);
            self.publish_until_durable(schedule, slot).await;
            tokio::time::sleep(plan::until_next_slot(
                self.clock.now_micros(),
                schedule.frequency,
            ))
            .await;
        }
    }

    async fn publish_until_durable(&self, schedule: &Schedule, slot: i64) {
        let signal = tick(schedule, slot, self.clock.now_micros());
        while let Err(error) = self.publisher.publish(&signal).await {
            tracing::warn!(error = %error, provider.id = %schedule.provider_id, "a schedule tick could not be published");
            tokio::time::sleep(RETRY_AFTER).await;
        }
        self.metrics.ticked();
    }
}

fn tick(schedule: &Schedule, slot: i64, now: i64) -> Signal {
    Signal {
        id: tick_id(&schedule.provider_id, slot),
        provider: PROVIDER.to_owned(),
        host: schedule.host.clone(),
        event: TICK.to_owned(),
        received_at: now,
        body: Some(signal::Body::Tick(Tick {
            provider_id: schedule.provider_id.clone(),
            organization: schedule.organization.clone(),
            slot,
        })),
    }
}
