//! From readings to what was seen of each location. Pure.

use std::collections::{BTreeSet, HashMap};

use freshet_proto::message::{
    Content, FailureKind, LocationObserved, RepositoryObserved, location_observed::Outcome,
};

use crate::apply::observed::newest::{Obstacle, Reading, Setback, describe};
use crate::apply::entities::declarations::{LOCATION_KIND, missing_of};
use crate::apply::locations::{Aim, Facts, Listed, Mark, Seen, SeenContent, Sights};
use crate::repo::{DependencyRow, LocationOutcome, LocationRow, SourceKind};
use freshet_model::EntityRef;

/// What a batch saw.
#[derive(Debug, Default)]
pub(crate) struct Sighted {
    pub(crate) sights: Sights,
    pub(crate) contents: HashMap<i64, Content>,
    /// What the contents were made from.
    pub(crate) dependencies: Vec<DependencyRow>,
}

/// The files that patterns match now and nobody knows.
pub(crate) fn unknown_matches(
    facts: &Facts,
    readings: &[Reading<RepositoryObserved>],
) -> Vec<(i64, String)> {
    let known = by_place(facts);
    let mut unknown = BTreeSet::new();
    for reading in readings {
        for observed in &reading.observed.locations {
            let is_known = known.contains_key(&(reading.source_id, observed.path.as_str()));
            let Some(Outcome::Matched(matched)) = &observed.outcome else {
                continue;
            };
            if !is_known {
                continue;
            }
            for path in &matched.paths {
                if !known.contains_key(&(reading.source_id, path.as_str())) {
                    unknown.insert((reading.source_id, path.clone()));
                }
            }
        }
    }
    unknown.into_iter().collect()
}

fn by_place(facts: &Facts) -> HashMap<(i64, &str), &LocationRow> {
    facts
        .locations
        .values()
        .map(|row| ((row.source_id, row.path.as_str()), row))
        .collect()
}

/// Takes the contents out of the readings, and tells what was seen of every location that is known.
pub(crate) fn sighted(
    facts: &mut Facts,
    readings: &mut [Reading<RepositoryObserved>],
    setbacks: &[Setback],
) -> Sighted {
    let mut all = Sighted::default();
    let mut located = Vec::new();
    let known = by_place(facts);
    for reading in readings {
        let kind = facts.sources.get(&reading.source_id).map(|it| it.kind);
        for observed in &mut reading.observed.locations {
            let place = (reading.source_id, observed.path.as_str());
            // A file nobody wants any more says nothing.
            let Some(row) = known.get(&place) else {
                continue;
            };
            if let Some(Outcome::Matched(matched)) = &observed.outcome {
                for path in &matched.paths {
                    if let Some(row) = known.get(&(reading.source_id, path.as_str())) {
                        let aim = Aim::At {
                            source_id: reading.source_id,
                            path: path.clone(),
                        };
                        located.push((aim, row.id));
                    }
                }
            }
            all.see(row, observed, kind);
        }
    }
    for setback in setbacks {
        let Some(class) = setback.class else {
            continue;
        };
        let unread = facts.locations.values().filter(|row| {
            row.source_id == setback.source_id && row.outcome == LocationOutcome::Unread
        });
        for row in unread {
            let message = setback.message.clone();
            all.sights.insert(row.id, Seen::Failed { class, message });
        }
    }
    facts.located.extend(located);
    all
}

impl Sighted {
    fn see(
        &mut self,
        row: &LocationRow,
        observed: &mut LocationObserved,
        kind: Option<SourceKind>,
    ) {
        let seen = match observed.outcome.take() {
            None => return,
            Some(Outcome::Unchanged(unchanged)) => {
                observed.outcome = Some(Outcome::Unchanged(unchanged));
                if row.outcome == LocationOutcome::Content && row.blob_oid == row.seen_oid {
                    return;
                }
                Seen::Unchanged
            }
            Some(Outcome::Gone(_)) => Seen::Gone,
            Some(Outcome::Matched(matched)) => Seen::Matched(matched.paths),
            Some(Outcome::Failed(failed)) => {
                let failure = failed.kind();
                if Obstacle::from(failure) == Obstacle::Passing {
                    return;
                }
                if failure == FailureKind::NotFound && kind == Some(SourceKind::Url) {
                    Seen::Gone
                } else {
                    Seen::Failed {
                        class: class_of(failure),
                        message: describe(failure, &failed.message),
                    }
                }
            }
            Some(Outcome::Content(content)) => {
                let seen = seen_content(&content);
                self.depends(row.id, &content);
                self.contents.insert(row.id, content);
                Seen::Content(seen)
            }
        };
        self.sights.insert(row.id, seen);
    }

    fn depends(&mut self, location_id: i64, content: &Content) {
        let rows = content.dependencies.iter().map(|it| DependencyRow {
            location_id,
            host: it.host.to_lowercase(),
            owner: it.owner.to_lowercase(),
            name: it.name.to_lowercase(),
            git_ref: it.r#ref.clone(),
            path: it.path.clone(),
            blob_oid: it.blob.clone(),
            url: it.url.clone(),
        });
        self.dependencies.extend(rows);
    }
}

/// The class Backstage gives a failure to read.
pub(crate) fn class_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::NotVisible | FailureKind::NotFound => "NotFoundError",
        FailureKind::Unspecified
        | FailureKind::Unreachable
        | FailureKind::RateLimited
        | FailureKind::Denied
        | FailureKind::Unreadable
        | FailureKind::Refused => "Error",
    }
}

fn seen_content(content: &Content) -> SeenContent {
    let mut emitted: Vec<Mark> = content
        .emitted
        .iter()
        .map(|it| {
            Mark(
                it.kind.clone(),
                it.spec_type.clone(),
                it.r#ref.clone(),
                it.line,
            )
        })
        .collect();
    if emitted.is_empty() {
        emitted.extend(content.entities.iter().map(|entity| {
            let kind = entity.r#ref.split(':').next().unwrap_or_default();
            Mark(kind.to_owned(), None, entity.r#ref.clone(), entity.line)
        }));
    }
    let mut locations: Vec<Listed> = Vec::new();
    for entity in &content.entities {
        let Ok(entity_ref) = EntityRef::parse(&entity.r#ref) else {
            continue;
        };
        if entity_ref.kind() != LOCATION_KIND {
            continue;
        }
        // Of what a file declares twice, the last counts.
        locations.retain(|known| known.entity_ref != entity_ref);
        locations.push(Listed {
            entity_ref,
            document: entity.document.clone(),
            digest: entity.digest.clone(),
            line: i64::from(entity.line),
            column: 1,
        });
    }
    SeenContent {
        blob: content.blob.clone(),
        poisoned: content.poisoned,
        emitted,
        locations,
        missing: missing_of(content),
    }
}
