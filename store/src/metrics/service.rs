//! What is true of the whole service, whichever process is asked: computed from the database, the view
//! and the bus when the metrics are scraped.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use freshet_bus::{Bus, StreamDepth};
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use freshet_runtime::metrics::Registry;
use freshet_runtime::metrics::prometheus_client::encoding::EncodeLabelSet;
use freshet_runtime::metrics::prometheus_client::metrics::family::Family;
use freshet_runtime::metrics::prometheus_client::metrics::gauge::Gauge;

use super::instance::seconds_between;
use super::label::{AgeStatistic, ProblemLevel};
use crate::freshness::{AgeBounds, AgeSummary, FreshnessVerdict, JudgedSource, summarise_ages};
use crate::repo::{LedgerTotals, Meta, Repo, RepoError};
use crate::view::View;

/// A scrape waits this long for the database and the bus; what did not answer keeps its last value.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(2);

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    verdict: FreshnessVerdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LevelLabels {
    level: ProblemLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AgeLabels {
    statistic: AgeStatistic,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabels {
    stream: String,
}

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
    pub(crate) fn set(&self, revision: i64) {
        self.0.store(revision, Ordering::Relaxed);
    }

    /// Committed changes that are not in the stream; 0 where nothing is relayed.
    fn lag(&self, committed: i64) -> i64 {
        match self.0.load(Ordering::Relaxed) {
            // On the memory bus nothing is relayed, and nothing lags.
            NOWHERE => 0,
            published => (committed - published).max(0),
        }
    }
}

/// The gauges themselves. What other tasks report is public to the crate.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceGauges {
    entities: Family<KindLabels, Gauge>,
    entities_by_verdict: Family<VerdictLabels, Gauge>,
    sources: Family<VerdictLabels, Gauge>,
    age_of_truth: Family<AgeLabels, Seconds>,
    problems: Family<LevelLabels, Gauge>,
    removals: Gauge,
    revision: Gauge,
    view_lag: Gauge,
    relay_lag: Gauge,
    pub(crate) published: PublishedRevision,
    uncovered: Gauge,
    oldest_uncovered: Seconds,
    behind: Gauge,
    stream_messages: Family<StreamLabels, Gauge>,
    stream_bytes: Family<StreamLabels, Gauge>,
}

impl ServiceGauges {
    /// Creates the gauges and registers each of them.
    pub(crate) fn register(registry: &Registry) -> Self {
        let gauges = Self::default();
        gauges.register_catalog(registry);
        gauges.register_pipeline(registry);
        gauges
    }

    fn register_catalog(&self, registry: &Registry) {
        registry.register("entities_count", "Entities by kind", self.entities.clone());
        registry.register(
            "entities_by_verdict",
            "Entities by the verdict on their source",
            self.entities_by_verdict.clone(),
        );
        registry.register("sources", "Sources by verdict", self.sources.clone());
        registry.register(
            "age_of_truth_seconds",
            "Time since the sources of the entities were last proved equal",
            self.age_of_truth.clone(),
        );
        registry.register("problems", "Open problems by level", self.problems.clone());
        registry.register(
            "removals_held",
            "Removals that wait for a confirmation or a second look",
            self.removals.clone(),
        );
        registry.register(
            "revision",
            "Revision of the newest committed change",
            self.revision.clone(),
        );
    }

    fn register_pipeline(&self, registry: &Registry) {
        registry.register(
            "view_lag_revisions",
            "Committed changes that this process does not serve yet",
            self.view_lag.clone(),
        );
        registry.register(
            "relay_lag_revisions",
            "Committed changes whose events are not published yet",
            self.relay_lag.clone(),
        );
        registry.register(
            "deliveries_uncovered",
            "Signals whose effect is not proved yet",
            self.uncovered.clone(),
        );
        registry.register(
            "oldest_uncovered_delivery_age_seconds",
            "Age of the oldest signal whose effect is not proved yet",
            self.oldest_uncovered.clone(),
        );
        registry.register(
            "sources_behind",
            "Sources that may have changed and were not looked at since",
            self.behind.clone(),
        );
        registry.register(
            "stream_messages",
            "Messages that wait or are in flight, by stream",
            self.stream_messages.clone(),
        );
        registry.register(
            "stream_bytes",
            "Bytes of messages that wait or are in flight, by stream",
            self.stream_bytes.clone(),
        );
    }
}

/// Computes the service metrics.
#[derive(Clone)]
pub(crate) struct ServiceMetrics {
    pub(crate) gauges: ServiceGauges,
    pub(crate) repo: Repo,
    pub(crate) view: Arc<View>,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) bounds: Arc<AgeBounds>,
}

/// What the database says.
struct StoredFigures {
    totals: LedgerTotals,
    meta: Meta,
    sources: Vec<JudgedSource>,
}

impl ServiceMetrics {
    /// Brings every gauge up to date.
    pub(crate) async fn refresh(self) {
        self.show_view();
        // A scrape that hangs is a scrape that is missing; the last value says at least when it
        // stopped moving.
        match tokio::time::timeout(SCRAPE_TIMEOUT, self.read_stored()).await {
            Ok(Ok(stored)) => self.show_stored(&stored),
            Ok(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "The database gave no service metrics");
            }
            Err(_elapsed) => tracing::warn!("The database gave no service metrics in time"),
        }
        match tokio::time::timeout(SCRAPE_TIMEOUT, self.bus.depths()).await {
            Ok(Ok(depths)) => self.show_depths(depths),
            Ok(Err(error)) => {
                tracing::warn!(error = %Chain(&error), "The bus did not say how deep its queues are");
            }
            Err(_elapsed) => tracing::warn!("The bus did not say in time how deep its queues are"),
        }
    }

    async fn read_stored(&self) -> Result<StoredFigures, RepoError> {
        let now = self.clock.now_micros();
        let statuses = self.repo.source_statuses().await?;
        Ok(StoredFigures {
            totals: self.repo.ledger_totals().await?,
            meta: self.repo.meta().await?,
            sources: statuses
                .into_iter()
                .map(|status| self.bounds.judge_source(status, now))
                .collect(),
        })
    }

    fn show_view(&self) {
        let (kinds, problems) = self.view.read(|state| {
            let kinds: Vec<(String, usize)> = state
                .kind_counts()
                .map(|(kind, entities)| (kind.to_owned(), entities))
                .collect();
            // Counted in one look, so that the two figures are of the same moment.
            let warnings = state.problems().filter(|it| !it.problem.is_error()).count();
            (kinds, [state.problems().count() - warnings, warnings])
        });
        for (kind, entities) in kinds {
            self.gauges
                .entities
                .get_or_create(&KindLabels { kind })
                .set(to_gauge(entities));
        }
        for (level, problems) in [ProblemLevel::Error, ProblemLevel::Warning]
            .into_iter()
            .zip(problems)
        {
            self.gauges
                .problems
                .get_or_create(&LevelLabels { level })
                .set(to_gauge(problems));
        }
    }

    fn show_stored(&self, stored: &StoredFigures) {
        let now = self.clock.now_micros();
        let gauges = &self.gauges;
        gauges.revision.set(stored.meta.revision);
        gauges
            .relay_lag
            .set(gauges.published.lag(stored.meta.revision));
        gauges
            .view_lag
            // The view may have moved on since the database was asked.
            .set((stored.meta.revision - self.view.revision()).max(0));
        gauges.removals.set(stored.totals.held_removals);
        gauges.uncovered.set(stored.totals.uncovered);
        gauges.behind.set(stored.totals.behind_sources);
        let oldest = match stored.totals.oldest_uncovered_received_at {
            0 => 0.0,
            received_at => seconds_between(received_at, now),
        };
        gauges.oldest_uncovered.set(oldest);
        self.show_ages(&stored.sources, now);
    }

    fn show_ages(&self, sources: &[JudgedSource], now: i64) {
        let entities_of = self.view.read(|state| {
            let mut entities_of: HashMap<i64, i64> = HashMap::new();
            for record in state.entities() {
                *entities_of.entry(record.source_id).or_default() += 1;
            }
            entities_of
        });
        let AgeSummary {
            oldest,
            median,
            p95,
            by_verdict,
        } = summarise_ages(sources, &entities_of, now);
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
            let labels = VerdictLabels { verdict };
            let judged = sources.iter().filter(|source| source.verdict == verdict);
            self.gauges
                .sources
                .get_or_create(&labels)
                .set(to_gauge(judged.count()));
            self.gauges
                .entities_by_verdict
                .get_or_create(&labels)
                .set(by_verdict.get(&verdict).copied().unwrap_or(0));
        }
    }

    fn show_depths(&self, depths: Vec<StreamDepth>) {
        for depth in depths {
            let labels = StreamLabels {
                stream: depth.stream,
            };
            self.gauges
                .stream_messages
                .get_or_create(&labels)
                .set(i64::try_from(depth.messages).unwrap_or(i64::MAX));
            self.gauges
                .stream_bytes
                .get_or_create(&labels)
                .set(i64::try_from(depth.bytes).unwrap_or(i64::MAX));
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
        assert_eq!(published.lag(5), 0, "nothing is relayed");
        published.clone().set(0);
        assert_eq!(published.lag(5_000), 5_000);
        published.set(4_990);
        assert_eq!(published.lag(5_000), 10);
        assert_eq!(published.lag(4_000), 0);
    }
}
