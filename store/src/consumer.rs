//! One consumer of batches, for the ledger and for apply.
//!
//! A batch is handled in one transaction and acknowledged after it, so a kill anywhere costs a
//! redelivery and nothing else. A lost race is tried again at once, an outage is waited out, and a
//! batch that fails for any other reason is handled one by one: what fails alone becomes a dead
//! letter, and the others go on.
//!
//! A batch is as large as [`BatchLimits`] allow. What was received beyond that waits, and what is more
//! urgent goes before it: a push never waits for more than one transaction of a sweep.
//!
//! It refuses to let one message block those behind it, and to lose one it could not keep.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use freshet_bus::{Bus, ConsumeError, Delivery, Inbox, KeepAlive, Outbound, ReceiveError};
use freshet_proto::stream::ConsumerSpec;
use freshet_proto::subject::{Stage, Subjects};
use freshet_runtime::error_chain::Chain;
use futures::FutureExt;
use futures::future::join_all;
use prost::{DecodeError, Message};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch_limits::{BatchLimits, learn_size};
use crate::repo::Trouble;

/// Attempts at a batch that lost a race against another transaction.
pub(crate) const CONFLICT_ATTEMPTS: usize = 5;
/// How long until a message that was given back comes again, and between looks at an outage.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What is done about a batch that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchRemedy {
    /// Another transaction was first.
    TryAgain,
    /// The database is away or busy, and no message is at fault.
    Wait,
    /// A message is at fault, and is found by handling each alone.
    Isolate,
    /// The process has to start over.
    Stop,
}

impl From<Trouble> for BatchRemedy {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Conflict => Self::TryAgain,
            Trouble::Outage => Self::Wait,
            Trouble::Defect => Self::Isolate,
        }
    }
}

/// What is done with messages of one sort.
pub(crate) trait BatchHandler {
    /// The messages.
    type Message: Message + Default;
    /// Why they were not handled.
    type Error: std::error::Error + Send + Sync + 'static;
    /// Whose dead letters they become.
    const STAGE: Stage;

    /// Reads each message.
    fn decode(&self, deliveries: &[Delivery]) -> Vec<Result<Self::Message, DecodeError>> {
        deliveries.iter().map(decode_one).collect()
    }

    /// Handles all of the messages, or none of them.
    async fn handle_all(&self, messages: &[Self::Message]) -> Result<(), Self::Error>;

    /// The error of a batch that tripped over a bug.
    fn panicked() -> Self::Error;

    /// What is done about an error.
    fn remedy(error: &Self::Error) -> BatchRemedy;

    /// Notes in the database that a message failed alone. It comes again if that fails too.
    async fn set_back(
        &self,
        message: &Self::Message,
        error: &Self::Error,
    ) -> Result<(), Self::Error>;

    /// Accounts for a message that is about to become a dead letter. It comes again if that fails.
    async fn record_dead(&self, delivery: &Delivery) -> Result<(), Self::Error>;
}

/// Reads one message.
pub(crate) fn decode_one<M: Message + Default>(delivery: &Delivery) -> Result<M, DecodeError> {
    M::decode(delivery.payload.clone())
}

/// Why there is no batch.
#[derive(Debug, thiserror::Error)]
enum IntakeError {
    #[error("a consumer cannot be opened")]
    Open(#[from] ConsumeError),
    #[error("messages stopped coming")]
    Receive(#[from] ReceiveError),
}

/// Receives batches and has them handled.
pub(crate) struct BatchConsumer<'a, H> {
    handler: &'a H,
    bus: &'a Bus,
    subjects: &'a Subjects,
    /// The most urgent one first.
    specs: Vec<ConsumerSpec>,
    /// One for each of them; none while they are not open.
    lanes: Vec<Lane>,
    limits: BatchLimits,
    /// What was handled last is acknowledged while the next batch is handled: one task, or none.
    acknowledging: JoinSet<()>,
}

/// The messages of one lane.
struct Lane {
    inbox: Inbox,
    /// What was received with a batch and did not fit it.
    waiting: VecDeque<WaitingMessage>,
    /// About how large the last messages were.
    message_bytes: usize,
}

/// A message that waits here for its turn.
struct WaitingMessage {
    delivery: Delivery,
    // None while it may be handled within moments: most batches are one.
    keep_alive: Option<KeepAlive>,
}

impl Lane {
    fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            waiting: VecDeque::new(),
            message_bytes: 0,
        }
    }

    /// The next batch. Cancel safe, as the inbox is.
    async fn next_batch(&mut self, limits: BatchLimits) -> Result<Vec<Delivery>, ReceiveError> {
        if self.waiting.is_empty() {
            // No more than will be handled at once, as far as that can be told: what lies in hand runs down
            // its time there.
            let messages_max = limits.usual_messages(self.message_bytes);
            let received = self.inbox.next(messages_max).await?;
            for delivery in &received {
                self.message_bytes = learn_size(self.message_bytes, delivery.payload.len());
            }
            let received = received.into_iter().map(|delivery| WaitingMessage {
                delivery,
                keep_alive: None,
            });
            self.waiting.extend(received);
        }
        let sizes = self.waiting.iter().map(|it| it.delivery.payload.len());
        let batch = self.waiting.drain(..limits.count_fitting(sizes));
        let batch = batch.map(|it| it.delivery).collect();
        for left in &mut self.waiting {
            // Others may go first for longer than a message may lie here.
            let delivery = &left.delivery;
            left.keep_alive.get_or_insert_with(|| delivery.keep_alive());
        }
        Ok(batch)
    }
}

impl<'a, H: BatchHandler> BatchConsumer<'a, H> {
    /// A consumer of these lanes, of which the first goes first.
    pub(crate) fn new(
        handler: &'a H,
        bus: &'a Bus,
        subjects: &'a Subjects,
        specs: Vec<ConsumerSpec>,
        limits: BatchLimits,
    ) -> Self {
        Self {
            handler,
            bus,
            subjects,
            specs,
            lanes: Vec::new(),
            limits,
            acknowledging: JoinSet::new(),
        }
    }

    /// Waits for messages, however long the bus is away; `None` once the process stops. Cancel safe,
    /// as the inboxes are.
    pub(crate) async fn receive_batch(
        &mut self,
        shutdown: &CancellationToken,
    ) -> Option<Vec<Delivery>> {
        loop {
            let received = tokio::select! {
                () = shutdown.cancelled() => break,
                received = self.open_and_receive() => received,
            };
            match received {
                Ok(deliveries) => return Some(deliveries),
                Err(error) => {
                    freshet_runtime::summed_up!(of H::STAGE.as_str(); warn, error = %Chain(&error), stage = H::STAGE.as_str(), "messages cannot be received and are asked for again");
                    // What the lost inboxes had received is redelivered when its acknowledgement is
                    // overdue.
                    self.lanes.clear();
                    pause(shutdown).await;
                }
            }
        }
        self.finish_acknowledging().await;
        // At once, for another process may go on with it.
        let waiting = self.lanes.drain(..).flat_map(|lane| lane.waiting);
        give_back(waiting.map(|it| it.delivery).collect()).await;
        None
    }

    async fn open_and_receive(&mut self) -> Result<Vec<Delivery>, IntakeError> {
        if self.lanes.is_empty() {
            let mut lanes = Vec::with_capacity(self.specs.len());
            for spec in &self.specs {
                lanes.push(Lane::new(self.bus.consume(spec).await?));
            }
            self.lanes = lanes;
        }
        Ok(receive_first(&mut self.lanes, self.limits).await?)
    }

    /// Handles a batch to its end: each message is acknowledged, given back or a dead letter.
    ///
    /// # Errors
    ///
    /// If the process has to start over; no message is acknowledged then, so all of them come again.
    pub(crate) async fn handle_batch(
        &mut self,
        deliveries: Vec<Delivery>,
        shutdown: &CancellationToken,
    ) -> Result<(), H::Error> {
        // Sorted out first: one unreadable message would fail its batch, and every batch it comes
        // again in.
        let (messages, deliveries) = self.decode_readable(deliveries).await;
        let Err(error) = self.handle_with_retries(&messages).await else {
            self.acknowledge_behind(deliveries).await;
            return Ok(());
        };
        let remedy = H::remedy(&error);
        if remedy == BatchRemedy::Stop {
            self.finish_acknowledging().await;
            return Err(error);
        }
        freshet_runtime::summed_up!(of H::STAGE.as_str(); warn, error = %Chain(&error), stage = H::STAGE.as_str(), messages = messages.len(), "a batch could not be handled");
        if remedy == BatchRemedy::Isolate {
            for (message, delivery) in messages.iter().zip(deliveries) {
                // A batch of two hundred, each alone, may take longer than a stop may.
                if shutdown.is_cancelled() {
                    give_back(vec![delivery]).await;
                } else {
                    self.handle_alone(message, delivery).await;
                }
            }
        } else {
            give_back(deliveries).await;
            pause(shutdown).await;
        }
        Ok(())
    }

    async fn acknowledge_behind(&mut self, deliveries: Vec<Delivery>) {
        // One batch at a time, so that a slow bus slows what is handled and nothing piles up.
        self.finish_acknowledging().await;
        self.acknowledging.spawn(acknowledge(deliveries));
    }

    async fn finish_acknowledging(&mut self) {
        // It leaves the set only when it has ended, so whoever is dropped in between does not lose it. A
        // panic is in the log, and what was not acknowledged comes again.
        while let Some(_ended) = self.acknowledging.join_next().await {}
    }

    /// The messages that can be read, each with its delivery. The others become dead letters.
    async fn decode_readable(&self, deliveries: Vec<Delivery>) -> (Vec<H::Message>, Vec<Delivery>) {
        let decoded = self.handler.decode(&deliveries);
        let mut messages = Vec::with_capacity(deliveries.len());
        let mut readable = Vec::with_capacity(deliveries.len());
        for (message, delivery) in decoded.into_iter().zip(deliveries) {
            match message {
                Ok(message) => {
                    messages.push(message);
                    readable.push(delivery);
                }
                Err(error) => self.keep_dead_letter(delivery, "unreadable", &error).await,
            }
        }
        (messages, readable)
    }

    async fn handle_with_retries(&self, messages: &[H::Message]) -> Result<(), H::Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let mut attempt = 1;
        loop {
            match self.handle_or_panic(messages).await {
                Err(error)
                    if H::remedy(&error) == BatchRemedy::TryAgain
                        && attempt < CONFLICT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    // One message that trips over a bug must not end the process, and then the next, for ever.
    // Unwinding is safe: the transaction rolls back, and what is in memory only follows a commit.
    async fn handle_or_panic(&self, messages: &[H::Message]) -> Result<(), H::Error> {
        AssertUnwindSafe(self.handler.handle_all(messages))
            .catch_unwind()
            .await
            .unwrap_or_else(|_in_the_log| Err(H::panicked()))
    }

    async fn handle_alone(&self, message: &H::Message, delivery: Delivery) {
        let Err(error) = self
            .handle_with_retries(std::slice::from_ref(message))
            .await
        else {
            return acknowledge(vec![delivery]).await;
        };
        // The database went away, or a race was lost again, while the messages were tried one by
        // one: that proves nothing about this one.
        if H::remedy(&error) != BatchRemedy::Isolate {
            return give_back(vec![delivery]).await;
        }
        // Before the letter is kept: with the message gone and nothing noted, its source would be read again every few seconds.
        if let Err(failure) = self.handler.set_back(message, &error).await {
            freshet_runtime::summed_up!(of H::STAGE.as_str(); warn, error = %Chain(&failure), stage = H::STAGE.as_str(), "a message that failed could not be noted, so it comes again");
            return give_back(vec![delivery]).await;
        }
        self.keep_dead_letter(delivery, "refused", &error).await;
    }

    /// Puts a message nobody can handle where a person finds it; it comes again if even that fails.
    async fn keep_dead_letter(
        &self,
        delivery: Delivery,
        reason: &'static str,
        error: &(dyn std::error::Error + Send + Sync + 'static),
    ) {
        freshet_runtime::summed_up!(of H::STAGE.as_str(); error, error = %Chain(error), message.subject = %delivery.subject, "a message could not be handled and is kept as a dead letter");
        if let Err(error) = self.handler.record_dead(&delivery).await {
            freshet_runtime::summed_up!(of H::STAGE.as_str(); warn, error = %Chain(&error), "the end of a message could not be recorded, so it comes again");
            return delivery.retry_after(RETRY_AFTER).await;
        }
        let subject = self
            .subjects
            .dead(H::STAGE, reason, "none", &delivery.subject);
        // The payload as it came, for a later version may be able to read it.
        let letter = Outbound::new(subject, delivery.payload.clone());
        match self.bus.publish(letter).await {
            Ok(_) => delivery.terminate(reason).await,
            // There are no dead letters on a bus that keeps nothing; the log line above is all.
            Err(_) if !self.bus.is_durable() => delivery.terminate(reason).await,
            Err(_) => delivery.retry_after(RETRY_AFTER).await,
        }
    }
}

/// Whatever waits, the first lane first. Dropping it loses nothing, as the lanes are cancel safe.
async fn receive_first(
    lanes: &mut [Lane],
    limits: BatchLimits,
) -> Result<Vec<Delivery>, ReceiveError> {
    let Some((first, others)) = lanes.split_first_mut() else {
        return std::future::pending().await;
    };
    tokio::select! {
        biased;
        received = first.next_batch(limits) => received,
        received = Box::pin(receive_first(others, limits)) => received,
    }
}

/// Acknowledges what is committed. One that is not confirmed comes again and changes nothing then.
async fn acknowledge(deliveries: Vec<Delivery>) {
    let acknowledged = join_all(deliveries.into_iter().map(Delivery::ack)).await;
    for error in acknowledged.into_iter().filter_map(Result::err) {
        tracing::debug!(error = %Chain(&error), "an acknowledgement was not confirmed");
    }
}

/// Lets the messages come again after [`RETRY_AFTER`].
async fn give_back(deliveries: Vec<Delivery>) {
    let given_back = deliveries
        .into_iter()
        .map(|delivery| delivery.retry_after(RETRY_AFTER));
    join_all(given_back).await;
}

/// Waits [`RETRY_AFTER`], or until the process stops.
pub(crate) async fn pause(shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(RETRY_AFTER) => {}
    }
}
