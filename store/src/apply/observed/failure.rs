//! Why a reading proves nothing, and what follows from it. Pure.

use freshet_model::{ErrorClass, SourceId};
use freshet_proto::message::{
    FailureKind, Observation, RepositoryObserved, location_observed, observation,
};

use crate::metrics::ObservationOutcome;

/// A source that could not be read, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadFailure {
    pub(crate) source_id: SourceId,
    pub(crate) retryability: Retryability,
    pub(crate) message: String,
    /// Class of the error, if nothing of the source can be read until somebody does something.
    pub(crate) class: Option<ErrorClass>,
}

/// Whether what stands in the way of a reading goes away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retryability {
    /// It does: an outage, a rate limit, a replica that lags.
    Passing,
    /// Somebody has to do something: a permission, a file nobody can read.
    Lasting,
}

impl From<FailureKind> for Retryability {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unreachable | FailureKind::RateLimited => Self::Passing,
            FailureKind::Unspecified
            | FailureKind::Denied
            | FailureKind::NotVisible
            | FailureKind::Unreadable
            | FailureKind::Refused
            | FailureKind::NotFound => Self::Lasting,
        }
    }
}

/// Why an observation proves nothing at all; `None` if it is a reading.
pub(crate) fn find_failure(observation: &Observation) -> Option<(ObservationOutcome, ReadFailure)> {
    let mut class = None;
    let (outcome, retryability, message) = match &observation.body {
        Some(observation::Body::Failed(failed)) => {
            let kind = failed.kind();
            let retryability = Retryability::from(kind);
            // Only what somebody has to mend is told to those who point there.
            class = (retryability == Retryability::Lasting).then(|| class_of(kind));
            let message = describe_failure(kind, &failed.message);
            (ObservationOutcome::Failed, retryability, message)
        }
        Some(observation::Body::Behind(behind)) => (
            ObservationOutcome::Behind,
            Retryability::Passing,
            format!("the push is not visible yet: head {}", behind.shown_head),
        ),
        Some(
            observation::Body::Repository(_)
            | observation::Body::Listing(_)
            | observation::Body::Files(_)
            | observation::Body::Chunk(_),
        ) => return None,
        None => (
            ObservationOutcome::Failed,
            Retryability::Lasting,
            "the observation has no body".to_owned(),
        ),
    };
    let failure = ReadFailure {
        source_id: SourceId::new(observation.source_id),
        retryability,
        message,
        class,
    };
    Some((outcome, failure))
}

/// The first file that could not be read. What is refused is known: that lasts until the file or the
/// configuration is another one, so there is nothing to try again.
pub(crate) fn find_unread_part(
    source_id: SourceId,
    observed: &RepositoryObserved,
) -> Option<ReadFailure> {
    observed.locations.iter().find_map(|location| {
        let (retryability, what) = match &location.outcome {
            Some(location_observed::Outcome::Failed(failed))
                if failed.kind() == FailureKind::Refused =>
            {
                return None;
            }
            Some(location_observed::Outcome::Failed(failed)) => {
                let kind = failed.kind();
                (kind.into(), describe_failure(kind, &failed.message))
            }
            Some(
                location_observed::Outcome::Unchanged(_)
                | location_observed::Outcome::Content(_)
                | location_observed::Outcome::Gone(_)
                | location_observed::Outcome::Matched(_),
            ) => return None,
            None => (Retryability::Lasting, "no outcome".to_owned()),
        };
        Some(ReadFailure {
            source_id,
            retryability,
            message: format!("{}: {what}", location.path),
            class: None,
        })
    })
}

/// The class Backstage gives a failure to read.
pub(crate) fn class_of(kind: FailureKind) -> ErrorClass {
    match kind {
        // GitHub answers 404 for what it will not show, so to whoever points there both read the
        // same.
        FailureKind::NotVisible | FailureKind::NotFound => ErrorClass::NotFoundError,
        FailureKind::Unspecified
        | FailureKind::Unreachable
        | FailureKind::RateLimited
        | FailureKind::Denied
        | FailureKind::Unreadable
        | FailureKind::Refused => ErrorClass::Error,
    }
}

pub(crate) fn describe_failure(kind: FailureKind, message: &str) -> String {
    let kind = match kind {
        FailureKind::Unspecified => "failed",
        FailureKind::Unreachable => "unreachable",
        FailureKind::RateLimited => "rate limited",
        FailureKind::Denied => "denied",
        FailureKind::NotVisible => "not visible",
        FailureKind::Unreadable => "unreadable",
        FailureKind::Refused => "refused",
        FailureKind::NotFound => "not found",
    };
    format!("{kind}: {message}")
}
