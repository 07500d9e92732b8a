//! What one line of each file says.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A run as a whole. Times are microseconds UTC.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// Repeats the run, as far as threads and crashes can be repeated.
    pub seed: u64,
    /// Path of the catalog file in each repository.
    pub catalog_path: String,
    /// How many faults the run promises.
    pub faults_planned: usize,
    /// How many different ones.
    #[serde(default)]
    pub fault_kinds_planned: usize,
    /// When the last commit or fault was.
    pub disturbed_until: i64,
    /// When everything was drained; `None` if it never was.
    pub drained_at: Option<i64>,
    /// How long draining may take.
    pub drain_micros_max: i64,
    /// Revision the API said its final answer contains.
    pub api_revision: i64,
    /// Sequence of the last message in CHANGES.
    pub stream_sequence: u64,
}

/// One attempt to deliver a hook.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hook {
    /// Identity of the delivery, the same in every attempt.
    pub guid: String,
    /// The event's name.
    pub event: String,
    /// `owner/name`.
    pub repository: Option<String>,
    /// What was answered; `None` if nothing was.
    pub status: Option<u16>,
    /// When it was sent.
    pub at: i64,
}

impl Hook {
    /// Whether it was answered that it is durable.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

/// One file of one commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Commit {
    /// `owner/name`.
    pub repository: String,
    /// Id of the commit.
    pub sha: String,
    /// The file.
    pub path: String,
    /// Its content from this commit on; `None`: it is removed.
    pub content: Option<String>,
    /// When it was made.
    pub at: i64,
}

/// By how much a clock is wrong after [`FaultKind::ClockStep`], in either direction.
pub const CLOCK_STEP_MICROS: i64 = 60 * 60 * 1_000_000;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// `kill -9` by the run.
    Kill,
    /// A process ended by itself. It is started again as any supervisor would.
    Exit,
    /// A process stands still for a while.
    Freeze,
    /// A server closes its clients' connections.
    Cut,
    /// A server, or the disk of a file, refuses to be written to.
    ReadOnly,
    /// A server's disk is full for a while.
    FullDisk,
    /// GitHub answers nothing useful for a while.
    Sick,
    /// The wall clock of a process is an hour wrong for a while.
    ClockStep,
    /// Another process has the lock of the database file for a while.
    Locked,
    /// The database file is replaced by a copy of itself.
    Replaced,
    /// The database file is taken away and put back when that was noticed.
    TakenAway,
}

impl FaultKind {
    /// As the records spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Exit => "exit",
            Self::Freeze => "freeze",
            Self::Cut => "cut",
            Self::ReadOnly => "read-only",
            Self::FullDisk => "full-disk",
            Self::Sick => "sick",
            Self::ClockStep => "clock-step",
            Self::Locked => "locked",
            Self::Replaced => "replaced",
            Self::TakenAway => "taken-away",
        }
    }
}

/// One time that something went wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// How.
    pub kind: FaultKind,
    /// With whom, or with what.
    pub target: String,
    /// When it began.
    pub at: i64,
    /// What it said, if it ended by itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// A catalog file at the head of its repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HeadFile {
    /// `owner/name`.
    pub repository: String,
    /// Id of the head.
    pub sha: String,
    /// The file.
    pub path: String,
    /// Its content; `None`: there is none.
    pub content: Option<String>,
}

/// A change as somebody heard it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Live {
    /// When it was heard.
    pub at: i64,
    /// `<epoch>-<revision>`.
    pub id: String,
    /// Sequence in the stream; 0 on the feed.
    #[serde(default)]
    pub sequence: u64,
    /// Body of the event.
    pub data: Value,
}

impl Live {
    /// Its revision; 0 if it has none.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.data["revision"]["catalog"]
            .as_i64()
            .unwrap_or_default()
    }

    /// What happened.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.data["op"].as_str().unwrap_or_default()
    }

    /// The entity it happened to.
    #[must_use]
    pub fn entity_ref(&self) -> Option<&str> {
        self.data["entity"]["ref"].as_str()
    }

    /// Version of the entity; 0 for problems.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.data["revision"]["entity"].as_i64().unwrap_or_default()
    }
}

/// One entity as the API serves it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ApiEntity {
    /// All of it.
    pub entity: Value,
}

/// One key of the bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KvEntry {
    /// The key.
    pub key: String,
    /// Body of the event that is its value.
    pub data: Value,
}

/// One counter of one process at one time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Counter {
    /// Role and process id.
    pub process: String,
    /// Name and labels.
    pub series: String,
    /// Its value.
    pub value: f64,
}

/// A row of `delivery`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// Identity.
    pub guid: String,
    /// How it ended.
    pub outcome: String,
    /// When it ended.
    pub covered_at: Option<i64>,
}

/// A row of `source`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its id.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Generation asked for.
    pub wanted: i64,
    /// Generation proved.
    pub done: i64,
}

/// A row of `entity`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EntityRow {
    /// Canonical ref.
    #[serde(rename = "ref")]
    pub entity_ref: String,
    /// +1 with each of its events.
    pub version: i64,
    /// Revision of its newest event.
    pub revision: i64,
    /// Revision that holds its document; 0 for a tombstone.
    pub document_revision: i64,
}

/// A row of `change`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangeRow {
    /// Its place in the log.
    pub revision: i64,
    /// What happened.
    pub verb: String,
    /// The entity.
    #[serde(rename = "ref")]
    pub entity_ref: Option<String>,
    /// Version of the entity; 0 for problems.
    pub version: i64,
    /// Declared document after it, as JSON text.
    pub document: Option<String>,
    /// When it was committed.
    pub committed_at: i64,
}

/// The row of `catalog_meta`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MetaRow {
    /// Id of the log.
    pub epoch: String,
    /// Newest revision.
    pub revision: i64,
}
