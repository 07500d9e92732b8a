//! Receiving: one pull at a time, which ends as soon as it has delivered what is there.
//!
//! A pull says `no_wait` together with an expiry. The server then waits for the first message, delivers
//! what it has up to the batch, and ends the pull; nothing is fetched ahead, and the answer needs one round
//! trip. Each delivery says how many messages are left, so that usually the end need not be awaited.
//!
//! Whoever stops waiting leaves a pull open, and what it brings lies here until somebody asks again. When its
//! `ack_wait` has passed by then, the server gives it to the next one, so it is dropped here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_nats::header::HeaderMap;
use async_nats::jetstream::Message as JetStreamMessage;
use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use freshet_proto::stream::ConsumerSpec;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::watch;
use tokio::time::Instant;

use super::NatsCore;
use super::receipt::{NatsReceipt, to_nanoseconds};
use crate::delivery::unwrap_envelope;
use crate::{ConsumeError, Delivery, RETRY_UNAVAILABLE_AFTER, ReceiveError, delivery};

/// How long one pull stays open on the server.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that an open pull is alive.
const PULL_HEARTBEAT: Duration = Duration::from_secs(2);
/// A pull that is silent for longer than this is given up: the server has forgotten it.
const PULL_SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long the rest of a pull is awaited after its first message: the server stops in the middle when
/// the consumer has as many messages out as it may.
const GATHER_MAX: Duration = Duration::from_millis(50);

const HEARTBEAT: u16 = 100;
const CONFLICT: u16 = 409;

/// The messages of one consumer.
pub(crate) struct NatsInbox {
    core: Arc<NatsCore>,
    spec: Arc<ConsumerSpec>,
    is_volatile: bool,
    subscription: Subscriber,
    /// Where answers go, without the number of the pull.
    address: String,
    pulls: u64,
    open: Option<OpenPull>,
    arrived: VecDeque<Delivery>,
    /// What is in the subscription has arrived since then.
    looked_at: Instant,
    reconnections: watch::Receiver<u64>,
}

/// A pull the server may still answer.
struct OpenPull {
    reply: String,
    left: usize,
    silent_at: Instant,
}

/// What a message to the inbox means for the open pull.
enum Arrival {
    /// A message.
    Message,
    /// The pull is alive, or an old one has ended.
    Nothing,
    /// The pull has ended; another one may follow at once.
    Ended,
    /// The pull was refused, or nobody answers for the consumer.
    Lost,
}

impl NatsInbox {
    pub(super) async fn open(
        core: Arc<NatsCore>,
        spec: &ConsumerSpec,
    ) -> Result<Self, ConsumeError> {
        // One subscription for every pull: with one for each, what the server sent between two of
        // them would have no receiver.
        let address = core.client.new_inbox();
        let reconnections = core.reconnections.subscribe();
        let subscription = core
            .client
            .subscribe(format!("{address}.*"))
            .await
            .map_err(|error| ConsumeError::Unavailable {
                consumer: spec.name.clone(),
                source: error.into(),
            })?;
        Ok(Self {
            is_volatile: core.is_volatile(&spec.stream),
            core,
            spec: Arc::new(spec.clone()),
            subscription,
            address,
            pulls: 0,
            open: None,
            arrived: VecDeque::new(),
            looked_at: Instant::now(),
            reconnections,
        })
    }

    /// Cancel safe: whatever was received is in `self` before the next await.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Vec<Delivery>, ReceiveError> {
        self.receive_buffered();
        self.drop_overdue();
        while self.arrived.is_empty() {
            if self.open.is_none() {
                self.request_pull(max).await?;
            }
            self.receive_first().await?;
        }
        if self.arrived.len() < max && self.open.is_some() {
            // Running out of time only means that there is no more.
            let _elapsed = tokio::time::timeout(GATHER_MAX, self.gather_rest(max)).await;
        }
        // More than was asked for can lie here: what an abandoned wait received belongs to the next
        // call.
        let count = self.arrived.len().min(max);
        Ok(self.arrived.drain(..count).collect())
    }

    async fn receive_first(&mut self) -> Result<(), ReceiveError> {
        let silent_at = self
            .open
            .as_ref()
            .map_or_else(Instant::now, |pull| pull.silent_at);
        let arrival = tokio::select! {
            message = self.subscription.next() => match message {
                Some(message) => {
                    self.looked_at = Instant::now();
                    self.sort_message(message)
                }
                None => return Err(ReceiveError::Closed { consumer: self.spec.name.clone() }),
            },
            // Everything was made again and the server knows nothing of this pull.
            changed = self.reconnections.changed() => match changed {
                Ok(()) => Arrival::Ended,
                Err(_) => return Err(ReceiveError::Closed { consumer: self.spec.name.clone() }),
            },
            () = tokio::time::sleep_until(silent_at) => Arrival::Lost,
        };
        match arrival {
            Arrival::Message | Arrival::Nothing => {}
            Arrival::Ended => self.open = None,
            Arrival::Lost => return self.recover_consumer().await,
        }
        Ok(())
    }

    /// Receives the rest of the pull. When nothing was left behind the newest message, the server is ending
    /// the pull already, and its word for that can be read later.
    async fn gather_rest(&mut self, max: usize) {
        while self.arrived.len() < max && self.open.is_some() && self.last_pending() > 0 {
            let Some(message) = self.subscription.next().await else {
                return;
            };
            self.looked_at = Instant::now();
            if let Arrival::Ended | Arrival::Lost = self.sort_message(message) {
                self.open = None;
            }
        }
    }

    fn receive_buffered(&mut self) {
        while let Some(Some(message)) = self.subscription.next().now_or_never() {
            if let Arrival::Ended | Arrival::Lost = self.sort_message(message) {
                self.open = None;
            }
        }
        self.looked_at = Instant::now();
    }

    /// One that is dropped too early, because nobody knows when it came, comes again all the same.
    fn drop_overdue(&mut self) {
        let now = Instant::now();
        self.arrived
            .retain(|delivery| delivery.received_at + delivery.ack_wait > now);
    }

    fn last_pending(&self) -> u64 {
        self.arrived
            .back()
            .map_or(0, |delivery| match &delivery.receipt {
                delivery::Receipt::Nats(receipt) => receipt.pending,
                delivery::Receipt::Memory(_) => 0,
            })
    }

    async fn request_pull(&mut self, max: usize) -> Result<(), ReceiveError> {
        self.pulls += 1;
        // Numbered, so that the end of an old pull is not taken for that of this one.
        let reply = format!("{}.{}", self.address, self.pulls);
        let subject = format!(
            "$JS.API.CONSUMER.MSG.NEXT.{}.{}",
            self.spec.stream, self.spec.name
        );
        let request = serde_json::json!({
            "batch": max,
            "expires": to_nanoseconds(PULL_EXPIRES),
            "no_wait": true,
            "idle_heartbeat": to_nanoseconds(PULL_HEARTBEAT),
        });
        let payload = Bytes::from(request.to_string());
        self.core
            .client
            .publish_with_reply(subject, reply.clone(), payload)
            .await
            .map_err(|error| ReceiveError::Unavailable {
                consumer: self.spec.name.clone(),
                source: error.into(),
            })?;
        self.open = Some(OpenPull {
            reply,
            left: max,
            silent_at: Instant::now() + PULL_SILENCE_MAX,
        });
        Ok(())
    }

    fn sort_message(&mut self, message: Message) -> Arrival {
        let Some(status) = message.status else {
            return self.accept_message(message);
        };
        let Some(pull) = self
            .open
            .as_mut()
            .filter(|pull| pull.reply == message.subject.as_str())
        else {
            return Arrival::Nothing;
        };
        match status.as_u16() {
            HEARTBEAT => {
                pull.silent_at = Instant::now() + PULL_SILENCE_MAX;
                Arrival::Nothing
            }
            // The consumer was deleted or moved, or its server is going away.
            CONFLICT => Arrival::Lost,
            _ if status == StatusCode::NO_RESPONDERS => Arrival::Lost,
            _ => Arrival::Ended,
        }
    }

    fn accept_message(&mut self, message: Message) -> Arrival {
        let message = JetStreamMessage {
            message,
            context: self.core.context.clone(),
        };
        // Not from JetStream. Somebody published to our inbox; there is nothing to answer to.
        let Ok(info) = message.info() else {
            tracing::warn!(consumer = %self.spec.name, "A message without a receipt was ignored.");
            return Arrival::Nothing;
        };
        let (sequence, pending) = (info.stream_sequence, info.pending);
        let attempt = u64::try_from(info.delivered).unwrap_or(1);
        let received_at = estimate_arrival(self.looked_at, attempt, info.published.into());
        let message = message.message;
        let Some(reply) = message.reply else {
            return Arrival::Nothing;
        };
        let (envelope, headers) = unwrap_envelope(
            message
                .headers
                .as_ref()
                .map(flatten_headers)
                .unwrap_or_default(),
        );
        let valid_on = self.is_volatile.then(|| self.core.connection_number());
        let receipt = NatsReceipt {
            core: Arc::clone(&self.core),
            reply,
            pending,
            valid_on,
        };
        self.arrived.push_back(Delivery {
            subject: message.subject.to_string(),
            payload: message.payload,
            envelope,
            headers,
            attempt,
            sequence,
            received_at,
            ack_wait: self.spec.ack_wait,
            receipt: delivery::Receipt::Nats(receipt),
        });
        self.count_off();
        Arrival::Message
    }

    fn count_off(&mut self) {
        if let Some(pull) = &mut self.open {
            pull.left -= 1;
            pull.silent_at = Instant::now() + PULL_SILENCE_MAX;
            if pull.left == 0 {
                self.open = None;
            }
        }
    }

    /// Looks whether the consumer is there, and makes it again if not.
    async fn recover_consumer(&mut self) -> Result<(), ReceiveError> {
        self.open = None;
        if !self.core.is_connected() {
            // Everything is made again before this moves. If the bus is closed instead, the subscription
            // ends, and the next look at it says so.
            tokio::select! {
                _moved = self.reconnections.changed() => {}
                () = self.core.closed.cancelled() => {}
            }
            return Ok(());
        }
        // Asking at once would be a busy loop while the server starts.
        tokio::time::sleep(RETRY_UNAVAILABLE_AFTER).await;
        self.core
            .open_consumer(&self.spec)
            .await
            .map_err(|error| ReceiveError::Unavailable {
                consumer: self.spec.name.clone(),
                source: error.into(),
            })
    }
}

/// The earliest a message can have arrived that was not here at `looked_at`: a message that is delivered for
/// the first time was not here before it was stored either.
fn estimate_arrival(looked_at: Instant, attempt: u64, stored_at: SystemTime) -> Instant {
    if attempt > 1 {
        return looked_at;
    }
    // With clocks that differ it may seem to be stored in the future, or long ago; then it is just taken
    // as new, or as old as it can be.
    #[expect(
        clippy::disallowed_methods,
        reason = "compared with a time of the server's, whose clock no test sets"
    )]
    let age = SystemTime::now()
        .duration_since(stored_at)
        .unwrap_or_default();
    let stored_at = Instant::now().checked_sub(age).unwrap_or(looked_at);
    looked_at.max(stored_at)
}

/// Headers as pairs, one per value.
pub(super) fn flatten_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let values = headers
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    values
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}
