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

/// A stored word that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("the database holds the {what} \"{word}\", which this version does not know")]
pub struct UnknownWord {
    pub(super) what: &'static str,
    pub(super) word: String,
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
    /// `HEAD` for the default branch, a branch or a commit; empty for what is no repository.
    pub(crate) git_ref: String,
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
    /// Microseconds after which it is looked at again without a signal; 0 if a listing sweeps it.
    pub(crate) recheck_every: i64,
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
            git_ref: match kind {
                SourceKind::Repository => HEAD.to_owned(),
                SourceKind::Listing | SourceKind::Url | SourceKind::File | SourceKind::Roots => {
                    String::new()
                }
            },
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
            recheck_every: 0,
        }
    }

    /// Whether something is asked for that is not proved yet.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.wanted > self.done
    }

    /// The branch that is read, by name.
    pub(crate) fn branch(&self) -> &str {
        if self.git_ref == HEAD {
            &self.default_branch
        } else {
            &self.git_ref
        }
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
/// How a source says "the default branch".
pub(crate) const HEAD: &str = "HEAD";

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
    /// A pattern whose matches are known.
    Matched,
    /// Not readable, and never read before.
    Failed,
}

impl TryFrom<String> for LocationOutcome {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "unread" => Ok(Self::Unread),
            "content" => Ok(Self::Content),
            "poisoned" => Ok(Self::Poisoned),
            "gone" => Ok(Self::Gone),
            "matched" => Ok(Self::Matched),
            "failed" => Ok(Self::Failed),
            _ => Err(UnknownWord {
                what: "location outcome",
                word,
            }),
        }
    }
}

/// One file, or pattern of files, of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct LocationRow {
    pub(crate) id: i64,
    pub(crate) source_id: i64,
    pub(crate) path: String,
    /// 1 if `path` is a pattern.
    pub(crate) is_glob: i64,
    /// Blob whose content is applied.
    pub(crate) blob_oid: String,
    /// Blob that was seen last.
    pub(crate) seen_oid: String,
    #[sqlx(try_from = "String")]
    pub(crate) outcome: LocationOutcome,
    /// `<class>: <message>` of a failure.
    pub(crate) failure: String,
    /// JSON: what the rules judge of a file, what a pattern matches.
    pub(crate) emitted: String,
    /// The Location entity under whose name its content is applied; empty if none.
    pub(crate) parent_ref: String,
    /// How that one names it.
    pub(crate) url: String,
    /// Root of the tree it was found in, `type:target`.
    pub(crate) origin: String,
}

impl LocationRow {
    /// A file nobody has looked at yet.
    pub(crate) fn new(id: i64, source_id: i64, path: &str) -> Self {
        Self {
            id,
            source_id,
            path: path.to_owned(),
            is_glob: 0,
            blob_oid: String::new(),
            seen_oid: String::new(),
            outcome: LocationOutcome::Unread,
            failure: String::new(),
            emitted: String::new(),
            parent_ref: String::new(),
            url: String::new(),
            origin: String::new(),
        }
    }

    /// Whether it holds anything of the source.
    pub(crate) fn holds_content(&self) -> bool {
        match self.outcome {
            LocationOutcome::Content | LocationOutcome::Poisoned => true,
            LocationOutcome::Unread
            | LocationOutcome::Gone
            | LocationOutcome::Matched
            | LocationOutcome::Failed => false,
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
    /// Backstage's class of the error.
    pub(crate) class: String,
    /// 1 if it spoils the whole file.
    pub(crate) is_file: i64,
    /// `error` or `warning`.
    pub(crate) level: String,
    /// JSON: refs of the entities whose status shows it.
    pub(crate) status_of: String,
    /// `spec.owner` as the document says; empty if it does not.
    pub(crate) owner: String,
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
    /// Microseconds after which it is looked at again without a signal; 0 if a listing sweeps it.
    pub recheck_every: i64,
}

/// Reads a stored ref, which was canonical when it was written.
pub(crate) fn stored_ref(text: &str) -> Result<freshet_model::EntityRef, freshet_model::RefError> {
    freshet_model::EntityRef::from_str(text)
}

/// Reads a list of refs stored as JSON; what cannot be read is left out.
pub(crate) fn refs_from_text(text: &str) -> Vec<freshet_model::EntityRef> {
    let refs: Vec<String> = serde_json::from_str(text).unwrap_or_default();
    refs.iter().filter_map(|it| stored_ref(it).ok()).collect()
}
