//! The budget of one credential as a state machine: time and headers in, permission out. Pure.
//!
//! The headers are the truth, for others may spend the same credential; between two answers the
//! machine counts its own calls, so that calls in flight cannot overdraw the window together.

use std::time::Duration;

use freshet_proto::message::Lane;

use super::headers::{RateHeaders, RateLimit, Resource};

/// Share of a window that sweeps leave to people and webhooks, in percent.
pub const RESERVED_FOR_HI_PERCENT: u64 = 15;
/// First wait after a limit that came without a number; GitHub asks for at least a minute.
const UNSPECIFIED_WAIT: Duration = Duration::from_secs(60);
/// Longest wait after limits without a number.
const UNSPECIFIED_WAIT_MAX: Duration = Duration::from_secs(60 * 60);

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Now; one point is spent.
    Granted,
    /// Not before this time, microseconds UTC.
    Closed {
        /// When to ask again.
        until: i64,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct RateWindow {
    limit: u64,
    remaining: u64,
    /// End of the window; 0 if no answer has told yet.
    reset_at: i64,
}

/// What is known about the limits of one credential.
#[derive(Clone, Debug, Default)]
pub struct RateWindows {
    core: RateWindow,
    graphql: RateWindow,
    blocked_until: i64,
    unspecified_in_a_row: u32,
}

impl RateWindows {
    /// Asks for one call and spends it if granted.
    pub fn admit_call(&mut self, lane: Lane, resource: Resource, now: i64) -> Admission {
        let admission = self.check_call(lane, resource, now);
        if admission == Admission::Granted {
            let window = self.window_mut(resource);
            window.remaining = window.remaining.saturating_sub(1);
        }
        admission
    }

    /// Whether a call would be granted, without spending it.
    #[must_use]
    pub fn check_call(&self, lane: Lane, resource: Resource, now: i64) -> Admission {
        if self.blocked_until > now {
            return Admission::Closed {
                until: self.blocked_until,
            };
        }
        let window = match resource {
            Resource::Core => self.core,
            Resource::Graphql => self.graphql,
        };
        // A window that has ended says nothing about the next one; the next answer will.
        if window.reset_at <= now || window.remaining > reserved_floor(lane, window.limit) {
            return Admission::Granted;
        }
        Admission::Closed {
            until: window.reset_at,
        }
    }

    /// Learns from the headers of an answer.
    ///
    /// Answers of concurrent calls overtake each other, so within one window the smallest
    /// remainder counts.
    pub fn learn_headers(&mut self, resource: Resource, headers: &RateHeaders) {
        let (Some(limit), Some(remaining), Some(reset_at)) =
            (headers.limit, headers.remaining, headers.reset_at)
        else {
            return;
        };
        let window = self.window_mut(resource);
        // An answer from the window before this one arrived late.
        if reset_at < window.reset_at {
            return;
        }
        let remaining = if reset_at == window.reset_at {
            remaining.min(window.remaining)
        } else {
            remaining
        };
        *window = RateWindow {
            limit,
            remaining,
            reset_at,
        };
    }

    /// Closes after a limit was reported; returns until when.
    pub fn close_after(&mut self, resource: Resource, limit: RateLimit, now: i64) -> i64 {
        match limit {
            RateLimit::WindowSpent { reset_at } if reset_at > now => {
                let window = self.window_mut(resource);
                window.remaining = 0;
                // Without any answer yet the limit is 0, and then nothing could be spent of it.
                window.limit = window.limit.max(1);
                window.reset_at = reset_at;
                reset_at
            }
            RateLimit::StayAway { wait } => self.block_for(now, wait),
            // A reset in the past is a clock that differs from GitHub's, which tells no wait
            // either.
            RateLimit::WindowSpent { .. } | RateLimit::Unspecified => {
                let doubled =
                    UNSPECIFIED_WAIT * 2_u32.saturating_pow(self.unspecified_in_a_row.min(6));
                self.unspecified_in_a_row = self.unspecified_in_a_row.saturating_add(1);
                self.block_for(now, doubled.min(UNSPECIFIED_WAIT_MAX))
            }
        }
    }

    /// Notes an answer that was not limited, which ends a row of unexplained limits.
    pub fn note_unlimited(&mut self) {
        self.unspecified_in_a_row = 0;
    }

    /// Points left in the current window; `None` if no answer has told yet.
    #[must_use]
    pub fn remaining(&self, resource: Resource) -> Option<u64> {
        let window = match resource {
            Resource::Core => self.core,
            Resource::Graphql => self.graphql,
        };
        (window.reset_at > 0).then_some(window.remaining)
    }

    fn block_for(&mut self, now: i64, wait: Duration) -> i64 {
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        self.blocked_until = self.blocked_until.max(now.saturating_add(wait));
        self.blocked_until
    }

    fn window_mut(&mut self, resource: Resource) -> &mut RateWindow {
        match resource {
            Resource::Core => &mut self.core,
            Resource::Graphql => &mut self.graphql,
        }
    }
}

/// What a lane must leave untouched.
fn reserved_floor(lane: Lane, limit: u64) -> u64 {
    match lane {
        Lane::Hi => 0,
        Lane::Lo | Lane::Unspecified => (limit * RESERVED_FOR_HI_PERCENT).div_ceil(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const NOW: i64 = 1_000 * SECOND;
    const RESET: i64 = NOW + 600 * SECOND;

    fn told(limit: u64, remaining: u64) -> RateWindows {
        let mut windows = RateWindows::default();
        windows.learn_headers(Resource::Graphql, &headers(limit, remaining, RESET));
        windows
    }

    fn headers(limit: u64, remaining: u64, reset_at: i64) -> RateHeaders {
        RateHeaders {
            limit: Some(limit),
            remaining: Some(remaining),
            reset_at: Some(reset_at),
            retry_after: None,
        }
    }

    #[track_caller]
    fn check(windows: &RateWindows, lane: Lane, now: i64, expected: Admission) {
        assert_eq!(windows.check_call(lane, Resource::Graphql, now), expected);
    }

    #[test]
    fn an_unknown_window_is_open() {
        check(&RateWindows::default(), Lane::Lo, NOW, Admission::Granted);
    }

    #[test]
    fn sweeps_leave_fifteen_percent_to_webhooks() {
        check(&told(5_000, 751), Lane::Lo, NOW, Admission::Granted);
        check(
            &told(5_000, 750),
            Lane::Lo,
            NOW,
            Admission::Closed { until: RESET },
        );
        check(&told(5_000, 750), Lane::Hi, NOW, Admission::Granted);
        check(
            &told(5_000, 0),
            Lane::Hi,
            NOW,
            Admission::Closed { until: RESET },
        );
    }

    #[test]
    fn a_window_that_ended_is_open() {
        check(&told(5_000, 0), Lane::Lo, RESET, Admission::Granted);
    }

    #[test]
    fn calls_in_flight_cannot_overdraw_a_window() {
        let mut windows = told(5_000, 2);
        let grants: Vec<_> = (0..3)
            .map(|_| windows.admit_call(Lane::Hi, Resource::Graphql, NOW))
            .collect();
        let closed = Admission::Closed { until: RESET };
        assert_eq!(grants, [Admission::Granted, Admission::Granted, closed]);
    }

    #[test]
    fn an_overtaken_answer_does_not_refill_the_window() {
        let mut windows = told(5_000, 10);
        windows.learn_headers(Resource::Graphql, &headers(5_000, 12, RESET));
        assert_eq!(windows.remaining(Resource::Graphql), Some(10));
        windows.learn_headers(Resource::Graphql, &headers(5_000, 4_999, RESET + SECOND));
        assert_eq!(windows.remaining(Resource::Graphql), Some(4_999));
        windows.learn_headers(Resource::Graphql, &headers(5_000, 3, RESET));
        assert_eq!(windows.remaining(Resource::Graphql), Some(4_999));
    }

    #[test]
    fn the_two_windows_are_separate() {
        let mut windows = told(5_000, 0);
        assert_eq!(
            windows.admit_call(Lane::Hi, Resource::Core, NOW),
            Admission::Granted
        );
    }

    #[test]
    fn retry_after_closes_both_lanes_and_both_windows() {
        let mut windows = RateWindows::default();
        let limit = RateLimit::StayAway {
            wait: Duration::from_secs(30),
        };
        let until = windows.close_after(Resource::Core, limit, NOW);
        assert_eq!(until, NOW + 30 * SECOND);
        check(&windows, Lane::Hi, until - 1, Admission::Closed { until });
        check(&windows, Lane::Hi, until, Admission::Granted);
    }

    #[test]
    fn limits_without_numbers_wait_longer_each_time_until_an_answer_is_fine() {
        let mut windows = RateWindows::default();
        assert_eq!(
            windows.close_after(Resource::Core, RateLimit::Unspecified, NOW),
            NOW + 60 * SECOND
        );
        assert_eq!(
            windows.close_after(Resource::Core, RateLimit::Unspecified, NOW),
            NOW + 120 * SECOND
        );
        windows.note_unlimited();
        let later = NOW + 7_200 * SECOND;
        assert_eq!(
            windows.close_after(Resource::Core, RateLimit::Unspecified, later),
            later + 60 * SECOND
        );
        for _ in 0..20 {
            windows.close_after(Resource::Core, RateLimit::Unspecified, later);
        }
        let until = windows.close_after(Resource::Core, RateLimit::Unspecified, later);
        assert_eq!(until, later + 3_600 * SECOND);
    }

    #[test]
    fn a_spent_window_whose_reset_has_passed_still_waits_a_minute() {
        let mut windows = RateWindows::default();
        let limit = RateLimit::WindowSpent {
            reset_at: NOW - SECOND,
        };
        assert_eq!(
            windows.close_after(Resource::Graphql, limit, NOW),
            NOW + 60 * SECOND
        );
    }
}
