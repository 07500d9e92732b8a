//! What one catalog file declares: its entities, and what is wrong with it.
//!
//! Each document stands for itself, except where Backstage lets one document spoil the file:
//! one that is not YAML, not a mapping, or has no envelope. Then nothing the file says may
//! change the catalog, and the file is called invalid. Entities and problems are reported
//! even so, because whoever checks a file before pushing it wants all of them.

use std::collections::{HashMap, HashSet};

use freshet_model::{
    BlastRadius, Entity, EntityRef, ErrorClass, Kinds, RelationDeclaration, ValidDocument,
    Violation,
};
use serde_json::Value;

use super::secrets::{self, blanked, secret_values};
use crate::limits::ReadLimits;
use crate::yaml::{ParsedDocument, Positions, SyntaxProblem, TextPosition, read_documents, rule};

/// Everything one catalog file says.
#[derive(Clone, Debug, Default)]
pub struct CatalogFile {
    /// The valid entities in file order. If two documents declare the same one, the later.
    pub entities: Vec<FileEntity>,
    /// What is wrong, in file order.
    pub problems: Vec<FileProblem>,
    /// Whether a problem is of the kind for which the whole file must be disregarded.
    pub is_invalid: bool,
    /// Every document that says which entity it is about, valid or not, in file order.
    pub emitted: Vec<DeclaredKind>,
}

/// A document that says which entity it is about: what rules about kinds judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredKind {
    /// The entity, if that much can be read.
    pub entity_ref: Option<EntityRef>,
    /// `kind` as written.
    pub kind: String,
    /// `spec.type` as written, if it is a text.
    pub spec_type: Option<String>,
    /// Where the document starts.
    pub position: TextPosition,
}

/// One entity of a file.
#[derive(Clone, Debug)]
pub struct FileEntity {
    /// The entity.
    pub entity: Entity,
    /// What it declares about others.
    pub relations: Vec<RelationDeclaration>,
    /// Where its document starts.
    pub position: TextPosition,
    /// The number of its document, from 0; empty documents count.
    pub index: u32,
}

/// One thing that the owner of a file must mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// The rule that is broken, a stable name.
    pub rule: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
    /// The entity that the document means to declare, if that much can be read.
    pub entity_ref: Option<EntityRef>,
    /// The number of the document, from 0.
    pub document: u32,
    /// The class Backstage gives the error.
    pub class: ErrorClass,
    /// Whether it spoils the whole file.
    pub is_file: bool,
    /// Whether it is only worth knowing.
    pub is_warning: bool,
    /// `spec.owner` of the document, if it is a text.
    pub owner: Option<String>,
}

/// Reads a catalog file: its documents, each validated by itself. Placeholders stay what they are.
pub fn read_catalog_file(bytes: &[u8], kinds: &Kinds, limits: &ReadLimits) -> CatalogFile {
    let mut reading = CatalogFileBuilder::new(limits);
    for document in read_documents(bytes, limits) {
        match document {
            Ok(document) => reading.document(document, |_| Vec::new(), kinds),
            Err(problem) => reading.syntax(problem),
        }
    }
    reading.finish()
}

/// A value of a document that is not what it should have become.
#[derive(Debug)]
pub(crate) struct InvalidValue {
    pointer: String,
    /// `None` if nobody looked, so that nothing is right or wrong about it.
    problem: Option<InvalidReason>,
}

#[derive(Debug)]
struct InvalidReason {
    rule: &'static str,
    message: String,
    hint: String,
}

impl InvalidValue {
    /// A value that nobody looked at.
    pub(crate) fn unknown(pointer: String) -> Self {
        Self {
            pointer,
            problem: None,
        }
    }

    /// A value that is wrong.
    pub(crate) fn wrong(
        pointer: String,
        rule: &'static str,
        message: String,
        hint: String,
    ) -> Self {
        Self {
            pointer,
            problem: Some(InvalidReason {
                rule,
                message,
                hint,
            }),
        }
    }
}

/// A catalog file while its documents are judged, one after the other.
#[derive(Default)]
pub(crate) struct CatalogFileBuilder {
    /// `None` where a later document declares the same entity.
    entities: Vec<Option<FileEntity>>,
    problems: Vec<FileProblem>,
    is_invalid: bool,
    /// Who declared an entity last: its document, and its place in `entities` if it is valid.
    declared: HashMap<EntityRef, EarlierDocument>,
    emitted: Vec<DeclaredKind>,
    problems_max: usize,
    /// Problems beyond `problems_max`.
    left_out: usize,
    /// Number of the next document.
    next: u32,
    index: u32,
}

#[derive(Clone, Copy)]
struct EarlierDocument {
    line: u32,
    place: Option<usize>,
}

impl CatalogFileBuilder {
    /// Nothing read yet.
    pub(crate) fn new(limits: &ReadLimits) -> Self {
        Self {
            problems_max: limits.problems,
            ..Self::default()
        }
    }

    /// Judges a document, after `fill` has put into it what comes from elsewhere.
    pub(crate) fn document(
        &mut self,
        document: ParsedDocument,
        fill: impl FnOnce(&mut Value) -> Vec<InvalidValue>,
        kinds: &Kinds,
    ) {
        self.begin();
        let ParsedDocument {
            mut value,
            positions,
            start,
        } = document;
        match &value {
            // An empty document declares nothing.
            Value::Null => return,
            Value::Object(_) => {}
            other => {
                let message = format!("a document must be a mapping, this is {}", name_of(other));
                self.spoil(rule::ROOT, message, positions.value_at(""));
                return;
            }
        }
        let declared = DocumentSubject::of(&value);
        self.emitted.extend(declared.emitted(&value, start));
        let spoiled = fill(&mut value);
        self.secrets(&value, &declared, &positions);
        match freshet_model::validate(value, kinds) {
            Ok(checked) if spoiled.is_empty() => self.entity(checked, start, &positions),
            Ok(_) => self.spoiled(spoiled, &[], &declared, start, &positions),
            Err(violations) => {
                self.spoiled(spoiled, &violations, &declared, start, &positions);
            }
        }
    }

    /// Values that everybody will see and perhaps should not.
    fn secrets(&mut self, document: &Value, about: &DocumentSubject, positions: &Positions) {
        for found in secret_values(document) {
            self.report(|index| {
                let at = positions.shown_at(&found.pointer);
                FileProblem {
                    message: found.kind.message(),
                    hint: secrets::HINT.to_owned(),
                    is_warning: true,
                    ..about.problem(secrets::RULE, ErrorClass::InputError, at, index)
                }
            });
        }
    }

    fn begin(&mut self) {
        self.index = self.next;
        self.next += 1;
    }

    fn entity(&mut self, checked: ValidDocument, start: TextPosition, positions: &Positions) {
        let ValidDocument { entity, relations } = checked;
        let place = self.entities.len();
        self.declare(entity.entity_ref(), start, Some(place), positions);
        self.entities.push(Some(FileEntity {
            entity,
            relations,
            position: start,
            index: self.index,
        }));
    }

    /// What is wrong with a document. Where a value is not what it should have become, that is all there is
    /// to say about it.
    fn spoiled(
        &mut self,
        spoiled: Vec<InvalidValue>,
        violations: &[Violation],
        about: &DocumentSubject,
        start: TextPosition,
        positions: &Positions,
    ) {
        if let Some(entity_ref) = &about.entity_ref {
            self.declare(entity_ref, start, None, positions);
        }
        let places: HashSet<&str> = spoiled.iter().map(|it| it.pointer.as_str()).collect();
        let is_below = |violation: &Violation| {
            let pointer = violation.pointer.as_str();
            let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
            !places.is_empty()
                && above
                    .chain([pointer])
                    .any(|pointer| places.contains(pointer))
        };
        let rest: Vec<&Violation> = violations.iter().filter(|found| !is_below(found)).collect();
        for InvalidValue { pointer, problem } in spoiled {
            let Some(InvalidReason {
                rule,
                message,
                hint,
            }) = problem
            else {
                continue;
            };
            self.report(|index| {
                let at = positions.shown_at(&pointer);
                FileProblem {
                    message: blanked(&message).into_owned(),
                    hint,
                    ..about.problem(rule, ErrorClass::InputError, at, index)
                }
            });
        }
        for violation in rest {
            let is_file = match violation.blast_radius {
                BlastRadius::File => true,
                BlastRadius::Entity => false,
            };
            self.is_invalid |= is_file;
            self.report(|index| {
                let at = positions.shown_at(&violation.pointer);
                FileProblem {
                    // It may quote a value that nobody should repeat.
                    message: blanked(&violation.message).into_owned(),
                    hint: violation.hint.clone(),
                    is_file,
                    ..about.problem(violation.rule.as_str(), violation.class, at, index)
                }
            });
        }
    }

    /// The last document that declares an entity wins, valid or not, as in Backstage.
    fn declare(
        &mut self,
        entity_ref: &EntityRef,
        start: TextPosition,
        place: Option<usize>,
        positions: &Positions,
    ) {
        let now = EarlierDocument {
            line: start.line,
            place,
        };
        let Some(before) = self.declared.insert(entity_ref.clone(), now) else {
            return;
        };
        if let Some(place) = before.place {
            self.entities[place] = None;
        }
        let about = DocumentSubject {
            entity_ref: Some(entity_ref.clone()),
            owner: None,
        };
        self.report(|index| {
            let at = positions.shown_at("/metadata/name");
            FileProblem {
                message: format!(
                    "{entity_ref} is declared already by the document at line {}; this one replaces it",
                    before.line
                ),
                hint: hint(rule::DUPLICATE_ENTITY).to_owned(),
                is_warning: true,
                ..about.problem(
                    rule::DUPLICATE_ENTITY,
                    ErrorClass::ConflictError,
                    at,
                    index,
                )
            }
        });
    }

    /// Notes a document that could not be read.
    pub(crate) fn syntax(&mut self, problem: SyntaxProblem) {
        self.begin();
        self.spoil(problem.rule, problem.message, problem.position);
    }

    fn spoil(&mut self, rule: &'static str, message: String, at: TextPosition) {
        self.is_invalid = true;
        self.report(|index| FileProblem {
            message,
            hint: hint(rule).to_owned(),
            is_file: true,
            ..DocumentSubject::default().problem(rule, ErrorClass::Error, at, index)
        });
    }

    /// Notes a problem, unless there are enough: to find the place of each takes time too.
    fn report(&mut self, problem: impl FnOnce(u32) -> FileProblem) {
        if self.problems.len() < self.problems_max {
            self.problems.push(problem(self.index));
        } else {
            self.left_out += 1;
        }
    }

    /// The file.
    pub(crate) fn finish(mut self) -> CatalogFile {
        if self.left_out > 0 {
            let last = self.problems.last();
            let at = last.map_or(TextPosition::START, |last| TextPosition {
                line: last.line,
                column: last.column,
            });
            // To say less is no new problem.
            let rule = rule::TOO_MANY_PROBLEMS;
            self.problems.push(FileProblem {
                message: format!("the file has {} more problems", self.left_out),
                hint: hint(rule).to_owned(),
                is_warning: true,
                ..DocumentSubject::default().problem(rule, ErrorClass::Error, at, self.index)
            });
        }
        CatalogFile {
            entities: self.entities.into_iter().flatten().collect(),
            problems: self.problems,
            is_invalid: self.is_invalid,
            emitted: self.emitted,
        }
    }
}

/// What a document says about itself, valid or not.
#[derive(Default)]
struct DocumentSubject {
    entity_ref: Option<EntityRef>,
    owner: Option<String>,
}

impl DocumentSubject {
    fn of(document: &Value) -> Self {
        let owner = document.get("spec").and_then(|spec| spec.get("owner"));
        Self {
            entity_ref: declared_ref(document),
            owner: owner.and_then(Value::as_str).map(str::to_owned),
        }
    }

    fn emitted(&self, document: &Value, position: TextPosition) -> Option<DeclaredKind> {
        let kind = document
            .get("kind")?
            .as_str()
            .filter(|kind| !kind.is_empty())?;
        document.get("metadata")?.get("name")?.as_str()?;
        let spec_type = document.get("spec").and_then(|spec| spec.get("type"));
        Some(DeclaredKind {
            entity_ref: self.entity_ref.clone(),
            kind: kind.to_owned(),
            spec_type: spec_type.and_then(Value::as_str).map(str::to_owned),
            position,
        })
    }

    /// A problem of the document, in want of words.
    fn problem(
        &self,
        rule: &str,
        class: ErrorClass,
        at: TextPosition,
        document: u32,
    ) -> FileProblem {
        FileProblem {
            rule: rule.to_owned(),
            message: String::new(),
            hint: String::new(),
            line: at.line,
            column: at.column,
            entity_ref: self.entity_ref.clone(),
            document,
            class,
            is_file: false,
            is_warning: false,
            owner: self.owner.clone(),
        }
    }
}

/// The entity that a document means to declare, valid or not.
fn declared_ref(document: &Value) -> Option<EntityRef> {
    let kind = document.get("kind")?.as_str()?;
    let metadata = document.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let namespace = match metadata.get("namespace") {
        Some(namespace) => namespace.as_str()?,
        None => freshet_model::DEFAULT_NAMESPACE,
    };
    EntityRef::new(kind, namespace, name).ok()
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// What to do about a file that breaks one of the rules of [`rule`].
fn hint(broken: &str) -> &'static str {
    match broken {
        rule::SYNTAX => {
            "Check indentation, quotes and brackets around this place; a text with special characters needs quotes."
        }
        rule::DUPLICATE_KEY => "Keep one of the two keys.",
        rule::ALIAS_UNDEFINED => {
            "Define the anchor earlier in the same document; anchors do not reach across `---`."
        }
        rule::ALIAS_CYCLE => "Write the value out instead of referring to the one it is part of.",
        rule::ALIAS_LIMIT => "Use fewer aliases, or write the repeated values out.",
        rule::TOO_DEEP => {
            "Nest less; move a large definition to its own file and refer to it with `$text`."
        }
        rule::TOO_LARGE | rule::FILE_TOO_LARGE => {
            "Move large definitions to their own files and refer to them with `$text`."
        }
        rule::TOO_MANY_DOCUMENTS => "Split the file, and list the parts in a Location entity.",
        rule::TOO_MANY_PROBLEMS => "ScannerFixup the problems above first.",
        rule::ROOT => {
            "Write an entity, with apiVersion, kind, metadata and spec, at the root of the document."
        }
        rule::DUPLICATE_ENTITY => {
            "Remove one of the two documents, or give one another name or namespace."
        }
        _ => "",
    }
}
