//! Receiving from, and answering to, the memory bus.

use std::sync::Arc;
use std::time::Duration;

use freshet_proto::stream::ConsumerSpec;
use tokio::time::Instant;

use super::Memory;
use super::stream::HeldMessage;
use crate::{AckError, Delivery, ReceiveError, delivery};

/// The messages of one consumer.
pub(crate) struct MemoryInbox {
    pub(super) memory: Memory,
    pub(super) spec: Arc<ConsumerSpec>,
}

impl MemoryInbox {
    pub(crate) async fn next(&mut self, max: usize) -> Result<Vec<Delivery>, ReceiveError> {
        let mut connected = self.memory.0.connected.subscribe();
        loop {
            if self.memory.0.closed.is_cancelled() {
                return Err(ReceiveError::Closed {
                    consumer: self.spec.name.clone(),
                });
            }
            let (moved, deadline) = self.watch_consumer();
            // Register before looking: a message that arrives in between must wake us.
            let mut moved = std::pin::pin!(moved.notified_owned());
            moved.as_mut().enable();
            let deliveries = self.take_deliveries(max);
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

    fn watch_consumer(&self) -> (Arc<tokio::sync::Notify>, Option<Instant>) {
        let mut state = self.memory.lock_state();
        let consumer = state
            .find_stream(&self.spec.stream)
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

    fn take_deliveries(&self, max: usize) -> Vec<Delivery> {
        if !self.memory.is_connected() {
            return Vec::new();
        }
        let mut state = self.memory.lock_state();
        let Some(stream) = state.find_stream(&self.spec.stream) else {
            return Vec::new();
        };
        let taken = stream
            .consumer(&self.spec.name)
            .map(|consumer| consumer.take_in_hand(max, Instant::now()));
        let messages = taken.unwrap_or_default().into_iter();
        messages
            .filter_map(|(sequence, attempt)| {
                Some(self.make_delivery(sequence, attempt, stream.message(sequence)?))
            })
            .collect()
    }

    fn make_delivery(&self, sequence: u64, attempt: u64, message: &HeldMessage) -> Delivery {
        Delivery {
            subject: message.subject.clone(),
            payload: message.payload.clone(),
            envelope: message.envelope.clone(),
            headers: message.headers.clone(),
            attempt,
            sequence,
            received_at: Instant::now(),
            ack_wait: self.spec.ack_wait,
            receipt: delivery::Receipt::Memory(MemoryReceipt {
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
pub(crate) struct MemoryReceipt {
    memory: Memory,
    spec: Arc<ConsumerSpec>,
    sequence: u64,
}

impl MemoryReceipt {
    pub(crate) fn ack(&self, sequence: u64) -> Result<(), AckError> {
        if !self.memory.is_connected() {
            // As on a server: an acknowledgement that nobody hears is none, and the message comes again.
            return Err(AckError {
                sequence,
                source: None,
            });
        }
        self.finish_message();
        Ok(())
    }

    pub(crate) fn terminate(&self) {
        if self.memory.is_connected() {
            self.finish_message();
        }
    }

    pub(crate) fn retry_after(&self, delay: Duration) {
        self.extend_deadline(delay);
    }

    pub(crate) fn in_progress(&self) {
        self.extend_deadline(self.spec.ack_wait);
    }

    fn finish_message(&self) {
        if let Some(stream) = self.memory.lock_state().find_stream(&self.spec.stream) {
            stream.finish_message(&self.spec.name, self.sequence);
        }
    }

    fn extend_deadline(&self, delay: Duration) {
        if !self.memory.is_connected() {
            return;
        }
        let mut state = self.memory.lock_state();
        let consumer = state
            .find_stream(&self.spec.stream)
            .and_then(|stream| stream.consumer(&self.spec.name));
        if let Some(consumer) = consumer {
            consumer.extend_deadline(self.sequence, Instant::now() + delay);
        }
    }
}
