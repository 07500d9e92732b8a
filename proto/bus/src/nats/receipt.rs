//! Answering for one delivered message.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Request;
use bytes::Bytes;

use super::NatsCore;
use crate::AckError;

/// The way back for one delivered message.
#[derive(Clone)]
pub(crate) struct NatsReceipt {
    pub(super) core: Arc<NatsCore>,
    pub(super) reply: async_nats::Subject,
    /// How many messages the consumer had left when this one was delivered.
    pub(super) pending: u64,
    /// The one connection on which this receipt means its message. A stream in memory begins again at
    /// sequence 1 when its server restarts, and there an old receipt would mean another message.
    pub(super) valid_on: Option<u64>,
}

impl NatsReceipt {
    pub(crate) async fn ack(&self, sequence: u64) -> Result<(), AckError> {
        self.send_answer(sequence, Bytes::from_static(b"+ACK"))
            .await
    }

    pub(crate) async fn retry_after(&self, sequence: u64, delay: Duration) {
        let answer = serde_json::json!({ "delay": to_nanoseconds(delay) });
        self.send_answer_if_possible(sequence, format!("-NAK {answer}"))
            .await;
    }

    pub(crate) async fn terminate(&self, sequence: u64, reason: &str) {
        self.send_answer_if_possible(sequence, format!("+TERM {reason}"))
            .await;
    }

    pub(crate) async fn in_progress(&self) {
        if !self.is_valid() {
            return;
        }
        if let Err(error) = self
            .core
            .client
            .publish(self.reply.clone(), Bytes::from_static(b"+WPI"))
            .await
        {
            tracing::debug!(error = %error, "A sign of life was not sent.");
        }
    }

    fn is_valid(&self) -> bool {
        self.core.is_connected()
            && self
                .valid_on
                .is_none_or(|connection| connection == self.core.connection_number())
    }

    async fn send_answer_if_possible(&self, sequence: u64, word: String) {
        if let Err(error) = self.send_answer(sequence, word.into()).await {
            tracing::debug!(error = %error, "The message will come again when its time is up.");
        }
    }

    /// Says something about the message and waits until the server has heard it.
    async fn send_answer(&self, sequence: u64, word: Bytes) -> Result<(), AckError> {
        // Sent all the same, it would acknowledge whichever message has this number after a restart
        // of the server.
        if !self.is_valid() {
            return Err(AckError {
                sequence,
                source: None,
            });
        }
        let request = Request::new()
            .payload(word)
            .timeout(Some(self.core.request_timeout));
        tokio::select! {
            answer = self.core.client.send_request(self.reply.clone(), request) => match answer {
                Ok(_) => Ok(()),
                Err(error) => Err(AckError { sequence, source: Some(error.into()) }),
            },
            // Without this, an answer that cannot come any more would be awaited for the whole
            // request timeout.
            () = self.core.wait_until_disconnected() => Err(AckError { sequence, source: None }),
        }
    }
}

pub(super) fn to_nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
