//! Keeps the search index close behind the view, so that who asks seldom has to.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use freshet_model::Revision;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::shared::View;

/// Nothing is taken in before nothing has changed for this long: a transaction that is under way needs the processor more. Who asks
/// earlier takes it in himself.
const QUIET_FOR: Duration = Duration::from_millis(20);
/// But not more than so many entities are left to who asks.
const LEFT_TO_READERS_MAX: usize = 5_000;
/// Rounds before it is looked whether the process is to end.
const ROUNDS_AT_ONCE: usize = 64;

/// Takes into the search index what the view has folded.
pub struct ViewIndexer {
    view: Arc<View>,
}

impl ViewIndexer {
    /// An indexer of this view.
    #[must_use]
    pub fn new(view: Arc<View>) -> Self {
        Self { view }
    }

    /// Follows until `shutdown`.
    ///
    /// # Errors
    ///
    /// Never.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut revisions = self.view.revisions();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                changed = revisions.changed() => if changed.is_err() { return Ok(()) },
            }
            self.wait_until_quiet(&mut revisions, &shutdown).await;
            while !shutdown.is_cancelled() && self.index_rounds().await {}
        }
    }

    async fn wait_until_quiet(
        &self,
        revisions: &mut watch::Receiver<Revision>,
        shutdown: &CancellationToken,
    ) {
        loop {
            revisions.mark_unchanged();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(QUIET_FOR) => return,
                changed = revisions.changed() => {
                    let left = self.view.count_unindexed();
                    if changed.is_err() || left > LEFT_TO_READERS_MAX {
                        return;
                    }
                }
            }
        }
    }

    /// Takes in a good part; whether there is more.
    async fn index_rounds(&self) -> bool {
        let view = Arc::clone(&self.view);
        // Reading documents takes a thread its time.
        let rounds =
            tokio::task::spawn_blocking(move || (0..ROUNDS_AT_ONCE).all(|_| view.index_some() > 0));
        // Should it ever panic, who asks next meets the same, and says so.
        rounds.await.unwrap_or(false)
    }
}
