//! Which source a signal is about, before anything is read. Pure.

use freshet_model::{GitRef, SourceId};
use freshet_proto::message::{Push, Signal, signal};

use crate::repo::sources::SourceKey;
use crate::repo::{SourceKind, git_ref_if_any};

const BRANCH_PREFIX: &str = "refs/heads/";
pub(super) const TAG_PREFIX: &str = "refs/tags/";

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
                let git_ref = match pushed_ref(push) {
                    Some(PushedRef::Branch(branch)) => {
                        source_ref(&repository.default_branch, branch)
                    }
                    // Not the default branch, although the tag may be called as that is.
                    Some(PushedRef::Tag(tag)) => git_ref_if_any(tag),
                    None => None,
                };
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

/// The source that has what was pushed to by its other name, which the push is about as well: one that has the
/// default branch by name is left when the default branch was another one before, and a tag is read
/// as `v1` or as `refs/tags/v1`, as the target says.
pub(super) fn key_by_other_name(signal: &Signal) -> Option<SourceKey> {
    let key = SignalSubject::of(signal).into_key()?;
    let Some(signal::Body::Push(push)) = &signal.body else {
        return None;
    };
    let git_ref = match pushed_ref(push)? {
        PushedRef::Branch(branch) if key.git_ref == Some(GitRef::DefaultBranch) => {
            git_ref_if_any(branch)
        }
        PushedRef::Branch(_) => return None,
        PushedRef::Tag(_) => git_ref_if_any(&push.r#ref),
    };
    Some(SourceKey { git_ref, ..key })
}

/// What was pushed to, by its short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PushedRef<'a> {
    Branch(&'a str),
    Tag(&'a str),
}

impl<'a> PushedRef<'a> {
    /// The short name.
    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Branch(name) | Self::Tag(name) => name,
        }
    }
}

/// What was pushed to; `None` for what is neither a branch nor a tag, such as a note.
pub(super) fn pushed_ref(push: &Push) -> Option<PushedRef<'_>> {
    let full = push.r#ref.as_str();
    match full.strip_prefix(BRANCH_PREFIX) {
        Some(branch) => Some(PushedRef::Branch(branch)),
        None => full.strip_prefix(TAG_PREFIX).map(PushedRef::Tag),
    }
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
