//! When this process last had the right to write: what tells a writer that is busy from one that waits
//! for somebody else.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// No batch takes so long; a turn that does hangs.
const TURN_MAX: Duration = Duration::from_secs(30);

/// The turns of the one writer; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct WriterTurns(Arc<Mutex<NewestTurn>>);

#[derive(Debug, Default)]
struct NewestTurn {
    begun: Option<Instant>,
    ended: Option<Instant>,
}

/// A turn; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct WriterTurn(WriterTurns);

impl WriterTurns {
    /// Notes that a turn has begun.
    pub(super) fn begin(&self) -> WriterTurn {
        self.change(|turn| {
            *turn = NewestTurn {
                begun: Some(Instant::now()),
                ended: None,
            };
        });
        WriterTurn(self.clone())
    }

    /// Whether one is under way and does not hang, or ended less than `duration` ago.
    pub(super) fn were_taken_within(&self, duration: Duration) -> bool {
        let is_younger = |at: Option<Instant>, than| at.is_some_and(|at| at.elapsed() < than);
        self.change(|turn| match turn.ended {
            Some(_) => is_younger(turn.ended, duration),
            None => is_younger(turn.begun, TURN_MAX),
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut NewestTurn) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for WriterTurn {
    fn drop(&mut self) {
        self.0.change(|turn| turn.ended = Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn a_turn_counts_while_it_lasts_and_a_while_longer() {
        let turns = WriterTurns::default();
        assert!(!turns.were_taken_within(WITHIN), "none has begun");
        let turn = turns.begin();
        tokio::time::advance(2 * WITHIN).await;
        assert!(turns.were_taken_within(WITHIN), "it lasts");
        drop(turn);
        assert!(turns.were_taken_within(WITHIN), "it has just ended");
        tokio::time::advance(WITHIN).await;
        assert!(!turns.were_taken_within(WITHIN), "it is long over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_hangs_does_not_count() {
        let turns = WriterTurns::default();
        let _turn = turns.begin();
        tokio::time::advance(TURN_MAX).await;
        assert!(!turns.were_taken_within(WITHIN));
    }
}
