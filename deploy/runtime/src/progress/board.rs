//! The work that is under way in one process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::estimate::{Progress, Total, Wait};
use super::reporter::LogPace;
use crate::clock::Clock;

/// What work is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkName {
    /// As a label of metrics and a field of logs: `reading_sources`.
    pub label: &'static str,
    /// As the beginning of a line: "reading sources".
    pub title: &'static str,
}

/// All that is under way in one process; clones share it.
#[derive(Clone)]
pub struct ProgressBoard(Arc<Board>);

struct Board {
    clock: Clock,
    works: Mutex<Vec<Arc<WorkState>>>,
    /// Who asks us to stay away until when, in microseconds UTC, by his name.
    holdups: Mutex<BTreeMap<String, i64>>,
    screen: Option<Screen>,
}

/// Shows what is under way to whoever sits in front of the process.
type Screen = Box<dyn Fn(&[Progress]) + Send + Sync>;

/// A piece of work that is under way. It ends when this is dropped.
#[must_use = "the work ends when this is dropped"]
pub struct Work {
    board: ProgressBoard,
    state: Arc<WorkState>,
}

/// The kinds of a total, as an atomic number.
const UNKNOWN: u8 = 0;
const AT_LEAST: u8 = 1;
const EXACTLY: u8 = 2;

#[derive(Debug)]
pub(super) struct WorkState {
    pub(super) name: WorkName,
    done: AtomicU64,
    total: AtomicU64,
    total_kind: AtomicU8,
    // Only who looks takes these, and whoever works when what it waits for changes.
    progress: Mutex<Progress>,
    log_pace: Mutex<LogPace>,
    remark: Mutex<Option<String>>,
}

impl ProgressBoard {
    /// A board on which nothing is under way.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::of(clock, None)
    }

    /// A board that nobody looks at.
    #[must_use]
    pub fn unread() -> Self {
        Self::new(Clock::system())
    }

    /// A board that is shown on a screen whenever the reporter looks.
    #[must_use]
    pub fn with_screen(clock: Clock, show: impl Fn(&[Progress]) + Send + Sync + 'static) -> Self {
        Self::of(clock, Some(Box::new(show)))
    }

    fn of(clock: Clock, screen: Option<Screen>) -> Self {
        Self(Arc::new(Board {
            clock,
            works: Mutex::default(),
            holdups: Mutex::default(),
            screen,
        }))
    }

    /// Begins a piece of work of which nobody knows yet how much it is.
    pub fn begin(&self, name: WorkName) -> Work {
        let progress = Progress::begin(name.title, self.0.clock.now_micros());
        let state = Arc::new(WorkState {
            name,
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            total_kind: AtomicU8::new(UNKNOWN),
            progress: Mutex::new(progress),
            log_pace: Mutex::default(),
            remark: Mutex::default(),
        });
        lock(&self.0.works).push(Arc::clone(&state));
        Work {
            board: self.clone(),
            state,
        }
    }

    /// Notes that `who` asks us to stay away until a time, microseconds UTC. It need not be taken back: it passes.
    pub fn note_holdup(&self, who: &str, until: i64) {
        let now = self.0.clock.now_micros();
        let mut holdups = lock(&self.0.holdups);
        holdups.retain(|_, until| *until > now);
        holdups.insert(who.to_owned(), until);
    }

    /// Who asks us to stay away for longest, if anybody does.
    #[must_use]
    pub fn holdup(&self) -> Option<Wait> {
        let now = self.0.clock.now_micros();
        let holdups = lock(&self.0.holdups);
        let longest = holdups.iter().max_by_key(|(_, until)| **until)?;
        let (who, until) = longest;
        (*until > now).then(|| Wait {
            reason: format!("the rate limit of {who}"),
            until: Some(*until),
        })
    }

    /// How far everything is that is under way, in the order in which it began.
    #[must_use]
    pub fn list(&self) -> Vec<Progress> {
        let states = self.states();
        states.iter().map(|state| self.look(state)).collect()
    }

    pub(super) fn states(&self) -> Vec<Arc<WorkState>> {
        lock(&self.0.works).clone()
    }

    /// How far a piece of work is now.
    pub(super) fn look(&self, state: &WorkState) -> Progress {
        let (done, total) = (state.done.load(Ordering::Relaxed), state.total());
        let now = self.0.clock.now_micros();
        let mut progress = lock(&state.progress);
        progress.look(now, done, total);
        progress.clone()
    }

    pub(super) fn now_micros(&self) -> i64 {
        self.0.clock.now_micros()
    }

    pub(super) fn show(&self, progresses: &[Progress]) {
        if let Some(show) = &self.0.screen {
            show(progresses);
        }
    }

    pub(super) fn has_screen(&self) -> bool {
        self.0.screen.is_some()
    }
}

impl Work {
    /// Work that nobody is told of.
    pub fn untold() -> Self {
        ProgressBoard::unread().begin(WorkName {
            label: "",
            title: "",
        })
    }

    /// This much more is done.
    pub fn add_done(&self, more: u64) {
        self.state.done.fetch_add(more, Ordering::Relaxed);
    }

    /// This much is done in all.
    pub fn set_done(&self, done: u64) {
        self.state.done.store(done, Ordering::Relaxed);
    }

    /// How much there is to do.
    pub fn set_total(&self, total: Total) {
        let (kind, number) = match total {
            Total::Unknown => (UNKNOWN, 0),
            Total::AtLeast(number) => (AT_LEAST, number),
            Total::Exactly(number) => (EXACTLY, number),
        };
        // Whoever looks between the two sees a number with the wrong kind, for one look.
        self.state.total.store(number, Ordering::Relaxed);
        self.state.total_kind.store(kind, Ordering::Relaxed);
    }

    /// What it waits for, or that it does not wait.
    pub fn set_wait(&self, wait: Option<Wait>) {
        lock(&self.state.progress).set_wait(wait);
    }

    /// What is counted beside it.
    pub fn set_beside(&self, unit: &'static str, count: u64) {
        let now = self.board.now_micros();
        lock(&self.state.progress).look_beside(now, unit, count);
    }

    /// What its last line says besides the amounts, such as what is left undone.
    pub fn set_remark(&self, remark: Option<String>) {
        *lock(&self.state.remark) = remark;
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.board.look(&self.state)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        lock(&self.board.0.works).retain(|state| !Arc::ptr_eq(state, &self.state));
        // Nobody was told that it had begun, so nobody waits for its end.
        if lock(&self.state.log_pace).is_told() {
            let progress = self.board.look(&self.state);
            let remark = lock(&self.state.remark).take();
            log_end(&self.state, &progress, remark.as_deref());
        }
    }
}

impl WorkState {
    fn total(&self) -> Total {
        let number = self.total.load(Ordering::Relaxed);
        match self.total_kind.load(Ordering::Relaxed) {
            AT_LEAST => Total::AtLeast(number),
            EXACTLY => Total::Exactly(number),
            _ => Total::Unknown,
        }
    }

    /// Tells the log how far it is, if that was not done lately.
    pub(super) fn log_if_due(&self, progress: &Progress, every: Duration) {
        let mut pace = lock(&self.log_pace);
        if !pace.is_due(progress.elapsed(), progress.done(), every) {
            return;
        }
        tracing::info!(
            progress.work = self.name.label,
            progress.done = progress.done(),
            progress.total = progress.total().so_far(),
            progress.seconds_left = progress.left().map(|left| left.as_secs()),
            "{}",
            progress.to_line()
        );
    }
}

fn log_end(state: &WorkState, progress: &Progress, remark: Option<&str>) {
    tracing::info!(
        progress.work = state.name.label,
        progress.done = progress.done(),
        progress.total = progress.total().so_far(),
        duration_ms = u64::try_from(progress.elapsed().as_millis()).unwrap_or(u64::MAX),
        "{}",
        progress.to_last_line(remark)
    );
}

// What is behind these locks is plain numbers and texts, valid at every step, so a poisoned one is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: WorkName = WorkName {
        label: "reading_sources",
        title: "reading sources",
    };
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_board_shows_what_is_under_way_and_nothing_else() {
        let (clock, hand) = Clock::manual(0);
        let board = ProgressBoard::new(clock);
        assert_eq!(board.list(), []);
        let work = board.begin(READING);
        work.set_total(Total::Exactly(40));
        for _ in 0..4 {
            hand.advance(SECOND);
            work.add_done(5);
            let _seen = board.list();
        }
        work.set_beside("entities", 60);
        let lines: Vec<String> = board.list().iter().map(Progress::to_line).collect();
        assert_eq!(
            lines,
            ["reading sources: 20 of 40 (50 %), 5.0/s, about 4 s left; 60 entities"]
        );
        drop(work);
        assert_eq!(board.clone().list(), []);
    }

    #[test]
    fn a_holdup_passes_and_the_longest_counts() {
        let (clock, hand) = Clock::manual(0);
        let board = ProgressBoard::new(clock);
        assert_eq!(board.holdup(), None);
        board.note_holdup("ghe.acme.example", 2_000_000);
        board.note_holdup("github.com", 9_000_000);
        board.note_holdup("github.com", 5_000_000);
        let reason = "the rate limit of github.com".to_owned();
        let until = Some(5_000_000);
        assert_eq!(board.holdup(), Some(Wait { reason, until }));
        hand.advance(6 * SECOND);
        assert_eq!(board.holdup(), None);
    }
}
