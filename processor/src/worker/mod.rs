//! Pulls jobs, has them answered, and settles their messages.
//!
//! There is one worker per credential and lane. It pulls only while the credential's budget is
//! open, takes whatever waits (it never waits for more), and hands each batch to a task of its own.
//! Every error and panic ends as a decision about the message, never as the end of the loop.

mod batch;
mod disposition;
mod finish;
mod handle;
pub(crate) mod job;
mod listing;
mod panics;
mod plain;

pub(crate) use plain::PlainFileWorker;

use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{Bus, Delivery, Inbox, ReceiveError};
use freshet_proto::message::Lane;
use freshet_proto::subject::Subjects;
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::sweeps_max;
use crate::catalog_file::ReadPolicy;
use crate::config::ProcessorConfig;
use crate::fetch::fetcher::FileFetcher;
use crate::metrics::ProcessorMetrics;
use crate::source::github::client::GithubClient;

/// PauseEnd before a consumer that could not be reached is asked again.
const RECEIVE_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// What all workers of a process share.
pub(crate) struct WorkerContext {
    pub(crate) config: ProcessorConfig,
    pub(crate) fingerprint: String,
    pub(crate) bus: Bus,
    pub(crate) subjects: Subjects,
    pub(crate) clock: Clock,
    pub(crate) metrics: ProcessorMetrics,
    /// What placeholders may read.
    pub(crate) policy: Arc<ReadPolicy>,
    /// Fetches what catalog files ask for besides themselves.
    pub(crate) supplier: FileFetcher,
}

/// The worker of one credential and lane.
pub(crate) struct JobWorker {
    pub(crate) shared: Arc<WorkerContext>,
    pub(crate) client: Arc<GithubClient>,
    pub(crate) lane: Lane,
    pub(crate) inbox: Inbox,
    /// Received, but not handed out yet.
    pub(crate) received: Vec<Delivery>,
}

impl JobWorker {
    /// Runs until `shutdown`, then until every batch in hand is settled.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(self.slots()));
        let mut closings = self.client.budget().closings();
        let handler = handle::JobHandler::new(&self, tasks.clone(), shutdown.clone());
        loop {
            // Take the slot before the message: a message we hold but cannot start would run down
            // its time in our hands.
            let slot = tokio::select! {
                () = shutdown.cancelled() => break,
                slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
            };
            closings.mark_unchanged();
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.client.budget().opened(self.lane) => {}
            }
            // `Inbox::next` is cancel safe: what arrives meanwhile is in the next call.
            let received = tokio::select! {
                () = shutdown.cancelled() => break,
                _ = closings.changed() => {
                    self.return_received(self.client.budget().wait(self.lane)).await;
                    continue;
                }
                received = self.receive() => received,
            };
            match received {
                Ok(deliveries) => handler.start(deliveries, slot),
                Err(ReceiveError::Closed { .. }) => break,
                Err(error @ ReceiveError::Unavailable { .. }) => {
                    tracing::warn!(error = %Chain(&error), "jobs cannot be received");
                    pause(&shutdown, RECEIVE_AGAIN_AFTER).await;
                }
            }
        }
        self.return_received(Duration::ZERO).await;
        tasks.close();
        tasks.wait().await;
    }

    /// What waits, up to one batch.
    ///
    /// A webhook never waits for company. A sweep does, for moments: its jobs are published one after the
    /// other, and each call saved is one that a webhook may need later. Cancel safe, for whatever was
    /// received so far stays in `self`.
    async fn receive(&mut self) -> Result<Vec<Delivery>, ReceiveError> {
        let batch = self.shared.config.read_batch;
        if self.received.is_empty() {
            self.received = self.inbox.next(batch).await?;
        }
        if self.lane != Lane::Hi {
            let linger = self.shared.config.sweep_linger;
            while self.received.len() < batch {
                let more = self.inbox.next(batch - self.received.len());
                match tokio::time::timeout(linger, more).await {
                    Ok(more) => self.received.extend(more?),
                    Err(_) => break,
                }
            }
        }
        Ok(std::mem::take(&mut self.received))
    }

    async fn return_received(&mut self, delay: Duration) {
        for delivery in self.received.drain(..) {
            delivery.retry_after(delay).await;
        }
    }

    /// As many batches as calls.
    fn slots(&self) -> usize {
        let calls = self.shared.config.max_concurrent_calls;
        match self.lane {
            Lane::Hi => calls.max(1),
            Lane::Lo | Lane::Unspecified => sweeps_max(calls),
        }
    }
}

/// Whether a pause ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PauseEnd {
    Over,
    Stopped,
}

async fn pause(shutdown: &CancellationToken, duration: Duration) -> PauseEnd {
    tokio::select! {
        () = shutdown.cancelled() => PauseEnd::Stopped,
        () = tokio::time::sleep(duration) => PauseEnd::Over,
    }
}
