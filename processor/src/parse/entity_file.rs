//! What one catalog file declares: its entities, and what is wrong with it.
//!
//! Each document stands for itself, except where Backstage lets one document spoil the file:
//! one that is not YAML, not a mapping, or has no envelope. Then nothing the file says may
//! change the catalog, and the file is called poisoned. Entities and problems are reported
//! even so, because whoever checks a file before pushing it wants all of them.

use std::collections::HashMap;

use freshet_model::{Blast, Checked, Entity, EntityRef, Kinds, RelationDeclaration, Violation};
use serde_json::Value;

use super::{Limits, ParsedDocument, Position, Positions, SyntaxProblem, read_documents, rule};

/// Everything one catalog file says.
#[derive(Clone, Debug, Default)]
pub struct CatalogFile {
    /// The valid entities in file order. If two documents declare the same one, the later.
    pub entities: Vec<FileEntity>,
    /// What is wrong, in file order.
    pub problems: Vec<FileProblem>,
    /// Whether a problem is of the kind for which the whole file must be disregarded.
    pub poisoned: bool,
}

/// One entity of a file.
#[derive(Clone, Debug)]
pub struct FileEntity {
    /// The entity.
    pub entity: Entity,
    /// What it declares about others.
    pub relations: Vec<RelationDeclaration>,
    /// Where its document starts.
    pub position: Position,
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
}

/// Reads a catalog file: its documents, each validated by itself.
pub fn read_catalog_file(bytes: &[u8], kinds: &Kinds, limits: &Limits) -> CatalogFile {
    let mut reading = Reading::default();
    for (index, document) in (0u32..).zip(read_documents(bytes, limits)) {
        reading.index = index;
        match document {
            Ok(document) => reading.document(document, kinds),
            Err(problem) => reading.syntax(problem),
        }
    }
    reading.finish(limits.problems)
}

#[derive(Default)]
struct Reading {
    /// `None` where a later document declares the same entity.
    entities: Vec<Option<FileEntity>>,
    problems: Vec<FileProblem>,
    poisoned: bool,
    /// Who declared an entity last: its document, and its place in `entities` if it is valid.
    declared: HashMap<EntityRef, Declared>,
    index: u32,
}

#[derive(Clone, Copy)]
struct Declared {
    line: u32,
    place: Option<usize>,
}

impl Reading {
    fn document(&mut self, document: ParsedDocument, kinds: &Kinds) {
        match &document.value {
            // An empty document declares nothing.
            Value::Null => return,
            Value::Object(_) => {}
            other => {
                let message = format!("a document must be a mapping, this is {}", name_of(other));
                let at = document.positions.value_at("");
                self.spoil(rule::ROOT, message, at);
                return;
            }
        }
        let ParsedDocument {
            value,
            positions,
            start,
        } = document;
        let declared_ref = declared_ref(&value);
        match freshet_model::validate(value, kinds) {
            Ok(checked) => self.entity(checked, start, &positions),
            Err(violations) => {
                self.violations(&violations, declared_ref.as_ref(), start, &positions);
            }
        }
    }

    fn entity(&mut self, checked: Checked, start: Position, positions: &Positions) {
        let Checked { entity, relations } = checked;
        let place = self.entities.len();
        self.declare(entity.entity_ref(), start, Some(place), positions);
        self.entities.push(Some(FileEntity {
            entity,
            relations,
            position: start,
            index: self.index,
        }));
    }

    fn violations(
        &mut self,
        violations: &[Violation],
        entity_ref: Option<&EntityRef>,
        start: Position,
        positions: &Positions,
    ) {
        if let Some(entity_ref) = entity_ref {
            self.declare(entity_ref, start, None, positions);
        }
        for violation in violations {
            self.poisoned |= match violation.blast {
                Blast::File => true,
                Blast::Entity => false,
            };
            let at = positions.shown_at(&violation.pointer);
            self.problems.push(FileProblem {
                rule: violation.rule.to_owned(),
                message: violation.message.clone(),
                hint: violation.hint.clone(),
                line: at.line,
                column: at.column,
                entity_ref: entity_ref.cloned(),
                document: self.index,
            });
        }
    }

    /// The last document that declares an entity wins, valid or not, as in Backstage.
    fn declare(
        &mut self,
        entity_ref: &EntityRef,
        start: Position,
        place: Option<usize>,
        positions: &Positions,
    ) {
        let now = Declared {
            line: start.line,
            place,
        };
        let Some(before) = self.declared.insert(entity_ref.clone(), now) else {
            return;
        };
        if let Some(place) = before.place {
            self.entities[place] = None;
        }
        let at = positions.shown_at("/metadata/name");
        self.problems.push(FileProblem {
            rule: rule::DUPLICATE_ENTITY.to_owned(),
            message: format!(
                "{entity_ref} is declared already by the document at line {}; this one replaces it",
                before.line
            ),
            hint: hint(rule::DUPLICATE_ENTITY).to_owned(),
            line: at.line,
            column: at.column,
            entity_ref: Some(entity_ref.clone()),
            document: self.index,
        });
    }

    fn syntax(&mut self, problem: SyntaxProblem) {
        self.spoil(problem.rule, problem.message, problem.position);
    }

    fn spoil(&mut self, rule: &'static str, message: String, at: Position) {
        self.poisoned = true;
        self.problems.push(FileProblem {
            rule: rule.to_owned(),
            message,
            hint: hint(rule).to_owned(),
            line: at.line,
            column: at.column,
            entity_ref: None,
            document: self.index,
        });
    }

    fn finish(mut self, problems_max: usize) -> CatalogFile {
        if self.problems.len() > problems_max {
            let left_out = self.problems.len() - problems_max;
            self.problems.truncate(problems_max);
            let last = self.problems.last();
            let at = last.map_or(Position::START, |last| Position {
                line: last.line,
                column: last.column,
            });
            let poisoned = self.poisoned;
            self.spoil(
                rule::TOO_MANY_PROBLEMS,
                format!("the file has {left_out} more problems"),
                at,
            );
            // To say less is no new problem.
            self.poisoned = poisoned;
        }
        CatalogFile {
            entities: self.entities.into_iter().flatten().collect(),
            problems: self.problems,
            poisoned: self.poisoned,
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
        rule::TOO_MANY_PROBLEMS => "Mend the problems above first.",
        rule::ROOT => {
            "Write an entity, with apiVersion, kind, metadata and spec, at the root of the document."
        }
        rule::DUPLICATE_ENTITY => {
            "Remove one of the two documents, or give one another name or namespace."
        }
        _ => "",
    }
}
