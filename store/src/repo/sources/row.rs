//! A source, as its table holds it.

use freshet_model::{RepositoryName, SourceId};
use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::trigger::Trigger;
use crate::repo::statement::from_row;
use crate::repo::stored::{UnknownWord, micros_if_any, write_flag, write_micros};

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// What a provider lists.
    Listing,
    /// One branch of a repository.
    Repository,
    /// A plain URL.
    Url,
    /// The local file system.
    File,
    /// What the configuration, or one provider, names as roots of the catalog. Never looked at.
    Roots,
}

impl SourceKind {
    /// The kind as stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Repository => "repository",
            Self::Url => "url",
            Self::File => "file",
            Self::Roots => "roots",
        }
    }

    /// Whether it ever gets a job.
    #[must_use]
    pub fn is_looked_at(self) -> bool {
        match self {
            Self::Listing | Self::Repository | Self::Url | Self::File => true,
            Self::Roots => false,
        }
    }
}

impl TryFrom<String> for SourceKind {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "listing" => Ok(Self::Listing),
            "repository" => Ok(Self::Repository),
            "url" => Ok(Self::Url),
            "file" => Ok(Self::File),
            "roots" => Ok(Self::Roots),
            _ => Err(UnknownWord {
                what: "source kind",
                word,
            }),
        }
    }
}

/// What can be looked at in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct SourceRow {
    #[sqlx(try_from = "i64")]
    pub(crate) id: SourceId,
    #[sqlx(try_from = "String")]
    pub(crate) kind: SourceKind,
    pub(crate) provider: String,
    pub(crate) host: String,
    pub(crate) installation: String,
    pub(crate) external_id: String,
    /// `HEAD` for the default branch, a branch or a commit; empty for what is no repository.
    pub(crate) git_ref: String,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub(crate) names: SourceNames,
    pub(crate) wanted: i64,
    pub(crate) done: i64,
    #[sqlx(try_from = "i64")]
    pub(crate) lane: Lane,
    pub(crate) head: String,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub(crate) push: PushRange,
    pub(crate) fingerprint: String,
    #[serde(rename = "cause")]
    #[sqlx(rename = "cause", try_from = "String")]
    pub(crate) trigger: Trigger,
    pub(crate) verified_at: i64,
    pub(crate) changed_at: i64,
    pub(crate) mechanism: String,
    pub(crate) fail_count: i64,
    pub(crate) last_error: String,
    pub(crate) next_due_at: i64,
    pub(crate) enqueued_at: i64,
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub(crate) recheck: RecheckInterval,
}

/// What a source is called today, which may change at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SourceNames {
    pub(crate) node_id: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) default_branch: String,
    #[serde(serialize_with = "write_flag")]
    pub(crate) archived: bool,
}

from_row!(SourceNames, row => Self {
    node_id: row.try_get("node_id")?,
    owner: row.try_get("owner")?,
    name: row.try_get("name")?,
    url: row.try_get("url")?,
    default_branch: row.try_get("default_branch")?,
    archived: row.try_get::<i64, _>("archived")? != 0,
});

/// The pushes that are outstanding: where the first of them starts and the newest leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct PushRange {
    #[serde(rename = "push_before")]
    #[sqlx(rename = "push_before")]
    pub(crate) before: String,
    #[serde(rename = "push_after")]
    #[sqlx(rename = "push_after")]
    pub(crate) after: String,
}

/// How long after a proof a source is looked at again without a signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct RecheckInterval {
    /// Microseconds; `None` if a listing sweeps it.
    #[serde(rename = "recheck_every", serialize_with = "write_micros")]
    pub(crate) micros: Option<i64>,
}

from_row!(RecheckInterval, row => Self {
    micros: micros_if_any(row.try_get("recheck_every")?),
});

impl RecheckInterval {
    /// Looked at again this many microseconds after each proof.
    pub(crate) fn every(micros: i64) -> Self {
        Self {
            micros: Some(micros),
        }
    }

    /// When a source proved at `verified_at` is due.
    pub(crate) fn due_at(self, verified_at: i64) -> Option<i64> {
        Some(verified_at.saturating_add(self.micros?))
    }
}

impl SourceRow {
    /// A source nobody has looked at yet and nobody has asked for.
    pub(crate) fn new(id: SourceId, kind: SourceKind, host: &str, external_id: &str) -> Self {
        Self {
            id,
            kind,
            provider: GITHUB.to_owned(),
            host: host.to_owned(),
            // Without an App the credential is the installation, and each host has one.
            installation: host.to_owned(),
            external_id: external_id.to_owned(),
            git_ref: match kind {
                SourceKind::Repository => HEAD.to_owned(),
                SourceKind::Listing | SourceKind::Url | SourceKind::File | SourceKind::Roots => {
                    String::new()
                }
            },
            names: SourceNames::default(),
            wanted: 0,
            done: 0,
            lane: Lane::Lo,
            head: String::new(),
            push: PushRange::default(),
            fingerprint: String::new(),
            trigger: Trigger::default(),
            verified_at: 0,
            changed_at: 0,
            mechanism: String::new(),
            fail_count: 0,
            last_error: String::new(),
            next_due_at: 0,
            enqueued_at: 0,
            recheck: RecheckInterval::default(),
        }
    }

    /// Whether something is asked for that is not proved yet.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.wanted > self.done
    }

    /// The branch that is read, by name.
    pub(crate) fn branch(&self) -> &str {
        // The row keeps saying "the default branch", so that renaming that branch is no other
        // source.
        if self.git_ref == HEAD {
            &self.names.default_branch
        } else {
            &self.git_ref
        }
    }

    /// `owner/name`.
    pub(crate) fn slug(&self) -> String {
        format!("{}/{}", self.names.owner, self.names.name)
    }

    /// The repository by its name today.
    pub(crate) fn repository_name(&self) -> RepositoryName {
        RepositoryName::new(&self.host, &self.names.owner, &self.names.name)
    }

    /// The repository's number, 0 for what is no repository.
    pub(crate) fn repository_id(&self) -> u64 {
        self.external_id.parse().unwrap_or_default()
    }
}

/// The provider of every source there is so far.
pub(crate) const GITHUB: &str = "github";
/// How a source says "the default branch".
pub(crate) const HEAD: &str = "HEAD";

/// A generation of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SourceGeneration {
    pub(crate) source_id: SourceId,
    pub(crate) generation: i64,
}

/// How the world outside names a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct SourceKey {
    pub(crate) kind: SourceKind,
    pub(crate) host: String,
    pub(crate) external_id: String,
    pub(crate) git_ref: String,
}

impl SourceKey {
    /// A source without branches.
    pub(crate) fn new(kind: SourceKind, host: &str, external_id: &str) -> Self {
        Self {
            kind,
            host: host.to_owned(),
            external_id: external_id.to_owned(),
            git_ref: String::new(),
        }
    }

    /// A branch of a repository.
    pub(crate) fn branch(host: &str, repository_id: u64, git_ref: &str) -> Self {
        Self {
            git_ref: git_ref.to_owned(),
            ..Self::new(SourceKind::Repository, host, &repository_id.to_string())
        }
    }
}

impl SourceRow {
    /// How the world outside names it.
    pub(crate) fn key(&self) -> SourceKey {
        SourceKey {
            git_ref: self.git_ref.clone(),
            ..SourceKey::new(self.kind, &self.host, &self.external_id)
        }
    }
}
