//! Follows the change log, for the rows another process wrote.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use freshet_runtime::error_chain::Chain;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::shared::View;
use crate::repo::{Repo, RepoError};

/// Rows taken from the log at once.
const PAGE_SIZE_MAX: i64 = 1_000;

/// Brings the view up to date with the log at a steady pace. The writer folds its own rows as it
/// commits them, so there it finds nothing to do.
pub struct ViewFollower {
    repo: Repo,
    view: Arc<View>,
    every: Duration,
}

impl ViewFollower {
    /// A follower that looks at the log this often.
    #[must_use]
    pub fn new(repo: Repo, view: Arc<View>, every: Duration) -> Self {
        Self { repo, view, every }
    }

    /// Follows until `shutdown`.
    ///
    /// # Errors
    ///
    /// Never: a log that cannot be read is read again later.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.catch_up().await {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "The change log could not be followed");
            }
        }
    }

    async fn catch_up(&self) -> Result<(), RepoError> {
        loop {
            let revision = self.view.revision();
            let rows = self.repo.changes_after(revision, PAGE_SIZE_MAX).await?;
            // Readers would wait for a fold of nothing.
            if rows.is_empty() {
                return Ok(());
            }
            self.view.fold(&rows);
            // A gap, which the log itself has: turning in circles would not close it.
            if self.view.revision() == revision {
                return Ok(());
            }
        }
    }
}
