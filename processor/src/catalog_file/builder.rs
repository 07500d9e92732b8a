//! Validates the documents of a catalog file, one after the other.

use std::collections::{HashMap, HashSet};

use freshet_model::location::{LocationSpec, TargetPlaces};
use freshet_model::{
    BlastRadius, Entity, EntityRef, ErrorClass, Kinds, Level, Problem, RuleId, ValidDocument,
    Violation,
};
use serde_json::Value;

use super::entities::{CatalogFile, DeclaredKind, FileEntity};
use super::hints::hint_for;
use super::secrets::{self, blank_secrets, secret_values};
use super::subject::DocumentSubject;
use crate::limits::ReadLimits;
use crate::yaml::{
    OddSpace, ParsedDocument, Positions, SyntaxProblem, TextPosition, find_wrong_byte,
    read_documents,
};

/// The kind of entities that point at files, as refs spell it.
const LOCATION_KIND: &str = "location";

/// Reads a catalog file: its documents, each validated by itself. Placeholders stay what they are.
pub fn read_catalog_file(bytes: &[u8], kinds: &Kinds, limits: &ReadLimits) -> CatalogFile {
    let mut builder = CatalogFileBuilder::new(limits);
    builder.warn_of_encoding(find_wrong_byte(bytes));
    for document in read_documents(bytes, limits) {
        match document {
            Ok(document) => builder.add_document(document, |_| Vec::new(), kinds),
            Err(problem) => builder.add_syntax_problem(problem),
        }
    }
    builder.into_file()
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
    rule: RuleId,
    message: String,
    hint: String,
}

impl InvalidValue {
    /// A value that nobody looked at.
    pub(crate) fn not_looked_at(pointer: String) -> Self {
        Self {
            pointer,
            problem: None,
        }
    }

    /// A value that is wrong.
    pub(crate) fn breaks_rule(
        pointer: String,
        rule: RuleId,
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

/// A catalog file while its documents are validated, one after the other.
#[derive(Default)]
pub(crate) struct CatalogFileBuilder {
    /// `None` where a later document declares the same entity.
    entities: Vec<Option<FileEntity>>,
    problems: Vec<Problem>,
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

    /// Validates a document, after `fill` has put into it what comes from elsewhere.
    pub(crate) fn add_document(
        &mut self,
        document: ParsedDocument,
        fill: impl FnOnce(&mut Value) -> Vec<InvalidValue>,
        kinds: &Kinds,
    ) {
        self.begin_document();
        let ParsedDocument {
            mut value,
            positions,
            start,
            odd_space,
        } = document;
        match &value {
            // An empty document declares nothing.
            // It still has its number: `---` between two documents counts in Backstage too.
            Value::Null => return,
            Value::Object(_) => {}
            other => {
                let message = format!(
                    "a document must be a mapping, this is {}",
                    describe_type(other)
                );
                self.invalidate_file(RuleId::YamlRoot, message, positions.value_at(""));
                return;
            }
        }
        let declared = DocumentSubject::read(&value);
        self.emitted.extend(declared.declared_kind(&value, start));
        // After the subject was read: an owner from CODEOWNERS is not what the author wrote, and
        // problems are sent to the owner the document names.
        let invalid = fill(&mut value);
        // With the contents of placeholders in place, for what they bring is shown to everybody
        // too.
        self.warn_of_secrets(&value, &declared, &positions);
        let validated = freshet_model::validate(value, kinds);
        if let Some(odd_space) = odd_space {
            let violations = validated.as_ref().err().map(Vec::as_slice);
            if self.report_odd_space(odd_space, violations, &declared) {
                return;
            }
        }
        match validated {
            Ok(checked) if invalid.is_empty() => self.add_entity(checked, start, &positions),
            Ok(_) => self.report_invalid(invalid, &[], &declared, start, &positions),
            Err(violations) => {
                self.report_invalid(invalid, &violations, &declared, start, &positions);
            }
        }
    }

    /// Values that everybody will see and perhaps should not.
    fn warn_of_secrets(
        &mut self,
        document: &Value,
        about: &DocumentSubject,
        positions: &Positions,
    ) {
        for found in secret_values(document) {
            self.add_problem(|| {
                let at = positions.shown_at(&found.pointer);
                Problem {
                    message: found.kind.message(),
                    hint: secrets::HINT.to_owned(),
                    level: Level::Warning,
                    ..about.problem_of(RuleId::SecretValue, ErrorClass::InputError, at)
                }
            });
        }
    }

    /// What only looks like indentation. Whether that is all there is to say about the document: what
    /// is missing elsewhere is in the lines that are not indented.
    fn report_odd_space(
        &mut self,
        odd_space: OddSpace,
        violations: Option<&[Violation]>,
        about: &DocumentSubject,
    ) -> bool {
        let is_file = violations.is_some_and(|violations| {
            let mut violations = violations.iter();
            violations.any(|it| it.blast_radius == BlastRadius::File)
        });
        self.is_invalid |= is_file;
        let rule = RuleId::YamlSpace;
        self.add_problem(|| Problem {
            message: format!("this key begins with {odd_space}"),
            hint: hint_for(rule).to_owned(),
            level: match violations {
                Some(_) => Level::Error,
                None => Level::Warning,
            },
            is_file,
            ..about.problem_of(rule, ErrorClass::InputError, odd_space.position)
        });
        violations.is_some()
    }

    /// What was not UTF-8 is shown to everybody as U+FFFD.
    pub(crate) fn warn_of_encoding(&mut self, wrong: Option<(TextPosition, u8)>) {
        let Some((at, byte)) = wrong else { return };
        let rule = RuleId::YamlEncoding;
        self.add_problem(|| Problem {
            message: format!(
                "the byte 0x{byte:02X} here is no UTF-8, so that U+FFFD is shown in its place; is the file Latin-1?"
            ),
            hint: hint_for(rule).to_owned(),
            level: Level::Warning,
            ..DocumentSubject::default().problem_of(rule, ErrorClass::Error, at)
        });
    }

    fn begin_document(&mut self) {
        self.index = self.next;
        self.next += 1;
    }

    fn add_entity(&mut self, checked: ValidDocument, start: TextPosition, positions: &Positions) {
        let ValidDocument { entity, relations } = checked;
        let place = self.entities.len();
        self.note_declaration(entity.entity_ref(), start, Some(place), positions);
        self.entities.push(Some(FileEntity {
            target_places: find_target_places(&entity, positions),
            entity,
            relations,
            position: start,
            index: self.index,
        }));
    }

    /// What is wrong with a document. Where a value is not what it should have become, that is all there is
    /// to say about it.
    fn report_invalid(
        &mut self,
        invalid: Vec<InvalidValue>,
        violations: &[Violation],
        about: &DocumentSubject,
        start: TextPosition,
        positions: &Positions,
    ) {
        if let Some(entity_ref) = &about.entity_ref {
            self.note_declaration(entity_ref, start, None, positions);
        }
        // A placeholder that could not be filled is an object where validation expects a text:
        // reporting that as well would blame the author twice for one thing.
        let places: HashSet<&str> = invalid.iter().map(|it| it.pointer.as_str()).collect();
        let is_below = |violation: &Violation| {
            let pointer = violation.pointer.as_str();
            let above = pointer.match_indices('/').map(|(at, _)| &pointer[..at]);
            !places.is_empty()
                && above
                    .chain([pointer])
                    .any(|pointer| places.contains(pointer))
        };
        let rest: Vec<&Violation> = violations.iter().filter(|found| !is_below(found)).collect();
        for InvalidValue { pointer, problem } in invalid {
            let Some(InvalidReason {
                rule,
                message,
                hint,
            }) = problem
            else {
                continue;
            };
            self.add_problem(|| {
                let at = positions.shown_at(&pointer);
                Problem {
                    message: blank_secrets(&message).into_owned(),
                    hint,
                    ..about.problem_of(rule, ErrorClass::InputError, at)
                }
            });
        }
        for violation in rest {
            let is_file = match violation.blast_radius {
                BlastRadius::File => true,
                BlastRadius::Entity => false,
            };
            // Even if there are too many problems to report this one.
            self.is_invalid |= is_file;
            self.add_problem(|| {
                let at = positions.shown_at(&violation.pointer);
                Problem {
                    // It may quote a value that nobody should repeat.
                    message: blank_secrets(&violation.message).into_owned(),
                    hint: violation.hint.clone(),
                    is_file,
                    ..about.problem_of(violation.rule, violation.class, at)
                }
            });
        }
    }

    /// The last document that declares an entity wins, valid or not, as in Backstage.
    fn note_declaration(
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
        // Even if the later one is invalid: keeping the earlier would let a broken edit bring back
        // what it was meant to replace.
        if let Some(place) = before.place {
            self.entities[place] = None;
        }
        let about = DocumentSubject {
            entity_ref: Some(entity_ref.clone()),
            owner: None,
        };
        self.add_problem(|| {
            let at = positions.shown_at("/metadata/name");
            Problem {
                message: format!(
                    "{entity_ref} is declared already by the document at line {}; this one replaces it",
                    before.line
                ),
                hint: hint_for(RuleId::EntityDuplicate).to_owned(),
                level: Level::Warning,
                ..about.problem_of(
                    RuleId::EntityDuplicate,
                    ErrorClass::ConflictError,
                    at)
            }
        });
    }

    /// Notes a document that could not be read.
    pub(crate) fn add_syntax_problem(&mut self, problem: SyntaxProblem) {
        self.begin_document();
        self.invalidate_file(problem.rule, problem.message, problem.position);
    }

    fn invalidate_file(&mut self, rule: RuleId, message: String, at: TextPosition) {
        self.is_invalid = true;
        self.add_problem(|| Problem {
            message,
            hint: hint_for(rule).to_owned(),
            is_file: true,
            ..DocumentSubject::default().problem_of(rule, ErrorClass::Error, at)
        });
    }

    /// Notes a problem, unless there are enough: to find the place of each takes time too.
    fn add_problem(&mut self, problem: impl FnOnce() -> Problem) {
        // A hostile file could otherwise make a report of many times its own size.
        if self.problems.len() < self.problems_max {
            self.problems.push(problem());
        } else {
            self.left_out += 1;
        }
    }

    /// The file.
    pub(crate) fn into_file(mut self) -> CatalogFile {
        if self.left_out > 0 {
            let last = self.problems.last();
            let at = last.map_or(TextPosition::START, |last| TextPosition {
                line: last.line,
                column: last.column,
            });
            // To say less is no new problem.
            let rule = RuleId::YamlLimitProblems;
            self.problems.push(Problem {
                message: format!("the file has {} more problems", self.left_out),
                hint: hint_for(rule).to_owned(),
                level: Level::Warning,
                ..DocumentSubject::default().problem_of(rule, ErrorClass::Error, at)
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

/// Whether a target can be read is known only after the file was left, and then it is told where it stands.
fn find_target_places(entity: &Entity, positions: &Positions) -> Option<TargetPlaces> {
    if entity.entity_ref().kind() != LOCATION_KIND {
        return None;
    }
    // All in one walk: whoever looks for one of them passes those before it.
    let elements = positions.elements_shown_at("/spec/targets");
    let place_of = |pointer: &str| {
        let index = pointer.strip_prefix("/spec/targets/")?.parse().ok();
        elements.get::<usize>(index?).copied()
    };
    let pointers = LocationSpec::target_pointers(entity.document()).into_iter();
    Some(TargetPlaces {
        location_type: Some(positions.shown_at("/spec/type")),
        targets: pointers
            .map(|pointer| place_of(&pointer).unwrap_or_else(|| positions.shown_at(&pointer)))
            .collect(),
    })
}

fn describe_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
