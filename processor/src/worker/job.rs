//! Jobs in hand: decoded, grouped, kept alive.

use std::time::Duration;

use freshet_bus::{Delivery, KeepAlive};
use freshet_proto::message::{Job, RepositoryTarget, job};
use freshet_proto::stream::{KEEP_ALIVE_EVERY, KEEP_ALIVE_MAX};
use freshet_runtime::telemetry;
use prost::Message as _;
use tracing::Span;

use super::in_hand::{InHand, InHandPlace};

/// How often messages are kept alive anew that wait for longer than a handler may be at work.
const KEEP_ALIVE_AGAIN_AFTER: Duration = KEEP_ALIVE_MAX.checked_div(2).expect("not zero");

/// A job and the message it came in.
pub(super) struct ReceivedJob {
    pub(super) delivery: Delivery,
    pub(super) job: Job,
    pub(super) span: Span,
    /// None while it only waits for another look, and brings nothing.
    place: Option<InHandPlace>,
}

impl ReceivedJob {
    /// A decoded job with its message and its place in hand.
    pub(super) fn new(delivery: Delivery, job: Job, place: InHandPlace) -> Self {
        let span = span_of(&delivery, &job);
        Self {
            delivery,
            job,
            span,
            place: Some(place),
        }
    }

    /// Counts as in hand, if it does not already.
    pub(super) fn enter_hand(&mut self, in_hand: &InHand) {
        self.place.get_or_insert_with(|| in_hand.take_place());
    }

    /// Counts no more: nothing was read for it, or what was is dropped.
    pub(super) fn leave_hand(&mut self) {
        self.place = None;
    }

    /// What was read for it takes so many bytes.
    pub(super) fn note_bytes(&self, bytes: usize) {
        if let Some(place) = &self.place {
            place.note_bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// The repository it is about, if it is about one.
    pub(super) fn repository(&self) -> Option<&RepositoryTarget> {
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
pub(super) fn decode_job(payload: &[u8]) -> Result<Job, String> {
    let job = Job::decode(payload).map_err(|error| error.to_string())?;
    // A kind of target that only a newer version knows is decoded as none.
    if job.target.is_some() {
        Ok(job)
    } else {
        Err("a job without a target".to_owned())
    }
}

/// Groups jobs that are handled together: those that may share a query in groups of at most
/// `together_max`, each other one alone.
// How often a job was delivered does not matter: mostly it was given back because of a limit, and
// reading everything alone would spend what the limit has just granted.
pub(super) fn group_jobs<T>(
    jobs: Vec<T>,
    may_share: impl Fn(&T) -> bool,
    together_max: usize,
) -> Vec<Vec<T>> {
    let (together, alone): (Vec<T>, Vec<T>) = jobs.into_iter().partition(may_share);
    let mut groups: Vec<Vec<T>> = Vec::new();
    for job in together {
        match groups.last_mut() {
            Some(group) if group.len() < together_max => group.push(job),
            _ => groups.push(vec![job]),
        }
    }
    groups.extend(alone.into_iter().map(|job| vec![job]));
    groups
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
///
/// A handler may be at work for five minutes, in case it hangs. One that waits for the store, as
/// `is_waiting` says, does not hang.
pub(super) async fn keep_alive<T>(
    deliveries: &[&Delivery],
    is_waiting: impl Fn() -> bool,
    work: impl Future<Output = T>,
) -> T {
    let Some(oldest) = deliveries.iter().map(|delivery| delivery.received_at).min() else {
        return work.await;
    };
    tokio::pin!(work);
    tokio::select! {
        // The work first: where both are ready, a sign of life would be sent for what is already done.
        biased;
        done = &mut work => return done,
        () = tokio::time::sleep_until(oldest + KEEP_ALIVE_EVERY) => {}
    }
    let start_guards = || -> Vec<KeepAlive> {
        let deliveries = deliveries.iter();
        deliveries.map(|delivery| delivery.keep_alive()).collect()
    };
    let mut guards = start_guards();
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(KEEP_ALIVE_AGAIN_AFTER) => {}
        }
        if is_waiting() {
            drop(std::mem::replace(&mut guards, start_guards()));
        }
    }
}

#[cfg(test)]
mod tests {
    use freshet_bus::{Bus, Inbox, Outbound};
    use freshet_proto::message::Lane;
    use freshet_proto::stream::{ACK_WAIT, job_consumer, topology};
    use freshet_proto::subject::Subjects;

    use super::*;

    #[track_caller]
    fn check_groups(jobs: &[&str], expected: &[&[&str]]) {
        let is_repository = |job: &&str| job.starts_with("repository");
        assert_eq!(group_jobs(jobs.to_vec(), is_repository, 3), expected);
    }

    #[test]
    fn repositories_share_a_query_and_listings_do_not() {
        let (r1, r2, r3, r4) = (
            "repository 1",
            "repository 2",
            "repository 3",
            "repository 4",
        );
        check_groups(&[], &[]);
        check_groups(&[r1], &[&[r1]]);
        check_groups(&[r1, "listing", r2], &[&[r1, r2], &["listing"]]);
        check_groups(&[r1, r2, r3, r4], &[&[r1, r2, r3], &[r4]]);
        check_groups(&["listing", "listing"], &[&["listing"], &["listing"]]);
    }

    /// A job for a processor, and what would be delivered to another one.
    async fn deliver_one() -> (Delivery, Inbox) {
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
        (delivery, inbox)
    }

    async fn is_delivered_again(mut inbox: Inbox, handling: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = handling => false,
            _again = inbox.next(1) => true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_of_many_short_works_is_delivered_to_nobody_else() {
        let (delivery, inbox) = deliver_one().await;
        let short = KEEP_ALIVE_EVERY - Duration::from_secs(1);
        let handling = async {
            for _ in 0..10 {
                let work = tokio::time::sleep(short);
                keep_alive(&[&delivery], || false, work).await;
            }
        };
        assert!(short * 10 > ACK_WAIT);
        assert!(!is_delivered_again(inbox, handling).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_is_kept_for_as_long_as_readings_wait_and_else_not_for_ever() {
        for is_waiting in [true, false] {
            let (delivery, inbox) = deliver_one().await;
            let work = tokio::time::sleep(KEEP_ALIVE_MAX * 5);
            let deliveries = [&delivery];
            let handling = keep_alive(&deliveries, || is_waiting, work);
            assert_eq!(is_delivered_again(inbox, handling).await, !is_waiting);
        }
    }
}
