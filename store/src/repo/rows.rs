//! The rows as the rest of the crate sees them.

use std::str::FromStr;

use freshet_proto::message::Cause;
use serde::{Deserialize, Serialize};

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// What a provider lists.
    Listing,
    /// One repository.
    Repository,
}

impl SourceKind {
    /// The kind as stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Repository => "repository",
        }
    }
}

/// A stored word that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("the database holds the {what} \"{word}\", which this version does not know")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
}

impl TryFrom<String> for SourceKind {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "listing" => Ok(Self::Listing),
            "repository" => Ok(Self::Repository),
            _ => Err(UnknownWord {
                what: "source kind",
                word,
            }),
        }
    }
}

/// How urgent the newest generation of a source is; stored as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "i64", from = "i64")]
pub enum Lane {
    /// A webhook or a person waits.
    Hi,
    /// Sweeps.
    Lo,
}

impl From<Lane> for i64 {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Hi => 1,
            Lane::Lo => 2,
        }
    }
}

impl From<i64> for Lane {
    // An unknown lane is a sweep: late is better than never.
    fn from(number: i64) -> Self {
        if number == 1 { Self::Hi } else { Self::Lo }
    }
}

impl From<Lane> for freshet_proto::message::Lane {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Hi => Self::Hi,
            Lane::Lo => Self::Lo,
        }
    }
}

/// Why a generation is wanted, as the source row holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct StoredCause(pub(crate) Cause);

#[derive(Serialize, Deserialize)]
struct CauseText {
    signal: String,
    provider: String,
    mechanism: String,
    commit: String,
    actor: String,
    pushed_at: i64,
    received_at: i64,
}

impl From<StoredCause> for String {
    fn from(StoredCause(cause): StoredCause) -> Self {
        let text = CauseText {
            signal: cause.signal_id,
            provider: cause.provider,
            mechanism: cause.mechanism,
            commit: cause.commit,
            actor: cause.actor,
            pushed_at: cause.pushed_at,
            received_at: cause.received_at,
        };
        serde_json::to_string(&text).expect("a cause is plain data")
    }
}

impl TryFrom<String> for StoredCause {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, serde_json::Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let text: CauseText = serde_json::from_str(&text)?;
        Ok(Self(Cause {
            signal_id: text.signal,
            provider: text.provider,
            mechanism: text.mechanism,
            commit: text.commit,
            actor: text.actor,
            pushed_at: text.pushed_at,
            received_at: text.received_at,
        }))
    }
}

/// What can be looked at in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct SourceRow {
    pub(crate) id: i64,
    #[sqlx(try_from = "String")]
    pub(crate) kind: SourceKind,
    pub(crate) provider: String,
    pub(crate) host: String,
    pub(crate) installation: String,
    pub(crate) external_id: String,
    pub(crate) node_id: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) default_branch: String,
    pub(crate) archived: i64,
    pub(crate) wanted: i64,
    pub(crate) done: i64,
    #[sqlx(try_from = "i64")]
    pub(crate) lane: Lane,
    pub(crate) head: String,
    pub(crate) push_before: String,
    pub(crate) push_after: String,
    pub(crate) fingerprint: String,
    #[sqlx(try_from = "String")]
    pub(crate) cause: StoredCause,
    pub(crate) verified_at: i64,
    pub(crate) changed_at: i64,
    pub(crate) mechanism: String,
    pub(crate) fail_count: i64,
    pub(crate) last_error: String,
    pub(crate) next_due_at: i64,
    pub(crate) enqueued_at: i64,
}

impl SourceRow {
    /// A source nobody has looked at yet and nobody has asked for.
    pub(crate) fn new(id: i64, kind: SourceKind, host: &str, external_id: &str) -> Self {
        Self {
            id,
            kind,
            provider: GITHUB.to_owned(),
            host: host.to_owned(),
            installation: host.to_owned(),
            external_id: external_id.to_owned(),
            node_id: String::new(),
            owner: String::new(),
            name: String::new(),
            url: String::new(),
            default_branch: String::new(),
            archived: 0,
            wanted: 0,
            done: 0,
            lane: Lane::Lo,
            head: String::new(),
            push_before: String::new(),
            push_after: String::new(),
            fingerprint: String::new(),
            cause: StoredCause::default(),
            verified_at: 0,
            changed_at: 0,
            mechanism: String::new(),
            fail_count: 0,
            last_error: String::new(),
            next_due_at: 0,
            enqueued_at: 0,
        }
    }

    /// Whether something is asked for that is not proved yet.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.wanted > self.done
    }

    /// `owner/name`.
    pub(crate) fn slug(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The repository's number, 0 for what is no repository.
    pub(crate) fn repository_id(&self) -> u64 {
        self.external_id.parse().unwrap_or_default()
    }
}

/// The provider of every source there is so far.
pub(crate) const GITHUB: &str = "github";

/// How a location was last found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LocationOutcome {
    /// Not looked at yet.
    Unread,
    /// Read, and its content is applied.
    Content,
    /// Read, and an error in it kept all of it out.
    Poisoned,
    /// Proved absent.
    Gone,
}

impl TryFrom<String> for LocationOutcome {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "unread" => Ok(Self::Unread),
            "content" => Ok(Self::Content),
            "poisoned" => Ok(Self::Poisoned),
            "gone" => Ok(Self::Gone),
            _ => Err(UnknownWord {
                what: "location outcome",
                word,
            }),
        }
    }
}

/// One file of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct LocationRow {
    pub(crate) id: i64,
    pub(crate) source_id: i64,
    pub(crate) git_ref: String,
    pub(crate) path: String,
    pub(crate) blob_oid: String,
    #[sqlx(try_from = "String")]
    pub(crate) outcome: LocationOutcome,
}

impl LocationRow {
    /// A file nobody has looked at yet.
    pub(crate) fn new(id: i64, source_id: i64, git_ref: &str, path: &str) -> Self {
        Self {
            id,
            source_id,
            git_ref: git_ref.to_owned(),
            path: path.to_owned(),
            blob_oid: String::new(),
            outcome: LocationOutcome::Unread,
        }
    }

    /// Whether it holds anything of the source.
    pub(crate) fn holds_content(&self) -> bool {
        match self.outcome {
            LocationOutcome::Content | LocationOutcome::Poisoned => true,
            LocationOutcome::Unread | LocationOutcome::Gone => false,
        }
    }
}

/// An entity or the tombstone of one, without its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct EntityRow {
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    pub(crate) uid: String,
    pub(crate) version: i64,
    pub(crate) revision: i64,
    pub(crate) document_revision: i64,
    pub(crate) digest: String,
    pub(crate) location_id: i64,
    pub(crate) source_id: i64,
    pub(crate) claimed_at: i64,
    pub(crate) changed_at: i64,
}

impl EntityRow {
    /// Whether the entity is in the catalog; otherwise this is its tombstone.
    pub(crate) fn is_live(&self) -> bool {
        self.document_revision > 0
    }
}

/// A claim on a ref that another location holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct ClaimRow {
    pub(crate) location_id: i64,
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    pub(crate) claimed_at: i64,
    pub(crate) document: String,
    pub(crate) relations: String,
    pub(crate) digest: String,
    pub(crate) line: i64,
}

/// A problem as stored; where it is follows from its location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct ProblemState {
    pub(crate) id: i64,
    pub(crate) location_id: i64,
    pub(crate) source_id: i64,
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) line: i64,
    pub(crate) column_number: i64,
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
}

/// How a source stands, for freshness.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SourceStatus {
    /// Its id.
    pub id: i64,
    /// What it is.
    #[sqlx(try_from = "String")]
    pub kind: SourceKind,
    /// Host of its provider.
    pub host: String,
    /// `owner/name`, or the account that is listed.
    pub name: String,
    /// Where a person looks at it.
    pub url: String,
    /// Generation asked for.
    pub wanted: i64,
    /// Generation proved.
    pub done: i64,
    /// When equality was last proved; 0 if never.
    pub verified_at: i64,
    /// When its content last differed; 0 if never.
    pub changed_at: i64,
    /// What proved it.
    pub mechanism: String,
    /// Consecutive failures.
    pub fail_count: i64,
    /// The newest failure; empty if none.
    pub last_error: String,
}

/// Reads a stored ref, which was canonical when it was written.
pub(crate) fn stored_ref(text: &str) -> Result<freshet_model::EntityRef, freshet_model::RefError> {
    freshet_model::EntityRef::from_str(text)
}
