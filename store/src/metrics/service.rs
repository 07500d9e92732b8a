//! What is true of the whole service, whichever process is asked: computed from the database, the view
//! and the bus when the metrics are scraped.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use freshet_bus::{Bus, StreamDepth};
use freshet_model::{Revision, SourceId};
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;

use super::instance::seconds_between;
use super::label::{AgeStatistic, ProblemLevel};
use crate::freshness::{
    AgeBounds, AgeSummary, Freshness, FreshnessVerdict, SourceAge, summarise_ages,
};
use crate::repo::{LedgerTotals, LogState, Repo, RepoError};
use crate::view::View;

/// A scrape waits this long for the database and the bus; what did not answer keeps its last value.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(2);

/// How far the relay of this process is, which keeps its meaning while the bus is away.
#[derive(Clone, Debug)]
pub(crate) struct PublishedRevision(Arc<AtomicI64>);

/// No relay of this process has found its place yet.
const NOWHERE: i64 = -1;

impl Default for PublishedRevision {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NOWHERE)))
    }
}

impl PublishedRevision {
    /// The newest revision in the stream.
    pub(crate) fn set(&self, revision: Revision) {
        self.0.store(revision.get(), Ordering::Relaxed);
    }

    /// Committed changes that are not in the stream; 0 where nothing is relayed.
    fn lag(&self, committed: Revision) -> i64 {
        match self.0.load(Ordering::Relaxed) {
            // On the memory bus nothing is relayed, and nothing lags.
            NOWHERE => 0,
            published => (committed.get() - published).max(0),
        }
    }
}

freshet_runtime::metrics! {
    /// The gauges that are set at scrape.
    pub(crate) struct ServiceGauges {
        /// Entities by kind.
        "entities_count" => entities: Gauge by EntityKindLabels { kind: String };
        /// Entities by the verdict on their source.
        "entities_by_verdict" => entities_by_verdict: Gauge by EntityVerdictLabels { verdict: FreshnessVerdict };
        /// Sources by verdict.
        "sources" => sources: Gauge by SourceVerdictLabels { verdict: FreshnessVerdict };
        /// Time since the sources of the entities were last proved equal.
        "age_of_truth_seconds" => age_of_truth: FloatGauge by AgeLabels { statistic: AgeStatistic };
        /// Open problems by level.
        "problems" => problems: Gauge by LevelLabels { level: ProblemLevel };
        /// Removals that wait for a confirmation or a second look.
        "removals_held" => removals: Gauge;
        /// Revision of the newest committed change.
        "revision" => revision: Gauge;
        /// Committed changes that this process does not serve yet.
        "view_lag_revisions" => view_lag: Gauge;
        /// Committed changes whose events are not published yet.
        "relay_lag_revisions" => relay_lag: Gauge;
        /// Signals whose effect is not proved yet.
        "deliveries_uncovered" => uncovered: Gauge;
        /// Age of the oldest signal whose effect is not proved yet.
        "oldest_uncovered_delivery_age_seconds" => oldest_uncovered: FloatGauge;
        /// Sources that may have changed and were not looked at since.
        "sources_behind" => behind: Gauge;
        /// Messages that wait or are in flight, by stream.
        "stream_messages" => stream_messages: Gauge by StreamMessagesLabels { stream: String };
        /// Bytes of messages that wait or are in flight, by stream.
        "stream_bytes" => stream_bytes: Gauge by StreamBytesLabels { stream: String };
    }
}

/// Computes the service metrics.
#[derive(Clone)]
pub(crate) struct ServiceMetrics {
    pub(crate) gauges: ServiceGauges,
    pub(crate) published: PublishedRevision,
    pub(crate) repo: Repo,
    pub(crate) view: Arc<View>,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) bounds: Arc<AgeBounds>,
    pub(crate) freshness: Freshness,
}

/// What the database says.
struct StoredFigures {
    totals: LedgerTotals,
    meta: LogState,
}

impl ServiceMetrics {
    /// Brings every gauge up to date.
    pub(crate) async fn refresh(self) {
        self.show_view();
        self.show_ages();
        // A scrape that hangs is a scrape that is missing; the last value says at least when it
        // stopped moving.
        match tokio::time::timeout(SCRAPE_TIMEOUT, self.read_stored()).await {
            Ok(Ok(stored)) => self.show_stored(&stored),
            Ok(Err(error)) => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "The database gave no service metrics");
            }
            Err(_elapsed) => {
                freshet_runtime::summed_up!(warn, "The database gave no service metrics in time");
            }
        }
        match tokio::time::timeout(SCRAPE_TIMEOUT, self.bus.depths()).await {
            Ok(Ok(depths)) => self.show_depths(depths),
            Ok(Err(error)) => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "The bus did not say how deep its queues are");
            }
            Err(_elapsed) => {
                freshet_runtime::summed_up!(
                    warn,
                    "The bus did not say in time how deep its queues are"
                );
            }
        }
    }

    async fn read_stored(&self) -> Result<StoredFigures, RepoError> {
        Ok(StoredFigures {
            totals: self.repo.ledger_totals().await?,
            meta: self.repo.meta().await?,
        })
    }

    fn show_view(&self) {
        let (kinds, problems) = self.view.read(|state| {
            let kinds: Vec<(String, usize)> = state
                .kind_counts()
                .map(|(kind, entities)| (kind.to_owned(), entities))
                .collect();
            (kinds, state.problem_counts())
        });
        for (kind, entities) in kinds {
            self.gauges
                .entities
                .get_or_create(&EntityKindLabels { kind })
                .set(to_gauge(entities));
        }
        for (level, problems) in [
            (ProblemLevel::Error, problems.errors),
            (ProblemLevel::Warning, problems.warnings),
        ] {
            self.gauges
                .problems
                .get_or_create(&LevelLabels { level })
                .set(to_gauge(problems));
        }
    }

    fn show_stored(&self, stored: &StoredFigures) {
        let now = self.clock.now_micros();
        let gauges = &self.gauges;
        let committed = stored.meta.revision;
        gauges.revision.set(committed.get());
        gauges.relay_lag.set(self.published.lag(committed));
        gauges
            .view_lag
            // The view may have moved on since the database was asked.
            .set((committed.get() - self.view.revision().get()).max(0));
        gauges.removals.set(stored.totals.held_removals);
        gauges.uncovered.set(stored.totals.uncovered);
        gauges.behind.set(stored.totals.behind_sources);
        let oldest = match stored.totals.oldest_uncovered_received_at {
            0 => 0.0,
            received_at => seconds_between(received_at, now),
        };
        gauges.oldest_uncovered.set(oldest);
    }

    fn show_ages(&self) {
        let now = self.clock.now_micros();
        let polled = self.freshness.polled();
        let statuses = polled.statuses.iter();
        let sources: Vec<SourceAge> = statuses
            .map(|status| self.bounds.age_of_source(status, now))
            .collect();
        // Kept by the view: to count here would hold up the pipeline for as long as the catalog is large.
        let entities_of: HashMap<SourceId, i64> = self.view.read(|state| {
            let counts = state.source_counts();
            counts.map(|(id, count)| (id, to_gauge(count))).collect()
        });
        let AgeSummary {
            oldest,
            median,
            p95,
            by_verdict,
        } = summarise_ages(&sources, &entities_of, now);
        for (statistic, age) in [
            (AgeStatistic::Median, median),
            (AgeStatistic::P95, p95),
            (AgeStatistic::Oldest, oldest),
        ] {
            self.gauges
                .age_of_truth
                .get_or_create(&AgeLabels { statistic })
                .set(age);
        }
        // All of them, those with 0 as well: a gauge that is not set keeps its last value.
        for verdict in FreshnessVerdict::ALL.iter().copied() {
            let judged = sources.iter().filter(|source| source.verdict == verdict);
            self.gauges
                .sources
                .get_or_create(&SourceVerdictLabels { verdict })
                .set(to_gauge(judged.count()));
            self.gauges
                .entities_by_verdict
                .get_or_create(&EntityVerdictLabels { verdict })
                .set(by_verdict.get(&verdict).copied().unwrap_or(0));
        }
    }

    fn show_depths(&self, depths: Vec<StreamDepth>) {
        let to_gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for depth in depths {
            let stream = depth.stream.clone();
            self.gauges
                .stream_messages
                .get_or_create(&StreamMessagesLabels { stream })
                .set(to_gauge(depth.messages));
            let stream = depth.stream;
            self.gauges
                .stream_bytes
                .get_or_create(&StreamBytesLabels { stream })
                .set(to_gauge(depth.bytes));
        }
    }
}

fn to_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_of_a_relay_grows_while_it_is_stuck() {
        let published = PublishedRevision::default();
        let lag = |committed| published.lag(Revision::new(committed));
        assert_eq!(lag(5), 0, "nothing is relayed");
        published.clone().set(Revision::default());
        assert_eq!(lag(5_000), 5_000);
        published.set(Revision::new(4_990));
        assert_eq!(lag(5_000), 10);
        assert_eq!(lag(4_000), 0);
    }
}
