//! Keeps the search index close behind the view, so that who asks seldom has to.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::shared::View;

/// What changes within this time is taken in together. Who asks earlier takes it in himself.
const GATHERED_FOR: Duration = Duration::from_millis(20);
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
            // A transaction folds many rows, and the next one comes soon.
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(GATHERED_FOR) => {}
            }
            while !shutdown.is_cancelled() && self.index_rounds().await {}
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
