//! Why one call to GitHub brought nothing, and what that means for the source.

use std::time::Duration;

use thiserror::Error;

use super::redirect::RedirectRefusal;
use crate::budget::BudgetClosed;
use crate::failure::Failure;

/// Why nothing was read, as far as that matters to a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRead {
    /// Nothing was proven.
    Failed(Failure),
    /// GitHub's limits forbid asking for now, which is no fact about a source.
    Limited(BudgetClosed),
}

impl From<&CallError> for NotRead {
    fn from(error: &CallError) -> Self {
        match error.failure() {
            Ok(failure) => Self::Failed(failure),
            Err(closed) => Self::Limited(closed),
        }
    }
}

/// Why a call brought nothing.
#[derive(Debug, Error)]
pub enum CallError {
    /// A limit forbids calls for now. Nothing was asked, or GitHub refused to answer.
    #[error("{operation}: GitHub's limits forbid calls for now")]
    Limited {
        /// What was asked.
        operation: &'static str,
        /// Until when.
        closed: BudgetClosed,
    },
    /// No connection, or it broke.
    #[error("{operation}: GitHub cannot be reached")]
    Unreachable {
        /// What was asked.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<octocrab::Error>,
    },
    /// No answer in time.
    #[error("{operation}: no answer within {after:?}")]
    TimedOut {
        /// What was asked.
        operation: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The answer leads to where nothing is asked.
    #[error("{operation}: {refusal}")]
    Redirected {
        /// What was asked.
        operation: &'static str,
        /// From where to where, and why it is not followed.
        refusal: RedirectRefusal,
    },
    /// The answer is longer than any that makes sense.
    #[error("{operation}: the answer is longer than {bytes_max} bytes and was not read to its end")]
    TooLarge {
        /// What was asked.
        operation: &'static str,
        /// How long it may be.
        bytes_max: usize,
    },
    /// The answer's body broke off.
    #[error("{operation}: the body of the answer could not be read")]
    Body {
        /// What was asked.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A status that is not success.
    #[error("{operation}: status {status}: {message}")]
    Status {
        /// What was asked.
        operation: &'static str,
        /// GitHub's status.
        status: u16,
        /// GitHub's message.
        message: String,
    },
    /// GraphQL answered with errors only.
    #[error("{operation}: {message}")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// GitHub's message.
        message: String,
    },
    /// The answer is not what the API promises.
    #[error("{operation}: the answer could not be understood")]
    Unreadable {
        /// What was asked.
        operation: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The request could not be built: a mistake of ours or of the configuration.
    #[error("{operation}: the request could not be built")]
    Request {
        /// What was asked.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<octocrab::Error>,
    },
}

impl CallError {
    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Body { .. }
            // GraphQL reports an internal error of GitHub with status 200 and no data.
            | Self::Refused { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 408,
            Self::Limited { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Request { .. } => false,
        }
    }

    /// Whether less may be answered where this was not: GitHub stops after ten seconds, and we after as many
    /// bytes as may be.
    #[must_use]
    pub fn may_be_too_large(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::TooLarge { .. } => true,
            // GitHub's gateway answers with these when ten seconds are over.
            Self::Status { status, .. } => matches!(status, 502 | 504),
            Self::Limited { .. }
            | Self::Unreachable { .. }
            | Self::Redirected { .. }
            | Self::Body { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::Request { .. } => false,
        }
    }

    /// What to report about a source that was to be read; a limit is no fact about a source.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid calls.
    pub fn failure(&self) -> Result<Failure, BudgetClosed> {
        match self {
            Self::Limited { closed, .. } => Err(*closed),
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            // Something is in the way between GitHub and us.
            | Self::Redirected { .. }
            | Self::Body { .. }
            | Self::Refused { .. } => Ok(Failure::unreachable(self.to_string())),
            // A limit is a 403 too; headers and message have told it apart before it gets here.
            Self::Status {
                status: 401 | 403, ..
            } => Ok(Failure::denied(self.to_string())),
            Self::Status {
                // GitHub answers "not found" for what it will not show, so it proves no absence.
                status: 404 | 410,
                ..
            } => Ok(Failure::not_visible(self.to_string())),
            Self::Status { status: 500.., .. } => Ok(Failure::unreachable(self.to_string())),
            Self::Status { .. }
            | Self::TooLarge { .. }
            | Self::Unreadable { .. }
            | Self::Request { .. } => {
                Ok(Failure::unreadable(self.to_string()))
            }
        }
    }
}
