//! Looks at what is under way, and tells the log, the metrics and the screen.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::board::ProgressBoard;
use super::estimate::Progress;
use crate::metrics::Registry;

/// How often the log is told of work that goes on, unless the configuration says otherwise.
pub const PROGRESS_LOGGED_EVERY: Duration = Duration::from_secs(10);
/// How often work is looked at for the metrics and its pace.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same where somebody watches.
const LOOK_EVERY_ON_SCREEN: Duration = Duration::from_millis(250);
/// Work that stands still is told of less and less often, and at least this often.
const STANDSTILL_LOGGED_EVERY: Duration = Duration::from_secs(5 * 60);
/// A gauge of what nobody knows. 0 would be an end.
const UNKNOWN: f64 = f64::NAN;

crate::metrics! {
    /// How far long work is.
    struct ProgressGauges {
        /// Amount done of work that is under way, 0 when it has ended.
        "work_done" => done: Gauge by WorkDoneLabels { work: &'static str };
        /// Amount of work that is under way as far as it is known, 0 when it has ended.
        "work_total" => total: Gauge by WorkTotalLabels { work: &'static str };
        /// Time that work will still take, NaN while that is not known, 0 when it has ended.
        "work_left_seconds" => left: FloatGauge by WorkLeftLabels { work: &'static str };
    }
}

/// Looks at a board until it is told to stop.
pub struct ProgressReporter {
    board: ProgressBoard,
    gauges: ProgressGauges,
    logged_every: Duration,
    /// Labels of the work that was under way at the last look.
    shown: BTreeSet<&'static str>,
}

/// When the log was last told of a piece of work. Pure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogPace {
    /// How long it had been under way, and how much was done then; nothing if the log was never told.
    told: Option<(Duration, u64)>,
    /// How long it stands still before the log is told again; 0 is as often as if it moved.
    standstill: Duration,
}

impl LogPace {
    /// Whether the log is to be told now, which is then taken for done. Work that stands still is told of with pauses that
    /// double, up to five minutes.
    pub(super) fn is_due(&mut self, elapsed: Duration, done: u64, every: Duration) -> bool {
        let (told_at, told_done) = self.told.unwrap_or_default();
        let has_moved = self.told.is_none() || done != told_done;
        let pause = if has_moved {
            every
        } else {
            every.max(self.standstill)
        };
        if elapsed.saturating_sub(told_at) < pause {
            return false;
        }
        self.standstill = if has_moved {
            every
        } else {
            (pause * 2).min(STANDSTILL_LOGGED_EVERY.max(every))
        };
        self.told = Some((elapsed, done));
        true
    }

    /// Whether the log was ever told, and so is to be told of the end.
    pub(super) fn is_told(&self) -> bool {
        self.told.is_some()
    }
}

impl ProgressReporter {
    /// A reporter of this board, which tells the log of each piece of work this often.
    #[must_use]
    pub fn new(board: ProgressBoard, registry: &Registry, logged_every: Duration) -> Self {
        Self {
            board,
            gauges: ProgressGauges::register(registry),
            logged_every,
            shown: BTreeSet::new(),
        }
    }

    /// Looks until `shutdown`.
    ///
    /// # Errors
    ///
    /// Never.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let look_every = if self.board.has_screen() {
            LOOK_EVERY_ON_SCREEN
        } else {
            LOOK_EVERY
        };
        let mut every = tokio::time::interval(look_every.min(self.logged_every));
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => {
                    self.board.show(&[]);
                    return Ok(());
                }
                _ = every.tick() => self.report(),
            }
        }
    }

    fn report(&mut self) {
        let mut labels = BTreeSet::new();
        let mut progresses = Vec::new();
        for state in self.board.states() {
            let progress = self.board.look(&state);
            state.log_if_due(&progress, self.logged_every);
            self.gauges.set(state.name.label, Some(&progress));
            labels.insert(state.name.label);
            progresses.push(progress);
        }
        for ended in self.shown.difference(&labels) {
            self.gauges.set(ended, None);
        }
        self.shown = labels;
        self.board.show(&progresses);
    }
}

impl ProgressGauges {
    fn set(&self, work: &'static str, progress: Option<&Progress>) {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (done, total, left) = match progress {
            // What is known of the total, whether or not it is the last word: `done` is never shown without it.
            Some(progress) => (
                gauge(progress.done()),
                gauge(progress.total().so_far().unwrap_or(progress.done())),
                progress.left().map_or(UNKNOWN, |left| left.as_secs_f64()),
            ),
            None => (0, 0, 0.0),
        };
        let labels = WorkDoneLabels { work };
        self.done.get_or_create(&labels).set(done);
        let labels = WorkTotalLabels { work };
        self.total.get_or_create(&labels).set(total);
        let labels = WorkLeftLabels { work };
        self.left.get_or_create(&labels).set(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::progress::{Total, WorkName};

    const EVERY: Duration = Duration::from_secs(10);

    /// The seconds at which the log is told of work that has done this much at these (from second, done).
    fn told(moves: &[(u64, u64)], until: u64) -> Vec<u64> {
        let mut pace = LogPace::default();
        let done_at = |second: u64| {
            let moved = moves.iter().rev().find(|(from, _)| *from <= second);
            moved.map_or(0, |(_, done)| *done)
        };
        let seconds = 0..=until;
        seconds
            .filter(|second| pace.is_due(Duration::from_secs(*second), done_at(*second), EVERY))
            .collect()
    }

    #[test]
    fn work_that_goes_on_is_told_of_every_ten_seconds() {
        let moving: Vec<(u64, u64)> = (0..60).map(|second| (second, second)).collect();
        assert!(told(&moving, 9).is_empty());
        assert_eq!(told(&moving, 45), [10, 20, 30, 40]);
    }

    #[test]
    fn work_that_stands_still_is_told_of_less_and_less_often() {
        assert_eq!(told(&[], 400), [10, 20, 40, 80, 160, 320]);
        let hours = told(&[], 4_000);
        assert!(hours.windows(2).all(|pair| pair[1] - pair[0] <= 300));
        // As soon as it moves it is told of as usual.
        assert_eq!(told(&[(100, 1)], 125), [10, 20, 40, 80, 100, 110]);
    }

    #[tokio::test]
    async fn the_gauges_are_those_of_the_work_and_end_at_nothing() {
        let (clock, hand) = Clock::manual(0);
        let (board, registry) = (ProgressBoard::new(clock), Registry::new("catalog"));
        let mut reporter = ProgressReporter::new(board.clone(), &registry, EVERY);
        let work = board.begin(WorkName {
            label: "reading_sources",
            title: "reading sources",
        });
        work.set_total(Total::Exactly(100));
        reporter.report();
        let shows = |metric: &str, value: &str| {
            let line = format!("catalog_work_{metric}{{work=\"reading_sources\"}} {value}\n");
            let text = registry.encode();
            assert!(text.contains(&line), "{line} is not in {text}");
        };
        shows("done", "0");
        shows("total", "100");
        shows("left_seconds", "NaN");
        for _ in 0..5 {
            hand.advance(Duration::from_secs(1));
            work.add_done(10);
            reporter.report();
        }
        shows("done", "50");
        shows("left_seconds", "5.0");
        drop(work);
        reporter.report();
        for metric in ["done", "total"] {
            shows(metric, "0");
        }
        shows("left_seconds", "0.0");
    }

    #[tokio::test(start_paused = true)]
    async fn the_screen_is_cleared_at_the_end() {
        let shown = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let screen = std::sync::Arc::clone(&shown);
        let board = ProgressBoard::with_screen(Clock::system(), move |progresses| {
            let titles: Vec<&str> = progresses.iter().map(Progress::title).collect();
            screen.lock().expect("no panic").push(titles.join(" "));
        });
        let reporter = ProgressReporter::new(board.clone(), &Registry::new("catalog"), EVERY);
        let shutdown = CancellationToken::new();
        let _work = board.begin(WorkName {
            label: "loading",
            title: "loading",
        });
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            shutdown.cancel();
        };
        let (ended, ()) = tokio::join!(reporter.run(shutdown.clone()), stopping);
        assert_eq!(ended, Ok(()));
        let shown = shown.lock().expect("no panic");
        assert_eq!(*shown, ["loading", "loading", ""]);
    }
}
