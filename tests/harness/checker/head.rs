//! The catalog is what the files at the heads declare (I5), read here a second time from the files alone.
//!
//! A file that is broken at its head leaves what it declared before. Which of its earlier versions the
//! catalog saw depends on the run, so any of them is right; a file that is not broken leaves no choice.
//! Each file that is there and not broken has the Location entity that is generated for it; where there is
//! no file there is none.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::{Kinds, canonical_json};
use freshet_processor::catalog_file::{CatalogFile, read_catalog_file};
use freshet_processor::limits::ReadLimits;
use serde_json::Value;

use super::Finding;
use crate::history::{HeadFile, History};

/// Names of Location entities that the catalog makes itself begin so.
const GENERATED_PREFIX: &str = "location:default/generated-";
/// Annotations that the catalog writes: where it read the entity.
const WRITTEN_ANNOTATIONS: [&str; 6] = [
    freshet_model::annotation::MANAGED_BY_LOCATION,
    freshet_model::annotation::MANAGED_BY_ORIGIN_LOCATION,
    freshet_model::annotation::VIEW_URL,
    freshet_model::annotation::EDIT_URL,
    freshet_model::annotation::SOURCE_LOCATION,
    freshet_model::annotation::ORPHAN,
];

/// Ref → documents it may have.
type Documents = BTreeMap<String, BTreeSet<String>>;

pub(super) fn the_catalog_is_what_the_heads_declare(history: &History) -> Finding {
    let mut finding = Finding::new("I5", "the catalog is what the heads declare");
    let expected = Expected::of(history);
    let served: BTreeMap<&str, String> = live(history)
        .filter(|(entity_ref, _)| !entity_ref.starts_with(GENERATED_PREFIX))
        .map(|(entity_ref, document)| (entity_ref, as_declared(document)))
        .collect();
    for (entity_ref, documents) in &expected.must {
        match served.get(entity_ref.as_str()) {
            None => finding.expect(false, || {
                format!("{entity_ref} is declared and not in the catalog")
            }),
            Some(document) => {
                let may = expected
                    .may
                    .get(entity_ref)
                    .is_some_and(|may| may.contains(document));
                finding.expect(may || documents.contains(document), || {
                    format!("{entity_ref} is {document}, declared is {documents:?}")
                });
            }
        }
    }
    for (entity_ref, document) in served
        .iter()
        .filter(|(entity_ref, _)| !expected.must.contains_key(**entity_ref))
    {
        let may = expected
            .may
            .get(*entity_ref)
            .is_some_and(|may| may.contains(document));
        finding.expect(may, || {
            format!("{entity_ref} is in the catalog as {document} and nothing declares it so")
        });
    }
    judge_locations(history, &mut finding);
    finding
}

fn judge_locations(history: &History, finding: &mut Finding) {
    let targets: Vec<String> = live(history)
        .filter(|(entity_ref, _)| entity_ref.starts_with(GENERATED_PREFIX))
        .filter_map(|(_, document)| {
            let document: Value = serde_json::from_str(document).ok()?;
            Some(document.pointer("/spec/target")?.as_str()?.to_owned())
        })
        .collect();
    let kinds = Kinds::builtin();
    for head in catalog_files(history) {
        let (repository, path) = (&head.repository, &head.path);
        let has_location = targets.iter().any(|target| {
            target.contains(&format!("/{repository}/")) && target.ends_with(&format!("/{path}"))
        });
        match &head.content {
            None => finding.expect(!has_location, || {
                format!("{path} of {repository} is gone and its Location is not")
            }),
            Some(content) if read(content, &kinds).is_invalid => {}
            Some(_) => finding.expect(has_location, || {
                format!("{path} of {repository} has no Location")
            }),
        }
    }
}

fn catalog_files(history: &History) -> impl Iterator<Item = &HeadFile> {
    let heads = history.heads.iter();
    heads.filter(|head| head.path == history.run.catalog_path)
}

/// The entities the database holds, with their documents.
fn live(history: &History) -> impl Iterator<Item = (&str, &str)> {
    let documents: BTreeMap<i64, &str> = history
        .changes
        .iter()
        .filter_map(|row| Some((row.revision, row.document.as_deref()?)))
        .collect();
    let entities = history
        .entities
        .iter()
        .filter(|row| row.document_revision > 0);
    entities.map(move |row| {
        (
            row.entity_ref.as_str(),
            documents
                .get(&row.document_revision)
                .copied()
                .unwrap_or("null"),
        )
    })
}

/// What the catalog must and may hold.
struct Expected {
    must: Documents,
    may: Documents,
}

impl Expected {
    fn of(history: &History) -> Self {
        let kinds = Kinds::builtin();
        let mut expected = Self {
            must: Documents::new(),
            may: Documents::new(),
        };
        for head in catalog_files(history) {
            let Some(content) = &head.content else {
                continue;
            };
            let file = read(content, &kinds);
            if file.is_invalid {
                add(&mut expected.may, earlier(history, head, &kinds));
                continue;
            }
            let broken: BTreeSet<String> = file
                .problems
                .iter()
                .filter_map(|problem| Some(problem.entity_ref.as_ref()?.to_string()))
                .collect();
            let earlier = earlier(history, head, &kinds)
                .filter(|(entity_ref, _)| broken.contains(entity_ref));
            add(&mut expected.may, earlier);
            add(&mut expected.must, declared(file));
        }
        expected
    }
}

fn add(documents: &mut Documents, more: impl Iterator<Item = (String, String)>) {
    for (entity_ref, document) in more {
        documents.entry(entity_ref).or_default().insert(document);
    }
}

/// What this file declared before, whenever it was not broken.
fn earlier<'a>(
    history: &'a History,
    head: &'a HeadFile,
    kinds: &'a Kinds,
) -> impl Iterator<Item = (String, String)> + 'a {
    let of_file = history
        .commits
        .iter()
        .filter(|commit| (&commit.repository, &commit.path) == (&head.repository, &head.path));
    let contents = of_file.filter_map(|commit| commit.content.as_deref());
    let files = contents
        .map(|content| read(content, kinds))
        .filter(|file| !file.is_invalid);
    files.flat_map(declared)
}

fn read(content: &str, kinds: &Kinds) -> CatalogFile {
    read_catalog_file(content.as_bytes(), kinds, &ReadLimits::default())
}

fn declared(file: CatalogFile) -> impl Iterator<Item = (String, String)> {
    file.entities.into_iter().map(|found| {
        let entity_ref = found.entity.entity_ref().to_string();
        (entity_ref, stripped(found.entity.into_document()))
    })
}

fn as_declared(document: &str) -> String {
    serde_json::from_str(document).map_or_else(|_| document.to_owned(), stripped)
}

/// Canonical, without what the catalog writes into it.
fn stripped(mut document: Value) -> String {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        let mut is_empty = false;
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.retain(|key, _| !WRITTEN_ANNOTATIONS.contains(&key.as_str()));
            is_empty = annotations.is_empty();
        }
        if is_empty {
            metadata.remove("annotations");
        }
    }
    canonical_json(&document)
}
