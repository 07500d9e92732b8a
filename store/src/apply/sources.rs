//! What a reading or a failure does to its source. Pure.

use std::time::Duration;

use freshet_proto::message::{ListingObserved, RepositoryObserved};

use super::choose::{Obstacle, Reading, Setback};
use crate::ledger::raise;
use crate::repo::{Lane, LocationOutcome, LocationRow, SourceRow};

/// First wait after a failure; it doubles with each further one.
const BACK_OFF_FIRST: Duration = Duration::from_secs(2);
/// Longest wait for what goes away by itself: the sources of an outage are proved again within a
/// minute of its end.
const BACK_OFF_PASSING_MAX: Duration = Duration::from_secs(30);
/// Longest wait for what somebody has to remove.
const BACK_OFF_LASTING_MAX: Duration = Duration::from_secs(15 * 60);
const DOUBLINGS_MAX: u32 = 16;

/// A complete reading of a repository was applied.
///
/// Returns whether the repository must be read once more: it was renamed, and the files that were
/// not read again still carry its old address.
pub(super) fn repository_proved(
    source: &mut SourceRow,
    reading: &Reading<RepositoryObserved>,
    renamed_before: bool,
    unread_locations: bool,
    now: i64,
) -> bool {
    source.head.clone_from(&reading.observed.head);
    source.fingerprint.clone_from(&reading.fingerprint);
    proved(source, reading, now);
    let again = renamed_before && unread_locations;
    if again {
        source.fingerprint.clear();
        raise(source, Lane::Lo, reading.cause.clone(), now);
    }
    again
}

/// A complete listing was applied.
pub(super) fn listing_proved(source: &mut SourceRow, reading: &Reading<ListingObserved>, now: i64) {
    source.fingerprint.clone_from(&reading.fingerprint);
    proved(source, reading, now);
}

fn proved<T>(source: &mut SourceRow, reading: &Reading<T>, now: i64) {
    source.done = reading.generation;
    source.verified_at = if reading.fetched_at > 0 {
        reading.fetched_at
    } else {
        now
    };
    source.mechanism.clone_from(&reading.cause.mechanism);
    source.fail_count = 0;
    source.last_error.clear();
    source.next_due_at = 0;
    if !source.is_outstanding() {
        source.push_before.clear();
        source.push_after.clear();
    }
}

/// A source could not be read: it is tried again later and later, until a signal comes.
pub(super) fn set_back(source: &mut SourceRow, setback: &Setback, now: i64, jitter: f64) {
    source.fail_count += 1;
    source.last_error.clone_from(&setback.message);
    source.next_due_at = now + micros(back_off(source.fail_count, setback.obstacle, jitter));
    source.enqueued_at = 0;
}

/// Between half and the whole of the doubled wait, so that sources that failed together do not
/// return together. `jitter` is between 0 and 1.
fn back_off(fail_count: i64, obstacle: Obstacle, jitter: f64) -> Duration {
    let wait_max = match obstacle {
        Obstacle::Passing => BACK_OFF_PASSING_MAX,
        Obstacle::Lasting => BACK_OFF_LASTING_MAX,
    };
    let doublings = u32::try_from(fail_count.saturating_sub(1))
        .unwrap_or(DOUBLINGS_MAX)
        .min(DOUBLINGS_MAX);
    let whole = BACK_OFF_FIRST
        .saturating_mul(1 << doublings)
        .min(wait_max);
    whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Whether a location holds anything of the source.
pub(super) fn holds_content(location: &LocationRow) -> bool {
    match location.outcome {
        LocationOutcome::Content | LocationOutcome::Poisoned => true,
        LocationOutcome::Unread | LocationOutcome::Gone => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fail_count: i64, obstacle: Obstacle, jitter: f64, expected_ms: u64) {
        assert_eq!(
            back_off(fail_count, obstacle, jitter),
            Duration::from_millis(expected_ms)
        );
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        check(1, Obstacle::Lasting, 0.0, 1_000);
        check(1, Obstacle::Lasting, 1.0, 2_000);
        check(2, Obstacle::Lasting, 1.0, 4_000);
        check(5, Obstacle::Lasting, 0.0, 16_000);
        check(40, Obstacle::Lasting, 1.0, 900_000);
    }

    #[test]
    fn what_goes_away_by_itself_is_never_waited_for_long() {
        check(1, Obstacle::Passing, 1.0, 2_000);
        check(5, Obstacle::Passing, 1.0, 30_000);
        check(40, Obstacle::Passing, 0.0, 15_000);
    }
}
