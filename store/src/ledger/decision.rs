//! What is done about a signal.

use freshet_model::SourceId;

/// Why a signal asks for nothing, as recorded with its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IgnoreReason {
    /// The message has no body this version knows.
    Unknown,
    /// Nothing configured looks at what it names.
    NotConfigured,
    /// A tag that nobody reads, or another ref that is no branch.
    NotABranch,
    /// A branch nobody reads.
    OtherBranch,
    /// The branch was deleted before anybody read it.
    BranchDeleted,
    /// The source it names does not exist.
    NoSuchSource,
}

impl IgnoreReason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotConfigured => "not-configured",
            Self::NotABranch => "not-a-branch",
            Self::OtherBranch => "other-branch",
            Self::BranchDeleted => "branch-deleted",
            Self::NoSuchSource => "no-such-source",
        }
    }
}

/// What is done about a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignalDecision {
    /// Nothing, for this reason.
    Ignored(String),
    /// Nothing: it proves that what we want of this source is as it was.
    Unchanged(SourceId),
    /// This source is read again.
    Requested(SourceId),
}

impl From<IgnoreReason> for SignalDecision {
    fn from(reason: IgnoreReason) -> Self {
        Self::Ignored(reason.as_str().to_owned())
    }
}
