//! What one file declares now, as it enters the catalog. Pure.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use freshet_model::{
    EntityRef, ErrorClass, Level, LocationId, Problem, RelationDeclaration, RuleId, SourceId,
};
use freshet_proto::message::{Content, EntityObserved, ProblemObserved, RelationObserved};

use crate::apply::entities::annotate::Place;
use crate::apply::error::ApplyError;
use crate::repo::Location;

/// The kind of entities that point to files, as refs spell it.
pub(crate) const LOCATION_KIND: &str = "location";

/// One declared entity as it would enter the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeclaredEntity {
    pub(crate) entity_ref: EntityRef,
    pub(crate) document: Arc<str>,
    pub(crate) relations: Arc<[RelationDeclaration]>,
    pub(crate) digest: String,
    pub(crate) line: u32,
    /// Whether nothing declares it any more, and it is kept all the same.
    pub(crate) is_orphan: bool,
}

/// A problem as it should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundProblem {
    pub(crate) problem: Problem,
    /// Refs of the entities whose status shows it.
    pub(crate) status_of: Vec<String>,
}

impl FoundProblem {
    /// The entities whose status shows it, as far as what names them is a ref.
    pub(crate) fn shown_by(&self) -> Vec<EntityRef> {
        let refs = self.status_of.iter();
        refs.filter_map(|it| EntityRef::parse(it).ok()).collect()
    }
}

/// What becomes of entities the file declared before and does not declare now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undeclared {
    /// The file proves that nothing declares them: all are removed.
    Removed,
    /// Their documents have problems: their last good versions stay, the others are removed.
    KeptIfNamed(HashSet<EntityRef>),
    /// Nothing is proved: all stay.
    Kept,
    /// All stay but these, which are removed.
    KeptUnlessNamed(HashSet<EntityRef>),
}

impl Undeclared {
    /// Whether the last good version of an entity that is not declared stays.
    pub(crate) fn keeps(&self, entity_ref: &EntityRef) -> bool {
        match self {
            Self::Removed => false,
            Self::KeptIfNamed(refs) => refs.contains(entity_ref),
            Self::Kept => true,
            Self::KeptUnlessNamed(refs) => !refs.contains(entity_ref),
        }
    }

    /// As it is, but these stay as well.
    fn and_keeps(self, kept: HashSet<EntityRef>) -> Self {
        match self {
            Self::Removed if kept.is_empty() => Self::Removed,
            Self::Removed => Self::KeptIfNamed(kept),
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
pub(crate) struct FileDeclarations {
    pub(crate) location_id: LocationId,
    pub(crate) source_id: SourceId,
    /// The source whose reading caused it.
    pub(crate) triggered_by: SourceId,
    pub(crate) declared: Vec<DeclaredEntity>,
    pub(crate) undeclared: Undeclared,
    /// What is wrong in it; `None` if the file was not read, and its problems stay as they are.
    pub(crate) problems: Option<Vec<FoundProblem>>,
}

impl FileDeclarations {
    /// Those of a file that was not read and declares what it did.
    pub(crate) fn unread(location: &Location, triggered_by: SourceId) -> Self {
        Self {
            location_id: location.id,
            source_id: location.source_id,
            triggered_by,
            declared: Vec::new(),
            undeclared: Undeclared::Kept,
            problems: None,
        }
    }

    /// Those of a file that is absent, or counts no more.
    pub(crate) fn absent(location: &Location, triggered_by: SourceId) -> Self {
        Self {
            undeclared: Undeclared::Removed,
            problems: Some(Vec::new()),
            ..Self::unread(location, triggered_by)
        }
    }

    /// Whether an entity that the file holds would be removed.
    pub(crate) fn removes(&self, entity_ref: &EntityRef) -> bool {
        let mut declared = self.declared.iter();
        !declared.any(|it| it.entity_ref == *entity_ref) && !self.undeclared.keeps(entity_ref)
    }
}

/// How the content of a file enters.
pub(crate) struct EntryConditions<'a> {
    /// Where the file is, as its entities name it.
    pub(crate) naming: &'a Place,
    /// Whether the content takes effect at all.
    pub(crate) is_active: bool,
    /// Whether the newest version of a Location entity must wait.
    pub(crate) is_held_back: &'a dyn Fn(&EntityRef) -> bool,
    /// Refs of the Location entities that point to the file.
    pub(crate) parents: &'a [String],
}

/// What a file declares whose content was read.
pub(crate) fn declarations_of_content(
    location: &Location,
    content: &Content,
    conditions: &EntryConditions<'_>,
) -> Result<FileDeclarations, ApplyError> {
    let mut file = FileDeclarations::unread(location, location.source_id);
    // A file with an error that discards its whole output proves nothing about what it declared
    // before, so all of that stays.
    if conditions.is_active && !content.invalid {
        file.undeclared = undeclared_of(content);
        let read = read_entities(&content.entities, conditions)?;
        file.undeclared = file.undeclared.and_keeps(read.held_back);
        file.declared = read.declared;
    }
    let mut problems: Vec<FoundProblem> = content
        .problems
        .iter()
        .map(|it| found_problem(it, conditions.parents))
        .collect();
    // Of two documents of a file with one ref the valid one counts, and is in order.
    let declared: HashSet<&str> = file
        .declared
        .iter()
        .map(|it| it.entity_ref.as_str())
        .collect();
    for found in problems.iter_mut().filter(|found| !found.problem.is_file) {
        found
            .status_of
            .retain(|entity_ref| !declared.contains(entity_ref.as_str()));
    }
    file.problems = Some(problems);
    Ok(file)
}

/// What becomes of entities that a content does not declare.
pub(crate) fn undeclared_of(content: &Content) -> Undeclared {
    let mut errors = content
        .problems
        .iter()
        .filter(|problem| !problem.is_warning)
        .peekable();
    if errors.peek().is_none() {
        return Undeclared::Removed;
    }
    // A problem without a ref may be about any entity the file had, so then all of them stay.
    let named: Option<HashSet<EntityRef>> = errors
        .map(|problem| EntityRef::parse(&problem.entity_ref).ok())
        .collect();
    named.map_or(Undeclared::Kept, Undeclared::KeptIfNamed)
}

/// The problem, and whose status shows it: that of the entity it is about, or, if it blames the whole
/// file, that of every Location entity that points there. Warnings are shown by none, as the entity is
/// valid.
fn found_problem(observed: &ProblemObserved, parents: &[String]) -> FoundProblem {
    let problem = read_problem(observed);
    let status_of = match (problem.level, problem.is_file) {
        (Level::Warning, _) => Vec::new(),
        (Level::Error, true) => parents.to_vec(),
        (Level::Error, false) => problem.entity_ref.iter().map(ToString::to_string).collect(),
    };
    FoundProblem { problem, status_of }
}

fn read_problem(observed: &ProblemObserved) -> Problem {
    Problem {
        // A processor may be newer than this store and name a rule or class it does not know yet.
        rule: RuleId::parse_lenient(&observed.rule),
        class: ErrorClass::parse_lenient(&observed.class),
        level: if observed.is_warning {
            Level::Warning
        } else {
            Level::Error
        },
        entity_ref: EntityRef::parse(&observed.entity_ref).ok(),
        message: observed.message.clone(),
        hint: observed.hint.clone(),
        line: observed.line,
        column: observed.column,
        is_file: observed.is_file,
        owner: (!observed.owner.is_empty()).then(|| observed.owner.clone()),
    }
}

/// The entities of a content.
#[derive(Default)]
struct ContentEntities {
    declared: Vec<DeclaredEntity>,
    /// Location entities whose newest version must wait.
    held_back: HashSet<EntityRef>,
}

fn read_entities(
    entities: &[EntityObserved],
    conditions: &EntryConditions<'_>,
) -> Result<ContentEntities, ApplyError> {
    let mut read = ContentEntities::default();
    let mut positions: HashMap<EntityRef, usize> = HashMap::with_capacity(entities.len());
    for entity in entities {
        let entity_ref = EntityRef::parse(&entity.r#ref)
            .map_err(|error| ApplyError::unreadable("an entity ref", error))?;
        if entity_ref.kind() == LOCATION_KIND && (conditions.is_held_back)(&entity_ref) {
            // Its version in effect stays; it is not removed for not being declared.
            read.held_back.insert(entity_ref);
            continue;
        }
        let declared = declare_entity(&entity_ref, entity, conditions.naming)?;
        // Of what a file declares twice, the last counts; two entries would fight for one ref.
        match positions.entry(entity_ref) {
            Entry::Occupied(position) => read.declared[*position.get()] = declared,
            Entry::Vacant(position) => {
                position.insert(read.declared.len());
                read.declared.push(declared);
            }
        }
    }
    Ok(read)
}

fn declare_entity(
    entity_ref: &EntityRef,
    observed: &EntityObserved,
    naming: &Place,
) -> Result<DeclaredEntity, ApplyError> {
    let document = naming
        .annotate(&observed.document)
        .map_err(|error| ApplyError::unreadable("a document", error))?;
    Ok(DeclaredEntity {
        entity_ref: entity_ref.clone(),
        document: Arc::from(document),
        relations: observed
            .relations
            .iter()
            .map(read_relation)
            .collect::<Result<Arc<[_]>, ApplyError>>()?,
        digest: naming.digest(&observed.digest),
        line: observed.line,
        is_orphan: false,
    })
}

fn read_relation(observed: &RelationObserved) -> Result<RelationDeclaration, ApplyError> {
    Ok(RelationDeclaration {
        forward: observed.forward.as_str().into(),
        reverse: (!observed.reverse.is_empty()).then(|| observed.reverse.as_str().into()),
        target: EntityRef::parse(&observed.target)
            .map_err(|error| ApplyError::unreadable("a relation", error))?,
    })
}

/// The problem of a claim that lost. A warning: the entity is valid, and the file's others enter.
pub(crate) fn conflict_problem(entity_ref: &EntityRef, line: u32) -> FoundProblem {
    let message = format!("{entity_ref} is already declared by another location, which keeps it");
    let problem = Problem::warning(RuleId::ClaimConflict, ErrorClass::ConflictError, message)
        .with_hint("Rename this entity or remove it from one of the two files; the annotation backstage.io/managed-by-location of the entity in the catalog names the other one.")
        .at(line, 1)
        .about(entity_ref.clone());
    FoundProblem {
        problem,
        status_of: Vec::new(),
    }
}
