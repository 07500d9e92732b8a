//! One stream in memory: which messages it holds, which it refuses. Pure: time is passed in.
//!
//! The order of checks is that of a single JetStream server: expectations first, then identity, then
//! room. An identity outlives its message, but a refused message does not use its identity up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use freshet_proto::envelope::Envelope;
use freshet_proto::stream::{ConsumerSpec, Discard, Retention, Storage, StreamSpec};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::consumer::MemoryConsumer;
use crate::{ConsumeError, Drift, Drifts, Expect, Outbound, StreamDepth};

/// A stream of this process holds at most this much, whatever a server's might.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A message the stream holds.
#[derive(Clone)]
pub(super) struct HeldMessage {
    pub(super) subject: String,
    pub(super) payload: Bytes,
    pub(super) envelope: Envelope,
    pub(super) headers: Vec<(String, String)>,
}

impl HeldMessage {
    fn count_bytes(&self) -> u64 {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        u64::try_from(self.subject.len() + self.payload.len() + headers).unwrap_or(u64::MAX)
    }
}

/// What became of a message that was offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OfferOutcome {
    Stored(u64),
    Duplicate(u64),
    Full,
    Refused,
}

/// One stream.
pub(super) struct MemoryStream {
    spec: StreamSpec,
    last_sequence: u64,
    messages: BTreeMap<u64, HeldMessage>,
    by_subject: HashMap<String, BTreeSet<u64>>,
    bytes: u64,
    ids: HashMap<String, u64>,
    id_expiries: VecDeque<(Instant, String)>,
    consumers: HashMap<String, MemoryConsumer>,
    /// Who waits for a message to be dealt with.
    confirmations: HashMap<u64, Vec<oneshot::Sender<()>>>,
}

impl MemoryStream {
    pub(super) fn new(spec: StreamSpec) -> Self {
        Self {
            spec,
            last_sequence: 0,
            messages: BTreeMap::new(),
            by_subject: HashMap::new(),
            bytes: 0,
            ids: HashMap::new(),
            id_expiries: VecDeque::new(),
            consumers: HashMap::new(),
            confirmations: HashMap::new(),
        }
    }

    pub(super) fn spec(&self) -> &StreamSpec {
        &self.spec
    }

    pub(super) fn captures_subject(&self, subject: &str) -> bool {
        self.spec
            .subjects
            .iter()
            .any(|filter| filter.matches(subject))
    }

    /// A work queue on disk promises that a confirmed message survives a crash. This process holds
    /// nothing across one, so it can keep the promise only by confirming what was dealt with.
    pub(super) fn confirms_when_done(&self) -> bool {
        self.spec.retention == Retention::WorkQueue && self.spec.storage == Storage::File
    }

    pub(super) fn offer_message(&mut self, message: Outbound, now: Instant) -> OfferOutcome {
        if !self.meets_expectation(message.expect, message.subject.as_str()) {
            return OfferOutcome::Refused;
        }
        // Behind the expectation, as on a server: a refused message does not use its identity up.
        self.forget_ids(now);
        if let Some(first) = message.envelope.id.as_ref().and_then(|id| self.ids.get(id)) {
            return OfferOutcome::Duplicate(*first);
        }
        let stored = HeldMessage {
            subject: message.subject.to_string(),
            payload: message.payload,
            envelope: message.envelope,
            headers: message.headers,
        };
        // Before the room of the stream is looked at: what is replaced gives its own up.
        self.make_room_for_subject(&stored.subject);
        if !self.make_room(stored.count_bytes()) {
            return OfferOutcome::Full;
        }
        OfferOutcome::Stored(self.store_message(stored, now))
    }

    /// Waits for the message to be dealt with; `None` if it was already.
    pub(super) fn when_done(&mut self, sequence: u64) -> Option<oneshot::Receiver<()>> {
        self.messages.contains_key(&sequence).then(|| {
            let (done, when_done) = oneshot::channel();
            self.confirmations.entry(sequence).or_default().push(done);
            when_done
        })
    }

    /// The message was dealt with. In a work queue it leaves, whoever says so; elsewhere it only
    /// leaves the consumer.
    pub(super) fn finish_message(&mut self, consumer: &str, sequence: u64) {
        if self.spec.retention == Retention::WorkQueue {
            for done in self.confirmations.remove(&sequence).into_iter().flatten() {
                // Whoever waited has gone; the message is dealt with all the same.
                let _gone = done.send(());
            }
            self.remove_message(sequence);
        } else if let Some(consumer) = self.consumers.get_mut(consumer) {
            consumer.forget_message(sequence);
        }
    }

    pub(super) fn consumer(&mut self, name: &str) -> Option<&mut MemoryConsumer> {
        self.consumers.get_mut(name)
    }

    pub(super) fn message(&self, sequence: u64) -> Option<&HeldMessage> {
        self.messages.get(&sequence)
    }

    pub(super) fn last_stored(&self) -> (u64, Option<&HeldMessage>) {
        (self.last_sequence, self.messages.get(&self.last_sequence))
    }

    pub(super) fn depth(&self) -> StreamDepth {
        let messages = u64::try_from(self.messages.len()).unwrap_or(u64::MAX);
        StreamDepth {
            stream: self.spec.name.clone(),
            messages,
            bytes: self.bytes,
            bytes_max: Some(self.bytes_max()),
        }
    }

    pub(super) fn held_subjects(&self) -> HashSet<String> {
        self.by_subject.keys().cloned().collect()
    }

    fn bytes_max(&self) -> u64 {
        // The smaller of both: what a server keeps on its disk would be the memory of this process.
        let configured = self.spec.bytes_max.and_then(|max| u64::try_from(max).ok());
        configured.map_or(BYTES_MAX, |max| max.min(BYTES_MAX))
    }

    pub(super) fn open_consumer(&mut self, spec: &ConsumerSpec) -> Result<(), ConsumeError> {
        if let Some(existing) = self.consumers.get(&spec.name) {
            let drift = consumer_drift(&existing.spec, spec);
            let consumer = spec.name.clone();
            return if drift.0.is_empty() {
                Ok(())
            } else {
                Err(ConsumeError::Drift { consumer, drift })
            };
        }
        let shared = |other: &MemoryConsumer| {
            filters_overlap(other.spec.filter.as_str(), spec.filter.as_str())
        };
        // A work queue deletes what one consumer acknowledged, so the other would never see it. A
        // server refuses this as well.
        if self.spec.retention == Retention::WorkQueue && self.consumers.values().any(shared) {
            return Err(ConsumeError::Overlap {
                consumer: spec.name.clone(),
            });
        }
        // What was stored before it was opened waits for it too: the services of one process start in any order.
        let stored = self
            .messages
            .iter()
            .filter(|(_, message)| spec.filter.matches(&message.subject));
        let consumer = MemoryConsumer::new(spec.clone(), stored.map(|(sequence, _)| *sequence));
        self.consumers.insert(spec.name.clone(), consumer);
        Ok(())
    }

    fn meets_expectation(&self, expect: Expect, subject: &str) -> bool {
        match expect {
            Expect::Nothing => true,
            Expect::SubjectEmpty => !self.by_subject.contains_key(subject),
            Expect::StreamSequence(sequence) => self.last_sequence == sequence,
        }
    }

    fn store_message(&mut self, message: HeldMessage, now: Instant) -> u64 {
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        if let Some(id) = &message.envelope.id {
            self.ids.insert(id.clone(), sequence);
            self.id_expiries
                .push_back((now + self.spec.duplicate_window, id.clone()));
        }
        // Offered before it is stored: both happen under one lock, and nobody looks in between.
        for consumer in self.consumers.values_mut() {
            if consumer.spec.filter.matches(&message.subject) {
                consumer.add_waiting(sequence);
            }
        }
        self.bytes += message.count_bytes();
        self.by_subject
            .entry(message.subject.clone())
            .or_default()
            .insert(sequence);
        self.messages.insert(sequence, message);
        sequence
    }

    fn make_room_for_subject(&mut self, subject: &str) {
        let Some(max) = self.spec.messages_per_subject_max else {
            return;
        };
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        while let Some(held) = self
            .by_subject
            .get(subject)
            .filter(|held| held.len() >= max)
        {
            let Some(oldest) = held.first().copied() else {
                break;
            };
            self.remove_message(oldest);
        }
    }

    fn make_room(&mut self, bytes: u64) -> bool {
        let bytes_max = self.bytes_max();
        while self.bytes + bytes > bytes_max {
            let oldest = self
                .messages
                .first_key_value()
                .map(|(sequence, _)| *sequence);
            match (self.spec.discard, oldest) {
                (Discard::Old, Some(oldest)) => self.remove_message(oldest),
                (Discard::Old, None) | (Discard::New, _) => return false,
            }
        }
        true
    }

    fn remove_message(&mut self, sequence: u64) {
        let Some(message) = self.messages.remove(&sequence) else {
            return;
        };
        self.bytes -= message.count_bytes();
        // Its publisher is told that nothing is known: the message was replaced before anybody
        // dealt with it.
        self.confirmations.remove(&sequence);
        if let Some(held) = self.by_subject.get_mut(&message.subject) {
            held.remove(&sequence);
            if held.is_empty() {
                self.by_subject.remove(&message.subject);
            }
        }
        for consumer in self.consumers.values_mut() {
            consumer.forget_message(sequence);
        }
    }

    fn forget_ids(&mut self, now: Instant) {
        while self
            .id_expiries
            .front()
            .is_some_and(|(expires, _)| *expires <= now)
        {
            if let Some((_, id)) = self.id_expiries.pop_front() {
                self.ids.remove(&id);
            }
        }
    }
}

/// Whether some subject matches both filters.
fn filters_overlap(one: &str, other: &str) -> bool {
    let mut one = one.split('.');
    let mut other = other.split('.');
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(left), Some(right)) if left == "*" || right == "*" || left == right => {}
            _ => return false,
        }
    }
}

/// The named fields of two values, each with its name and both as text.
macro_rules! fields_of {
    ($found:ident, $wanted:ident: $($field:ident),+ $(,)?) => {
        [$((
            stringify!($field),
            format!("{:?}", $found.$field),
            format!("{:?}", $wanted.$field),
        )),+]
    };
}

fn consumer_drift(found: &ConsumerSpec, wanted: &ConsumerSpec) -> Drifts {
    let fields = fields_of!(found, wanted: filter, ack_wait, ack_pending_max);
    Drifts::compare_fields(&wanted.name, fields)
}

/// How a stream differs from what it should be.
pub(super) fn stream_drift(found: &StreamSpec, wanted: &StreamSpec) -> Vec<Drift> {
    let fields = fields_of!(
        found, wanted: subjects, retention, storage, discard, bytes_max, messages_per_subject_max,
        age_max, duplicate_window, compressed, append_only, atomic_batches,
    );
    Drifts::compare_fields(&wanted.name, fields).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        assert_eq!(filters_overlap(one, other), expected);
        assert_eq!(filters_overlap(other, one), expected);
    }

    #[test]
    fn filters_overlap_if_one_subject_matches_both() {
        check("a.b", "a.b", true);
        check("a.b", "a.c", false);
        check("a.>", "a.b.c", true);
        check("a.>", "a", false);
        check("a.*", "*.b", true);
        check("a.*.c", "a.b.d", false);
        check("a.b", "a.b.c", false);
    }
}
