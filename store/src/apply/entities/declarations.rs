//! What one file declares now, as it enters the catalog. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use freshet_model::{EntityRef, RelationDeclaration};
use freshet_proto::message::{Content, EntityObserved, ProblemObserved};

use crate::apply::ApplyError;
use crate::apply::entities::annotate::Place;
use crate::repo::LocationRow;

/// The rule of a ref that somebody else holds.
pub(crate) const CONFLICT: &str = "claim.conflict";
/// The kind of entities that point to files, as refs spell it.
pub(crate) const LOCATION_KIND: &str = "location";

/// One declared entity as it would enter the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) entity_ref: EntityRef,
    pub(crate) document: Arc<str>,
    pub(crate) relations: Arc<[RelationDeclaration]>,
    pub(crate) digest: String,
    pub(crate) line: u32,
}

/// A problem as it should stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) entity_ref: Option<EntityRef>,
    /// Backstage's class of the error.
    pub(crate) class: String,
    /// Whether it spoils the whole file.
    pub(crate) is_file: bool,
    /// Whether it is only worth knowing.
    pub(crate) is_warning: bool,
    /// Refs of the entities whose status shows it.
    pub(crate) status_of: Vec<String>,
    /// `spec.owner` as the document says.
    pub(crate) owner: String,
}

/// What becomes of entities the file declared before and does not declare now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The file proves that they are gone.
    Withdrawn,
    /// Their documents have problems: their last good versions stay, the others are gone.
    KeptIfNamed(HashSet<EntityRef>),
    /// Nothing is proved: all stay.
    Kept,
    /// All stay but these, which are gone.
    KeptUnlessNamed(HashSet<EntityRef>),
}

impl Missing {
    /// Whether the last good version of an entity that is not declared stays.
    pub(crate) fn keeps(&self, entity_ref: &EntityRef) -> bool {
        match self {
            Self::Withdrawn => false,
            Self::KeptIfNamed(refs) => refs.contains(entity_ref),
            Self::Kept => true,
            Self::KeptUnlessNamed(refs) => !refs.contains(entity_ref),
        }
    }

    /// As it is, but these stay as well.
    pub(crate) fn and_keeps(self, kept: HashSet<EntityRef>) -> Self {
        match self {
            Self::Withdrawn if kept.is_empty() => Self::Withdrawn,
            Self::Withdrawn => Self::KeptIfNamed(kept),
            Self::KeptIfNamed(mut refs) => {
                refs.extend(kept);
                Self::KeptIfNamed(refs)
            }
            Self::Kept => Self::Kept,
            Self::KeptUnlessNamed(mut refs) => {
                refs.retain(|entity_ref| !kept.contains(entity_ref));
                Self::KeptUnlessNamed(refs)
            }
        }
    }
}

/// What one file declares now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    pub(crate) location_id: i64,
    pub(crate) source_id: i64,
    /// The source whose reading showed it.
    pub(crate) cause: i64,
    pub(crate) declared: Vec<Declared>,
    pub(crate) missing: Missing,
    /// What is wrong in it; `None` if the file was not read, and its problems stay as they are.
    pub(crate) problems: Option<Vec<Found>>,
}

impl Face {
    /// The face of a file that was not read and declares what it did.
    pub(crate) fn unread(location: &LocationRow, cause: i64) -> Self {
        Self {
            location_id: location.id,
            source_id: location.source_id,
            cause,
            declared: Vec::new(),
            missing: Missing::Kept,
            problems: None,
        }
    }

    /// The face of a file that declares nothing any more.
    pub(crate) fn gone(location: &LocationRow, cause: i64) -> Self {
        Self {
            missing: Missing::Withdrawn,
            problems: Some(Vec::new()),
            ..Self::unread(location, cause)
        }
    }
}

/// How the content of a file enters.
pub(crate) struct Entry<'a> {
    pub(crate) place: &'a Place,
    /// Whether it may enter at all.
    pub(crate) is_admitted: bool,
    /// Whether the newest version of a Location entity must wait.
    pub(crate) is_frozen: &'a dyn Fn(&EntityRef) -> bool,
    /// Who points to the file.
    pub(crate) parents: &'a [String],
}

/// The face of a file whose content was read.
pub(crate) fn content_face(
    location: &LocationRow,
    content: Content,
    entry: &Entry<'_>,
) -> Result<Face, ApplyError> {
    let problems: Vec<Found> = content
        .problems
        .into_iter()
        .map(|problem| found(problem, entry.parents))
        .collect();
    let mut face = Face {
        missing: Missing::Kept,
        ..Face::gone(location, location.source_id)
    };
    if entry.is_admitted && !content.poisoned {
        let (declared, frozen) = declared(content.entities, entry)?;
        face.declared = declared;
        face.missing = missing(&problems).and_keeps(frozen);
    }
    face.problems = Some(problems);
    Ok(face)
}

/// What becomes of entities that a content does not declare.
pub(crate) fn missing_of(content: &Content) -> Missing {
    let problems: Vec<Found> = content
        .problems
        .iter()
        .map(|problem| found(problem.clone(), &[]))
        .collect();
    missing(&problems)
}

fn found(problem: ProblemObserved, parents: &[String]) -> Found {
    let status_of = if problem.is_warning {
        Vec::new()
    } else if problem.is_file {
        parents.to_vec()
    } else {
        Some(problem.entity_ref.clone())
            .filter(|it| !it.is_empty())
            .into_iter()
            .collect()
    };
    Found {
        entity_ref: EntityRef::parse(&problem.entity_ref).ok(),
        rule: problem.rule,
        message: problem.message,
        hint: problem.hint,
        line: problem.line,
        column: problem.column,
        class: problem.class,
        is_file: problem.is_file,
        is_warning: problem.is_warning,
        status_of,
        owner: problem.owner,
    }
}

// A problem without a ref may be about any entity the file had.
fn missing(problems: &[Found]) -> Missing {
    let mut errors = problems.iter().filter(|it| !it.is_warning).peekable();
    if errors.peek().is_none() {
        return Missing::Withdrawn;
    }
    let named: Option<HashSet<EntityRef>> =
        errors.map(|problem| problem.entity_ref.clone()).collect();
    named.map_or(Missing::Kept, Missing::KeptIfNamed)
}

/// Each entity once: of what a file declares twice, the last counts. And the Location entities whose
/// newest version must wait.
fn declared(
    entities: Vec<EntityObserved>,
    entry: &Entry<'_>,
) -> Result<(Vec<Declared>, HashSet<EntityRef>), ApplyError> {
    let mut frozen = HashSet::new();
    let mut places: HashMap<EntityRef, usize> = HashMap::with_capacity(entities.len());
    let mut all = Vec::with_capacity(entities.len());
    for entity in entities {
        let entity_ref = EntityRef::parse(&entity.r#ref)
            .map_err(|error| ApplyError::unreadable("an entity ref", error))?;
        if entity_ref.kind() == LOCATION_KIND && (entry.is_frozen)(&entity_ref) {
            frozen.insert(entity_ref);
            continue;
        }
        let one = one(entity_ref.clone(), entity, entry.place)?;
        match places.get(&entity_ref) {
            Some(place) => all[*place] = one,
            None => {
                places.insert(entity_ref, all.len());
                all.push(one);
            }
        }
    }
    Ok((all, frozen))
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

/// The problem of a claim that lost.
pub(crate) fn conflict(entity_ref: &EntityRef, line: u32) -> Found {
    Found {
        rule: CONFLICT.to_owned(),
        message: format!("{entity_ref} is already declared by another location, which keeps it"),
        hint: "Rename this entity or remove it from one of the two files; the annotation backstage.io/managed-by-location of the entity in the catalog names the other one."
            .to_owned(),
        line,
        column: 1,
        entity_ref: Some(entity_ref.clone()),
        class: "ConflictError".to_owned(),
        is_warning: true,
        ..Found::default()
    }
}
