//! What time it is, as something that is handed in.
//!
//! Times are integer microseconds since the Unix epoch, UTC, as the databases and messages hold them.
//! A service asks its clock and nothing else, so that a test decides what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of the current time; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(TimeSource);

#[derive(Clone, Debug)]
enum TimeSource {
    System,
    // Atomic and not locked: everything asks the time, and a test moves it from another task.
    Manual(Arc<AtomicI64>),
}

/// The hand that moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(TimeSource::System)
    }

    /// A clock that stands at `start_micros` until its hand is moved.
    #[must_use]
    pub fn manual(start_micros: i64) -> (Self, ManualClock) {
        let micros = Arc::new(AtomicI64::new(start_micros));
        (
            Self(TimeSource::Manual(Arc::clone(&micros))),
            ManualClock(micros),
        )
    }

    /// Microseconds since the Unix epoch, UTC.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        match &self.0 {
            TimeSource::System => system_micros(),
            TimeSource::Manual(micros) => micros.load(Ordering::SeqCst),
        }
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(to_micros(by), Ordering::SeqCst);
    }

    /// Puts the clock at a time, also an earlier one.
    pub fn set_micros(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock itself")]
fn system_micros() -> i64 {
    // A machine whose clock stands before 1970 reads as the epoch rather than as an error nobody could handle.
    to_micros(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn to_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_its_hand() {
        let (clock, hand) = Clock::manual(7);
        assert_eq!(clock.now_micros(), 7);
        hand.advance(Duration::from_millis(2));
        assert_eq!(clock.clone().now_micros(), 2_007);
        hand.set_micros(1);
        assert_eq!(clock.now_micros(), 1);
    }

    #[test]
    fn the_system_clock_is_past_the_year_2024() {
        assert!(Clock::system().now_micros() > 1_704_067_200_000_000);
    }
}
