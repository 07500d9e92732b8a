//! Transport: the only crate that knows NATS.
//!
//! One [`Bus`] with two implementations. [`nats`] is JetStream; [`memory`] follows the same rules
//! inside one process, so that standalone needs no server and a simulation is deterministic. What both
//! must do is written down once, in `tests/conformance/`, and run against both.
//!
//! A publish is confirmed or it failed: there is no fire-and-forget here. An acknowledgement is
//! confirmed too. Neither proves that work was done once; that is for the database to decide.

mod delivery;
mod drift;
mod error;
mod inbox;
mod kv;
pub mod memory;
mod message;
pub mod nats;
mod room;

use std::collections::HashSet;
use std::sync::Arc;

use freshet_proto::stream::{ConsumerSpec, PAYLOAD_BYTES_MAX, Topology};
use tokio::sync::watch;

pub use delivery::{Delivery, KeepAlive};
pub use drift::{Drift, Drifts};
pub use error::{
    AckError, Cause, ConnectError, ConsumeError, Disposition, KvError, ProvisionError,
    PublishError, RETRY_FULL_AFTER, RETRY_UNAVAILABLE_AFTER, ReadError, ReceiveError,
};
pub use inbox::Inbox;
pub use kv::{KeyValueBucket, KeyValueEntry};
pub use message::{Expect, Outbound, Published, StoredMessage, StreamDepth, Tail};
pub use room::{ROOM_LOOK_EVERY, RoomWait, StreamRoom};

/// Most messages one atomic batch may have.
pub const BATCH_MESSAGES_MAX: usize = 1_000;

/// Largest block of headers one message may have, in bytes.
pub const HEADER_BYTES_MAX: usize = 60 * 1024;

/// The bus: publishes, delivers, remembers.
#[derive(Clone)]
pub enum Bus {
    /// NATS JetStream.
    Nats(Arc<nats::Nats>),
    /// The same rules inside this process.
    Memory(memory::Memory),
}

impl Bus {
    /// A bus inside this process with default settings.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(memory::Memory::new(memory::MemoryConfig::default()))
    }

    /// Connects to a NATS server.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached now; it is not retried.
    pub async fn connect(config: &nats::NatsConfig) -> Result<Self, ConnectError> {
        nats::Nats::connect(config)
            .await
            .map(|nats| Self::Nats(Arc::new(nats)))
    }

    /// Stores a message and waits for the confirmation.
    ///
    /// # Errors
    ///
    /// When it is not known to be stored; see [`PublishError::disposition`].
    pub async fn publish(&self, message: Outbound) -> Result<Published, PublishError> {
        check_size(&message)?;
        match self {
            Self::Nats(nats) => nats.publish(message).await,
            Self::Memory(memory) => memory.publish(message).await,
        }
    }

    /// Stores all of the messages, in order and after sequence `expect_last_sequence`, or none of them.
    /// Answers the stream's new last sequence. What a message itself expects is not looked at.
    ///
    /// # Errors
    ///
    /// When they are not known to be stored. [`PublishError::Refused`] if the stream has moved on.
    pub async fn publish_batch(
        &self,
        stream: &str,
        messages: Vec<Outbound>,
        expect_last_sequence: u64,
    ) -> Result<u64, PublishError> {
        if messages.is_empty() || messages.len() > BATCH_MESSAGES_MAX {
            return Err(PublishError::BatchSize {
                messages: messages.len(),
                messages_max: BATCH_MESSAGES_MAX,
            });
        }
        messages.iter().try_for_each(check_size)?;
        match self {
            Self::Nats(nats) => {
                nats.publish_batch(stream, messages, expect_last_sequence)
                    .await
            }
            // Only the relay publishes batches, and only to the public log, which does not exist in
            // memory.
            Self::Memory(_) => Err(PublishError::NoStream {
                subject: stream.to_owned(),
            }),
        }
    }

    /// Opens a consumer, which is created if absent.
    ///
    /// # Errors
    ///
    /// If the stream is missing, or the consumer exists with other settings.
    pub async fn consume(&self, consumer: &ConsumerSpec) -> Result<Inbox, ConsumeError> {
        match self {
            Self::Nats(nats) => nats.consume(consumer).await.map(Inbox::from_nats),
            Self::Memory(memory) => memory.consume(consumer).map(Inbox::from_memory),
        }
    }

    /// The end of a stream, read from its leader.
    ///
    /// # Errors
    ///
    /// If the stream is missing or cannot be asked.
    pub async fn last_message(&self, stream: &str) -> Result<Tail, ReadError> {
        match self {
            Self::Nats(nats) => nats.last_message(stream).await,
            Self::Memory(memory) => memory.last_message(stream),
        }
    }

    /// Creates what is missing of the topology and compares the rest. Idempotent.
    ///
    /// # Errors
    ///
    /// If anything exists with other settings: every differing field is named and nothing is changed.
    pub async fn provision(&self, topology: &Topology) -> Result<(), ProvisionError> {
        match self {
            Self::Nats(nats) => nats.provision(topology).await,
            Self::Memory(memory) => memory.provision(topology),
        }
    }

    /// Opens a key-value bucket. One that no topology describes is created if absent.
    ///
    /// # Errors
    ///
    /// If it cannot be reached, or is fed from a stream this bus does not have.
    pub async fn kv(&self, bucket: &str) -> Result<KeyValueBucket, ReadError> {
        match self {
            Self::Nats(nats) => nats
                .kv(bucket)
                .await
                .map(|kv| KeyValueBucket::Nats(Box::new(kv))),
            Self::Memory(memory) => memory.kv(bucket).map(KeyValueBucket::Memory),
        }
    }

    /// How much each provisioned stream holds.
    ///
    /// # Errors
    ///
    /// If a stream is missing or cannot be asked.
    pub async fn depths(&self) -> Result<Vec<StreamDepth>, ReadError> {
        match self {
            Self::Nats(nats) => nats.depths().await,
            Self::Memory(memory) => Ok(memory.depths()),
        }
    }

    /// How much one stream holds, and how much it may.
    ///
    /// # Errors
    ///
    /// If the stream is missing or cannot be asked.
    pub async fn depth(&self, stream: &str) -> Result<StreamDepth, ReadError> {
        match self {
            Self::Nats(nats) => nats.depth(stream).await,
            Self::Memory(memory) => memory.depth(stream),
        }
    }

    /// The subjects of which a stream holds a message, waiting or in flight.
    ///
    /// # Errors
    ///
    /// If the stream is missing or cannot be asked.
    pub async fn held_subjects(&self, stream: &str) -> Result<HashSet<String>, ReadError> {
        match self {
            Self::Nats(nats) => nats.held_subjects(stream).await,
            Self::Memory(memory) => memory.held_subjects(stream),
        }
    }

    /// Whether messages can be exchanged at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        match self {
            Self::Nats(nats) => nats.is_connected(),
            Self::Memory(memory) => memory.is_connected(),
        }
    }

    /// How often the connection was lost and is back. When this moves, the provisioned streams exist
    /// again, but those kept in memory are empty.
    #[must_use]
    pub fn reconnections(&self) -> watch::Receiver<u64> {
        match self {
            Self::Nats(nats) => nats.reconnections(),
            Self::Memory(memory) => memory.reconnections(),
        }
    }

    /// Whether stored messages outlive this process, and there is a public stream of changes.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        match self {
            Self::Nats(_) => true,
            Self::Memory(_) => false,
        }
    }

    /// Stops the bus's own tasks and sends what is still on its way to the server.
    pub async fn close(&self) {
        match self {
            Self::Nats(nats) => nats.close().await,
            Self::Memory(memory) => memory.close(),
        }
    }
}

fn check_size(message: &Outbound) -> Result<(), PublishError> {
    // Before anything is sent: a server ends the whole connection of whoever sends more than it
    // allows, and every other publish on its way with it.
    let sizes = [
        (message.payload.len(), PAYLOAD_BYTES_MAX),
        (message.header_bytes(), HEADER_BYTES_MAX),
    ];
    match sizes
        .into_iter()
        .find(|(bytes, bytes_max)| bytes > bytes_max)
    {
        Some((bytes, bytes_max)) => Err(PublishError::TooLarge {
            subject: message.subject.to_string(),
            bytes,
            bytes_max,
        }),
        None => Ok(()),
    }
}
