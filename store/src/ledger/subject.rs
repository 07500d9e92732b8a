//! Which source a signal is about, before anything is read. Pure.

use freshet_model::{GitRef, SourceId};
use freshet_proto::message::{Push, Signal, signal};

use crate::repo::sources::SourceKey;
use crate::repo::{SourceKind, git_ref_if_any};

const BRANCH_PREFIX: &str = "refs/heads/";

/// How the source a signal is about is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignalSubject {
    Nothing,
    Key(SourceKey),
    Id(SourceId),
}

impl SignalSubject {
    pub(super) fn of(signal: &Signal) -> Self {
        let key = |kind, external_id, git_ref| {
            Self::Key(SourceKey {
                kind,
                host: signal.host.clone(),
                external_id,
                git_ref,
            })
        };
        match &signal.body {
            Some(signal::Body::Push(
                push @ Push {
                    repository: Some(repository),
                    ..
                },
            )) => {
                let branch = branch_of(push).unwrap_or_default();
                let git_ref = source_ref(&repository.default_branch, branch);
                key(SourceKind::Repository, repository.id.to_string(), git_ref)
            }
            Some(signal::Body::Tick(tick)) => {
                // By provider and not by organisation: two providers may list the same one with other filters,
                // and the sweep of one proves nothing for the other.
                key(SourceKind::Listing, tick.provider_id.clone(), None)
            }
            Some(signal::Body::Refresh(refresh)) => Self::Id(SourceId::new(refresh.source_id)),
            Some(signal::Body::Push(_) | signal::Body::Ignored(_)) | None => Self::Nothing,
        }
    }

    /// The source, if the world outside names it.
    pub(super) fn into_key(self) -> Option<SourceKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Nothing | Self::Id(_) => None,
        }
    }
}

/// The source that has the default branch by its name, which a push to it is about as well: such a
/// source is left when the default branch was another one before.
pub(super) fn key_by_branch_name(signal: &Signal) -> Option<SourceKey> {
    let key = SignalSubject::of(signal).into_key()?;
    match &signal.body {
        Some(signal::Body::Push(push)) if key.git_ref == Some(GitRef::DefaultBranch) => {
            Some(SourceKey {
                git_ref: git_ref_if_any(branch_of(push)?),
                ..key
            })
        }
        _ => None,
    }
}

/// The branch that was pushed to; `None` for a tag or anything else that is no branch.
pub(super) fn branch_of(push: &Push) -> Option<&str> {
    push.r#ref.strip_prefix(BRANCH_PREFIX)
}

/// How the source of a branch is called: the default branch goes by what it is, not by its name, so
/// that a repository whose default branch is renamed keeps its source and its entities.
pub(crate) fn source_ref(default_branch: &str, branch: &str) -> Option<GitRef> {
    if branch == default_branch {
        Some(GitRef::DefaultBranch)
    } else {
        git_ref_if_any(branch)
    }
}
