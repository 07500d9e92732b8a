//! What the store counts as it happens, in this process.

use freshet_runtime::metrics::PROPAGATION_BUCKETS;

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

freshet_runtime::metrics! {
    /// The store's instance metrics.
    pub struct StoreMetrics {
        /// Signals by what the ledger made of them.
        "signals" => signals: Counter by SignalLabels { outcome: SignalOutcome };
        /// Observations by what became of them.
        "observations" => observations: Counter by ObservationLabels { outcome: ObservationOutcome };
        /// Time from the receipt of a signal to its effect being visible.
        "propagation_seconds" => propagation_seconds: Histogram
            by PropagationLabels { mechanism: Mechanism } in PROPAGATION_BUCKETS;
        /// Jobs published, by lane and trigger.
        "jobs_published" => jobs: Counter by StoreJobLabels { lane: LaneLabel, trigger: JobTrigger };
        /// Committed changes.
        "changes" => changes: Counter by ChangeLabels { verb: &'static str };
        /// Time of one apply transaction, from its start to the view.
        "apply_seconds" => apply_seconds: Histogram in APPLY_SECONDS_BUCKETS;
        /// Time from the commit of a change to the confirmation of its event.
        "change_publish_lag_seconds" => publish_lag_seconds: Histogram in PUBLISH_LAG_SECONDS_BUCKETS;
        /// Publications refused because another relay was first.
        "relay_fenced" => relay_fenced: Counter;
        /// Times the stream of changes was found to have lost published events.
        "relay_rollback" => relay_rollbacks: Counter;
        /// Open subscriptions to the change feed.
        "feed_subscribers" => feed_subscribers: Gauge;
        /// Subscriptions to the change feed that ended.
        "feed_ended" => feed_ended: Counter by FeedEndLabels { reason: FeedEnd };
        /// Subscriptions to the change feed that were turned away.
        "feed_refused" => feed_refused: Counter by RefusedLabels { reason: RefusedRead };
        /// API requests by route and status.
        "api_requests" => requests: Counter by RequestLabels { route: &'static str, status: u16 };
        /// Lists of which the client did not wait for the end.
        "api_lists_abandoned" => lists_abandoned: Counter;
        /// 1 if the newest attempt to write to the database succeeded or only waits for a batch of this process, 0 if not.
        "database_writable" => database_writable: Gauge;
        /// Time to answer an API request, feeds aside.
        "api_request_seconds" => request_seconds: Histogram in API_SECONDS_BUCKETS;
        /// Time since the source of an entity was last proved equal, when the entity is read.
        "served_entity_age_seconds" => served_age_seconds: Histogram in PROPAGATION_BUCKETS;
    }
}

impl StoreMetrics {
    /// The ledger handled a signal.
    pub fn count_signal(&self, outcome: SignalOutcome) {
        self.signals.get_or_create(&SignalLabels { outcome }).inc();
    }

    /// An observation ended.
    pub fn observation(&self, outcome: ObservationOutcome) {
        self.observations
            .get_or_create(&ObservationLabels { outcome })
            .inc();
    }

    /// Complete observations that this process has applied so far, whether or not they changed anything.
    pub(crate) fn count_complete(&self) -> u64 {
        [ObservationOutcome::Applied, ObservationOutcome::Unchanged]
            .into_iter()
            .map(|outcome| {
                let labels = ObservationLabels { outcome };
                self.observations.get_or_create(&labels).get()
            })
            .sum()
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
    pub fn count_job(&self, lane: LaneLabel, trigger: JobTrigger) {
        self.jobs
            .get_or_create(&StoreJobLabels { lane, trigger })
            .inc();
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

    /// Whether the database takes writes.
    pub(crate) fn note_writable(&self, is_writable: bool) {
        self.database_writable.set(i64::from(is_writable));
    }

    pub(crate) fn observe_publication(&self, committed_at: i64, published_at: i64) {
        self.publish_lag_seconds
            .observe(seconds_between(committed_at, published_at));
    }

    pub(crate) fn count_fenced_publication(&self) {
        self.relay_fenced.inc();
    }

    pub(crate) fn count_rollback(&self) {
        self.relay_rollbacks.inc();
    }

    pub(crate) fn count_opened_feed(&self) {
        self.feed_subscribers.inc();
    }

    pub(crate) fn count_closed_feed(&self, reason: FeedEnd) {
        // In the same call as the counter, so that what is open is what was opened and has not
        // ended.
        self.feed_subscribers.dec();
        self.feed_ended
            .get_or_create(&FeedEndLabels { reason })
            .inc();
    }

    pub(crate) fn count_refused_feed(&self, reason: RefusedRead) {
        self.feed_refused
            .get_or_create(&RefusedLabels { reason })
            .inc();
    }

    pub(crate) fn count_abandoned_list(&self) {
        self.lists_abandoned.inc();
    }

    pub(crate) fn observe_answer(&self, route: &'static str, status: u16, seconds: f64) {
        self.requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
        self.request_seconds.observe(seconds);
    }

    pub(crate) fn observe_served_age(&self, verified_at: i64, now: i64) {
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
