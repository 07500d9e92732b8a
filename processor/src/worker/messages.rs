//! Carries out what becomes of a job's message.

use freshet_bus::{Delivery, Outbound};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::Lane;
use freshet_proto::subject::{Stage, Subjects, decode_token};
use freshet_runtime::error_chain::Chain;

use super::context::WorkerContext;
use super::disposition::{DeadLetterReason, JobDisposition, RETRY_AFTER_PANIC};
use crate::metrics::JobOutcome;

/// Header of a dead letter: what went wrong.
const ERROR_HEADER: &str = "Catalog-Error";
/// Header of a dead letter: where the message was.
const SUBJECT_HEADER: &str = "Catalog-Subject";
/// Longest description of an error in a header.
const ERROR_CHARS_MAX: usize = 500;

/// Acknowledges a message, gives it back, or moves it to the dead letters.
pub(super) async fn carry_out(
    context: &WorkerContext,
    lane: Lane,
    delivery: Delivery,
    disposition: JobDisposition,
) {
    match disposition {
        JobDisposition::Done(outcome) => {
            context.metrics.count_job(lane, outcome);
            // Unacknowledged, it comes again: that costs a reading and changes nothing.
            if let Err(error) = delivery.ack().await {
                tracing::debug!(error = %Chain(&error), "a job may be handled again");
            }
        }
        JobDisposition::GiveBack(delay) => {
            context.metrics.count_job(lane, JobOutcome::GivenBack);
            delivery.retry_after(delay).await;
        }
        JobDisposition::Dead(reason, error) => {
            move_to_dead_letters(context, lane, delivery, reason, &error).await;
        }
    }
}

// Published first: a crash in between leaves a duplicate, which the id recognises, and never a loss.
async fn move_to_dead_letters(
    context: &WorkerContext,
    lane: Lane,
    delivery: Delivery,
    reason: DeadLetterReason,
    error: &str,
) {
    // Each is kept where a person finds it; the log says that there are some, and of what.
    freshet_runtime::summed_up!(of reason.as_str(); error,
        message.subject = delivery.subject,
        attempt = delivery.attempt,
        reason = reason.as_str(),
        error,
        "a job cannot be handled and becomes a dead letter"
    );
    let letter = dead_letter(&context.subjects, &delivery, reason, error);
    match context.bus.publish(letter).await {
        Ok(_) => {
            context.metrics.count_job(lane, JobOutcome::Dead);
            delivery.terminate(reason.as_str()).await;
        }
        Err(publish_error) => {
            // The job stays where it is: losing the letter would lose the only trace of it.
            freshet_runtime::summed_up!(warn, error = %Chain(&publish_error), "a dead letter could not be published yet");
            delivery.retry_after(RETRY_AFTER_PANIC).await;
        }
    }
}

fn dead_letter(
    subjects: &Subjects,
    delivery: &Delivery,
    reason: DeadLetterReason,
    error: &str,
) -> Outbound {
    // prefix.job.lane.installation.source: the payload may be no job, so only the subject tells whose it is.
    let mut names = delivery
        .subject
        .split('.')
        .skip(3)
        .map(|token| decode_token(token).unwrap_or_default());
    let installation = names.next().unwrap_or_default();
    let source = names.next().unwrap_or_default();
    let subject = subjects.dead(Stage::Processor, reason.as_str(), &installation, &source);
    let id = format!("dead:{}:{}", delivery.subject, delivery.sequence);
    // A line break in a header would end it.
    let error: String = error
        .chars()
        .filter(|character| !character.is_control())
        .take(ERROR_CHARS_MAX)
        .collect();
    Outbound::new(subject, delivery.payload.clone())
        .enveloped(Envelope::with_id(id).traced(delivery.envelope.traceparent.clone()))
        .with_headers(vec![
            (SUBJECT_HEADER.to_owned(), delivery.subject.clone()),
            (ERROR_HEADER.to_owned(), error),
        ])
}
