//! What a batch saw of each location.

use std::collections::BTreeMap;

use freshet_model::EntityRef;
use serde::{Deserialize, Serialize};

use crate::apply::face::Missing;
use crate::repo::{LocationOutcome, LocationRow};

/// By location.
pub(in crate::apply) type Sights = BTreeMap<i64, Seen>;

/// What was seen of one location.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::apply) enum Seen {
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
pub(in crate::apply) struct SeenContent {
    pub(in crate::apply) blob: String,
    pub(in crate::apply) poisoned: bool,
    pub(in crate::apply) emitted: Vec<Mark>,
    /// The Location entities among the entities.
    pub(in crate::apply) locations: Vec<Listed>,
    /// What becomes of Location entities that are not declared any more.
    pub(in crate::apply) missing: Missing,
}

/// One Location entity as a file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::apply) struct Listed {
    pub(in crate::apply) entity_ref: EntityRef,
    pub(in crate::apply) document: String,
    /// Of the declared entity, without annotations.
    pub(in crate::apply) digest: String,
    pub(in crate::apply) line: i64,
    pub(in crate::apply) column: i64,
}

/// One document of a file, as `catalog.rules` judge it: kind, type, ref and line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::apply) struct Mark(
    pub(in crate::apply) String,
    pub(in crate::apply) Option<String>,
    pub(in crate::apply) String,
    pub(in crate::apply) u32,
);

/// What a content emits, as it is stored.
pub(in crate::apply) fn emitted_text(marks: &[Mark]) -> String {
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
pub(in crate::apply) fn marks_of(location: &LocationRow) -> Vec<Mark> {
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
pub(in crate::apply) fn paths_of(location: &LocationRow) -> Vec<String> {
    if location.outcome == LocationOutcome::Matched {
        serde_json::from_str(&location.emitted).unwrap_or_default()
    } else {
        Vec::new()
    }
}
