//! What the readings of a batch prove of each location. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::location::TargetPlaces;
use freshet_model::{EntityRef, ErrorClass, LocationId, SourceId, TextPosition};
use freshet_proto::message::{
    self, Content, FailureKind, LocationObserved, RepositoryObserved, location_observed::Outcome,
};

use super::failure::{ReadFailure, Retryability, class_of, describe_failure};
use super::newest::Reading;
use crate::apply::entities::declarations::{LOCATION_KIND, Undeclared, undeclared_of};
use crate::apply::locations::graph::{LocationGraph, TargetKey, index_by_place};
use crate::repo::{
    DependencyRow, EmittedKind, Location, LocationState, SourceKind, git_ref_if_any,
};

/// What was proved of one location.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LocationEvidence {
    /// Its content, which differs from the one in the catalog.
    Content(ContentEvidence),
    /// The content that is in the catalog.
    Unchanged,
    /// It is not in its source.
    Absent {
        /// What is missing instead of it, such as its branch.
        reason: Option<String>,
    },
    /// What a pattern matches.
    Matched(Vec<String>),
    /// It cannot be read until somebody does something.
    Failed {
        /// Class of the error, as Backstage names it.
        class: ErrorClass,
        /// What is wrong.
        message: String,
    },
}

/// What counts of a content here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContentEvidence {
    pub(crate) blob: String,
    /// Whether an error keeps all of it out.
    pub(crate) is_invalid: bool,
    pub(crate) emitted: Vec<EmittedKind>,
    pub(crate) location_entities: Vec<DeclaredLocation>,
    /// What becomes of Location entities that are not declared any more.
    pub(crate) undeclared: Undeclared,
}

/// A Location entity as a file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeclaredLocation {
    pub(crate) entity_ref: EntityRef,
    pub(crate) document: String,
    /// Of the declared entity, without annotations.
    pub(crate) digest: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) target_places: TargetPlaces,
}

/// What a batch proves.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) locations: BTreeMap<LocationId, LocationEvidence>,
    pub(crate) contents: HashMap<LocationId, Content>,
    /// What the contents were made from.
    pub(crate) dependencies: Vec<DependencyRow>,
    /// Locations that are as the catalog has them; looked for only while removals wait.
    pub(crate) unchanged: BTreeSet<LocationId>,
}

/// The locations that these readings saw as they are held.
pub(crate) fn find_unchanged(
    graph: &LocationGraph,
    readings: &[Reading<RepositoryObserved>],
) -> BTreeSet<LocationId> {
    let known = index_by_place(graph);
    let seen = readings.iter().flat_map(|reading| {
        let locations = reading.observed.locations.iter();
        locations.map(|observed| (reading.source_id, observed))
    });
    let unchanged =
        seen.filter(|(_, observed)| matches!(observed.outcome, Some(Outcome::Unchanged(_))));
    let located =
        unchanged.filter_map(|(source_id, observed)| known.get(&(source_id, &*observed.path)));
    located.map(|location| location.id).collect()
}

impl LocationEvidence {
    /// How it leaves the location; `None` if that is as it was.
    pub(crate) fn state(&self) -> Option<LocationState> {
        match self {
            Self::Content(content) => {
                let blob = content.blob.clone();
                // A file with a thousand entities of one kind says it once: this is stored with the
                // location.
                let emitted = distinct_kinds(&content.emitted);
                Some(if content.is_invalid {
                    LocationState::Invalid { blob, emitted }
                } else {
                    LocationState::Valid { blob, emitted }
                })
            }
            Self::Unchanged => None,
            Self::Absent { reason } => Some(LocationState::Absent {
                reason: reason.clone(),
            }),
            Self::Matched(paths) => Some(LocationState::Matched {
                paths: paths.clone(),
            }),
            Self::Failed { class, message } => Some(LocationState::Failed {
                class: *class,
                message: message.clone(),
            }),
        }
    }
}

/// Each kind and type once: rules judge nothing else.
fn distinct_kinds(emitted: &[EmittedKind]) -> Vec<EmittedKind> {
    let mut known = BTreeSet::new();
    emitted
        .iter()
        .filter(|it| known.insert((&it.kind, &it.spec_type)))
        .cloned()
        .collect()
}

/// The files that patterns match now and nobody knows.
pub(crate) fn find_unknown_matches<'a>(
    graph: &LocationGraph,
    readings: &'a [Reading<RepositoryObserved>],
) -> BTreeSet<(SourceId, &'a str)> {
    let known = index_by_place(graph);
    let mut unknown = BTreeSet::new();
    for reading in readings {
        let source_id = reading.source_id;
        for observed in &reading.observed.locations {
            let Some(Outcome::Matched(matched)) = &observed.outcome else {
                continue;
            };
            if !known.contains_key(&(source_id, observed.path.as_str())) {
                continue;
            }
            let new = matched.paths.iter();
            let new = new.filter(|path| !known.contains_key(&(source_id, path.as_str())));
            unknown.extend(new.map(|path| (source_id, path.as_str())));
        }
    }
    unknown
}

/// Takes the contents out of the readings, and tells what is proved of every location that is known.
pub(crate) fn collect_evidence(
    graph: &mut LocationGraph,
    readings: &mut [Reading<RepositoryObserved>],
    failures: &[ReadFailure],
) -> Evidence {
    let mut evidence = Evidence::default();
    let mut matched = Vec::new();
    let known = index_by_place(graph);
    for reading in readings {
        let source_id = reading.source_id;
        let kind = graph.sources.get(&source_id).map(|it| it.kind);
        for observed in &mut reading.observed.locations {
            // A file nobody wants any more proves nothing.
            let Some(location) = known.get(&(source_id, observed.path.as_str())) else {
                continue;
            };
            if let Some(Outcome::Matched(found)) = &observed.outcome {
                for path in &found.paths {
                    if let Some(location) = known.get(&(source_id, path.as_str())) {
                        let path = path.clone();
                        matched.push((TargetKey::Place { source_id, path }, location.id));
                    }
                }
            }
            evidence.collect(location, observed, kind);
        }
    }
    for failure in failures {
        if let Some(class) = failure.class {
            evidence.collect_failure(graph, failure, class);
        }
    }
    graph.targets.extend(matched);
    evidence
}

impl Evidence {
    fn collect(
        &mut self,
        location: &Location,
        observed: &mut LocationObserved,
        kind: Option<SourceKind>,
    ) {
        let proved = match observed.outcome.take() {
            None => return,
            Some(Outcome::Unchanged(unchanged)) => {
                observed.outcome = Some(Outcome::Unchanged(unchanged));
                // By far the most frequent case, in every sweep: it must cost nothing further on.
                if is_as_in_catalog(location) {
                    return;
                }
                LocationEvidence::Unchanged
            }
            Some(Outcome::Gone(gone)) => LocationEvidence::Absent {
                reason: Some(gone.reason).filter(|reason| !reason.is_empty()),
            },
            Some(Outcome::Matched(matched)) => LocationEvidence::Matched(matched.paths),
            Some(Outcome::Failed(failed)) => {
                let failure = failed.kind();
                // It goes away by itself, so nobody is told; the source is tried again.
                if Retryability::from(failure) == Retryability::Passing {
                    return;
                }
                // A plain URL has no repository whose visibility would have to be proved first.
                if failure == FailureKind::NotFound && kind == Some(SourceKind::Url) {
                    LocationEvidence::Absent { reason: None }
                } else {
                    LocationEvidence::Failed {
                        class: class_of(failure),
                        message: describe_failure(failure, &failed.message),
                    }
                }
            }
            Some(Outcome::Content(mut content)) => {
                let proved = read_content(&mut content);
                self.collect_dependencies(location.id, &mut content);
                self.contents.insert(location.id, content);
                LocationEvidence::Content(proved)
            }
        };
        self.locations.insert(location.id, proved);
    }

    /// What was never read of a source that cannot be read: whoever points there is told.
    fn collect_failure(&mut self, graph: &LocationGraph, failure: &ReadFailure, class: ErrorClass) {
        let unread = graph.locations.values().filter(|location| {
            location.source_id == failure.source_id && location.state == LocationState::Unread
        });
        for location in unread {
            let message = failure.message.clone();
            let proved = LocationEvidence::Failed { class, message };
            self.locations.insert(location.id, proved);
        }
    }

    fn collect_dependencies(&mut self, location_id: LocationId, content: &mut Content) {
        let rows = content.dependencies.drain(..).map(|it| DependencyRow {
            location_id,
            // GitHub folds the case of names, and the table compares bytes.
            host: it.host.to_lowercase(),
            owner: it.owner.to_lowercase(),
            name: it.name.to_lowercase(),
            git_ref: git_ref_if_any(&it.r#ref),
            path: it.path,
            blob_oid: it.blob,
            url: it.url,
        });
        self.dependencies.extend(rows);
    }
}

fn read_content(content: &mut Content) -> ContentEvidence {
    ContentEvidence {
        blob: content.blob.clone(),
        is_invalid: content.invalid,
        emitted: read_emitted(content),
        location_entities: read_location_entities(content),
        undeclared: undeclared_of(content),
    }
}

fn read_emitted(content: &mut Content) -> Vec<EmittedKind> {
    // A processor that does not say what a file emits reads no other kinds than those of its entities.
    if content.emitted.is_empty() {
        let entities = content.entities.iter();
        let kinds = entities.map(|entity| EmittedKind {
            kind: entity
                .r#ref
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned(),
            spec_type: None,
            entity_ref: entity.r#ref.clone(),
            line: entity.line,
        });
        return kinds.collect();
    }
    let emitted = content.emitted.drain(..);
    let kinds = emitted.map(|it| EmittedKind {
        kind: it.kind,
        spec_type: it.spec_type,
        entity_ref: it.r#ref,
        line: it.line,
    });
    kinds.collect()
}

/// Whether nothing else was seen of a location since its content entered.
pub(crate) fn is_as_in_catalog(location: &Location) -> bool {
    match &location.state {
        LocationState::Valid { blob, .. } => location.active_blob.as_ref() == Some(blob),
        LocationState::Unread
        | LocationState::Invalid { .. }
        | LocationState::Absent { .. }
        | LocationState::Matched { .. }
        | LocationState::Failed { .. } => false,
    }
}

fn read_places(places: Option<&message::TargetPlaces>) -> TargetPlaces {
    let read_place = |it: &message::Place| TextPosition::from((it.line, it.column));
    places.map_or_else(TargetPlaces::default, |places| TargetPlaces {
        location_type: places.r#type.as_ref().map(read_place),
        targets: places.targets.iter().map(read_place).collect(),
    })
}

fn read_location_entities(content: &Content) -> Vec<DeclaredLocation> {
    let mut declared = Vec::new();
    for entity in content.entities.iter().rev() {
        let Ok(entity_ref) = EntityRef::parse(&entity.r#ref) else {
            continue;
        };
        if entity_ref.kind() != LOCATION_KIND {
            continue;
        }
        declared.push(DeclaredLocation {
            entity_ref,
            document: entity.document.clone(),
            digest: entity.digest.clone(),
            line: entity.line,
            column: 1,
            target_places: read_places(entity.target_places.as_ref()),
        });
    }
    // Of what a file declares twice, the last counts, which comes first here.
    declared.sort_by(|one, other| one.entity_ref.cmp(&other.entity_ref));
    declared.dedup_by(|one, other| one.entity_ref == other.entity_ref);
    declared
}
