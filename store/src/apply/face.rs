//! What one file declares now, after the rules of the catalog. Pure.

use std::collections::HashSet;
use std::sync::Arc;

use freshet_model::{EntityRef, RelationDeclaration};
use freshet_proto::message::{Content, EntityObserved, ProblemObserved, location_observed};

use super::annotate::Place;
use super::{ApplyError, Kinds};
use crate::repo::{LocationOutcome, LocationRow, SourceRow};

/// The rule of a kind that may not enter.
pub(super) const NOT_ALLOWED: &str = "rules.not-allowed";
/// The rule of a ref that somebody else holds.
pub(super) const CONFLICT: &str = "claim.conflict";

/// One declared entity as it would enter the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) entity_ref: EntityRef,
    pub(super) document: Arc<str>,
    pub(super) relations: Arc<[RelationDeclaration]>,
    pub(super) digest: String,
    pub(super) line: u32,
}

/// A problem as it should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rule: String,
    pub(super) message: String,
    pub(super) hint: String,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) entity_ref: Option<EntityRef>,
}

/// What becomes of entities the file declared before and does not declare now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The file proves that they are gone.
    Withdrawn,
    /// Their documents have problems: their last good versions stay, the others are gone.
    KeptIfNamed(HashSet<EntityRef>),
    /// Nothing is proved: all stay.
    Kept,
}

impl Missing {
    /// Whether the last good version of an entity that is not declared stays.
    pub(super) fn keeps(&self, entity_ref: &EntityRef) -> bool {
        match self {
            Self::Withdrawn => false,
            Self::KeptIfNamed(refs) => refs.contains(entity_ref),
            Self::Kept => true,
        }
    }
}

/// What one file that was read declares now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Face {
    pub(super) location_id: i64,
    pub(super) source_id: i64,
    pub(super) blob: String,
    pub(super) outcome: LocationOutcome,
    pub(super) declared: Vec<Declared>,
    pub(super) missing: Missing,
    pub(super) problems: Vec<Found>,
}

impl Face {
    /// The face of a file that declares nothing any more.
    pub(super) fn gone(location: &LocationRow) -> Self {
        Self {
            location_id: location.id,
            source_id: location.source_id,
            blob: String::new(),
            outcome: LocationOutcome::Gone,
            declared: Vec::new(),
            missing: Missing::Withdrawn,
            problems: Vec::new(),
        }
    }
}

/// The face of a file; `None` if nothing new was learnt about it.
pub(super) fn face(
    source: &SourceRow,
    location: &LocationRow,
    outcome: location_observed::Outcome,
    kinds: &Kinds,
) -> Result<Option<Face>, ApplyError> {
    match outcome {
        location_observed::Outcome::Unchanged(_)
        | location_observed::Outcome::Failed(_)
        | location_observed::Outcome::Matched(_) => Ok(None),
        location_observed::Outcome::Gone(_) => Ok(Some(Face::gone(location))),
        location_observed::Outcome::Content(content) => {
            content_face(source, location, content, kinds).map(Some)
        }
    }
}

fn content_face(
    source: &SourceRow,
    location: &LocationRow,
    content: Content,
    kinds: &Kinds,
) -> Result<Face, ApplyError> {
    let place = Place::of(source, location);
    let mut problems = content
        .problems
        .into_iter()
        .map(found)
        .collect::<Vec<Found>>();
    let refused = refused(&content.entities, kinds, &place);
    let poisoned = content.poisoned || !refused.is_empty();
    problems.extend(refused);
    if poisoned {
        return Ok(Face {
            location_id: location.id,
            source_id: source.id,
            blob: content.blob,
            outcome: LocationOutcome::Poisoned,
            declared: Vec::new(),
            missing: Missing::Kept,
            problems,
        });
    }
    let missing = missing(&problems);
    let declared = declared(content.entities, &place, &mut problems)?;
    Ok(Face {
        location_id: location.id,
        source_id: source.id,
        blob: content.blob,
        outcome: LocationOutcome::Content,
        declared,
        missing,
        problems,
    })
}

fn found(problem: ProblemObserved) -> Found {
    Found {
        entity_ref: EntityRef::parse(&problem.entity_ref).ok(),
        rule: problem.rule,
        message: problem.message,
        hint: problem.hint,
        line: problem.line,
        column: problem.column,
    }
}

// A problem without a ref may be about any entity the file had.
fn missing(problems: &[Found]) -> Missing {
    if problems.is_empty() {
        return Missing::Withdrawn;
    }
    let named: Option<HashSet<EntityRef>> = problems
        .iter()
        .map(|problem| problem.entity_ref.clone())
        .collect();
    named.map_or(Missing::Kept, Missing::KeptIfNamed)
}

/// A problem for each entity whose kind may not enter.
fn refused(entities: &[EntityObserved], kinds: &Kinds, place: &Place) -> Vec<Found> {
    entities
        .iter()
        .filter(|entity| !kinds.allow(kind_of(&entity.r#ref)))
        .map(|entity| Found {
            rule: NOT_ALLOWED.to_owned(),
            message: format!(
                "Entity {} at {} is not of an allowed kind for that location",
                entity.r#ref, place.location
            ),
            hint: "Remove it, or have its kind allowed in catalog.rules; until then nothing of this file is taken over."
                .to_owned(),
            line: entity.line,
            column: 1,
            entity_ref: EntityRef::parse(&entity.r#ref).ok(),
        })
        .collect()
}

fn kind_of(entity_ref: &str) -> &str {
    entity_ref
        .split_once(':')
        .map_or(entity_ref, |(kind, _)| kind)
}

/// Each entity once: what a file declares twice counts where it stands first.
fn declared(
    entities: Vec<EntityObserved>,
    place: &Place,
    problems: &mut Vec<Found>,
) -> Result<Vec<Declared>, ApplyError> {
    let mut seen = HashSet::with_capacity(entities.len());
    let mut all = Vec::with_capacity(entities.len());
    for entity in entities {
        let entity_ref = EntityRef::parse(&entity.r#ref)
            .map_err(|error| ApplyError::unreadable("an entity ref", error))?;
        if !seen.insert(entity_ref.clone()) {
            problems.push(twice(&entity_ref, entity.line));
            continue;
        }
        all.push(one(entity_ref, entity, place)?);
    }
    Ok(all)
}

fn one(
    entity_ref: EntityRef,
    entity: EntityObserved,
    place: &Place,
) -> Result<Declared, ApplyError> {
    let document = place
        .annotate(&entity.document)
        .map_err(|error| ApplyError::unreadable("a document", error))?;
    let relations = entity
        .relations
        .into_iter()
        .map(|relation| {
            Ok(RelationDeclaration {
                forward: relation.forward,
                reverse: Some(relation.reverse).filter(|reverse| !reverse.is_empty()),
                target: EntityRef::parse(&relation.target)
                    .map_err(|error| ApplyError::unreadable("a relation", error))?,
            })
        })
        .collect::<Result<Arc<[_]>, ApplyError>>()?;
    Ok(Declared {
        digest: place.digest(&entity.digest),
        entity_ref,
        document: Arc::from(document),
        relations,
        line: entity.line,
    })
}

fn twice(entity_ref: &EntityRef, line: u32) -> Found {
    Found {
        rule: CONFLICT.to_owned(),
        message: format!("{entity_ref} is declared twice in this file; the first one counts"),
        hint: "Rename or remove one of the two.".to_owned(),
        line,
        column: 1,
        entity_ref: Some(entity_ref.clone()),
    }
}

/// The problem of a claim that lost.
pub(super) fn conflict(entity_ref: &EntityRef, line: u32) -> Found {
    Found {
        rule: CONFLICT.to_owned(),
        message: format!("{entity_ref} is already declared by another location, which keeps it"),
        hint: "Rename this entity or remove it from one of the two files; the annotation backstage.io/managed-by-location of the entity in the catalog names the other one."
            .to_owned(),
        line,
        column: 1,
        entity_ref: Some(entity_ref.clone()),
    }
}
