//! What a batch saw of each location.

use std::collections::BTreeMap;

use freshet_model::EntityRef;
use serde::{Deserialize, Serialize};

use crate::apply::entities::declarations::Missing;
use crate::repo::{LocationOutcome, LocationRow};

/// By location.
pub(crate) type Sights = BTreeMap<i64, Seen>;

/// What was seen of one location.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    /// Its content, which differs from the one that is applied.
    Content(SeenContent),
    /// The content that is applied.
    Unchanged,
    /// Proved absent.
    Gone,
    /// What a pattern matches.
    Matched(Vec<String>),
    /// It cannot be read until somebody does something.
    Failed {
        /// Class of the error, as Backstage names it.
        class: &'static str,
        /// What is wrong.
        message: String,
    },
}

/// What counts of a content here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeenContent {
    pub(crate) blob: String,
    pub(crate) poisoned: bool,
    pub(crate) emitted: Vec<Mark>,
    /// The Location entities among the entities.
    pub(crate) locations: Vec<Listed>,
    /// What becomes of Location entities that are not declared any more.
    pub(crate) missing: Missing,
}

/// One Location entity as a file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) entity_ref: EntityRef,
    pub(crate) document: String,
    /// Of the declared entity, without annotations.
    pub(crate) digest: String,
    pub(crate) line: i64,
    pub(crate) column: i64,
}

/// One document of a file, as `catalog.rules` judge it: kind, type, ref and line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark(
    pub(crate) String,
    pub(crate) Option<String>,
    pub(crate) String,
    pub(crate) u32,
);

/// What a content emits, as it is stored.
pub(crate) fn emitted_text(marks: &[Mark]) -> String {
    let mut distinct: Vec<&Mark> = Vec::with_capacity(marks.len());
    let mut known = std::collections::HashSet::with_capacity(marks.len());
    for mark in marks {
        if known.insert((&mark.0, &mark.1)) {
            distinct.push(mark);
        }
    }
    serde_json::to_string(&distinct).expect("marks are plain data")
}

/// What a stored content emits.
pub(crate) fn marks_of(location: &LocationRow) -> Vec<Mark> {
    match location.outcome {
        LocationOutcome::Content | LocationOutcome::Poisoned => {
            serde_json::from_str(&location.emitted).unwrap_or_default()
        }
        LocationOutcome::Unread
        | LocationOutcome::Gone
        | LocationOutcome::Matched
        | LocationOutcome::Failed => Vec::new(),
    }
}

/// What a stored pattern matches.
pub(crate) fn paths_of(location: &LocationRow) -> Vec<String> {
    if location.outcome == LocationOutcome::Matched {
        serde_json::from_str(&location.emitted).unwrap_or_default()
    } else {
        Vec::new()
    }
}
