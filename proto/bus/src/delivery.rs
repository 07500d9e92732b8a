//! One message in the hands of a handler, and the four things that can be done with it.

use std::time::Duration;

use bytes::Bytes;
use freshet_proto::envelope::{Envelope, MESSAGE_ID_HEADER, TRACEPARENT_HEADER};
use freshet_proto::stream::KEEP_ALIVE_MAX;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::{AckError, memory, nats};

/// A handler that is still at work says so this often within the consumer's `ack_wait`.
const KEEP_ALIVES_PER_ACK_WAIT: u32 = 3;

/// A message that was delivered. One that is dropped comes again after the consumer's `ack_wait`.
pub struct Delivery {
    /// Where it was published.
    pub subject: String,
    /// What it says.
    pub payload: Bytes,
    /// Its identity and trace context.
    pub envelope: Envelope,
    /// Its other headers.
    pub headers: Vec<(String, String)>,
    /// How often it was delivered, this time included.
    pub attempt: u64,
    /// Its sequence in the stream.
    pub sequence: u64,
    /// When it arrived here. Its time to be answered runs from then on, also before anybody looks at it.
    pub received_at: Instant,
    pub(crate) ack_wait: Duration,
    pub(crate) receipt: Receipt,
}

/// The way back to whoever delivered the message.
#[derive(Clone)]
pub(crate) enum Receipt {
    Nats(nats::NatsReceipt),
    Memory(memory::MemoryReceipt),
}

impl Delivery {
    /// The message was dealt with and leaves its work queue. Resolves when that is confirmed.
    ///
    /// # Errors
    ///
    /// When it is not confirmed; the message may then come again.
    pub async fn ack(self) -> Result<(), AckError> {
        match &self.receipt {
            Receipt::Nats(receipt) => receipt.ack(self.sequence).await,
            Receipt::Memory(receipt) => receipt.ack(self.sequence),
        }
    }

    /// The message is to come again after `delay`. Best effort: if this is lost, it comes again
    /// after the consumer's `ack_wait`.
    pub async fn retry_after(self, delay: Duration) {
        match &self.receipt {
            Receipt::Nats(receipt) => receipt.retry_after(self.sequence, delay).await,
            Receipt::Memory(receipt) => receipt.retry_after(delay),
        }
    }

    /// The message is to go and not come again, for a reason worth recording. Best effort.
    pub async fn terminate(self, reason: &str) {
        match &self.receipt {
            Receipt::Nats(receipt) => receipt.terminate(self.sequence, reason).await,
            Receipt::Memory(receipt) => receipt.terminate(),
        }
    }

    /// Says that the handler is still at work until the guard is dropped, or for five minutes: a
    /// handler that hangs must not keep its message for ever.
    pub fn keep_alive(&self) -> KeepAlive {
        let receipt = self.receipt.clone();
        // Three times within the time that is allowed, so that one may be lost and one late.
        let every = self.ack_wait / KEEP_ALIVES_PER_ACK_WAIT;
        #[expect(clippy::disallowed_methods, reason = "the guard ends it")]
        let task = tokio::spawn(keep_alive(receipt, every));
        KeepAlive {
            _task: AbortOnDropHandle::new(task),
        }
    }
}

/// While this lives, its message is not delivered to anyone else.
#[must_use = "the message comes again when the guard is dropped and `ack_wait` has passed"]
pub struct KeepAlive {
    _task: AbortOnDropHandle<()>,
}

async fn keep_alive(receipt: Receipt, every: Duration) {
    let work = async {
        // The first tick is at once: the message may have waited for its handler through most of
        // its time.
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            match &receipt {
                Receipt::Nats(receipt) => receipt.in_progress().await,
                Receipt::Memory(receipt) => receipt.in_progress(),
            }
        }
    };
    // Nobody hears of it: the message simply comes again, to this handler or another.
    let _elapsed = tokio::time::timeout(KEEP_ALIVE_MAX, work).await;
}

/// Splits the headers of a stored message into the envelope and the rest.
pub(crate) fn unwrap_envelope(headers: Vec<(String, String)>) -> (Envelope, Vec<(String, String)>) {
    let mut envelope = Envelope::default();
    let mut rest = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        match name.as_str() {
            MESSAGE_ID_HEADER => envelope.id = Some(value),
            TRACEPARENT_HEADER => envelope.traceparent = Some(value),
            _ => rest.push((name, value)),
        }
    }
    (envelope, rest)
}
