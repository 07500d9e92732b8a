//! Handles one batch of jobs: one reading for all, then each on its own.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use freshet_bus::{Delivery, KeepAlive, Outbound};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::{
    Content, Failed, Gone, Job, Lane, ListingTarget, LocationObserved, Observation,
    RepositoryTarget, Unchanged, job, location_observed,
};
use freshet_proto::stream::KEEP_ALIVE_EVERY;
use freshet_runtime::telemetry;
use futures::{FutureExt, StreamExt};
use prost::Message as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use super::batch::{self, Kind};
use super::settle::{DeadReason, Settlement, Settler, after_panic, after_publish_error};
use super::{Pause, Shared, Worker, pause};
use crate::budget::Closed;
use crate::content::{content_of, too_large};
use crate::discover::{self, Discovered};
use crate::metrics::JobOutcome;
use crate::observation::{Occasion, message_id};
use crate::outcome::Failure;
use crate::reconcile::{LocationOutcome, LocationRead, Reading, forget_old_push};
use crate::source::github::client::Client;
use crate::source::github::files::{self, Answered};

/// Jobs of one batch that are parsed and published at once.
const FINISHING_MAX: usize = 32;
/// Files from this size on are parsed off the runtime's own threads.
const BLOCKING_FROM_BYTES: usize = 64 * 1024;
/// Spread of jobs that are given back together, so that they do not all come again at once.
const GIVE_BACK_SPREAD: Duration = Duration::from_millis(20);

/// Handles batches; each runs as a task of its own.
#[derive(Clone)]
pub(super) struct Handler(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    client: Arc<Client>,
    lane: Lane,
    settler: Settler,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// A job and the message it came in.
struct Held {
    delivery: Delivery,
    job: Job,
    span: Span,
}

/// How long a batch has been held, and why.
#[derive(Clone, Copy, Default)]
struct Patience {
    behind_tries: usize,
    waited: Duration,
}

impl Handler {
    pub(super) fn new(worker: &Worker, tasks: TaskTracker, shutdown: CancellationToken) -> Self {
        let shared = Arc::clone(&worker.shared);
        let settler = Settler {
            bus: shared.bus.clone(),
            subjects: shared.subjects.clone(),
            metrics: shared.metrics.clone(),
        };
        let client = Arc::clone(&worker.client);
        Self(Arc::new(Inner {
            shared,
            client,
            lane: worker.lane,
            settler,
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

    async fn decode(&self, delivery: Delivery) -> Option<Held> {
        let decoded = Job::decode(delivery.payload.clone())
            .map_err(|error| error.to_string())
            .and_then(|job| {
                if job.target.is_some() {
                    Ok(job)
                } else {
                    Err("a job without a target".to_owned())
                }
            });
        match decoded {
            Ok(mut job) => {
                if let Some(job::Target::Repository(target)) = &mut job.target {
                    let age_max = self.0.shared.config.behind_age_max;
                    forget_old_push(
                        target,
                        job.cause.as_ref(),
                        self.0.shared.clock.now_micros(),
                        age_max,
                    );
                }
                let span = span_of(&delivery, &job);
                Some(Held {
                    delivery,
                    job,
                    span,
                })
            }
            Err(error) => {
                let settlement = Settlement::Dead(DeadReason::Undecodable, error);
                self.0
                    .settler
                    .settle(self.0.lane, delivery, settlement)
                    .await;
                None
            }
        }
    }

    async fn group(&self, group: Vec<Held>) {
        match group.first().map(|held| &held.job.target) {
            Some(Some(job::Target::Listing(target))) => {
                let target = target.clone();
                for held in group {
                    self.listing(held, &target).await;
                }
            }
            Some(Some(job::Target::Repository(_))) => {
                self.repositories(group, Patience::default()).await
            }
            Some(None) | None => {}
        }
    }

    async fn listing(&self, held: Held, target: &ListingTarget) {
        let span = held.span.clone();
        let work = AssertUnwindSafe(self.discover(&held, target)).catch_unwind();
        let settlement = work
            .instrument(span)
            .await
            .unwrap_or_else(|panic| self.panicked(&held.delivery, &*panic));
        self.0
            .settler
            .settle(self.0.lane, held.delivery, settlement)
            .await;
    }

    async fn discover(&self, held: &Held, target: &ListingTarget) -> Settlement {
        let inner = &self.0;
        let occasion = self.occasion(&held.job);
        let mut listing = discover::Listing::new(
            &inner.client,
            inner.lane,
            target,
            inner.shared.config.listing_page,
        );
        let mut waited = Duration::ZERO;
        loop {
            let discovered = while_alive(&[&held.delivery], listing.next(&occasion)).await;
            let (observation, settlement) = match discovered {
                Discovered::Part(observation) => (observation, None),
                Discovered::Last(observation) => (observation, Some(JobOutcome::Observed)),
                Discovered::Failed(failure) => (occasion.failed(failure), Some(JobOutcome::Failed)),
                Discovered::Limited(closed) => {
                    match self.wait_out(&[&held.delivery], closed, &mut waited).await {
                        Ok(()) => continue,
                        Err(delay) => return Settlement::GiveBack(delay),
                    }
                }
            };
            if let Err(settlement) = self.publish(observation).await {
                return settlement;
            }
            if let Some(outcome) = settlement {
                return Settlement::Done(outcome);
            }
        }
    }

    /// Waits until GitHub's limits allow calls, unless that takes longer than jobs may be held.
    async fn wait_out(
        &self,
        held: &[&Delivery],
        closed: Closed,
        waited: &mut Duration,
    ) -> Result<(), Duration> {
        let wait = self.0.client.budget().remaining_wait(closed);
        *waited += wait;
        if *waited > self.0.shared.config.hold_max {
            return Err(wait);
        }
        match while_alive(held, pause(&self.0.shutdown, wait)).await {
            Pause::Over => Ok(()),
            Pause::Stopped => Err(Duration::ZERO),
        }
    }

    async fn repositories(&self, group: Vec<Held>, patience: Patience) {
        self.0.shared.metrics.batch(group.len());
        let targets: Vec<&RepositoryTarget> = group
            .iter()
            .filter_map(|held| repository_target(&held.job))
            .collect();
        let deliveries: Vec<&Delivery> = group.iter().map(|held| &held.delivery).collect();
        let reading =
            AssertUnwindSafe(files::read(&self.0.client, self.0.lane, &targets)).catch_unwind();
        let read = while_alive(&deliveries, reading).await;
        match read {
            Ok(answers) => {
                let answered: Vec<(Held, Answered)> = group.into_iter().zip(answers).collect();
                self.answered(answered, patience).await;
            }
            Err(panic) => {
                for held in group {
                    let settlement = self.panicked(&held.delivery, &*panic);
                    self.0
                        .settler
                        .settle(self.0.lane, held.delivery, settlement)
                        .await;
                }
            }
        }
    }

    async fn answered(&self, answered: Vec<(Held, Answered)>, patience: Patience) {
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
                Answered::Behind { .. } if delay.is_some() => behind.push(held),
                Answered::Limited(closed) => {
                    closed_until = Some(closed);
                    limited.push(held);
                }
                answer => ready.push((held, answer)),
            }
        }
        if let (Some(delay), false) = (delay, behind.is_empty()) {
            let patience = Patience {
                behind_tries: patience.behind_tries + 1,
                waited: patience.waited,
            };
            self.ask_again_after(delay, behind, patience);
        }
        if let Some(closed) = closed_until {
            self.hold(limited, closed, patience).await;
        }
        futures::stream::iter(ready)
            .for_each_concurrent(FINISHING_MAX, |(held, answer)| self.finish(held, answer))
            .await;
    }

    /// Holds jobs while GitHub's limits forbid calls, or gives them back if that takes too long.
    async fn hold(&self, limited: Vec<Held>, closed: Closed, patience: Patience) {
        let wait = self.0.client.budget().remaining_wait(closed);
        let waited = patience.waited + wait;
        if waited <= self.0.shared.config.hold_max {
            self.ask_again_after(wait, limited, Patience { waited, ..patience });
            return;
        }
        self.give_back(limited, wait).await;
    }

    async fn give_back(&self, jobs: Vec<Held>, delay: Duration) {
        let mut delay = delay;
        for held in jobs {
            self.0
                .settler
                .settle(self.0.lane, held.delivery, Settlement::GiveBack(delay))
                .await;
            delay += GIVE_BACK_SPREAD;
        }
    }

    // A task of its own without a slot: it waits, and its calls are bounded by the budget anyway.
    fn ask_again_after(&self, delay: Duration, jobs: Vec<Held>, patience: Patience) {
        let handler = self.clone();
        let again: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
            let deliveries: Vec<&Delivery> = jobs.iter().map(|held| &held.delivery).collect();
            let pause = while_alive(&deliveries, pause(&handler.0.shutdown, delay)).await;
            match pause {
                Pause::Over => handler.repositories(jobs, patience).await,
                Pause::Stopped => handler.give_back(jobs, Duration::ZERO).await,
            }
        });
        self.0.tasks.spawn(again);
    }

    async fn finish(&self, held: Held, answer: Answered) {
        let span = held.span.clone();
        let work = AssertUnwindSafe(self.observe(&held, answer)).catch_unwind();
        let settlement = work
            .instrument(span)
            .await
            .unwrap_or_else(|panic| self.panicked(&held.delivery, &*panic));
        self.0
            .settler
            .settle(self.0.lane, held.delivery, settlement)
            .await;
    }

    async fn observe(&self, held: &Held, answer: Answered) -> Settlement {
        let occasion = self.occasion(&held.job);
        let (observations, outcome) = match answer {
            Answered::Read(reading) => match self.locations(&held.delivery, &reading).await {
                Ok(locations) => (
                    occasion.repository(&reading.repository, &reading.head, locations),
                    JobOutcome::Observed,
                ),
                Err(closed) => {
                    return Settlement::GiveBack(self.0.client.budget().remaining_wait(closed));
                }
            },
            Answered::Behind { shown_head } => {
                (vec![occasion.behind(shown_head)], JobOutcome::Behind)
            }
            Answered::Failed(failure) => (vec![occasion.failed(failure)], JobOutcome::Failed),
            Answered::Limited(closed) => {
                return Settlement::GiveBack(self.0.client.budget().remaining_wait(closed));
            }
        };
        for observation in observations {
            if let Err(settlement) = self.publish(observation).await {
                return settlement;
            }
        }
        Settlement::Done(outcome)
    }

    async fn locations(
        &self,
        delivery: &Delivery,
        reading: &Reading,
    ) -> Result<Vec<LocationObserved>, Closed> {
        let mut locations = Vec::with_capacity(reading.locations.len());
        for location in &reading.locations {
            let outcome = match &location.outcome {
                LocationOutcome::Raw { blob, size } => {
                    while_alive(&[delivery], self.raw(reading, blob, *size)).await?
                }
                LocationOutcome::Text { blob, text } => {
                    let content = self
                        .parse(blob.clone(), Bytes::copy_from_slice(text.as_bytes()))
                        .await;
                    location_observed::Outcome::Content(content)
                }
                LocationOutcome::Unchanged { .. }
                | LocationOutcome::Gone { .. }
                | LocationOutcome::Failed(_) => known(location),
            };
            locations.push(LocationObserved {
                path: location.path.clone(),
                outcome: Some(outcome),
            });
        }
        Ok(locations)
    }

    async fn raw(
        &self,
        reading: &Reading,
        blob: &str,
        size: u64,
    ) -> Result<location_observed::Outcome, Closed> {
        let limits = &self.0.shared.config.limits;
        if size > u64::try_from(limits.file_bytes).unwrap_or(u64::MAX) {
            return Ok(location_observed::Outcome::Content(too_large(
                blob.to_owned(),
                size,
                limits,
            )));
        }
        match files::read_raw(
            &self.0.client,
            self.0.lane,
            reading,
            blob,
            limits.file_bytes,
        )
        .await
        {
            Ok(bytes) => Ok(location_observed::Outcome::Content(
                self.parse(blob.to_owned(), bytes).await,
            )),
            Err(error) => error
                .failure()
                .map(|failure| location_observed::Outcome::Failed(Failed::from(failure))),
        }
    }

    async fn parse(&self, blob: String, bytes: Bytes) -> Content {
        let (kinds, limits) = (&self.0.shared.config.kinds, self.0.shared.config.limits);
        if bytes.len() < BLOCKING_FROM_BYTES {
            return content_of(blob, &bytes, kinds, &limits);
        }
        let kinds = kinds.clone();
        let parsing =
            tokio::task::spawn_blocking(move || content_of(blob, &bytes, &kinds, &limits));
        match parsing.await {
            Ok(content) => content,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => unreachable!("a parse is never aborted"),
            },
        }
    }

    async fn publish(&self, observation: Observation) -> Result<(), Settlement> {
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
                tracing::warn!(error = %freshet_runtime::error_chain::Chain(&error), "an observation could not be published");
                Err(after_publish_error(&error))
            }
        }
    }

    fn occasion<'a>(&'a self, job: &'a Job) -> Occasion<'a> {
        let shared = &self.0.shared;
        Occasion {
            job,
            fingerprint: &shared.fingerprint,
            fetched_at: shared.clock.now_micros(),
        }
    }

    fn panicked(&self, delivery: &Delivery, panic: &(dyn Any + Send)) -> Settlement {
        let said = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(
            message.subject = delivery.subject,
            attempt = delivery.attempt,
            panic = said.unwrap_or("without a message"),
            "handling a job panicked"
        );
        after_panic(delivery.attempt)
    }
}

/// The outcome of a location that needs nothing more than to be said.
fn known(location: &LocationRead) -> location_observed::Outcome {
    match &location.outcome {
        LocationOutcome::Unchanged { blob } => {
            location_observed::Outcome::Unchanged(Unchanged { blob: blob.clone() })
        }
        LocationOutcome::Gone { evidence } => location_observed::Outcome::Gone(Gone {
            evidence: evidence.clone(),
        }),
        LocationOutcome::Failed(failure) => {
            location_observed::Outcome::Failed(Failed::from(failure.clone()))
        }
        LocationOutcome::Text { .. } | LocationOutcome::Raw { .. } => {
            location_observed::Outcome::Failed(Failed::from(Failure::unreadable(
                "the file was not read",
            )))
        }
    }
}

fn repository_target(job: &Job) -> Option<&RepositoryTarget> {
    match &job.target {
        Some(job::Target::Repository(target)) => Some(target),
        Some(job::Target::Listing(_)) | None => None,
    }
}

fn grouped(jobs: Vec<Held>, together_max: usize) -> Vec<Vec<Held>> {
    let kinds: Vec<(Kind, u64)> = jobs
        .iter()
        .map(|held| {
            let kind = if repository_target(&held.job).is_some() {
                Kind::Repository
            } else {
                Kind::Listing
            };
            (kind, held.delivery.attempt)
        })
        .collect();
    let mut jobs: Vec<Option<Held>> = jobs.into_iter().map(Some).collect();
    batch::groups(&kinds, together_max)
        .into_iter()
        .map(|group| {
            group
                .into_iter()
                .filter_map(|index| jobs[index].take())
                .collect()
        })
        .collect()
}

fn span_of(delivery: &Delivery, job: &Job) -> Span {
    let span = tracing::info_span!(
        "job",
        message.subject = delivery.subject,
        message.id = delivery.sequence,
        attempt = delivery.attempt,
        source.id = job.source_id,
        source.generation = job.generation,
    );
    if let Some(traceparent) = &delivery.envelope.traceparent {
        telemetry::set_parent(&span, traceparent);
    }
    span
}

/// Does `work` while the messages are not delivered to anyone else.
///
/// Nearly all work is done long before a message has to be kept alive, so the first sign of life is
/// due only then.
async fn while_alive<T>(deliveries: &[&Delivery], work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(KEEP_ALIVE_EVERY) => {}
    }
    let _guards: Vec<KeepAlive> = deliveries
        .iter()
        .map(|delivery| delivery.keep_alive())
        .collect();
    work.await
}
