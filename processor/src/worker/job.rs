//! Jobs in hand: decoded, grouped, kept alive.

use freshet_bus::{Delivery, KeepAlive};
use freshet_proto::message::{Job, RepositoryTarget, job};
use freshet_proto::stream::KEEP_ALIVE_EVERY;
use freshet_runtime::telemetry;
use prost::Message as _;
use tracing::Span;

use super::batch::{self, BatchKind};

/// A job and the message it came in.
pub(crate) struct ReceivedJob {
    pub(crate) delivery: Delivery,
    pub(crate) job: Job,
    pub(crate) span: Span,
}

impl ReceivedJob {
    /// A decoded job with its message.
    pub(crate) fn new(delivery: Delivery, job: Job) -> Self {
        let span = span_of(&delivery, &job);
        Self {
            delivery,
            job,
            span,
        }
    }

    /// The repository it is about, unless it is about a listing.
    pub(crate) fn repository(&self) -> Option<&RepositoryTarget> {
        match &self.job.target {
            Some(job::Target::Repository(target)) => Some(target),
            Some(job::Target::Listing(_) | job::Target::Url(_) | job::Target::File(_)) | None => {
                None
            }
        }
    }
}

/// Decodes a message.
///
/// # Errors
/// Why it is no job.
pub(crate) fn decoded(payload: &[u8]) -> Result<Job, String> {
    let job = Job::decode(payload).map_err(|error| error.to_string())?;
    if job.target.is_some() {
        Ok(job)
    } else {
        Err("a job without a target".to_owned())
    }
}

/// Groups jobs that are handled together.
pub(crate) fn grouped(jobs: Vec<ReceivedJob>, together_max: usize) -> Vec<Vec<ReceivedJob>> {
    let kinds: Vec<BatchKind> = jobs
        .iter()
        .map(|held| {
            if held.repository().is_some() {
                BatchKind::Repository
            } else {
                BatchKind::Listing
            }
        })
        .collect();
    let mut jobs: Vec<Option<ReceivedJob>> = jobs.into_iter().map(Some).collect();
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
/// due only then. That is counted from its arrival, for handling it is made of many works like this
/// one, and short ones after each other take long too.
pub(crate) async fn while_alive<T>(deliveries: &[&Delivery], work: impl Future<Output = T>) -> T {
    let Some(oldest) = deliveries.iter().map(|delivery| delivery.received_at).min() else {
        return work.await;
    };
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = tokio::time::sleep_until(oldest + KEEP_ALIVE_EVERY) => {}
    }
    let _guards: Vec<KeepAlive> = deliveries
        .iter()
        .map(|delivery| delivery.keep_alive())
        .collect();
    work.await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use freshet_bus::{Bus, Outbound};
    use freshet_proto::message::Lane;
    use freshet_proto::stream::{ACK_WAIT, job_consumer, topology};
    use freshet_proto::subject::Subjects;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_job_of_many_short_works_is_delivered_to_nobody_else() {
        let (bus, subjects) = (Bus::memory(), Subjects::default());
        bus.provision(&topology(&subjects, 1))
            .await
            .expect("an empty bus takes any topology");
        let spec = job_consumer(&subjects, Lane::Lo, "github.test");
        let mut inbox = bus.consume(&spec).await.expect("an inbox");
        let subject = subjects.job(Lane::Lo, "github.test", 1);
        let _ = bus
            .publish(Outbound::new(subject, "a job".as_bytes()))
            .await
            .expect("a stored job");
        let delivery = inbox.next(1).await.expect("a job").remove(0);
        let short = KEEP_ALIVE_EVERY - Duration::from_secs(1);
        let handling = async {
            for _ in 0..10 {
                while_alive(&[&delivery], tokio::time::sleep(short)).await;
            }
        };
        assert!(short * 10 > ACK_WAIT);
        tokio::select! {
            () = handling => {}
            again = inbox.next(1) => panic!("{} copies", again.map_or(0, |again| again.len())),
        }
    }
}
