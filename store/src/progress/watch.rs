//! Looks at what is outstanding, and tells how far the reading of sources is.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freshet_runtime::admin::Readiness;
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use freshet_runtime::progress::{ProgressBoard, Wait, Work, spell_count, spell_time_of_day};
use tokio_util::sync::CancellationToken;

use super::READING_SOURCES;
use super::reading::{ReadingFigures, ReadingLook, ReadingTracker, to_count};
use crate::apply::BACK_OFF_PASSING_MAX;
use crate::metrics::StoreMetrics;
use crate::micros::micros;
use crate::repo::{OutstandingReads, Repo};
use crate::view::{CatalogState, View};

/// A look takes as long as what is outstanding is large. It is not to take more than this part of the time.
const LOOK_SHARE: u32 = 20;
/// Longest pause between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Tells how far the reading of sources is.
pub(crate) struct ReadingWatch {
    pub(crate) repo: Repo,
    pub(crate) view: Arc<View>,
    pub(crate) clock: Clock,
    pub(crate) readiness: Readiness,
    pub(crate) board: ProgressBoard,
    pub(crate) metrics: Arc<StoreMetrics>,
    /// Conditions of readiness without which nothing is read.
    pub(crate) conditions: &'static [&'static str],
    /// How often it looks.
    pub(crate) every: Duration,
}

impl ReadingWatch {
    /// Looks until `shutdown`.
    ///
    /// # Errors
    ///
    /// Never: a database that does not answer is what the work waits for.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut tracker = ReadingTracker::default();
        let mut work = None;
        loop {
            let begin = Instant::now();
            self.look(&mut tracker, &mut work).await;
            let pause = pause_after(begin.elapsed(), self.every);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look(&self, tracker: &mut ReadingTracker, work: &mut Option<Work>) {
        let now = self.clock.now_micros();
        let soon_max = now + micros(BACK_OFF_PASSING_MAX);
        let seen = match self.repo.outstanding_reads(now, soon_max).await {
            Ok(seen) => seen,
            Err(error) => {
                let reason = format!("the database does not answer: {}", Chain(&error));
                if let Some(work) = work {
                    work.set_wait(Some(Wait {
                        reason,
                        until: None,
                    }));
                }
                return;
            }
        };
        match tracker.look(&seen, self.metrics.count_complete()) {
            ReadingLook::Idle => {}
            ReadingLook::Reading(figures) => {
                let work = work.get_or_insert_with(|| self.board.begin(READING_SOURCES));
                self.show(work, figures, &seen);
                work.set_wait(self.find_wait(&seen));
            }
            ReadingLook::Ended(figures) => {
                if let Some(work) = work.take() {
                    self.show(&work, figures, &seen);
                    work.set_remark(remark_on(figures.failed));
                }
            }
        }
    }

    fn show(&self, work: &Work, figures: ReadingFigures, seen: &OutstandingReads) {
        work.set_total(figures.total);
        work.set_done(figures.done);
        let entities = self.view.read(CatalogState::len);
        work.set_beside("entities", u64::try_from(entities).unwrap_or(u64::MAX));
        if seen.listings > 0 {
            work.set_beside("pages of listings", to_count(seen.pages));
        }
    }

    /// What is in the way of reading, if anything is.
    fn find_wait(&self, seen: &OutstandingReads) -> Option<Wait> {
        let mut reasons = self.conditions.iter();
        let unmet = reasons.find_map(|condition| self.readiness.reason(condition));
        let unmet = unmet.map(|reason| Wait {
            reason,
            until: None,
        });
        unmet
            .or_else(|| self.board.holdup())
            .or_else(|| wait_for_retries(seen))
    }
}

/// Nothing goes on if most of what is left has failed and is tried again later.
fn wait_for_retries(seen: &OutstandingReads) -> Option<Wait> {
    if seen.soon <= seen.due {
        return None;
    }
    let sources = spell_count(to_count(seen.soon));
    let next = spell_time_of_day(seen.next_due_at);
    Some(Wait {
        reason: format!("{sources} sources could not be read, the next is tried again at {next}"),
        until: None,
    })
}

/// What is said at the end of sources that could not be read.
fn remark_on(failed: u64) -> Option<String> {
    (failed > 0).then(|| {
        format!(
            "{} could not be read and are tried again",
            spell_count(failed)
        )
    })
}

/// How long to wait after a look that took this long.
fn pause_after(took: Duration, every: Duration) -> Duration {
    (took * LOOK_SHARE).clamp(every, LOOK_PAUSE_MAX.max(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_takes_long_is_repeated_less_often() {
        let pause = |took_ms, every_ms| {
            let (took, every) = (
                Duration::from_millis(took_ms),
                Duration::from_millis(every_ms),
            );
            pause_after(took, every).as_millis()
        };
        assert_eq!(pause(0, 1_000), 1_000);
        assert_eq!(pause(50, 1_000), 1_000);
        assert_eq!(pause(100, 1_000), 2_000);
        assert_eq!(pause(5_000, 1_000), 10_000);
        assert_eq!(pause(5_000, 20_000), 20_000);
    }

    #[test]
    fn retries_are_waited_for_when_most_has_failed() {
        let seen = |due, soon| OutstandingReads {
            due,
            soon,
            next_due_at: 1_700_000_645_000_000,
            ..OutstandingReads::default()
        };
        assert_eq!(wait_for_retries(&seen(10, 0)), None);
        assert_eq!(wait_for_retries(&seen(10, 10)), None);
        let wait = wait_for_retries(&seen(10, 6_880)).expect("it waits");
        assert_eq!(
            wait.reason,
            "6,880 sources could not be read, the next is tried again at 22:24:05 UTC"
        );
    }

    #[test]
    fn the_end_says_what_was_not_read() {
        assert_eq!(remark_on(0), None);
        assert_eq!(
            remark_on(1_005).as_deref(),
            Some("1,005 could not be read and are tried again")
        );
    }
}
