//! What the store counts as it happens, in this process.

use freshet_runtime::metrics::prometheus_client::encoding::EncodeLabelSet;
use freshet_runtime::metrics::prometheus_client::metrics::counter::Counter;
use freshet_runtime::metrics::prometheus_client::metrics::family::Family;
use freshet_runtime::metrics::prometheus_client::metrics::gauge::Gauge;
use freshet_runtime::metrics::prometheus_client::metrics::histogram::Histogram;
use freshet_runtime::metrics::{PROPAGATION_BUCKETS, Registry};

use super::label::{
    FeedEnd, JobTrigger, LaneLabel, Mechanism, ObservationOutcome, RefusedRead, SignalOutcome,
};
use crate::change::Op;

const APPLY_SECONDS_BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
const PUBLISH_LAG_SECONDS_BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0,
];
const API_SECONDS_BUCKETS: [f64; 11] = [
    0.000_25, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
];
const MICROS_PER_SECOND: f64 = 1_000_000.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignalLabels {
    outcome: SignalOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObservationLabels {
    outcome: ObservationOutcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PropagationLabels {
    mechanism: Mechanism,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    lane: LaneLabel,
    trigger: JobTrigger,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    verb: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedEndLabels {
    reason: FeedEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    reason: RefusedRead,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

/// The store's instance metrics. Each field is one metric; its help text is where it is registered.
#[derive(Clone, Debug)]
pub struct Metrics {
    signals: Family<SignalLabels, Counter>,
    observations: Family<ObservationLabels, Counter>,
    propagation_seconds: Family<PropagationLabels, Histogram>,
    jobs: Family<JobLabels, Counter>,
    changes: Family<ChangeLabels, Counter>,
    apply_seconds: Histogram,
    publish_lag_seconds: Histogram,
    relay_fenced: Counter,
    relay_rollbacks: Counter,
    feed_subscribers: Gauge,
    feed_ended: Family<FeedEndLabels, Counter>,
    feed_refused: Family<RefusedLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histogram,
    served_age_seconds: Histogram,
}

impl Metrics {
    /// Creates the metrics and registers each of them.
    #[must_use]
    pub fn register(registry: &Registry) -> Self {
        let metrics = Self::unregistered();
        metrics.register_pipeline(registry);
        metrics.register_outlets(registry);
        metrics
    }

    /// Metrics nobody scrapes.
    #[must_use]
    pub fn unregistered() -> Self {
        Self {
            signals: Family::default(),
            observations: Family::default(),
            propagation_seconds: Family::new_with_constructor(|| {
                Histogram::new(PROPAGATION_BUCKETS)
            }),
            jobs: Family::default(),
            changes: Family::default(),
            apply_seconds: Histogram::new(APPLY_SECONDS_BUCKETS),
            publish_lag_seconds: Histogram::new(PUBLISH_LAG_SECONDS_BUCKETS),
            relay_fenced: Counter::default(),
            relay_rollbacks: Counter::default(),
            feed_subscribers: Gauge::default(),
            feed_ended: Family::default(),
            feed_refused: Family::default(),
            requests: Family::default(),
            request_seconds: Histogram::new(API_SECONDS_BUCKETS),
            served_age_seconds: Histogram::new(PROPAGATION_BUCKETS),
        }
    }

    fn register_pipeline(&self, registry: &Registry) {
        registry.register(
            "signals",
            "Signals by what the ledger made of them",
            self.signals.clone(),
        );
        registry.register(
            "observations",
            "Observations by what became of them",
            self.observations.clone(),
        );
        registry.register(
            "propagation_seconds",
            "Time from the receipt of a signal to its effect being visible",
            self.propagation_seconds.clone(),
        );
        registry.register(
            "jobs_published",
            "Jobs published, by lane and trigger",
            self.jobs.clone(),
        );
        registry.register("changes", "Committed changes", self.changes.clone());
        registry.register(
            "apply_seconds",
            "Time of one apply transaction, from its start to the view",
            self.apply_seconds.clone(),
        );
    }

    fn register_outlets(&self, registry: &Registry) {
        registry.register(
            "change_publish_lag_seconds",
            "Time from the commit of a change to the confirmation of its event",
            self.publish_lag_seconds.clone(),
        );
        registry.register(
            "relay_fenced",
            "Publications refused because another relay was first",
            self.relay_fenced.clone(),
        );
        registry.register(
            "relay_rollback",
            "Times the stream of changes was found to have lost published events",
            self.relay_rollbacks.clone(),
        );
        registry.register(
            "feed_subscribers",
            "Open subscriptions to the change feed",
            self.feed_subscribers.clone(),
        );
        registry.register(
            "feed_ended",
            "Subscriptions to the change feed that ended",
            self.feed_ended.clone(),
        );
        registry.register(
            "feed_refused",
            "Subscriptions to the change feed that were turned away",
            self.feed_refused.clone(),
        );
        registry.register(
            "api_requests",
            "API requests by route and status",
            self.requests.clone(),
        );
        registry.register(
            "api_request_seconds",
            "Time to answer an API request, feeds aside",
            self.request_seconds.clone(),
        );
        registry.register(
            "served_entity_age_seconds",
            "Time since the source of an entity was last proved equal, when the entity is read",
            self.served_age_seconds.clone(),
        );
    }

    /// The ledger handled a signal.
    pub fn signal(&self, outcome: SignalOutcome) {
        self.signals.get_or_create(&SignalLabels { outcome }).inc();
    }

    /// An observation ended.
    pub fn observation(&self, outcome: ObservationOutcome) {
        self.observations
            .get_or_create(&ObservationLabels { outcome })
            .inc();
    }

    /// A delivery received at `received_at` is visible at `visible_at` (microseconds UTC).
    ///
    /// Clocks of two machines may disagree; a negative time counts as none.
    pub fn propagated(&self, mechanism: Mechanism, received_at: i64, visible_at: i64) {
        self.propagation_seconds
            .get_or_create(&PropagationLabels { mechanism })
            .observe(seconds_between(received_at, visible_at));
    }

    /// A job was published.
    pub fn job_published(&self, lane: LaneLabel, trigger: JobTrigger) {
        self.jobs.get_or_create(&JobLabels { lane, trigger }).inc();
    }

    /// A change was committed by this process.
    pub fn changed(&self, op: Op) {
        self.changes
            .get_or_create(&ChangeLabels { verb: op.as_str() })
            .inc();
    }

    /// An apply transaction was committed and folded.
    pub fn applied(&self, seconds: f64) {
        self.apply_seconds.observe(seconds);
    }

    pub(crate) fn change_published(&self, committed_at: i64, published_at: i64) {
        self.publish_lag_seconds
            .observe(seconds_between(committed_at, published_at));
    }

    pub(crate) fn relay_was_fenced(&self) {
        self.relay_fenced.inc();
    }

    pub(crate) fn relay_rolled_back(&self) {
        self.relay_rollbacks.inc();
    }

    pub(crate) fn feed_opened(&self) {
        self.feed_subscribers.inc();
    }

    pub(crate) fn feed_closed(&self, reason: FeedEnd) {
        // In the same call as the counter, so that what is open is what was opened and has not
        // ended.
        self.feed_subscribers.dec();
        self.feed_ended
            .get_or_create(&FeedEndLabels { reason })
            .inc();
    }

    pub(crate) fn feed_refused(&self, reason: RefusedRead) {
        self.feed_refused
            .get_or_create(&RefusedLabels { reason })
            .inc();
    }

    pub(crate) fn answered(&self, route: &'static str, status: u16, seconds: f64) {
        self.requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
        self.request_seconds.observe(seconds);
    }

    pub(crate) fn served(&self, verified_at: i64, now: i64) {
        self.served_age_seconds
            .observe(seconds_between(verified_at, now));
    }
}

/// Seconds from one time to another, both in microseconds; 0 if that is negative.
#[expect(
    clippy::cast_precision_loss,
    reason = "a duration in microseconds is far below 2^52"
)]
pub(crate) fn seconds_between(from: i64, to: i64) -> f64 {
    to.saturating_sub(from).max(0) as f64 / MICROS_PER_SECOND
}
