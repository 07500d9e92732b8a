//! How often one caller may ask. Pure: times are handed in, in microseconds.
//!
//! Each caller has so many requests a second, and a reserve of a few seconds' worth that fills up again while he does
//! not use it. What is kept of a caller is one number: when his reserve will be full.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// Requests of one caller in a second, where it is not said otherwise: far more than any plugin or page sends.
const REQUESTS_PER_SECOND: u32 = 500;
/// The reserve, in seconds' worth of requests.
const RESERVE_SECONDS: i64 = 2;
/// Callers that are told apart at a time; beyond that, those who come first are.
const CALLERS_MAX: usize = 10_000;
/// Who are all the others.
const OTHERS: &str = "";
const MICROS_PER_SECOND: i64 = 1_000_000;

/// How much each caller has asked of late.
pub(super) struct CallerRates {
    /// Between two requests of one caller, in the long run.
    interval: i64,
    /// When whose reserve is full again.
    full_at: HashMap<String, i64>,
}

/// What holds where the operator says nothing.
pub(super) fn default_limit() -> NonZeroU32 {
    NonZeroU32::new(REQUESTS_PER_SECOND).expect("it is not zero")
}

impl CallerRates {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self {
            interval: (MICROS_PER_SECOND / i64::from(per_second.get())).max(1),
            full_at: HashMap::new(),
        }
    }

    /// Counts a request of `caller`, or says how long he is to wait.
    pub(super) fn admit(&mut self, caller: &str, now: i64) -> Result<(), Duration> {
        let used = (*self.place_of(caller, now) - now).max(0);
        let over = used + self.interval - RESERVE_SECONDS * MICROS_PER_SECOND;
        if over > 0 {
            return Err(Duration::from_micros(over.unsigned_abs()));
        }
        *self.place_of(caller, now) = now + used + self.interval;
        Ok(())
    }

    fn place_of(&mut self, caller: &str, now: i64) -> &mut i64 {
        if !self.full_at.contains_key(caller) && self.full_at.len() >= CALLERS_MAX {
            // Whoever has his whole reserve is as if he had never asked.
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        let is_told_apart = self.full_at.contains_key(caller) || self.full_at.len() < CALLERS_MAX;
        let caller = if is_told_apart { caller } else { OTHERS };
        self.full_at.entry(caller.to_owned()).or_insert(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(per_second: u32) -> CallerRates {
        CallerRates::new(NonZeroU32::new(per_second).expect("not zero"))
    }

    /// How many of a hundred requests at one moment are admitted.
    fn admitted(rates: &mut CallerRates, caller: &str, now: i64) -> usize {
        (0..100)
            .filter(|_| rates.admit(caller, now).is_ok())
            .count()
    }

    #[test]
    fn a_caller_has_a_reserve_and_then_so_many_a_second() {
        let mut rates = rates(10);
        assert_eq!(admitted(&mut rates, "a", 0), 20);
        assert_eq!(rates.admit("a", 0), Err(Duration::from_millis(100)));
        assert_eq!(admitted(&mut rates, "a", MICROS_PER_SECOND), 10);
        assert_eq!(admitted(&mut rates, "a", 60 * MICROS_PER_SECOND), 20);
    }

    #[test]
    fn callers_do_not_wait_for_each_other() {
        let mut rates = rates(10);
        assert_eq!(admitted(&mut rates, "a", 0), 20);
        assert_eq!(admitted(&mut rates, "b", 0), 20);
    }

    #[test]
    fn no_more_callers_are_told_apart_than_can_be() {
        let mut rates = rates(10);
        for number in 0..2 * CALLERS_MAX {
            let _may_be_refused = rates.admit(&format!("invented-{number}"), 0);
        }
        assert!(rates.full_at.len() <= CALLERS_MAX + 1);
        assert_eq!(
            admitted(&mut rates, "late", 0),
            0,
            "he is one of the others"
        );
        assert_eq!(admitted(&mut rates, "late", 10 * MICROS_PER_SECOND), 20);
    }
}
