//! What one look at a file comes to, whoever was asked. Pure.

use bytes::Bytes;
use freshet_proto::message::FailureKind;

use crate::failure::Failure;

/// What is at one place: a path of a commit, a URL, a path of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The version that the catalog holds; its bytes were not needed.
    Unchanged {
        /// That version.
        version: String,
    },
    /// All of it.
    Content {
        /// Tells versions apart: a blob id, a tag or a digest.
        version: String,
        /// The bytes.
        bytes: Bytes,
    },
    /// Nothing, which the source proves.
    Absent {
        /// What proves it, for people.
        evidence: String,
        /// What is missing instead of the file, such as its branch.
        reason: Option<String>,
    },
    /// More than may be read, so it was not.
    TooLarge {
        /// Tells versions apart, as far as they are known.
        version: String,
        /// Its size in bytes, as far as it is known.
        bytes: u64,
        /// Most that is read.
        bytes_max: usize,
    },
    /// Nothing is proven.
    Failed(Failure),
}

impl Fetched {
    /// Nothing is proven, for this reason.
    #[must_use]
    pub fn failed(kind: FailureKind, message: String) -> Self {
        Self::Failed(Failure { kind, message })
    }

    /// Nothing is there.
    #[must_use]
    pub fn absent(evidence: impl Into<String>) -> Self {
        Self::Absent {
            evidence: evidence.into(),
            reason: None,
        }
    }

    /// Nothing is there, and not even where it should be.
    #[must_use]
    pub fn absent_because(reason: String) -> Self {
        Self::Absent {
            evidence: reason.clone(),
            reason: Some(reason),
        }
    }

    /// What to compare with next time; empty if there is nothing to compare.
    #[must_use]
    pub fn version(&self) -> &str {
        match self {
            Self::Unchanged { version }
            | Self::Content { version, .. }
            | Self::TooLarge { version, .. } => version,
            // Whatever is found there next time is new, so nothing may compare equal to this.
            Self::Absent { .. } | Self::Failed(_) => "",
        }
    }

    /// Why there are no bytes to use, as a clause about "it".
    #[must_use]
    pub fn describe_missing(&self) -> String {
        match self {
            Self::Content { .. } => "it was read".to_owned(),
            Self::Unchanged { .. } => "it could not be read: it was not sent".to_owned(),
            Self::Absent {
                reason: Some(reason),
                ..
            } => format!("there is no such file: {reason}"),
            Self::Absent { reason: None, .. } => "there is no such file".to_owned(),
            Self::TooLarge {
                bytes, bytes_max, ..
            } => format!("it has {bytes} bytes, more than {bytes_max}"),
            Self::Failed(failure) if failure.is_hidden() => {
                format!("it may not be read: {}", failure.message)
            }
            Self::Failed(failure) => format!("it could not be read: {}", failure.message),
        }
    }
}
