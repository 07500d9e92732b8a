//! Keeps the ledger's word on each source at hand.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use freshet_model::SourceId;
use freshet_runtime::error_chain::Chain;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::repo::{Repo, RepoError, SourceStatus};

/// How each source stands, a few seconds old at most.
#[derive(Clone, Debug, Default)]
pub struct Freshness(Arc<ArcSwap<PolledSources>>);

/// What the ledger said when it was last asked.
#[derive(Debug, Default)]
pub(crate) struct PolledSources {
    verified: HashMap<SourceId, i64>,
    /// All of it: a scrape that asked for itself would read the whole table once more.
    pub(crate) statuses: Vec<SourceStatus>,
}

impl Freshness {
    /// When equality with a source was last proved, microseconds UTC; `None` if never, as far as we know.
    #[must_use]
    pub fn verified_at(&self, source_id: SourceId) -> Option<i64> {
        self.0.load().verified.get(&source_id).copied()
    }

    /// How every source stood when the ledger was last asked.
    pub(crate) fn polled(&self) -> Arc<PolledSources> {
        self.0.load_full()
    }

    /// Takes in what the ledger says now.
    pub fn take_in(&self, statuses: Vec<SourceStatus>) {
        let verified = statuses
            .iter()
            .filter_map(|source| Some((source.id, source.verified_at?)))
            .collect();
        // Replaced as a whole, so that a read takes no lock.
        self.0.store(Arc::new(PolledSources { verified, statuses }));
    }
}

/// Looks at the ledger at a steady pace.
pub struct FreshnessPoller {
    repo: Repo,
    freshness: Freshness,
    every: Duration,
}

impl FreshnessPoller {
    /// A poller that looks this often.
    #[must_use]
    pub fn new(repo: Repo, freshness: Freshness, every: Duration) -> Self {
        Self {
            repo,
            freshness,
            every,
        }
    }

    /// Polls until `shutdown`.
    ///
    /// # Errors
    ///
    /// Never: a ledger that cannot be read is read again later.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.poll_ledger().await {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "The freshness of the sources could not be read");
            }
        }
    }

    async fn poll_ledger(&self) -> Result<(), RepoError> {
        self.freshness.take_in(self.repo.source_statuses().await?);
        Ok(())
    }
}
