//! How a failure to read is classed: whether it passes, and what whoever points there is told. Pure.

use freshet_model::{ErrorClass, SourceId};
use freshet_proto::message::FailureKind;

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
