//! What is handed to the bus and what it hands back about stored messages.

use bytes::Bytes;
use freshet_proto::envelope::{Envelope, MESSAGE_ID_HEADER, TRACEPARENT_HEADER};
use freshet_proto::subject::Subject;

/// Bytes one header costs beyond its name and value (`: ` and the line end).
const HEADER_OVERHEAD_BYTES: usize = 4;

/// A message to publish.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Where it goes.
    pub subject: Subject,
    /// What it says.
    pub payload: Bytes,
    /// Its identity and trace context.
    pub envelope: Envelope,
    /// Further headers, such as the attributes of a CloudEvent.
    pub headers: Vec<(String, String)>,
    /// What must hold for it to be stored.
    pub expect: Expect,
}

impl Outbound {
    /// A message without identity, headers or expectation.
    #[must_use]
    pub fn new(subject: Subject, payload: impl Into<Bytes>) -> Self {
        Self {
            subject,
            payload: payload.into(),
            envelope: Envelope::default(),
            headers: Vec::new(),
            expect: Expect::Nothing,
        }
    }

    /// The same message with this envelope.
    #[must_use]
    pub fn enveloped(mut self, envelope: Envelope) -> Self {
        self.envelope = envelope;
        self
    }

    /// The same message with this expectation.
    #[must_use]
    pub fn expecting(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// The same message with these further headers.
    #[must_use]
    pub fn with_headers(mut self, headers: Vec<(String, String)>) -> Self {
        self.headers = headers;
        self
    }

    /// Bytes it takes of a stream, near enough: a server adds a little of its own.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        let bytes = self.subject.as_str().len() + self.payload.len() + self.header_bytes();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    pub(crate) fn header_bytes(&self) -> usize {
        // What the server counts against its limit, not what the client holds.
        let named = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD_BYTES);
        let enveloped = [
            (MESSAGE_ID_HEADER, &self.envelope.id),
            (TRACEPARENT_HEADER, &self.envelope.traceparent),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            value
                .as_ref()
                .map(|value| name.len() + value.len() + HEADER_OVERHEAD_BYTES)
        });
        named.chain(enveloped).sum()
    }
}

/// What must hold for a message to be stored; checked by whoever stores it, at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Nothing,
    /// No message with this subject waits or is in flight.
    SubjectEmpty,
    /// The stream's last sequence is this one.
    StreamSequence(u64),
}

/// Proof that a message is stored.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its sequence in the stream; of the first copy if it is a duplicate.
    pub stream_sequence: u64,
    /// Whether a message with the same identity was stored before, so that this one was dropped.
    pub duplicate: bool,
}

/// The end of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Sequence of the last message ever stored; 0 if there never was one.
    pub last_sequence: u64,
    /// That message, unless it has left the stream since.
    pub message: Option<StoredMessage>,
}

/// A message as the stream holds it, without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// Where it was published.
    pub subject: String,
    /// All of its headers.
    pub headers: Vec<(String, String)>,
}

impl StoredMessage {
    /// The value of a header, if the message has it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }
}

/// How much one stream holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamDepth {
    /// The stream.
    pub stream: String,
    /// How many messages wait or are in flight.
    pub messages: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// How many bytes they may take; `None` is unbounded.
    pub bytes_max: Option<u64>,
}
