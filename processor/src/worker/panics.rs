//! How often handling each message panicked here.
//!
//! A message's own count of deliveries does not tell: it is also given back when a limit lasts, when the
//! processor stops, or when a stream is full, and none of that says anything against it. The count is
//! lost with the process, which costs a few more tries.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Most messages that are counted at once. Beyond that counting starts over, so that it stays small.
const MESSAGES_MAX: usize = 10_000;

/// Counts panics by message: its subject and its sequence.
#[derive(Default)]
pub(super) struct PanicCounts(Mutex<HashMap<(String, u64), u64>>);

impl PanicCounts {
    /// Counts one more; returns how many there were of this message.
    pub(super) fn count(&self, subject: &str, sequence: u64) -> u64 {
        let mut counts = self.counts();
        if counts.len() >= MESSAGES_MAX {
            counts.clear();
        }
        let count = counts.entry((subject.to_owned(), sequence)).or_default();
        *count += 1;
        *count
    }

    /// Forgets a message that will not come again.
    pub(super) fn forget(&self, subject: &str, sequence: u64) {
        let mut counts = self.counts();
        if !counts.is_empty() {
            counts.remove(&(subject.to_owned(), sequence));
        }
    }

    // Numbers are valid at every step, so a poisoned lock is still good.
    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<(String, u64), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_own_count_until_it_is_gone() {
        let panics = PanicCounts::default();
        assert_eq!([panics.count("a", 1), panics.count("a", 1)], [1, 2]);
        assert_eq!([panics.count("a", 2), panics.count("b", 1)], [1, 1]);
        panics.forget("a", 1);
        assert_eq!([panics.count("a", 1), panics.count("a", 2)], [1, 2]);
    }

    #[test]
    fn the_counts_stay_small() {
        let panics = PanicCounts::default();
        for sequence in 0..=u64::try_from(MESSAGES_MAX).expect("a small number") {
            panics.count("a", sequence);
        }
        assert_eq!(panics.counts().len(), 1);
    }
}
