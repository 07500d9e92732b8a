//! The view that everybody reads and one task at a time folds into.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use freshet_model::Revision;
use freshet_runtime::progress::Work;
use tokio::sync::watch;

use super::index::{SearchIndex, build_index};
use super::state::CatalogState;
use crate::change::{ChangeRow, Snapshot};

/// Entities that the search index takes in under one lock of the state, for which a fold waits.
const TAKEN_IN_AT_ONCE: usize = 32;

/// The catalog in memory. Shared by everything that reads it.
#[derive(Debug)]
pub struct View {
    state: RwLock<CatalogState>,
    /// Follows the state; locked after it.
    index: RwLock<SearchIndex>,
    revisions: watch::Sender<Revision>,
}

impl View {
    /// The view of a snapshot.
    #[must_use]
    pub fn load(snapshot: Snapshot) -> Arc<Self> {
        Self::load_counted(snapshot, &Work::untold())
    }

    /// The same, counting the entities that are in.
    #[must_use]
    pub fn load_counted(snapshot: Snapshot, work: &Work) -> Arc<Self> {
        let state = CatalogState::load(snapshot, work);
        let index = build_index(&state);
        // A watch keeps the newest only: who waits for a revision does not care about those in
        // between.
        let (revisions, _) = watch::channel(state.revision());
        Arc::new(Self {
            state: RwLock::new(state),
            index: RwLock::new(index),
            revisions,
        })
    }

    /// The revision that reads see at least.
    #[must_use]
    pub fn revision(&self) -> Revision {
        *self.revisions.borrow()
    }

    /// Takes in rows of the log, in order. Rows that are already in are skipped; at a gap it stops,
    /// and the [`ViewFollower`](super::ViewFollower) closes it from the log.
    pub fn fold(&self, rows: &[ChangeRow]) {
        let revision = {
            // A panic in `fold` cannot leave the state half changed in a way a later row would not
            // overwrite, and a process without a view serves nothing: go on.
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            for row in rows {
                if !state.fold_row(row) {
                    freshet_runtime::summed_up!(
                        warn,
                        revision = row.revision.get(),
                        view.revision = state.revision().get(),
                        "A row of the change log was not folded, as rows before it are missing"
                    );
                    break;
                }
            }
            state.revision()
        };
        // Two folds may get here in either order; the revision never goes back.
        self.revisions.send_if_modified(|current| {
            let is_newer = revision > *current;
            *current = revision.max(*current);
            is_newer
        });
    }

    /// Looks at the state. The closure must be short: a fold waits for it.
    pub fn read<R>(&self, look: impl FnOnce(&CatalogState) -> R) -> R {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the state and at the index of exactly that state. Whoever asks brings the index up to date, a few entities at a
    /// time, so that folds go between. The closure must be short.
    pub(crate) fn search<R>(&self, look: impl FnOnce(&CatalogState, &SearchIndex) -> R) -> R {
        loop {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let left = self.take_in_terms(&state);
            if left == 0 {
                // Nothing is noted while the state is locked, so the index stays the state's.
                let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
                return look(&state, &index);
            }
        }
    }

    /// Brings the index up to date in a few entities; answers how many are left.
    pub(super) fn index_some(&self) -> usize {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        self.take_in_terms(&state)
    }

    /// How many entities the index has yet to take in.
    pub(super) fn count_unindexed(&self) -> usize {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let pending = state.pending_terms();
        pending.len()
    }

    fn take_in_terms(&self, state: &CatalogState) -> usize {
        let mut pending = state.pending_terms();
        if pending.len() > 0 {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            pending.take_in(state, &mut index, TAKEN_IN_AT_ONCE);
        }
        pending.len()
    }

    /// Every revision the view reaches, the newest only. Subscribe before looking at the state.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.revisions.subscribe()
    }

    /// Waits until the view has reached `revision`; `false` if that takes longer than `timeout`.
    pub async fn reached(&self, revision: Revision, timeout: Duration) -> bool {
        let mut revisions = self.revisions();
        // It may be reached already, and then this returns at once.
        let reached = revisions.wait_for(|current| *current >= revision);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }
}
