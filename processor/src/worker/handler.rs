//! What the handling of every job is made of, whatever it is about: decoding, keeping it alive, and the
//! one end that all of them come to.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::Delivery;
use freshet_proto::message::{Job, Lane, job};
use futures::FutureExt;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::context::WorkerContext;
use super::disposition::{DeadLetterReason, JobDisposition, disposition_after_panic};
use super::in_hand::InHandPlace;
use super::job::{ReceivedJob, decode_job, keep_alive};
use super::messages::carry_out;
use super::panics::PanicCounts;
use crate::failure::Failure;
use crate::observation::ObservationHeader;
use crate::reconcile::forget_old_push;

/// How long a reading may still take after the stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// Spread of jobs that are given back together, so that they do not all come again at once.
const GIVE_BACK_SPREAD: Duration = Duration::from_millis(20);

/// Handles the jobs of one worker. Cheap to clone, for each group of jobs is a task of its own.
#[derive(Clone)]
pub(super) struct JobHandler {
    pub(super) context: Arc<WorkerContext>,
    pub(super) lane: Lane,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
    panics: Arc<PanicCounts>,
}

/// How some work for a job ended.
pub(super) enum Attempt<T> {
    Done(T),
    Panicked(Box<dyn Any + Send>),
    /// It was cut short by the stop.
    Stopped,
}

impl JobHandler {
    pub(super) fn new(
        context: &Arc<WorkerContext>,
        lane: Lane,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Self {
        Self {
            context: Arc::clone(context),
            lane,
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
            panics: Arc::default(),
        }
    }

    /// The job of a message, in its place in hand; `None` if it is none, and then it is a dead letter already.
    pub(super) async fn decode_job(
        &self,
        delivery: Delivery,
        place: InHandPlace,
    ) -> Option<ReceivedJob> {
        match decode_job(&delivery.payload) {
            Ok(mut job) => {
                if let Some(job::Target::Repository(target)) = &mut job.target {
                    let now = self.context.clock.now_micros();
                    let age_max = self.context.config.behind_age_max;
                    forget_old_push(target, job.cause.as_ref(), now, age_max);
                }
                Some(ReceivedJob::new(delivery, job, place))
            }
            // Nobody knows which source it is about, so none can be reported.
            Err(error) => {
                let dead = JobDisposition::Dead(DeadLetterReason::Undecodable, error);
                self.dispose(delivery, dead).await;
                None
            }
        }
    }

    /// Does `work` for these jobs: their messages are kept alive, its panic is caught, and it is cut
    /// short some time after the stop.
    pub(super) async fn attempt<T>(
        &self,
        jobs: &[&ReceivedJob],
        work: impl Future<Output = T>,
    ) -> Attempt<T> {
        let deliveries: Vec<&Delivery> = jobs.iter().map(|job| &job.delivery).collect();
        let work = AssertUnwindSafe(work).catch_unwind();
        // A job alone has a span of its own to work in; a group has none that would fit all.
        // On the heap: works nest, and each would be copied through the frames of all around it.
        let work = Box::pin(async {
            match jobs {
                [job] => work.instrument(job.span.clone()).await,
                _ => work.await,
            }
        });
        // Not at once: most readings are done within moments, and what is thrown away was paid for
        // with calls.
        let stopped = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            ended = self.keep_alive(&deliveries, work) => match ended {
                Ok(done) => Attempt::Done(done),
                Err(panic) => Attempt::Panicked(panic),
            },
            () = stopped => Attempt::Stopped,
        }
    }

    /// Does `work` while these messages are delivered to nobody else; for as long as it takes where readings
    /// wait for room.
    pub(super) async fn keep_alive<T>(
        &self,
        deliveries: &[&Delivery],
        work: impl Future<Output = T>,
    ) -> T {
        let room = &self.context.in_hand(self.lane).room;
        keep_alive(deliveries, || room.is_waited_for(), work).await
    }

    /// Ends a job, however its handling went: the only way out for every job of every source.
    pub(super) async fn end_job(&self, job: ReceivedJob, ended: Attempt<JobDisposition>) {
        let disposition = match ended {
            Attempt::Done(disposition) => disposition,
            Attempt::Panicked(panic) => self.count_panic(&job.delivery, &*panic),
            Attempt::Stopped => JobDisposition::GiveBack(Duration::ZERO),
        };
        let disposition = match disposition {
            JobDisposition::Dead(reason, error) => self.report_dead(&job, reason, error).await,
            // Whatever its source: a job that nobody reports would come again at once and die the
            // same way.
            other @ (JobDisposition::Done(_) | JobDisposition::GiveBack(_)) => other,
        };
        self.dispose(job.delivery, disposition).await;
    }

    /// Gives jobs back, to come again one after the other.
    pub(super) async fn give_back(&self, jobs: Vec<ReceivedJob>, delay: Duration) {
        let delays = std::iter::successors(Some(delay), |delay| Some(*delay + GIVE_BACK_SPREAD));
        // All at once: a bus that answers slowly would otherwise make a stop wait for each of a hundred.
        let given_back = jobs.into_iter().zip(delays).map(|(job, delay)| {
            let disposition = JobDisposition::GiveBack(delay);
            async move { self.dispose(job.delivery, disposition).await }
        });
        join_all(given_back).await;
    }

    async fn dispose(&self, delivery: Delivery, disposition: JobDisposition) {
        match &disposition {
            // Given back it comes again under the same sequence, and the panics so far still
            // count.
            JobDisposition::Done(_) | JobDisposition::Dead(..) => {
                self.panics
                    .forget_message(&delivery.subject, delivery.sequence);
            }
            JobDisposition::GiveBack(_) => {}
        }
        carry_out(&self.context, self.lane, delivery, disposition).await;
    }

    /// Reports the source of a job that becomes a dead letter as failed. Else nobody would set it back, and
    /// its next job would come, and fail the same way, at once.
    async fn report_dead(
        &self,
        job: &ReceivedJob,
        reason: DeadLetterReason,
        error: String,
    ) -> JobDisposition {
        let failure = Failure::unreadable(reason.describe_for_owner());
        let observation = self.header_of(&job.job).failed(failure);
        match self.publish_part(observation, job.delivery.attempt).await {
            Err(later @ JobDisposition::GiveBack(_)) => later,
            Ok(()) | Err(JobDisposition::Done(_) | JobDisposition::Dead(..)) => {
                JobDisposition::Dead(reason, error)
            }
        }
    }

    /// What an observation of this job, made now, begins with.
    pub(super) fn header_of<'a>(&'a self, job: &'a Job) -> ObservationHeader<'a> {
        ObservationHeader {
            job,
            fingerprint: &self.context.fingerprint,
            fetched_at: self.context.clock.now_micros(),
        }
    }

    pub(super) fn count_panic(
        &self,
        delivery: &Delivery,
        panic: &(dyn Any + Send),
    ) -> JobDisposition {
        let panics = self
            .panics
            .count_panic(&delivery.subject, delivery.sequence);
        freshet_runtime::summed_up!(
            error,
            message.subject = delivery.subject,
            attempt = delivery.attempt,
            panics,
            panic = panic_message(panic),
            "handling a job panicked"
        );
        disposition_after_panic(panics)
    }
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
