//! What was recorded: per case the entities, their errors and relations, and the entities as they were served.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use freshet_tests::entity::read_ref;
use serde::Deserialize;
use serde_json::Value;

/// One entity of a case.
#[derive(Debug, Deserialize)]
pub(super) struct Entity {
    #[serde(rename = "ref")]
    pub(super) entity_ref: String,
    pub(super) served: bool,
    /// Classes.
    pub(super) errors: Vec<String>,
}

/// What became of one file.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    pub(super) entities: Vec<Entity>,
    /// `source type target`.
    pub(super) relations: Vec<String>,
    /// Classes of the errors of the generated Location, where those are left out of `entities`.
    #[serde(default)]
    pub(super) location_errors: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    cases: BTreeMap<String, Case>,
    #[serde(default)]
    entities: Vec<Value>,
}

/// A whole recording.
pub(super) struct Recorded {
    pub(super) cases: BTreeMap<String, Case>,
    /// As served, by ref; empty if only outcomes were recorded.
    pub(super) documents: BTreeMap<String, Value>,
    /// By source, `type target`.
    pub(super) relations: BTreeMap<String, BTreeSet<String>>,
}

impl Recorded {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read(path).expect("the recording is there");
        let file: File = serde_json::from_slice(&text).expect("the recording is JSON");
        let mut relations = BTreeMap::<String, BTreeSet<String>>::new();
        for relation in file.cases.values().flat_map(|case| &case.relations) {
            let (source, rest) = relation.split_once(' ').expect("source type target");
            relations
                .entry(source.to_owned())
                .or_default()
                .insert(rest.to_owned());
        }
        let documents = file
            .entities
            .into_iter()
            .map(|entity| (read_ref(&entity), comparable(entity)))
            .collect();
        Self {
            cases: file.cases,
            documents,
            relations,
        }
    }
}

/// Without what is new in every catalog, and without texts of messages.
pub(super) fn comparable(mut entity: Value) -> Value {
    if let Some(metadata) = entity.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("uid");
        metadata.remove("etag");
    }
    if let Some(root) = entity.as_object_mut() {
        root.remove("status");
    }
    entity
}
