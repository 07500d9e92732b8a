//! What one consumer of a stream has waiting and in hand. Pure: time is passed in.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use freshet_proto::stream::ConsumerSpec;
use tokio::sync::Notify;
use tokio::time::Instant;

/// One consumer. Sequences only; the messages belong to the stream.
pub(super) struct MemoryConsumer {
    pub(super) spec: ConsumerSpec,
    /// Fires when a message became available or a deadline moved.
    pub(super) moved: Arc<Notify>,
    waiting: BTreeSet<u64>,
    /// In flight or put off, until when. Both count against `ack_pending_max`, as in JetStream.
    held_until: HashMap<u64, Instant>,
    // The same times once more in their order, to find what is overdue without looking at
    // everything in hand.
    deadlines: BTreeSet<(Instant, u64)>,
    attempts: HashMap<u64, u64>,
}

impl MemoryConsumer {
    pub(super) fn new(spec: ConsumerSpec, stored: impl Iterator<Item = u64>) -> Self {
        Self {
            spec,
            moved: Arc::new(Notify::new()),
            waiting: stored.collect(),
            held_until: HashMap::new(),
            deadlines: BTreeSet::new(),
            attempts: HashMap::new(),
        }
    }

    pub(super) fn add_waiting(&mut self, sequence: u64) {
        self.waiting.insert(sequence);
        self.moved.notify_waiters();
    }

    /// The message left the stream.
    pub(super) fn forget_message(&mut self, sequence: u64) {
        self.waiting.remove(&sequence);
        self.attempts.remove(&sequence);
        self.release_message(sequence);
    }

    /// Takes up to `max` messages in hand, oldest first, each with its attempt.
    pub(super) fn take_in_hand(&mut self, max: usize, now: Instant) -> Vec<(u64, u64)> {
        self.return_expired(now);
        // What is put off counts as in hand, or a failing source would fill the process with
        // messages it cannot handle.
        let room = usize::try_from(self.spec.ack_pending_max)
            .unwrap_or(usize::MAX)
            .saturating_sub(self.held_until.len());
        let until = now + self.spec.ack_wait;
        let taken: Vec<u64> = self.waiting.iter().copied().take(max.min(room)).collect();
        taken
            .into_iter()
            .map(|sequence| (sequence, self.hand_out(sequence, until)))
            .collect()
    }

    /// Moves the deadline of a message in hand; one that is no longer in hand is left alone.
    pub(super) fn extend_deadline(&mut self, sequence: u64, until: Instant) {
        if self.release_message(sequence) {
            self.held_until.insert(sequence, until);
            self.deadlines.insert((until, sequence));
            self.moved.notify_waiters();
        }
    }

    /// When the next message in hand comes back.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    fn hand_out(&mut self, sequence: u64, until: Instant) -> u64 {
        self.waiting.remove(&sequence);
        self.held_until.insert(sequence, until);
        self.deadlines.insert((until, sequence));
        // Counted when it is handed out and not when it comes back: a handler that crashes has used
        // its attempt.
        let attempt = self.attempts.entry(sequence).or_insert(0);
        *attempt += 1;
        *attempt
    }

    fn return_expired(&mut self, now: Instant) {
        while let Some((until, sequence)) = self.deadlines.first().copied() {
            if until > now {
                break;
            }
            self.release_message(sequence);
            self.waiting.insert(sequence);
        }
    }

    fn release_message(&mut self, sequence: u64) -> bool {
        let until = self.held_until.remove(&sequence);
        if let Some(until) = until {
            self.deadlines.remove(&(until, sequence));
            self.moved.notify_waiters();
        }
        until.is_some()
    }
}
