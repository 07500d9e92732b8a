//! What becomes of a job's message once the job was handled. Pure.

use std::time::Duration;

use backoff::{BackoffBuilder, ExponentialBuilder};
use freshet_bus::{Disposition, PublishError, RETRY_UNAVAILABLE_AFTER};
use freshet_runtime::error_chain::Chain;

use crate::metrics::JobOutcome;

/// Panics while handling one job before it becomes a dead letter.
const PANICS_MAX: u64 = 5;
/// Wait after a panic, times the number of panics.
pub(super) const RETRY_AFTER_PANIC: Duration = Duration::from_secs(2);
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

/// What to do after an observation could not be published. The reading is made again: it costs a call,
/// and keeping it would mean answering with what was true some time ago. So the waits grow with the
/// deliveries of the job, and differ, for a full stream refuses all jobs at once.
pub(super) fn disposition_after_publish_error(
    error: &PublishError,
    attempt: u64,
) -> JobDisposition {
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
        // A full stream says nothing about the job, so no number of attempts may end it.
        .without_max_times()
        .build()
        .nth(times.min(DOUBLINGS_MAX))
        .unwrap_or(RETRY_PUBLISH_MAX)
}

#[cfg(test)]
mod tests {
    use freshet_bus::RETRY_FULL_AFTER;

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

    #[test]
    fn what_cannot_be_published_now_is_read_again() {
        let full = PublishError::Full {
            subject: "s".to_owned(),
        };
        assert!(matches!(
            disposition_after_publish_error(&full, 1),
            JobDisposition::GiveBack(_)
        ));
        assert!(matches!(
            disposition_after_publish_error(&PublishError::Ambiguous, 1),
            JobDisposition::GiveBack(_)
        ));
        let too_large = PublishError::TooLarge {
            subject: "s".to_owned(),
            bytes: 2,
            bytes_max: 1,
        };
        assert!(matches!(
            disposition_after_publish_error(&too_large, 1),
            JobDisposition::Dead(DeadLetterReason::Unpublishable, _)
        ));
    }

    #[test]
    fn a_stream_that_stays_full_is_asked_less_and_less() {
        let full = PublishError::Full {
            subject: "s".to_owned(),
        };
        let second = RETRY_FULL_AFTER.as_secs();
        for (attempt, expected) in [
            (0, second),
            (1, second),
            (2, second * 2),
            (4, second * 8),
            (9, RETRY_PUBLISH_MAX.as_secs()),
            (u64::MAX, RETRY_PUBLISH_MAX.as_secs()),
        ] {
            let JobDisposition::GiveBack(wait) = disposition_after_publish_error(&full, attempt)
            else {
                panic!("not given back")
            };
            assert!(
                (expected..=expected * 2).contains(&wait.as_secs()),
                "attempt {attempt}: {wait:?}"
            );
        }
    }
}
