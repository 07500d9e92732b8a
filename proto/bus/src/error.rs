//! What can go wrong on the bus, and what to do about it.

use std::time::Duration;

use crate::Drifts;

/// How long to wait before trying again what an absent server refused.
pub const RETRY_UNAVAILABLE_AFTER: Duration = Duration::from_millis(250);
/// How long to wait before publishing again to a stream that is full.
pub const RETRY_FULL_AFTER: Duration = Duration::from_secs(1);

/// Where an error came from, when that is a library's error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What to do about a failed publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The same message may be published again after this long.
    RetryAfter(Duration),
    /// Look at what is stored before deciding anything.
    ReadAgain,
    /// Publishing it again cannot succeed.
    GiveUp,
}

/// Why a message is not known to be stored.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The stream holds as much as it may.
    #[error("the stream for {subject} is full")]
    Full {
        /// Where the message was going.
        subject: String,
    },
    /// What the message expected of the stream does not hold, or a message of the batch is stored already.
    /// Nothing was stored.
    #[error("the expectation of the message did not hold")]
    Refused,
    /// No answer came in time. The message may or may not be stored.
    #[error("no confirmation in time; the message may be stored")]
    Ambiguous,
    /// There is no connection, or nobody leads the stream at the moment.
    #[error("the bus cannot be reached")]
    Unavailable,
    /// Larger than any message may be. Nothing was sent.
    #[error("a message to {subject} has {bytes} bytes, more than {bytes_max}")]
    TooLarge {
        /// Where the message was going.
        subject: String,
        /// How large its payload or its header block is.
        bytes: usize,
        /// How large that may be.
        bytes_max: usize,
    },
    /// No stream captures the subject.
    #[error("no stream captures {subject}")]
    NoStream {
        /// Where the message was going.
        subject: String,
    },
    /// A batch that cannot be a batch: empty, or more than the server takes.
    #[error("a batch of {messages} messages; it must have 1 to {messages_max}")]
    BatchSize {
        /// How many messages it has.
        messages: usize,
        /// How many it may have.
        messages_max: usize,
    },
    /// The server answered with an error that has no meaning of its own here.
    #[error("the server refused a message to {subject}: {description} ({code})")]
    Server {
        /// Where the message was going.
        subject: String,
        /// The server's error code.
        code: u64,
        /// The server's words.
        description: String,
    },
}

impl PublishError {
    /// What to do about it. No wildcard arm: a new error must decide its own fate.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Full { .. } => Disposition::RetryAfter(RETRY_FULL_AFTER),
            // Sending it again blindly would be wrong in both: after a refusal somebody else was
            // first, and after silence it may be stored already.
            Self::Refused | Self::Ambiguous => Disposition::ReadAgain,
            Self::Unavailable | Self::Server { .. } => {
                Disposition::RetryAfter(RETRY_UNAVAILABLE_AFTER)
            }
            Self::TooLarge { .. } | Self::NoStream { .. } | Self::BatchSize { .. } => {
                Disposition::GiveUp
            }
        }
    }

    /// Whether a message with an identity may be sent again at once: the first may or may not have
    /// arrived, and a second does no harm.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            // A server in the middle of an election answers with errors of all sorts; they pass.
            Self::Ambiguous | Self::Unavailable | Self::Server { .. } => true,
            Self::Full { .. }
            | Self::Refused
            | Self::TooLarge { .. }
            | Self::NoStream { .. }
            | Self::BatchSize { .. } => false,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials file could not be read.
    #[error("cannot read the credentials file {path}")]
    Credentials {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A connection has one user, whichever server it is made to.
    #[error(
        "the addresses of the NATS servers name different credentials, and a connection can have only one"
    )]
    SeveralLogins,
    /// The server did not accept a connection.
    #[error("cannot connect to the NATS server")]
    Refused {
        /// Why. The address is not repeated here, because it may hold a password.
        #[source]
        source: Cause,
    },
}

/// Why a consumer could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The stream does not exist.
    #[error("there is no stream {stream}")]
    NoStream {
        /// The stream.
        stream: String,
    },
    /// A consumer of that name exists and is not the one wanted.
    #[error("consumer {consumer} exists with other settings: {drift}")]
    Drift {
        /// The consumer.
        consumer: String,
        /// Every field that differs.
        drift: Drifts,
    },
    /// Its filter overlaps another consumer's on a work queue.
    #[error("consumer {consumer} would share messages with another one")]
    Overlap {
        /// The consumer.
        consumer: String,
    },
    /// The server could not be asked.
    #[error("cannot open consumer {consumer}")]
    Unavailable {
        /// The consumer.
        consumer: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

/// Why no messages could be received. Trying again is always right.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The consumer or its stream vanished and could not be made again yet.
    #[error("consumer {consumer} cannot be reached")]
    Unavailable {
        /// The consumer.
        consumer: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The bus was closed.
    #[error("the bus was closed while receiving from {consumer}")]
    Closed {
        /// The consumer.
        consumer: String,
    },
}

/// Why an acknowledgement is not known to have arrived. The message may come again.
#[derive(Debug, thiserror::Error)]
#[error("the acknowledgement of message {sequence} was not confirmed")]
pub struct AckError {
    /// The message's sequence in its stream.
    pub sequence: u64,
    /// Why.
    #[source]
    pub source: Option<Cause>,
}

/// Why a stream or bucket could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not exist.
    #[error("there is no {name}")]
    Missing {
        /// The stream or bucket.
        name: String,
    },
    /// The server could not be asked.
    #[error("cannot read {name}")]
    Unavailable {
        /// The stream or bucket.
        name: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

/// Why the topology is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// Streams or buckets exist with other settings. Nothing was changed: an operator decides.
    #[error("the server's streams are not the ones this version expects: {0}")]
    Drift(Drifts),
    /// There is nothing that could hold a stream.
    #[error("JetStream is not enabled on this server or account")]
    NoJetStream,
    /// What has to be sent in one message does not fit into one.
    #[error(
        "the NATS server takes messages of at most {bytes_max} bytes (max_payload), and Freshet needs {bytes_needed}"
    )]
    SmallPayload {
        /// What the server takes.
        bytes_max: usize,
        /// What it has to take.
        bytes_needed: usize,
    },
    /// The server has too little room, on its disk or in its memory.
    #[error("the NATS server has no room for {name}: {room}")]
    NoRoom {
        /// The stream or bucket.
        name: String,
        /// How much is needed, and what is known of how much there is.
        room: String,
        /// The server's words.
        #[source]
        source: Cause,
    },
    /// A stream or bucket could not be created or looked at.
    #[error("cannot provision {name}")]
    Unavailable {
        /// The stream or bucket.
        name: String,
        /// Why.
        #[source]
        source: Cause,
    },
}

/// Why a key-value operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// The key's revision is another one; somebody wrote first.
    #[error("key {key} has another revision")]
    WrongRevision {
        /// The key.
        key: String,
    },
    /// The key is not one the store takes.
    #[error("{key:?} is not a key")]
    InvalidKey {
        /// The key.
        key: String,
    },
    /// The server could not be asked, or did not answer. A write may have happened.
    #[error("the operation on key {key} was not confirmed")]
    Unavailable {
        /// The key.
        key: String,
        /// Why.
        #[source]
        source: Option<Cause>,
    },
}
