//! The loop that takes jobs, the same for every kind of source.
//!
//! It pulls only while the credential's budget is open and the observations can go somewhere, takes
//! whatever waits (it never waits for more), and hands each batch to a task of its own.

use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{Delivery, Inbox, ReceiveError};
use freshet_proto::message::{Lane, job};
use freshet_runtime::error_chain::Chain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::context::WorkerContext;
use super::disposition::{DeadLetterReason, JobDisposition};
use super::handler::{Attempt, JobHandler};
use super::in_hand::InHandPlace;
use super::job::{ReceivedJob, group_jobs};
use super::listings::list_account;
use super::pause::pause_for;
use super::plain::PlainFileWorker;
use super::repositories::{RepositoryWorker, WaitState};
use crate::budget::sweeps_max;
use crate::source::github::client::GithubClient;

/// Pause before a consumer that could not be reached is asked again.
const RECEIVE_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Jobs about plain files that are handled at once, per lane.
const PLAIN_JOBS_AT_ONCE: usize = 16;

/// Where the jobs of a worker lead.
#[derive(Clone)]
pub(crate) enum JobSource {
    /// To one GitHub, within the budget of its credential.
    Github(Arc<GithubClient>),
    /// To plain URLs and local files, which cost nobody's budget.
    PlainFiles,
}

/// The worker of one credential and lane.
pub(crate) struct JobWorker {
    pub(crate) context: Arc<WorkerContext>,
    pub(crate) source: JobSource,
    pub(crate) lane: Lane,
    pub(crate) inbox: Inbox,
    /// Received, but not handed out yet.
    pub(crate) received: Vec<Delivery>,
}

impl JobWorker {
    /// Runs until `shutdown`, then until every batch in hand is settled.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let slots = Arc::new(Semaphore::new(self.count_slots()));
        let mut closings = self.source.watch_closings();
        let handler = JobHandler::new(&self.context, self.lane, &tasks, &shutdown);
        loop {
            // Take the slot before the message: a message we hold but cannot start would run down
            // its time in our hands.
            let slot = tokio::select! {
                () = shutdown.cancelled() => break,
                slot = Arc::clone(&slots).acquire_owned() => slot.expect("the semaphore is never closed"),
            };
            // Marked before the wait: a closing in between is seen by the wait, and one after it
            // must not be missed by the receive below.
            if let Some(closings) = &mut closings {
                closings.mark_unchanged();
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.source.wait_until_open(self.lane) => {}
            }
            // Also before the message: what would come of it must have somewhere to go.
            let in_hand = self.context.in_hand(self.lane);
            let jobs_max = tokio::select! {
                () = shutdown.cancelled() => break,
                jobs_max = in_hand.admit_jobs(self.batch_max()) => jobs_max,
            };
            // `Inbox::next` is cancel safe: what arrives meanwhile is in the next call.
            let received = tokio::select! {
                () = shutdown.cancelled() => break,
                () = wait_for_closing(closings.as_mut()) => {
                    self.return_received(self.source.wait(self.lane)).await;
                    continue;
                }
                received = self.receive(jobs_max) => received,
            };
            match received {
                Ok(deliveries) => start_jobs(&handler, &self.source, deliveries, slot),
                Err(ReceiveError::Closed { .. }) => break,
                Err(error @ ReceiveError::Unavailable { .. }) => {
                    freshet_runtime::summed_up!(warn, error = %Chain(&error), "jobs cannot be received");
                    pause_for(&shutdown, RECEIVE_AGAIN_AFTER).await;
                }
            }
        }
        self.return_received(Duration::ZERO).await;
        tasks.close();
        tasks.wait().await;
    }

    /// Most jobs that are handled together.
    fn batch_max(&self) -> usize {
        match self.source {
            JobSource::Github(_) => self.context.config.read_batch,
            JobSource::PlainFiles => 1,
        }
    }

    /// What waits, up to `jobs_max`.
    ///
    /// A webhook never waits for company. A sweep does, for moments: its jobs are published one after the
    /// other, and each call saved is one that a webhook may need later. Cancel safe, for whatever was
    /// received so far stays in `self`.
    async fn receive(&mut self, jobs_max: usize) -> Result<Vec<Delivery>, ReceiveError> {
        if self.received.is_empty() {
            self.received = self.inbox.next(jobs_max).await?;
        }
        // The wait is per message, so a sweep that keeps publishing fills the batch, and one that
        // ended does not delay it.
        if self.lane != Lane::Hi {
            let linger = self.context.config.sweep_linger;
            while self.received.len() < jobs_max {
                let more = self.inbox.next(jobs_max - self.received.len());
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
    fn count_slots(&self) -> usize {
        let calls = self.context.config.max_concurrent_calls;
        match (&self.source, self.lane) {
            (JobSource::PlainFiles, _) => PLAIN_JOBS_AT_ONCE,
            (JobSource::Github(_), Lane::Hi) => calls.max(1),
            (JobSource::Github(_), Lane::Lo | Lane::Unspecified) => sweeps_max(calls),
        }
    }
}

impl JobSource {
    fn watch_closings(&self) -> Option<watch::Receiver<u64>> {
        match self {
            Self::Github(client) => Some(client.budget().watch_closings()),
            Self::PlainFiles => None,
        }
    }

    async fn wait_until_open(&self, lane: Lane) {
        match self {
            Self::Github(client) => client.budget().wait_until_open(lane).await,
            Self::PlainFiles => {}
        }
    }

    fn wait(&self, lane: Lane) -> Duration {
        match self {
            Self::Github(client) => client.budget().wait_for_jobs(lane),
            Self::PlainFiles => Duration::ZERO,
        }
    }
}

/// Returns when the budget closes; never where there is none.
async fn wait_for_closing(closings: Option<&mut watch::Receiver<u64>>) {
    match closings {
        // The budget lives as long as its client, so the sender is never gone.
        Some(closings) => drop(closings.changed().await),
        None => std::future::pending().await,
    }
}

/// Starts handling what arrived; the slot is free again when its first readings are settled.
fn start_jobs(
    handler: &JobHandler,
    source: &JobSource,
    deliveries: Vec<Delivery>,
    slot: OwnedSemaphorePermit,
) {
    let (handler, source, slot) = (handler.clone(), source.clone(), Arc::new(slot));
    let tasks = handler.tasks.clone();
    let more_tasks = tasks.clone();
    // Before the task begins: the loop looks at what is in hand again at once, and with messages that are
    // there already it would take all of them before the first task had its turn.
    let in_hand = handler.context.in_hand(handler.lane);
    let placed: Vec<(Delivery, InHandPlace)> = deliveries
        .into_iter()
        .map(|delivery| (delivery, in_hand.take_place()))
        .collect();
    tasks.spawn(async move {
        let mut jobs = Vec::with_capacity(placed.len());
        for (delivery, place) in placed {
            jobs.extend(handler.decode_job(delivery, place).await);
        }
        let is_shared = |job: &ReceivedJob| job.repository().is_some();
        // Each group in a task: a listing of minutes must not hold up the repositories that came
        // with it.
        for group in group_jobs(jobs, is_shared, handler.context.config.read_batch) {
            let (handler, source) = (handler.clone(), source.clone());
            let slot = Arc::clone(&slot);
            more_tasks.spawn(async move {
                handle_group(handler, source, group).await;
                drop(slot);
            });
        }
    });
}

async fn handle_group(handler: JobHandler, source: JobSource, group: Vec<ReceivedJob>) {
    let Some(first) = group.first() else { return };
    match (source, &first.job.target) {
        (JobSource::Github(client), Some(job::Target::Repository(_))) => {
            let worker = RepositoryWorker { handler, client };
            worker.read_group(group, WaitState::default()).await;
        }
        (JobSource::Github(client), Some(job::Target::Listing(target))) => {
            let target = target.clone();
            for job in group {
                let listing = list_account(&handler, &client, &job, &target);
                let ended = handler.attempt(&[&job], listing).await;
                handler.end_job(job, ended).await;
            }
        }
        (JobSource::PlainFiles, Some(job::Target::Url(_) | job::Target::File(_))) => {
            for job in group {
                let worker = PlainFileWorker { handler: &handler };
                let ended = handler.attempt(&[&job], worker.read_job(&job)).await;
                handler.end_job(job, ended).await;
            }
        }
        // Only another version sends such a job here. A dead letter, as giving it back would bring it here again,
        // for ever.
        (JobSource::Github(_), Some(job::Target::Url(_) | job::Target::File(_)))
        | (JobSource::PlainFiles, Some(job::Target::Repository(_) | job::Target::Listing(_)))
        | (_, None) => {
            for job in group {
                let error = "its target is of a kind that this worker does not read".to_owned();
                let dead = JobDisposition::Dead(DeadLetterReason::Undecodable, error);
                handler.end_job(job, Attempt::Done(dead)).await;
            }
        }
    }
}
