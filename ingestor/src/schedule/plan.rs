//! Which slot it is. Pure: time is passed in.

use std::time::Duration;

/// Start of the slot that `now` lies in, microseconds UTC. Slots are aligned to 1970, so every
/// ingestor computes the same ones.
pub(super) fn slot_at(now: i64, frequency: Duration) -> i64 {
    let length = slot_length(frequency);
    now.div_euclid(length) * length
}

/// How long after `now` the next slot starts.
pub(super) fn until_next_slot(now: i64, frequency: Duration) -> Duration {
    let next = slot_at(now, frequency) + slot_length(frequency);
    Duration::from_micros(next.saturating_sub(now).unsigned_abs())
}

fn slot_length(frequency: Duration) -> i64 {
    i64::try_from(frequency.as_micros())
        .unwrap_or(i64::MAX)
        // A configuration of zero would divide by it.
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: i64, frequency_micros: u64, expected_slot: i64, expected_wait: u64) {
        let frequency = Duration::from_micros(frequency_micros);
        assert_eq!(slot_at(now, frequency), expected_slot);
        assert_eq!(
            until_next_slot(now, frequency),
            Duration::from_micros(expected_wait)
        );
    }

    #[test]
    fn slots_are_aligned_and_never_empty() {
        check(0, 10, 0, 10);
        check(9, 10, 0, 1);
        check(10, 10, 10, 10);
        check(25, 10, 20, 5);
        check(-1, 10, -10, 1);
        check(7, 0, 7, 1);
    }
}
