//! How fast a count grows, over a sliding window. Pure.

use std::collections::VecDeque;

use super::text::MICROS_PER_SECOND;

/// What is longer ago says nothing about the pace of now.
const WINDOW_MICROS: i64 = 30_000_000;
/// Looks closer together than this are one: the window is bounded however often somebody looks.
const LOOKS_APART_MICROS: i64 = 500_000;
/// A window that is shorter shows a burst, not a pace.
const WINDOW_MEANINGFUL_MICROS: i64 = 3_000_000;
/// Times the count must have grown in the window: work comes in batches, and one of them is no pace.
const STEPS_MEANINGFUL: usize = 2;

/// A count as it was at a time, microseconds UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    at: i64,
    count: u64,
}

/// The pace of one count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    looks: VecDeque<Look>,
}

impl Pace {
    /// Takes in what the count is now.
    pub(super) fn look(&mut self, now: i64, count: u64) {
        if let Some(newest) = self.looks.back() {
            // A clock that was put back, or a count that began anew: what was seen before cannot be compared.
            if now < newest.at || count < newest.count {
                self.looks.clear();
            } else if now - newest.at < LOOKS_APART_MICROS {
                return;
            }
        }
        self.looks.push_back(Look { at: now, count });
        while self
            .looks
            .front()
            .is_some_and(|oldest| now - oldest.at > WINDOW_MICROS)
        {
            self.looks.pop_front();
        }
    }

    /// How many a second; `None` before that means something. 0 if nothing happened in the whole window.
    pub(super) fn per_second(&self) -> Option<f64> {
        let (oldest, newest) = (self.looks.front()?, self.looks.back()?);
        let micros = newest.at - oldest.at;
        if micros < WINDOW_MEANINGFUL_MICROS {
            return None;
        }
        let steps = self.looks.iter().zip(self.looks.iter().skip(1));
        let steps = steps.filter(|(before, after)| after.count > before.count);
        match steps.count() {
            0 => Some(0.0),
            steps if steps < STEPS_MEANINGFUL => None,
            _ => Some(
                as_float(newest.count - oldest.count) * MICROS_PER_SECOND / micros_as_float(micros),
            ),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a pace is a rounded figure, and counts are far below 2^52"
)]
pub(super) fn as_float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a window is of seconds")]
fn micros_as_float(micros: i64) -> f64 {
    micros as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts by the second, beginning with second 0; `-` where nobody looked.
    #[track_caller]
    fn check(counts: &str, expected: Option<f64>) {
        let mut pace = Pace::default();
        for (second, count) in (0_i64..).zip(counts.split_whitespace()) {
            if count != "-" {
                pace.look(second * 1_000_000, count.parse().expect("a count"));
            }
        }
        assert_eq!(pace.per_second(), expected, "{counts}");
    }

    #[test]
    fn a_pace_is_that_of_the_window_and_means_something_first() {
        check("", None);
        check("0", None);
        check("0 100", None);
        check("0 100 200", None);
        check("0 100 200 300", Some(100.0));
        check("0 - - 100 - 100", None);
        check("0 - - 100 - 200", Some(40.0));
        check("0 - - 100 - 200 300", Some(50.0));
        check("5 5 5 5", Some(0.0));
        check("0 0 0 0 300", None);
        check("0 0 0 0 300 600", Some(120.0));
    }

    #[test]
    fn what_is_longer_ago_than_the_window_does_not_count() {
        let fast = (0..30).map(|second| (second * 1_000).to_string());
        let slow = (1..=40).map(|second| (29_000 + second).to_string());
        let counts: Vec<String> = fast.chain(slow).collect();
        check(&counts.join(" "), Some(1.0));
    }

    #[test]
    fn a_count_that_goes_back_begins_anew() {
        check("100 200 300 400 0", None);
        check("100 200 300 400 0 10 20 30", Some(10.0));
    }

    #[test]
    fn a_clock_that_is_put_back_begins_anew() {
        let mut pace = Pace::default();
        for (at, count) in [(90, 0), (91, 10), (92, 20), (93, 30), (5, 40)] {
            pace.look(at * 1_000_000, count);
        }
        assert_eq!(pace.per_second(), None);
    }

    #[test]
    fn the_window_is_bounded_however_often_somebody_looks() {
        let mut pace = Pace::default();
        for look in 0..100_000_u32 {
            pace.look(i64::from(look) * 1_000, u64::from(look));
        }
        assert!(pace.looks.len() <= 62, "{}", pace.looks.len());
        assert_eq!(pace.per_second(), Some(1_000.0));
    }
}
