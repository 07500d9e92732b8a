//! A source, as its table holds it.

use freshet_model::{GitRef, RepositoryName, SourceId};
use freshet_proto::message::Cause;
use serde::{Deserialize, Serialize};

use super::lane::Lane;
use super::trigger::{trigger_from_text, write_trigger};
use crate::repo::statement::from_row;
use crate::repo::stored::{
    UnknownWord, decode_error, git_ref_if_any, git_ref_text, micros_if_any, text_if_any,
    write_flag, write_git_ref, write_micros, write_text,
};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SourceRow {
    pub(crate) id: SourceId,
    pub(crate) kind: SourceKind,
    pub(crate) provider: String,
    pub(crate) host: String,
    pub(crate) installation: String,
    pub(crate) external_id: String,
    /// None for what is no repository.
    #[serde(serialize_with = "write_git_ref")]
    pub(crate) git_ref: Option<GitRef>,
    #[serde(flatten)]
    pub(crate) names: SourceNames,
    pub(crate) wanted: i64,
    pub(crate) done: i64,
    pub(crate) lane: Lane,
    /// The commit it was last read at.
    #[serde(serialize_with = "write_text")]
    pub(crate) head: Option<String>,
    #[serde(flatten)]
    pub(crate) push: PushRange,
    /// The way in which it was last read; none after a rename, until it was read again.
    #[serde(serialize_with = "write_text")]
    pub(crate) fingerprint: Option<String>,
    /// What made the newest generation be asked for.
    #[serde(rename = "cause", serialize_with = "write_trigger")]
    pub(crate) trigger: Cause,
    /// When it was last proved to be as we hold it.
    #[serde(serialize_with = "write_micros")]
    pub(crate) verified_at: Option<i64>,
    /// When its content last differed.
    #[serde(serialize_with = "write_micros")]
    pub(crate) changed_at: Option<i64>,
    /// What proved it.
    #[serde(serialize_with = "write_text")]
    pub(crate) mechanism: Option<String>,
    pub(crate) fail_count: i64,
    /// The newest failure, until it is proved.
    #[serde(serialize_with = "write_text")]
    pub(crate) last_error: Option<String>,
    pub(crate) next_due_at: i64,
    pub(crate) enqueued_at: i64,
    #[serde(flatten)]
    pub(crate) recheck: RecheckInterval,
}

from_row!(SourceRow, row => Self {
    id: SourceId::new(row.try_get("id")?),
    kind: SourceKind::try_from(row.try_get::<String, _>("kind")?).map_err(decode_error)?,
    provider: row.try_get("provider")?,
    host: row.try_get("host")?,
    installation: row.try_get("installation")?,
    external_id: row.try_get("external_id")?,
    git_ref: git_ref_if_any(row.try_get("git_ref")?),
    names: sqlx::FromRow::from_row(row)?,
    wanted: row.try_get("wanted")?,
    done: row.try_get("done")?,
    lane: Lane::from(row.try_get::<i64, _>("lane")?),
    head: text_if_any(row.try_get("head")?),
    push: sqlx::FromRow::from_row(row)?,
    fingerprint: text_if_any(row.try_get("fingerprint")?),
    trigger: trigger_from_text(row.try_get("cause")?).map_err(decode_error)?,
    verified_at: micros_if_any(row.try_get("verified_at")?),
    changed_at: micros_if_any(row.try_get("changed_at")?),
    mechanism: text_if_any(row.try_get("mechanism")?),
    fail_count: row.try_get("fail_count")?,
    last_error: text_if_any(row.try_get("last_error")?),
    next_due_at: row.try_get("next_due_at")?,
    enqueued_at: row.try_get("enqueued_at")?,
    recheck: sqlx::FromRow::from_row(row)?,
});

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

    /// When a source last proved at `verified_at` is due; at once if it never was.
    pub(crate) fn due_at(self, verified_at: Option<i64>) -> Option<i64> {
        Some(verified_at.unwrap_or_default().saturating_add(self.micros?))
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
                SourceKind::Repository => Some(GitRef::DefaultBranch),
                SourceKind::Listing | SourceKind::Url | SourceKind::File | SourceKind::Roots => {
                    None
                }
            },
            names: SourceNames::default(),
            wanted: 0,
            done: 0,
            lane: Lane::Lo,
            head: None,
            push: PushRange::default(),
            fingerprint: None,
            trigger: Cause::default(),
            verified_at: None,
            changed_at: None,
            mechanism: None,
            fail_count: 0,
            last_error: None,
            next_due_at: 0,
            enqueued_at: 0,
            recheck: RecheckInterval::default(),
        }
    }

    /// Whether something is asked for that is not proved yet.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.wanted > self.done
    }

    /// Whether it was last read at this commit; an empty text names none.
    pub(crate) fn is_at(&self, commit: &str) -> bool {
        self.head.as_deref() == text_if_any(commit)
    }

    /// Whether it was last read in this way.
    pub(crate) fn is_read_as(&self, fingerprint: &str) -> bool {
        self.fingerprint.as_deref() == Some(fingerprint)
    }

    /// Notes the commit it was read at; an empty text names none.
    pub(crate) fn set_head(&mut self, commit: &str) {
        self.head = text_if_any(commit).map(str::to_owned);
    }

    /// Notes the way in which it was read; an empty text names none.
    pub(crate) fn set_fingerprint(&mut self, fingerprint: &str) {
        self.fingerprint = text_if_any(fingerprint).map(str::to_owned);
    }

    /// Notes that it is as we hold it, since when and what proved that.
    pub(crate) fn mark_verified(&mut self, verified_at: i64, mechanism: &str) {
        self.verified_at = micros_if_any(verified_at);
        self.mechanism = text_if_any(mechanism).map(str::to_owned);
    }

    /// The branch that is read, by name; empty for what is no repository.
    pub(crate) fn branch(&self) -> &str {
        // The row keeps saying "the default branch", so that renaming that branch is no other
        // source.
        let git_ref = self.git_ref.as_ref();
        git_ref.map_or("", |it| it.resolve_name(&self.names.default_branch))
    }

    /// The git ref that is read, as messages hold it; empty for what is no repository.
    pub(crate) fn git_ref_text(&self) -> &str {
        git_ref_text(self.git_ref.as_ref())
    }

    /// Whether it is the default branch, whatever that is called now.
    pub(crate) fn follows_default_branch(&self) -> bool {
        self.git_ref == Some(GitRef::DefaultBranch)
    }

    /// `owner/name`, or the name of what has no owner.
    pub(crate) fn slug(&self) -> String {
        let SourceNames { owner, name, .. } = &self.names;
        if owner.is_empty() {
            return name.clone();
        }
        format!("{owner}/{name}")
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
    #[serde(serialize_with = "write_git_ref")]
    pub(crate) git_ref: Option<GitRef>,
}

impl SourceKey {
    /// A source without branches.
    pub(crate) fn new(kind: SourceKind, host: &str, external_id: &str) -> Self {
        Self {
            kind,
            host: host.to_owned(),
            external_id: external_id.to_owned(),
            git_ref: None,
        }
    }

    /// A branch of a repository.
    pub(crate) fn branch(host: &str, repository_id: u64, git_ref: Option<GitRef>) -> Self {
        Self {
            git_ref,
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
