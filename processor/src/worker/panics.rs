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
    pub(super) fn count_panic(&self, subject: &str, sequence: u64) -> u64 {
        let mut counts = self.lock_counts();
        // Messages that never come again, because another process took them, are never forgotten
        // one by one.
        if counts.len() >= MESSAGES_MAX {
            counts.clear();
        }
        let count = counts.entry((subject.to_owned(), sequence)).or_default();
        *count += 1;
        *count
    }

    /// Forgets a message that will not come again.
    pub(super) fn forget_message(&self, subject: &str, sequence: u64) {
        let mut counts = self.lock_counts();
        if !counts.is_empty() {
            counts.remove(&(subject.to_owned(), sequence));
        }
    }

    // Numbers are valid at every step, so a poisoned lock is still good.
    fn lock_counts(&self) -> std::sync::MutexGuard<'_, HashMap<(String, u64), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_own_count_until_it_is_forgotten() {
        let panics = PanicCounts::default();
        assert_eq!(
            [panics.count_panic("a", 1), panics.count_panic("a", 1)],
            [1, 2]
        );
        assert_eq!(
            [panics.count_panic("a", 2), panics.count_panic("b", 1)],
            [1, 1]
        );
        panics.forget_message("a", 1);
        assert_eq!(
            [panics.count_panic("a", 1), panics.count_panic("a", 2)],
            [1, 2]
        );
    }

    #[test]
    fn the_counts_stay_small() {
        let panics = PanicCounts::default();
        for sequence in 0..=u64::try_from(MESSAGES_MAX).expect("a small number") {
            panics.count_panic("a", sequence);
        }
        assert_eq!(panics.lock_counts().len(), 1);
    }
}
