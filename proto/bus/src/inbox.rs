//! Where a consumer's messages arrive.

use crate::{Delivery, ReceiveError, memory, nats};

/// The messages of one consumer. Several inboxes of one consumer share its messages.
pub struct Inbox(InboxKind);

enum InboxKind {
    Nats(Box<nats::NatsInbox>),
    Memory(memory::MemoryInbox),
}

impl Inbox {
    pub(crate) fn from_nats(inbox: nats::NatsInbox) -> Self {
        Self(InboxKind::Nats(Box::new(inbox)))
    }

    pub(crate) fn from_memory(inbox: memory::MemoryInbox) -> Self {
        Self(InboxKind::Memory(inbox))
    }

    /// Waits for at least one message, then returns what is there, up to `max` (at least 1).
    ///
    /// Nothing is fetched ahead: a message that waits in our hands would run down its time. Cancel
    /// safe: what arrived after a cancellation is returned by the next call.
    ///
    /// # Errors
    ///
    /// When the consumer cannot be reached and could not be made again. Call again later.
    pub async fn next(&mut self, max: usize) -> Result<Vec<Delivery>, ReceiveError> {
        // A pull of nothing would be answered at once, and whoever calls in a loop would spin.
        let max = max.max(1);
        match &mut self.0 {
            InboxKind::Nats(inbox) => inbox.next(max).await,
            InboxKind::Memory(inbox) => inbox.next(max).await,
        }
    }
}
