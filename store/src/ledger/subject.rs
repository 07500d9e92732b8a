//! Which source a signal is about, before anything is read. Pure.

use freshet_model::SourceId;
use freshet_proto::message::{Push, Repository, Signal, signal};

use crate::repo::sources::SourceKey;
use crate::repo::{HEAD, SourceKind};

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
        let key = |kind, external_id, git_ref: &str| {
            Self::Key(SourceKey {
                kind,
                host: signal.host.clone(),
                external_id,
                git_ref: git_ref.to_owned(),
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
                let git_ref = source_ref(repository, branch);
                key(SourceKind::Repository, repository.id.to_string(), git_ref)
            }
            Some(signal::Body::Tick(tick)) => {
                key(SourceKind::Listing, tick.provider_id.clone(), "")
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
        Some(signal::Body::Push(push)) if key.git_ref == HEAD => Some(SourceKey {
            git_ref: branch_of(push)?.to_owned(),
            ..key
        }),
        _ => None,
    }
}

/// The branch that was pushed to; `None` for a tag or anything else that is no branch.
pub(super) fn branch_of(push: &Push) -> Option<&str> {
    push.r#ref.strip_prefix(BRANCH_PREFIX)
}

/// How the source of a branch is called: the default branch goes by what it is, not by its name, so
/// that a repository whose default branch is renamed keeps its source and its entities.
pub(crate) fn source_ref<'a>(repository: &Repository, branch: &'a str) -> &'a str {
    if branch == repository.default_branch {
        HEAD
    } else {
        branch
    }
}
