//! The recorded history of a run: append-only lines of JSON in one folder, written while it happens.
//!
//! It holds what went in (hooks, commits, faults), what independent readers heard, and where everything
//! ended. The [`checker`](crate::checker) needs nothing else, so a verdict can be repeated at any time.

mod record;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use record::{
    ApiEntity, CLOCK_STEP_MICROS, ChangeRow, Commit, Counter, DeliveryRow, EntityRow, Fault,
    FaultKind, HeadFile, Hook, KvEntry, Live, MetaRow, Run, SourceRow,
};

/// Files of a run folder, one kind of record each.
pub mod file {
    /// One [`super::Run`]: what was planned and when it ended.
    pub const RUN: &str = "run.jsonl";
    /// [`super::Hook`]: every attempt to deliver a hook.
    pub const HOOKS: &str = "hooks.jsonl";
    /// [`super::Commit`]: every file changed on GitHub.
    pub const COMMITS: &str = "commits.jsonl";
    /// [`super::Fault`]: every crash.
    pub const FAULTS: &str = "faults.jsonl";
    /// [`super::HeadFile`]: the catalog files at the heads, at the end.
    pub const HEADS: &str = "heads.jsonl";
    /// [`super::Live`]: what a subscriber of the change feed heard.
    pub const FEED: &str = "feed.jsonl";
    /// [`super::Live`]: what a subscriber of the stream CHANGES heard.
    pub const STREAM: &str = "stream.jsonl";
    /// [`super::ApiEntity`]: what the API serves at the end.
    pub const API: &str = "api.jsonl";
    /// [`super::KvEntry`]: the bucket of declared documents at the end.
    pub const KV: &str = "kv.jsonl";
    /// [`super::Counter`]: counters of the processes, read before each crash and at the end.
    pub const COUNTERS: &str = "counters.jsonl";
    /// [`super::DeliveryRow`]
    pub const SQL_DELIVERY: &str = "sql-delivery.jsonl";
    /// [`super::SourceRow`]
    pub const SQL_SOURCE: &str = "sql-source.jsonl";
    /// [`super::EntityRow`]
    pub const SQL_ENTITY: &str = "sql-entity.jsonl";
    /// [`super::ChangeRow`]
    pub const SQL_CHANGE: &str = "sql-change.jsonl";
    /// One [`super::MetaRow`].
    pub const SQL_META: &str = "sql-catalog-meta.jsonl";
}

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not a record of its file.
    #[error("line {line} of {path} is not a record of it")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A file that holds one record holds none.
    #[error("{path} is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Microseconds UTC.
///
/// # Panics
///
/// If the clock stands before 1970 or after the year 290000.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock stands after 1970");
    i64::try_from(since.as_micros()).expect("microseconds fit")
}

/// Writes a history. Every line is in the file when the call returns.
pub struct Recorder {
    folder: PathBuf,
    files: Mutex<HashMap<&'static str, File>>,
}

impl Recorder {
    /// Writes into this folder, which exists.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: Mutex::default(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends one record to one of the [`file`]s.
    ///
    /// # Panics
    ///
    /// If it cannot be written: a run whose history has holes proves nothing.
    pub fn record(&self, file: &'static str, record: &impl Serialize) {
        self.line(
            file,
            &serde_json::to_string(record).expect("records are plain data"),
        );
    }

    /// Appends a record that is JSON already.
    ///
    /// # Panics
    ///
    /// As [`Self::record`].
    pub fn line(&self, file: &'static str, json: &str) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = files.entry(file).or_insert_with(|| {
            let opened = OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.folder.join(file));
            opened.expect("the run folder can be written to")
        });
        opened
            .write_all(format!("{json}\n").as_bytes())
            .expect("the history can be written");
    }
}

/// A whole history.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What was planned and when it ended.
    pub run: Run,
    /// Every attempt to deliver a hook.
    pub hooks: Vec<Hook>,
    /// Every file changed on GitHub.
    pub commits: Vec<Commit>,
    /// Every crash.
    pub faults: Vec<Fault>,
    /// Catalog files at the heads.
    pub heads: Vec<HeadFile>,
    /// What a subscriber of the feed heard.
    pub feed: Vec<Live>,
    /// What a subscriber of the stream heard.
    pub stream: Vec<Live>,
    /// What the API serves.
    pub api: Vec<ApiEntity>,
    /// The bucket.
    pub kv: Vec<KvEntry>,
    /// Counters.
    pub counters: Vec<Counter>,
    /// Rows.
    pub deliveries: Vec<DeliveryRow>,
    /// Rows.
    pub sources: Vec<SourceRow>,
    /// Rows.
    pub entities: Vec<EntityRow>,
    /// Rows.
    pub changes: Vec<ChangeRow>,
    /// The row.
    pub meta: MetaRow,
}

impl History {
    /// Reads a run folder. A list without a file is empty.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or holds something else.
    pub fn read(folder: &Path) -> Result<Self, HistoryError> {
        Ok(Self {
            run: one(folder, file::RUN)?,
            hooks: all(folder, file::HOOKS)?,
            commits: all(folder, file::COMMITS)?,
            faults: all(folder, file::FAULTS)?,
            heads: all(folder, file::HEADS)?,
            feed: all(folder, file::FEED)?,
            stream: all(folder, file::STREAM)?,
            api: all(folder, file::API)?,
            kv: all(folder, file::KV)?,
            counters: all(folder, file::COUNTERS)?,
            deliveries: all(folder, file::SQL_DELIVERY)?,
            sources: all(folder, file::SQL_SOURCE)?,
            entities: all(folder, file::SQL_ENTITY)?,
            changes: all(folder, file::SQL_CHANGE)?,
            meta: one(folder, file::SQL_META)?,
        })
    }
}

fn one<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<T, HistoryError> {
    let records = all(folder, file)?;
    records
        .into_iter()
        .next_back()
        .ok_or_else(|| HistoryError::Empty {
            path: folder.join(file),
        })
}

fn all<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<Vec<T>, HistoryError> {
    let path = folder.join(file);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(|source| HistoryError::Read {
            path: path.clone(),
            source,
        })?,
    };
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| HistoryError::Line {
                path: path.clone(),
                line: index + 1,
                source,
            })
        })
        .collect()
}
