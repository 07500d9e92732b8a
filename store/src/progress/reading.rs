//! How far the reading of sources is, from what is outstanding at each look. Pure.
//!
//! A push is read within milliseconds and is no work that somebody waits for. So the reading begins when many sources
//! are outstanding, or a listing is, which may bring many. What was read since is what is not outstanding any more, or
//! what this process has applied if that is more: between two looks some are read while others are found. Both begin anew
//! with each look, so nothing drifts from what the database says.

use freshet_runtime::progress::Total;

use crate::repo::OutstandingReads;

/// Fewer sources than this are read before anybody asks how long it takes.
const READS_MIN: i64 = 10;
/// After so many looks at fewer than that the work is over, though pushes come all the time.
const SMALL_LOOKS_MAX: u32 = 10;

/// What was seen of the reading up to now.
#[derive(Debug, Default)]
pub(super) struct ReadingTracker {
    run: Option<ReadingRun>,
}

#[derive(Clone, Copy, Debug)]
struct ReadingRun {
    done: i64,
    /// All that was outstanding at the look before.
    outstanding: i64,
    /// What had failed for longer before, and is no part of this.
    failing_before: i64,
    /// What this process had applied at the look before.
    applied: u64,
    small_looks: u32,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadingFigures {
    pub(super) done: u64,
    pub(super) total: Total,
    /// Sources of it that could not be read and are not tried again soon.
    pub(super) failed: u64,
}

/// What a look comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadingLook {
    /// Nothing to speak of is read.
    Idle,
    /// It goes on.
    Reading(ReadingFigures),
    /// It has just ended.
    Ended(ReadingFigures),
}

impl ReadingTracker {
    /// Takes in what is outstanding now, and how much this process has ever applied.
    pub(super) fn look(&mut self, seen: &OutstandingReads, applied: u64) -> ReadingLook {
        let unread = seen.due + seen.soon;
        let outstanding = unread + seen.late;
        let is_small = unread < READS_MIN && seen.listings == 0;
        let Some(run) = &mut self.run else {
            if is_small {
                return ReadingLook::Idle;
            }
            let run = ReadingRun {
                done: 0,
                outstanding,
                failing_before: seen.late,
                applied,
                small_looks: 0,
            };
            self.run = Some(run);
            return ReadingLook::Reading(run.figures(seen));
        };
        let applied_since = applied.saturating_sub(run.applied);
        let applied_since = i64::try_from(applied_since).unwrap_or(i64::MAX);
        run.done += (run.outstanding - outstanding).max(applied_since);
        (run.outstanding, run.applied) = (outstanding, applied);
        run.failing_before = run.failing_before.min(seen.late);
        run.small_looks = if is_small { run.small_looks + 1 } else { 0 };
        let figures = run.figures(seen);
        let is_over = unread == 0 && seen.listings == 0 || run.small_looks >= SMALL_LOOKS_MAX;
        if is_over {
            self.run = None;
            ReadingLook::Ended(figures)
        } else {
            ReadingLook::Reading(figures)
        }
    }
}

impl ReadingRun {
    fn figures(&self, seen: &OutstandingReads) -> ReadingFigures {
        let failed = seen.late - self.failing_before;
        let total = to_count(self.done + seen.due + seen.soon + failed);
        ReadingFigures {
            done: to_count(self.done),
            // A listing that is not at its end may bring any number of sources.
            total: if seen.listings > 0 {
                Total::AtLeast(total)
            } else {
                Total::Exactly(total)
            },
            failed: to_count(failed),
        }
    }
}

/// A count of rows; none is negative.
pub(super) fn to_count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each look at `due soon late listings` (and what was applied by now) comes to: `-` for nothing, `done/total`, `+` behind a total that
    /// grows, `!` and the failed behind one that has ended.
    #[track_caller]
    fn check(looks: &[(&str, &str)]) {
        let mut tracker = ReadingTracker::default();
        for (number, (seen, expected)) in looks.iter().enumerate() {
            let numbers: Vec<i64> = seen
                .split_whitespace()
                .map(|word| word.parse().expect("a number"))
                .collect();
            let seen = OutstandingReads {
                due: numbers[0],
                soon: numbers[1],
                late: numbers[2],
                listings: numbers[3],
                ..OutstandingReads::default()
            };
            let applied = numbers.get(4).map_or(0, |applied| applied.unsigned_abs());
            let text = match tracker.look(&seen, applied) {
                ReadingLook::Idle => "-".to_owned(),
                ReadingLook::Reading(figures) => spell(figures),
                ReadingLook::Ended(figures) => format!("{}!{}", spell(figures), figures.failed),
            };
            assert_eq!(&text, expected, "look {number}");
        }
    }

    fn spell(figures: ReadingFigures) -> String {
        match figures.total {
            Total::Unknown => format!("{}/?", figures.done),
            Total::AtLeast(total) => format!("{}/{total}+", figures.done),
            Total::Exactly(total) => format!("{}/{total}", figures.done),
        }
    }

    #[test]
    fn a_discovery_is_followed_from_its_listing_to_the_last_source() {
        check(&[
            ("0 0 0 0", "-"),
            ("1 0 0 1", "0/1+"),
            ("1 0 0 1", "0/1+"),
            // The listing is applied, and asks for what it found.
            ("300 0 0 0", "0/300"),
            ("180 0 0 0", "120/300"),
            ("20 0 0 0", "280/300"),
            ("3 0 0 0", "297/300"),
            ("0 0 0 0", "300/300!0"),
            ("0 0 0 0", "-"),
        ]);
    }

    #[test]
    fn sources_that_come_while_others_are_read_make_the_total_grow() {
        check(&[
            ("100 0 0 0", "0/100"),
            ("90 0 0 0", "10/100"),
            ("140 0 0 0", "10/150"),
            ("40 0 0 1", "110/150+"),
            ("0 0 0 0", "150/150!0"),
        ]);
    }

    #[test]
    fn what_is_read_while_others_are_found_is_not_missed() {
        check(&[
            ("1 0 0 1 500", "0/1+"),
            // The listing, and ten of the three hundred that it found.
            ("290 0 0 0 511", "11/301"),
            // Others have applied more than this process.
            ("200 0 0 0 512", "101/301"),
            ("0 0 0 0 512", "301/301!0"),
        ]);
    }

    #[test]
    fn a_push_is_no_work_and_neither_are_a_few() {
        check(&[
            ("1 0 0 0", "-"),
            ("9 0 0 0", "-"),
            ("10 0 0 0", "0/10"),
            ("0 0 0 0", "10/10!0"),
        ]);
    }

    #[test]
    fn what_fails_and_is_tried_again_soon_is_still_to_be_read() {
        check(&[
            ("50 0 0 0", "0/50"),
            ("10 20 0 0", "20/50"),
            ("0 30 0 0", "20/50"),
            ("30 0 0 0", "20/50"),
            ("0 0 0 0", "50/50!0"),
        ]);
    }

    #[test]
    fn what_fails_for_longer_is_left_out_and_told_of_at_the_end() {
        check(&[
            ("50 0 3 0", "0/50"),
            ("10 0 8 0", "35/50"),
            ("0 0 8 0", "45/50!5"),
            // And what failed before is not counted twice when it is tried again.
            ("8 0 0 0", "-"),
        ]);
    }

    #[test]
    fn the_work_ends_though_pushes_come_all_the_time() {
        let mut looks = vec![("40 0 0 0", "0/40")];
        looks.extend([("2 0 0 0", "38/40"); 9]);
        looks.extend([("2 0 0 0", "38/40!0"), ("2 0 0 0", "-")]);
        check(&looks);
    }
}
