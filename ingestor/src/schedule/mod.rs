//! Schedule ticks: one signal per provider and slot.
//!
//! The id of a tick is its slot, and the ledger ignores one it has. So any number of ingestors may
//! publish the same tick, and each publishes the current one again when it starts: neither restarts
//! nor replicas skip or double a sweep. What the provider is told to read is part of the id too, so
//! a change of it is swept for at the start and not one slot later.

mod plan;

use std::convert::Infallible;
use std::time::Duration;

use freshet_proto::envelope::tick_id;
use freshet_proto::message::{Signal, Tick, signal};
use freshet_proto::origin::GITHUB;
use freshet_runtime::clock::Clock;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::config::Schedule;
use crate::metrics::IngestorMetrics;
use crate::publish::SignalPublisher;

const TICK: &str = "tick";

/// How long after a failed publish a tick is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Publishes the ticks of every schedule.
pub(crate) struct Ticker {
    schedules: Vec<Schedule>,
    publisher: SignalPublisher,
    clock: Clock,
    metrics: IngestorMetrics,
}

impl Ticker {
    pub(crate) fn new(
        schedules: Vec<Schedule>,
        publisher: SignalPublisher,
        clock: Clock,
        metrics: IngestorMetrics,
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
        // Each for itself: a provider whose tick cannot be published must not delay the others.
        let all = self
            .schedules
            .iter()
            .map(|schedule| self.follow_schedule(schedule));
        tokio::select! {
            () = shutdown.cancelled() => {}
            // A tick that is dropped half published is published again at the next start.
            _ = join_all(all) => shutdown.cancelled().await,
        }
        Ok(())
    }

    async fn follow_schedule(&self, schedule: &Schedule) {
        tokio::time::sleep(schedule.initial_delay).await;
        loop {
            // The slot that is current now. After a long outage those in between are skipped: one
            // sweep reads everything.
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
        let signal = make_tick(schedule, slot, self.clock.now_micros());
        while let Err(error) = self.publisher.publish_signal(&signal).await {
            freshet_runtime::summed_up!(warn, error = %error, provider.id = %schedule.provider_id, "a schedule tick could not be published");
            tokio::time::sleep(RETRY_AFTER).await;
        }
        self.metrics.count_tick();
    }
}

fn make_tick(schedule: &Schedule, slot: i64, now: i64) -> Signal {
    Signal {
        id: tick_id(&schedule.provider_id, &schedule.settings, slot),
        provider: GITHUB.to_owned(),
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

#[cfg(test)]
mod tests {
    use freshet_bus::Bus;
    use freshet_proto::stream::{signals_consumer, topology};
    use freshet_proto::subject::Subjects;
    use freshet_runtime::metrics::Registry;
    use prost::Message as _;

    use super::*;

    const NOW: i64 = 7_000_000;

    /// What an ingestor with these settings publishes at its start.
    async fn id_at_start(bus: &Bus, settings: &str) -> String {
        let schedule = Schedule {
            provider_id: "acme".to_owned(),
            host: "github.com".to_owned(),
            organization: "acme".to_owned(),
            settings: settings.to_owned(),
            frequency: Duration::from_secs(3600),
            initial_delay: Duration::ZERO,
        };
        let publisher =
            SignalPublisher::new(bus.clone(), Subjects::default(), Duration::from_secs(3));
        let metrics = IngestorMetrics::register(&Registry::new("catalog"));
        let (clock, _) = Clock::manual(NOW);
        let ticker = Ticker::new(vec![schedule], publisher, clock, metrics);
        let consumer = signals_consumer(&Subjects::default());
        let mut inbox = bus.consume(&consumer).await.expect("a consumer");
        let stop = CancellationToken::new();
        let watched = async {
            let delivery = inbox.next(1).await.expect("received").pop().expect("one");
            let signal = Signal::decode(delivery.payload.clone()).expect("a signal");
            delivery.ack().await.expect("acknowledged");
            stop.cancel();
            signal.id
        };
        let (id, _) = tokio::join!(watched, ticker.run(stop.clone()));
        id
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_repeats_the_slot_only_if_nothing_else_is_to_be_read() {
        let bus = Bus::memory();
        let provisioned = bus.provision(&topology(&Subjects::default(), 1)).await;
        provisioned.expect("provisioned");
        let first = id_at_start(&bus, "a").await;
        assert_eq!(first, "tick:acme:a:0");
        assert_ne!(id_at_start(&bus, "b").await, first);
    }
}
