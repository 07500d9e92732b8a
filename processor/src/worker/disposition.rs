//! What becomes of a job's message once the job was handled. Pure.

use std::time::Duration;

use backoff::{BackoffBuilder, ExponentialBuilder};
use freshet_bus::{
    Disposition, PublishError, RETRY_FULL_AFTER, RETRY_UNAVAILABLE_AFTER, ROOM_LOOK_EVERY,
};
use freshet_runtime::error_chain::Chain;

use crate::metrics::JobOutcome;

/// Panics while handling one job before it becomes a dead letter.
const PANICS_MAX: u64 = 5;
/// Wait after a panic, times the number of panics.
pub(super) const RETRY_AFTER_PANIC: Duration = Duration::from_secs(2);
/// How often an observation is sent before its job is given back.
const SENDS_MAX: usize = 4;
/// Longest wait, before its jitter, after an observation could not be published.
const RETRY_PUBLISH_MAX: Duration = Duration::from_secs(30);
/// Doublings after which any wait has reached its bound.
const DOUBLINGS_MAX: usize = 16;

/// Why a message cannot be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeadLetterReason {
    /// It is no job.
    Undecodable,
    /// Handling it panicked, again and again.
    Panic,
    /// What was observed cannot be published, now or later.
    Unpublishable,
}

impl DeadLetterReason {
    /// As subjects and log lines say it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Panic => "panic",
            Self::Unpublishable => "unpublishable",
        }
    }

    /// What to tell the owner of a source whose job came to this.
    pub(super) fn describe_for_owner(self) -> &'static str {
        match self {
            Self::Undecodable => "its job could not be understood",
            Self::Panic => "reading it panicked",
            Self::Unpublishable => "what was read could not be passed on",
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobDisposition {
    /// Done: acknowledge it.
    Done(JobOutcome),
    /// Give it back, to come again after this long.
    GiveBack(Duration),
    /// Move it to the dead letters.
    Dead(DeadLetterReason, String),
}

/// What to do after handling panicked: try again a few times, for a panic may come from the moment.
pub(super) fn disposition_after_panic(panics: u64) -> JobDisposition {
    // Counted here and not by deliveries: a job given back for a limit was delivered often and did
    // nothing wrong.
    if panics < PANICS_MAX {
        let factor = u32::try_from(panics).unwrap_or(u32::MAX);
        JobDisposition::GiveBack(RETRY_AFTER_PANIC * factor)
    } else {
        JobDisposition::Dead(
            DeadLetterReason::Panic,
            format!("handling panicked {panics} times"),
        )
    }
}

/// What to do about an observation that could not be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublishStep {
    /// Keep it, for this long at least and until the stream has room.
    WaitForRoom(Duration),
    /// Send it again after this long: its identity makes a second copy harmless.
    SendAgain(Duration),
    /// That becomes of its job.
    End(JobDisposition),
}

/// What to do after an observation could not be published, of a job that was delivered `attempt` times, when
/// it was sent for the `sends`-th time.
pub(super) fn step_after_publish_error(
    error: &PublishError,
    sends: usize,
    attempt: u64,
) -> PublishStep {
    if let PublishError::Full { .. } = error {
        // Longer and longer: the server may be full, where the stream still seems to have room.
        let doublings = u32::try_from(sends.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2_u32.saturating_pow(doublings);
        let pause = ROOM_LOOK_EVERY.saturating_mul(factor).min(RETRY_FULL_AFTER);
        PublishStep::WaitForRoom(pause)
    } else if error.is_transient() && sends < SENDS_MAX {
        PublishStep::SendAgain(RETRY_UNAVAILABLE_AFTER)
    } else {
        PublishStep::End(disposition_after_publish_error(error, attempt))
    }
}

/// What becomes of a job whose observation the bus does not take. The reading is made again: it costs a call,
/// and keeping it through an outage would mean answering with what was true long ago. So the waits grow with
/// the deliveries of the job, and differ, for a bus that is away refuses all jobs at once.
fn disposition_after_publish_error(error: &PublishError, attempt: u64) -> JobDisposition {
    match error.disposition() {
        Disposition::RetryAfter(delay) => JobDisposition::GiveBack(back_off(delay, attempt)),
        // It may have been stored or not, and a second observation of a generation costs only itself.
        Disposition::ReadAgain => {
            JobDisposition::GiveBack(back_off(RETRY_UNAVAILABLE_AFTER, attempt))
        }
        Disposition::GiveUp => {
            JobDisposition::Dead(DeadLetterReason::Unpublishable, Chain(error).to_string())
        }
    }
}

/// Doubles `delay` with each attempt up to a bound, and adds up to as much again at random.
fn back_off(delay: Duration, attempt: u64) -> Duration {
    let times = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(delay)
        .with_max_delay(RETRY_PUBLISH_MAX)
        // An outage says nothing about the job, so no number of attempts may end it.
        .without_max_times()
        .build()
        .nth(times.min(DOUBLINGS_MAX))
        .unwrap_or(RETRY_PUBLISH_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_keeps_panicking_becomes_a_dead_letter() {
        assert_eq!(
            disposition_after_panic(1),
            JobDisposition::GiveBack(RETRY_AFTER_PANIC)
        );
        assert_eq!(
            disposition_after_panic(4),
            JobDisposition::GiveBack(RETRY_AFTER_PANIC * 4)
        );
        assert!(matches!(
            disposition_after_panic(5),
            JobDisposition::Dead(DeadLetterReason::Panic, _)
        ));
    }

    fn full() -> PublishError {
        PublishError::Full {
            subject: "s".to_owned(),
        }
    }

    #[test]
    fn what_finds_the_stream_full_is_kept_however_long_that_takes() {
        for (sends, attempt, pause) in [
            (1, 1, ROOM_LOOK_EVERY),
            (1, 1_000, ROOM_LOOK_EVERY),
            (2, 1, ROOM_LOOK_EVERY * 2),
            (1_000, 1, RETRY_FULL_AFTER),
        ] {
            let step = step_after_publish_error(&full(), sends, attempt);
            assert_eq!(step, PublishStep::WaitForRoom(pause));
        }
    }

    #[test]
    fn what_may_not_have_arrived_is_sent_again_a_few_times_and_then_read_again() {
        for error in [PublishError::Ambiguous, PublishError::Unavailable] {
            let step = |sends| step_after_publish_error(&error, sends, 1);
            let again = PublishStep::SendAgain(RETRY_UNAVAILABLE_AFTER);
            assert_eq!([step(1), step(SENDS_MAX - 1)], [again.clone(), again]);
            assert!(matches!(
                step(SENDS_MAX),
                PublishStep::End(JobDisposition::GiveBack(_))
            ));
        }
    }

    #[test]
    fn what_can_never_be_published_is_a_dead_letter() {
        let too_large = PublishError::TooLarge {
            subject: "s".to_owned(),
            bytes: 2,
            bytes_max: 1,
        };
        assert!(matches!(
            step_after_publish_error(&too_large, 1, 1),
            PublishStep::End(JobDisposition::Dead(DeadLetterReason::Unpublishable, _))
        ));
    }

    #[test]
    fn a_bus_that_stays_away_is_asked_less_and_less() {
        let millis = u64::try_from(RETRY_UNAVAILABLE_AFTER.as_millis()).expect("short");
        let longest = u64::try_from(RETRY_PUBLISH_MAX.as_millis()).expect("short");
        for (attempt, expected) in [
            (0, millis),
            (1, millis),
            (2, millis * 2),
            (4, millis * 8),
            (12, longest),
            (u64::MAX, longest),
        ] {
            let disposition = disposition_after_publish_error(&PublishError::Unavailable, attempt);
            let JobDisposition::GiveBack(wait) = disposition else {
                panic!("not given back")
            };
            let wait = u64::try_from(wait.as_millis()).expect("short");
            assert!(
                (expected..=expected * 2).contains(&wait),
                "attempt {attempt}: {wait} ms"
            );
        }
    }
}
