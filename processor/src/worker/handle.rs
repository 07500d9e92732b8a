//! Handles one batch of jobs: one reading for all, then each on its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{Delivery, Outbound};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::{Job, Lane, ListingTarget, Observation, RepositoryTarget, job};
use freshet_runtime::error_chain::Chain;
use freshet_runtime::telemetry;
use futures::FutureExt;
use prost::Message as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::disposition::{
    DeadLetterReason, DispositionRunner, JobDisposition, after_panic, after_publish_error,
};
use super::job::{ReceivedJob, decoded, grouped, while_alive};
use super::listing::{ListingPages, PageOutcome};
use super::panics::PanicCounts;
use super::{JobWorker, PauseEnd, WorkerContext, pause};
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::metrics::JobOutcome;
use crate::observation::{ObservationHeader, message_id};
use crate::reconcile::forget_old_push;
use crate::source::github::client::GithubClient;
use crate::source::github::files::{self, RepositoryAnswer};

/// How long a reading may still take after the stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Spread of jobs that are given back together, so that they do not all come again at once.
const GIVE_BACK_SPREAD: Duration = Duration::from_millis(20);

/// Handles batches; each runs as a task of its own.
#[derive(Clone)]
pub(super) struct JobHandler(pub(super) Arc<HandlerState>);

pub(super) struct HandlerState {
    pub(super) shared: Arc<WorkerContext>,
    pub(super) client: Arc<GithubClient>,
    pub(super) lane: Lane,
    settler: DispositionRunner,
    panics: PanicCounts,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// How long a batch has been held, and why.
#[derive(Clone, Copy, Default)]
struct WaitState {
    behind_tries: usize,
    waited: Duration,
}

impl JobHandler {
    pub(super) fn new(worker: &JobWorker, tasks: TaskTracker, shutdown: CancellationToken) -> Self {
        let shared = Arc::clone(&worker.shared);
        let settler = DispositionRunner {
            bus: shared.bus.clone(),
            subjects: shared.subjects.clone(),
            metrics: shared.metrics.clone(),
        };
        let client = Arc::clone(&worker.client);
        Self(Arc::new(HandlerState {
            shared,
            client,
            lane: worker.lane,
            settler,
            panics: PanicCounts::default(),
            tasks,
            shutdown,
        }))
    }

    /// Starts handling what arrived; the slot is free again when its first readings are settled.
    pub(super) fn start(&self, deliveries: Vec<Delivery>, slot: OwnedSemaphorePermit) {
        let handler = self.clone();
        let slot = Arc::new(slot);
        let task = async move {
            let mut jobs = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                jobs.extend(handler.decode(delivery).await);
            }
            for group in grouped(jobs, handler.0.shared.config.read_batch) {
                let (handler, slot) = (handler.clone(), Arc::clone(&slot));
                let tasks = handler.0.tasks.clone();
                tasks.spawn(async move {
                    handler.group(group).await;
                    drop(slot);
                });
            }
        };
        self.0.tasks.spawn(task);
    }

    async fn decode(&self, delivery: Delivery) -> Option<ReceivedJob> {
        match decoded(&delivery.payload) {
            Ok(mut job) => {
                if let Some(job::Target::Repository(target)) = &mut job.target {
                    let now = self.0.shared.clock.now_micros();
                    let age_max = self.0.shared.config.behind_age_max;
                    forget_old_push(target, job.cause.as_ref(), now, age_max);
                }
                Some(ReceivedJob::new(delivery, job))
            }
            Err(error) => {
                self.settle(
                    delivery,
                    JobDisposition::Dead(DeadLetterReason::Undecodable, error),
                )
                .await;
                None
            }
        }
    }

    async fn settle(&self, delivery: Delivery, settlement: JobDisposition) {
        match &settlement {
            JobDisposition::Done(_) | JobDisposition::Dead(..) => {
                self.0.panics.forget(&delivery.subject, delivery.sequence);
            }
            JobDisposition::GiveBack(_) => {}
        }
        self.0
            .settler
            .settle(self.0.lane, delivery, settlement)
            .await;
    }

    async fn group(&self, group: Vec<ReceivedJob>) {
        match group.first().map(|held| &held.job.target) {
            Some(Some(job::Target::Listing(target))) => {
                let target = target.clone();
                for held in group {
                    self.listing(held, &target).await;
                }
            }
            Some(Some(job::Target::Repository(_))) => {
                self.repositories(group, WaitState::default()).await;
            }
            Some(Some(job::Target::Url(_) | job::Target::File(_)) | None) | None => {}
        }
    }

    async fn listing(&self, held: ReceivedJob, target: &ListingTarget) {
        let span = held.span.clone();
        let work = AssertUnwindSafe(self.discover(&held, target)).catch_unwind();
        let ended = work.instrument(span).await;
        self.end(held, Some(ended)).await;
    }

    async fn discover(&self, held: &ReceivedJob, target: &ListingTarget) -> JobDisposition {
        let inner = &self.0;
        let (header, attempt) = (self.header(&held.job), held.delivery.attempt);
        let mut listing = ListingPages::new(
            &inner.client,
            inner.lane,
            target,
            inner.shared.config.listing_page,
        );
        let mut waited = Duration::ZERO;
        loop {
            // Else every page would have the grace of the stop for itself.
            if inner.shutdown.is_cancelled() {
                return JobDisposition::GiveBack(Duration::ZERO);
            }
            let Some(discovered) = self
                .unless_stopped(&[&held.delivery], listing.next(&header))
                .await
            else {
                return JobDisposition::GiveBack(Duration::ZERO);
            };
            let (observation, outcome) = match discovered {
                PageOutcome::Part(observation) => (observation, None),
                PageOutcome::Last(observation) => (observation, Some(JobOutcome::Observed)),
                PageOutcome::Failed(failure) => (header.failed(failure), Some(JobOutcome::Failed)),
                PageOutcome::Limited(closed) => {
                    match self.wait_out(&held.delivery, closed, &mut waited).await {
                        Ok(()) => continue,
                        Err(delay) => return JobDisposition::GiveBack(delay),
                    }
                }
            };
            let published = self
                .unless_stopped(&[&held.delivery], self.publish(observation, attempt))
                .await;
            match published {
                Some(Ok(())) => {}
                Some(Err(settlement)) => return settlement,
                None => return JobDisposition::GiveBack(Duration::ZERO),
            }
            if let Some(outcome) = outcome {
                return JobDisposition::Done(outcome);
            }
        }
    }

    /// Does `work` with the messages kept alive; `None` if it is still not done some time after the stop.
    pub(super) async fn unless_stopped<T>(
        &self,
        deliveries: &[&Delivery],
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let stopped = async {
            self.0.shutdown.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            done = while_alive(deliveries, work) => Some(done),
            () = stopped => None,
        }
    }

    /// Waits until GitHub's limits allow calls, unless that takes longer than jobs may be held.
    async fn wait_out(
        &self,
        delivery: &Delivery,
        closed: BudgetClosed,
        waited: &mut Duration,
    ) -> Result<(), Duration> {
        let wait = self.0.client.budget().remaining_wait(closed);
        *waited += wait;
        if *waited > self.0.shared.config.hold_max {
            return Err(wait);
        }
        match while_alive(&[delivery], pause(&self.0.shutdown, wait)).await {
            PauseEnd::Over => Ok(()),
            PauseEnd::Stopped => Err(Duration::ZERO),
        }
    }

    async fn repositories(&self, mut group: Vec<ReceivedJob>, patience: WaitState) {
        self.0.shared.metrics.batch(group.len());
        let targets: Vec<&RepositoryTarget> =
            group.iter().filter_map(ReceivedJob::repository).collect();
        let deliveries: Vec<&Delivery> = group.iter().map(|held| &held.delivery).collect();
        let host = group.first().map_or("", |held| &held.job.host);
        let reading = files::read(&self.0.client, host, self.0.lane, &targets);
        let reading = AssertUnwindSafe(reading).catch_unwind();
        let read = self.unless_stopped(&deliveries, reading).await;
        match read {
            Some(Ok(answers)) => {
                let answered: Vec<(ReceivedJob, RepositoryAnswer)> =
                    group.into_iter().zip(answers).collect();
                self.answered(answered, patience).await;
            }
            Some(Err(panic)) if group.len() > 1 => {
                tracing::error!(
                    jobs = group.len(),
                    panic = panic_message(&*panic),
                    "reading repositories together panicked; each is read alone"
                );
                // The one that breaks the reading then breaks no other's.
                for held in group {
                    self.ask_again_after(Duration::ZERO, vec![held], patience);
                }
            }
            Some(Err(panic)) => {
                if let Some(held) = group.pop() {
                    self.end(held, Some(Err(panic))).await;
                }
            }
            None => self.give_back(group, Duration::ZERO).await,
        }
    }

    async fn answered(&self, answered: Vec<(ReceivedJob, RepositoryAnswer)>, patience: WaitState) {
        let delay = self
            .0
            .shared
            .config
            .behind_delays
            .get(patience.behind_tries)
            .copied();
        let (mut ready, mut behind, mut limited) = (Vec::new(), Vec::new(), Vec::new());
        let mut closed_until = None;
        for (held, answer) in answered {
            match answer {
                RepositoryAnswer::Behind { .. } if delay.is_some() => behind.push(held),
                RepositoryAnswer::Limited(closed) => {
                    closed_until = Some(closed);
                    limited.push(held);
                }
                answer => ready.push((held, answer)),
            }
        }
        if let (Some(delay), false) = (delay, behind.is_empty()) {
            let patience = WaitState {
                behind_tries: patience.behind_tries + 1,
                waited: patience.waited,
            };
            self.ask_again_after(delay, behind, patience);
        }
        if let Some(closed) = closed_until {
            self.hold(limited, closed, patience).await;
        }
        self.finish(ready).await;
    }

    /// Holds jobs while GitHub's limits forbid calls, or gives them back if that takes too long.
    async fn hold(&self, limited: Vec<ReceivedJob>, closed: BudgetClosed, patience: WaitState) {
        let wait = self.0.client.budget().remaining_wait(closed);
        let waited = patience.waited + wait;
        if waited <= self.0.shared.config.hold_max {
            self.ask_again_after(wait, limited, WaitState { waited, ..patience });
            return;
        }
        self.give_back(limited, wait).await;
    }

    pub(super) async fn give_back(&self, jobs: Vec<ReceivedJob>, delay: Duration) {
        let mut delay = delay;
        for held in jobs {
            self.settle(held.delivery, JobDisposition::GiveBack(delay))
                .await;
            delay += GIVE_BACK_SPREAD;
        }
    }

    // A task of its own without a slot: it waits, and its calls are bounded by the budget anyway.
    fn ask_again_after(&self, delay: Duration, jobs: Vec<ReceivedJob>, patience: WaitState) {
        let handler = self.clone();
        let again: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
            let deliveries: Vec<&Delivery> = jobs.iter().map(|held| &held.delivery).collect();
            let pause = while_alive(&deliveries, pause(&handler.0.shutdown, delay)).await;
            match pause {
                PauseEnd::Over => handler.repositories(jobs, patience).await,
                PauseEnd::Stopped => handler.give_back(jobs, Duration::ZERO).await,
            }
        });
        self.0.tasks.spawn(again);
    }

    /// Settles a job whose handling ended, panicked, or was cut short by the stop.
    pub(super) async fn end(
        &self,
        held: ReceivedJob,
        ended: Option<Result<JobDisposition, Box<dyn Any + Send>>>,
    ) {
        let settlement = match ended {
            Some(Ok(settlement)) => settlement,
            Some(Err(panic)) => self.panicked(&held.delivery, &*panic),
            None => JobDisposition::GiveBack(Duration::ZERO),
        };
        let settlement = match settlement {
            JobDisposition::Dead(reason, error) => self.reported(&held, reason, error).await,
            other @ (JobDisposition::Done(_) | JobDisposition::GiveBack(_)) => other,
        };
        self.settle(held.delivery, settlement).await;
    }

    /// Reports the source of a job that becomes a dead letter as failed. Else nobody would set it back, and
    /// its next job would come, and fail the same way, at once.
    async fn reported(
        &self,
        held: &ReceivedJob,
        reason: DeadLetterReason,
        error: String,
    ) -> JobDisposition {
        let failure = Failure::unreadable(reason.of_the_source());
        let observation = self.header(&held.job).failed(failure);
        match self.publish(observation, held.delivery.attempt).await {
            Err(later @ JobDisposition::GiveBack(_)) => later,
            Ok(()) | Err(JobDisposition::Done(_) | JobDisposition::Dead(..)) => {
                JobDisposition::Dead(reason, error)
            }
        }
    }

    pub(super) async fn publish(
        &self,
        observation: Observation,
        attempt: u64,
    ) -> Result<(), JobDisposition> {
        let lane = Lane::try_from(observation.lane).unwrap_or(Lane::Lo);
        let shared = &self.0.shared;
        let subject =
            shared
                .subjects
                .observation(lane, &observation.installation, observation.source_id);
        let envelope =
            Envelope::with_id(message_id(&observation)).traced(telemetry::current_traceparent());
        let message = Outbound::new(subject, observation.encode_to_vec()).enveloped(envelope);
        match shared.bus.publish(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "an observation could not be published");
                Err(after_publish_error(&error, attempt))
            }
        }
    }

    pub(super) fn header<'a>(&'a self, job: &'a Job) -> ObservationHeader<'a> {
        let shared = &self.0.shared;
        ObservationHeader {
            job,
            fingerprint: &shared.fingerprint,
            fetched_at: shared.clock.now_micros(),
        }
    }

    pub(super) fn panicked(&self, delivery: &Delivery, panic: &(dyn Any + Send)) -> JobDisposition {
        let panics = self.0.panics.count(&delivery.subject, delivery.sequence);
        tracing::error!(
            message.subject = delivery.subject,
            attempt = delivery.attempt,
            panics,
            panic = panic_message(panic),
            "handling a job panicked"
        );
        after_panic(panics)
    }
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
