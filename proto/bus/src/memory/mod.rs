//! JetStream's rules inside one process: coalescing, redelivery, identities, key-value.
//!
//! It holds nothing across a crash. So a message for a work queue that is on disk elsewhere (a signal) is
//! confirmed only when its consumer has acknowledged it, and a confirmed message is durable in both
//! implementations. The public stream of changes and the bucket fed from it do not exist here: they would
//! only copy, at the price of memory, what the database already holds.
//!
//! [`Faults`] makes it misbehave as a network does. Time is tokio's, so a test may pause it.

mod consumer;
mod inbox;
mod kv;
mod stream;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freshet_proto::stream::{ConsumerSpec, Topology};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use inbox::{MemoryInbox, MemoryReceipt};
pub use kv::MemoryBucket;

use crate::{
    ConsumeError, Drifts, Outbound, ProvisionError, PublishError, Published, ReadError,
    StoredMessage, StreamDepth, Tail,
};
use stream::{MemoryStream, OfferOutcome, stream_drift};

/// Settings of the memory bus.
#[derive(Clone, Copy, Debug)]
pub struct MemoryConfig {
    /// How long a publish may wait for its confirmation.
    pub publish_timeout: Duration,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            // The same patience as on a server, so that what depends on it behaves alike in both
            // profiles.
            publish_timeout: crate::nats::DEFAULT_REQUEST_TIMEOUT,
        }
    }
}

/// The bus inside this process. Clones share it.
#[derive(Clone)]
pub struct Memory(Arc<SharedBus>);

struct SharedBus {
    state: Mutex<BusState>,
    publish_timeout: Duration,
    connected: watch::Sender<bool>,
    reconnections: watch::Sender<u64>,
    closed: CancellationToken,
}

#[derive(Default)]
struct BusState {
    streams: Vec<MemoryStream>,
    /// Buckets fed from a stream that does not exist here.
    refused_buckets: HashSet<String>,
    buckets: HashMap<String, MemoryBucket>,
    confirmations_to_lose: u32,
    messages_to_lose: u32,
}

impl BusState {
    fn find_stream(&mut self, name: &str) -> Option<&mut MemoryStream> {
        self.streams
            .iter_mut()
            .find(|stream| stream.spec().name == name)
    }
}

/// What a publish still waits for.
enum PublishAdmission {
    Confirmed(Published),
    WhenDone(Published, oneshot::Receiver<()>),
}

impl Memory {
    /// An empty bus.
    #[must_use]
    pub fn new(config: MemoryConfig) -> Self {
        Self(Arc::new(SharedBus {
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
        match self.admit_message(message)? {
            PublishAdmission::Confirmed(published) => Ok(published),
            PublishAdmission::WhenDone(published, done) => {
                match tokio::time::timeout(self.0.publish_timeout, done).await {
                    Ok(Ok(())) => Ok(published),
                    // It waits for longer than the publisher does, or was replaced meanwhile.
                    Ok(Err(_)) | Err(_) => Err(PublishError::Ambiguous),
                }
            }
        }
    }

    fn admit_message(&self, message: Outbound) -> Result<PublishAdmission, PublishError> {
        if !self.is_connected() {
            return Err(PublishError::Unavailable);
        }
        let subject = message.subject.to_string();
        let mut state = self.lock_state();
        // Both faults look alike to the publisher; that is the point of them.
        if spend_one(&mut state.messages_to_lose) {
            return Err(PublishError::Ambiguous);
        }
        let confirmation_lost = spend_one(&mut state.confirmations_to_lose);
        let Some(stream) = state
            .streams
            .iter_mut()
            .find(|stream| stream.captures_subject(&subject))
        else {
            return Err(PublishError::NoStream { subject });
        };
        let published = match stream.offer_message(message, Instant::now()) {
            OfferOutcome::Stored(sequence) => Published {
                stream_sequence: sequence,
                duplicate: false,
            },
            OfferOutcome::Duplicate(sequence) => Published {
                stream_sequence: sequence,
                duplicate: true,
            },
            OfferOutcome::Full => return Err(PublishError::Full { subject }),
            OfferOutcome::Refused => return Err(PublishError::Refused),
        };
        if confirmation_lost {
            return Err(PublishError::Ambiguous);
        }
        let done = if stream.confirms_when_done() {
            stream.when_done(published.stream_sequence)
        } else {
            None
        };
        Ok(done.map_or(PublishAdmission::Confirmed(published), |done| {
            PublishAdmission::WhenDone(published, done)
        }))
    }

    pub(crate) fn consume(&self, spec: &ConsumerSpec) -> Result<MemoryInbox, ConsumeError> {
        let mut state = self.lock_state();
        let stream = state
            .find_stream(&spec.stream)
            .ok_or_else(|| ConsumeError::NoStream {
                stream: spec.stream.clone(),
            })?;
        stream.open_consumer(spec)?;
        Ok(MemoryInbox {
            memory: self.clone(),
            spec: Arc::new(spec.clone()),
        })
    }

    pub(crate) fn last_message(&self, stream: &str) -> Result<Tail, ReadError> {
        let mut state = self.lock_state();
        let stream = state
            .find_stream(stream)
            .ok_or_else(|| ReadError::Missing {
                name: stream.to_owned(),
            })?;
        let (last_sequence, message) = stream.last_stored();
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
        let mut state = self.lock_state();
        let mut drifts = Vec::new();
        // An append-only stream is the public log. It is left out here, and so is every bucket fed
        // from it.
        let (public, internal): (Vec<_>, Vec<_>) =
            topology.streams.iter().partition(|spec| spec.append_only);
        for spec in internal {
            match state.find_stream(&spec.name) {
                Some(stream) => drifts.extend(stream_drift(stream.spec(), spec)),
                None => state.streams.push(MemoryStream::new(spec.clone())),
            }
        }
        for bucket in &topology.buckets {
            // Refused by name, so that whoever asks for it learns that there is none here, instead
            // of reading an empty one for ever.
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

    pub(crate) fn kv(&self, bucket: &str) -> Result<MemoryBucket, ReadError> {
        let mut state = self.lock_state();
        if state.refused_buckets.contains(bucket) {
            return Err(ReadError::Missing {
                name: bucket.to_owned(),
            });
        }
        Ok(state.buckets.entry(bucket.to_owned()).or_default().clone())
    }

    pub(crate) fn depth(&self, stream: &str) -> Result<StreamDepth, ReadError> {
        self.read_stream(stream, MemoryStream::depth)
    }

    pub(crate) fn held_subjects(&self, stream: &str) -> Result<HashSet<String>, ReadError> {
        self.read_stream(stream, MemoryStream::held_subjects)
    }

    fn read_stream<R>(
        &self,
        name: &str,
        read: impl FnOnce(&MemoryStream) -> R,
    ) -> Result<R, ReadError> {
        let mut state = self.lock_state();
        let stream = state.find_stream(name).map(|stream| read(stream));
        stream.ok_or_else(|| ReadError::Missing {
            name: name.to_owned(),
        })
    }

    pub(crate) fn depths(&self) -> Vec<StreamDepth> {
        self.lock_state()
            .streams
            .iter()
            .map(MemoryStream::depth)
            .collect()
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

    fn lock_state(&self) -> MutexGuard<'_, BusState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spend_one(budget: &mut u32) -> bool {
    let spent = *budget > 0;
    *budget = budget.saturating_sub(1);
    spent
}

/// Makes a memory bus misbehave as a network does.
#[derive(Clone)]
pub struct Faults(Memory);

impl Faults {
    /// The next `count` messages are stored, but their publishers are told nothing.
    pub fn lose_confirmations(&self, count: u32) {
        self.0.lock_state().confirmations_to_lose = count;
    }

    /// The next `count` messages are lost on the way, and their publishers are told nothing.
    pub fn lose_messages(&self, count: u32) {
        self.0.lock_state().messages_to_lose = count;
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
