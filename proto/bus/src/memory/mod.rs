//! JetStream's rules inside one process: coalescing, redelivery, identities, key-value.
//!
//! It holds nothing across a crash. So a message for a work queue that is on disk elsewhere (a signal) is
//! confirmed only when its consumer has acknowledged it, and a confirmed message is durable in both
//! implementations. The public stream of changes and the bucket fed from it do not exist here: they would
//! only copy, at the price of memory, what the database already holds.
//!
//! [`Faults`] makes it misbehave as a network does. Time is tokio's, so a test may pause it.

mod consumer;
mod kv;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freshet_proto::stream::{ConsumerSpec, Topology};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use kv::Kv;

use crate::{
    AckError, ConsumeError, Delivery, Drifts, Outbound, ProvisionError, PublishError, Published,
    ReadError, ReceiveError, StoredMessage, StreamDepth, Tail, delivery,
};
use stream::{Offer, Stored, Stream, stream_drift};

/// Settings of the memory bus.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// How long a publish may wait for its confirmation.
    pub publish_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            publish_timeout: crate::nats::DEFAULT_REQUEST_TIMEOUT,
        }
    }
}

/// The bus inside this process. Clones share it.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    publish_timeout: Duration,
    connected: watch::Sender<bool>,
    reconnections: watch::Sender<u64>,
    closed: CancellationToken,
}

#[derive(Default)]
struct State {
    streams: Vec<Stream>,
    /// Buckets fed from a stream that does not exist here.
    refused_buckets: HashSet<String>,
    buckets: HashMap<String, Kv>,
    confirmations_to_lose: u32,
    messages_to_lose: u32,
}

impl State {
    fn stream(&mut self, name: &str) -> Option<&mut Stream> {
        self.streams
            .iter_mut()
            .find(|stream| stream.spec().name == name)
    }
}

/// What a publish still waits for.
enum Admission {
    Confirmed(Published),
    WhenDone(Published, oneshot::Receiver<()>),
}

impl Memory {
    /// An empty bus.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            publish_timeout: config.publish_timeout,
            connected: watch::Sender::new(true),
            reconnections: watch::Sender::new(0),
            closed: CancellationToken::new(),
        }))
    }

    /// Ways to make this bus misbehave.
    #[must_use]
    pub fn faults(&self) -> Faults {
        Faults(self.clone())
    }

    pub(crate) async fn publish(&self, message: Outbound) -> Result<Published, PublishError> {
        match self.admit(message)? {
            Admission::Confirmed(published) => Ok(published),
            Admission::WhenDone(published, done) => {
                match tokio::time::timeout(self.0.publish_timeout, done).await {
                    Ok(Ok(())) => Ok(published),
                    // It waits for longer than the publisher does, or was replaced meanwhile.
                    Ok(Err(_)) | Err(_) => Err(PublishError::Ambiguous),
                }
            }
        }
    }

    fn admit(&self, message: Outbound) -> Result<Admission, PublishError> {
        if !self.is_connected() {
            return Err(PublishError::Unavailable);
        }
        let subject = message.subject.to_string();
        let mut state = self.state();
        if spend(&mut state.messages_to_lose) {
            return Err(PublishError::Ambiguous);
        }
        let confirmation_lost = spend(&mut state.confirmations_to_lose);
        let Some(stream) = state
            .streams
            .iter_mut()
            .find(|stream| stream.captures(&subject))
        else {
            return Err(PublishError::NoStream { subject });
        };
        let published = match stream.offer(message, Instant::now()) {
            Offer::Stored(sequence) => Published {
                stream_sequence: sequence,
                duplicate: false,
            },
            Offer::Duplicate(sequence) => Published {
                stream_sequence: sequence,
                duplicate: true,
            },
            Offer::Full => return Err(PublishError::Full { subject }),
            Offer::Refused => return Err(PublishError::Refused),
        };
        if confirmation_lost {
            return Err(PublishError::Ambiguous);
        }
        let done = if stream.confirms_when_done() {
            stream.when_done(published.stream_sequence)
        } else {
            None
        };
        Ok(done.map_or(Admission::Confirmed(published), |done| {
            Admission::WhenDone(published, done)
        }))
    }

    pub(crate) fn consume(&self, spec: &ConsumerSpec) -> Result<Inbox, ConsumeError> {
        let mut state = self.state();
        let stream = state
            .stream(&spec.stream)
            .ok_or_else(|| ConsumeError::NoStream {
                stream: spec.stream.clone(),
            })?;
        stream.open_consumer(spec)?;
        Ok(Inbox {
            memory: self.clone(),
            spec: Arc::new(spec.clone()),
        })
    }

    pub(crate) fn last_message(&self, stream: &str) -> Result<Tail, ReadError> {
        let mut state = self.state();
        let stream = state.stream(stream).ok_or_else(|| ReadError::Missing {
            name: stream.to_owned(),
        })?;
        let (last_sequence, message) = stream.last();
        let message = message.map(|message| StoredMessage {
            sequence: last_sequence,
            subject: message.subject.clone(),
            headers: message.headers.clone(),
        });
        Ok(Tail {
            last_sequence,
            message,
        })
    }

    pub(crate) fn provision(&self, topology: &Topology) -> Result<(), ProvisionError> {
        let mut state = self.state();
        let mut drifts = Vec::new();
        let (public, internal): (Vec<_>, Vec<_>) =
            topology.streams.iter().partition(|spec| spec.append_only);
        for spec in internal {
            match state.stream(&spec.name) {
                Some(stream) => drifts.extend(stream_drift(stream.spec(), spec)),
                None => state.streams.push(Stream::new(spec.clone())),
            }
        }
        for bucket in &topology.buckets {
            if public.iter().any(|spec| spec.name == bucket.source) {
                state.refused_buckets.insert(bucket.bucket.clone());
            }
        }
        if drifts.is_empty() {
            Ok(())
        } else {
            Err(ProvisionError::Drift(Drifts(drifts)))
        }
    }

    pub(crate) fn kv(&self, bucket: &str) -> Result<Kv, ReadError> {
        let mut state = self.state();
        if state.refused_buckets.contains(bucket) {
            return Err(ReadError::Missing {
                name: bucket.to_owned(),
            });
        }
        Ok(state.buckets.entry(bucket.to_owned()).or_default().clone())
    }

    pub(crate) fn depths(&self) -> Vec<StreamDepth> {
        self.state().streams.iter().map(Stream::depth).collect()
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.0.connected.borrow() && !self.0.closed.is_cancelled()
    }

    pub(crate) fn reconnections(&self) -> watch::Receiver<u64> {
        self.0.reconnections.subscribe()
    }

    pub(crate) fn close(&self) {
        self.0.closed.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spend(budget: &mut u32) -> bool {
    let spent = *budget > 0;
    *budget = budget.saturating_sub(1);
    spent
}

/// The messages of one consumer.
pub struct Inbox {
    memory: Memory,
    spec: Arc<ConsumerSpec>,
}

impl Inbox {
    pub(crate) async fn next(&mut self, max: usize) -> Result<Vec<Delivery>, ReceiveError> {
        let mut connected = self.memory.0.connected.subscribe();
        loop {
            if self.memory.0.closed.is_cancelled() {
                return Err(ReceiveError::Closed {
                    consumer: self.spec.name.clone(),
                });
            }
            let (moved, deadline) = self.watch();
            // Register before looking: a message that arrives in between must wake us.
            let mut moved = std::pin::pin!(moved.notified_owned());
            moved.as_mut().enable();
            let deliveries = self.take(max);
            if !deliveries.is_empty() {
                return Ok(deliveries);
            }
            tokio::select! {
                () = moved => {}
                () = sleep_until(deadline) => {}
                _ = connected.changed() => {}
                () = self.memory.0.closed.cancelled() => {}
            }
        }
    }

    fn watch(&self) -> (Arc<tokio::sync::Notify>, Option<Instant>) {
        let mut state = self.memory.state();
        let consumer = state
            .stream(&self.spec.stream)
            .and_then(|stream| stream.consumer(&self.spec.name));
        let consumer = consumer.expect("a consumer of this bus is never removed");
        // Without a connection a deadline that has passed could not be acted on.
        let deadline = if self.memory.is_connected() {
            consumer.next_deadline()
        } else {
            None
        };
        (Arc::clone(&consumer.moved), deadline)
    }

    fn take(&self, max: usize) -> Vec<Delivery> {
        if !self.memory.is_connected() {
            return Vec::new();
        }
        let mut state = self.memory.state();
        let Some(stream) = state.stream(&self.spec.stream) else {
            return Vec::new();
        };
        let taken = stream
            .consumer(&self.spec.name)
            .map(|consumer| consumer.take(max, Instant::now()));
        let messages = taken.unwrap_or_default().into_iter();
        messages
            .filter_map(|(sequence, attempt)| {
                Some(self.delivery(sequence, attempt, stream.message(sequence)?))
            })
            .collect()
    }

    fn delivery(&self, sequence: u64, attempt: u64, message: &Stored) -> Delivery {
        Delivery {
            subject: message.subject.clone(),
            payload: message.payload.clone(),
            envelope: message.envelope.clone(),
            headers: message.headers.clone(),
            attempt,
            sequence,
            ack_wait: self.spec.ack_wait,
            receipt: delivery::Receipt::Memory(Receipt {
                memory: self.memory.clone(),
                spec: Arc::clone(&self.spec),
                sequence,
            }),
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The way back for one delivered message.
#[derive(Clone)]
pub(crate) struct Receipt {
    memory: Memory,
    spec: Arc<ConsumerSpec>,
    sequence: u64,
}

impl Receipt {
    pub(crate) fn ack(&self, sequence: u64) -> Result<(), AckError> {
        if !self.memory.is_connected() {
            return Err(AckError {
                sequence,
                source: None,
            });
        }
        self.settle();
        Ok(())
    }

    pub(crate) fn terminate(&self) {
        if self.memory.is_connected() {
            self.settle();
        }
    }

    pub(crate) fn retry_after(&self, delay: Duration) {
        self.hold(delay);
    }

    pub(crate) fn in_progress(&self) {
        self.hold(self.spec.ack_wait);
    }

    fn settle(&self) {
        if let Some(stream) = self.memory.state().stream(&self.spec.stream) {
            stream.settle(&self.spec.name, self.sequence);
        }
    }

    fn hold(&self, delay: Duration) {
        if !self.memory.is_connected() {
            return;
        }
        let mut state = self.memory.state();
        let consumer = state
            .stream(&self.spec.stream)
            .and_then(|stream| stream.consumer(&self.spec.name));
        if let Some(consumer) = consumer {
            consumer.hold(self.sequence, Instant::now() + delay);
        }
    }
}

/// Makes a memory bus misbehave as a network does.
#[derive(Clone)]
pub struct Faults(Memory);

impl Faults {
    /// The next `count` messages are stored, but their publishers are told nothing.
    pub fn lose_confirmations(&self, count: u32) {
        self.0.state().confirmations_to_lose = count;
    }

    /// The next `count` messages are lost on the way, and their publishers are told nothing.
    pub fn lose_messages(&self, count: u32) {
        self.0.state().messages_to_lose = count;
    }

    /// Nothing can be published, delivered or acknowledged until [`Faults::reconnect`].
    pub fn disconnect(&self) {
        self.0.0.connected.send_replace(false);
    }

    /// The connection is back. Unacknowledged messages come again when their time is up.
    pub fn reconnect(&self) {
        self.0.0.connected.send_replace(true);
        self.0.0.reconnections.send_modify(|count| *count += 1);
    }
}
