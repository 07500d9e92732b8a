//! Collecting violations, and saying them alike.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{BlastRadius, ErrorClass, RuleId, Violation};

/// Longest piece of a document that is repeated in a message, in characters.
const QUOTE_CHARACTERS_MAX: usize = 80;

/// The violations found so far, in the order of reporting.
#[derive(Default)]
pub(super) struct Findings {
    violations: Vec<Violation>,
}

/// A field that holds a text, and the rules about it.
pub(super) struct TextField {
    /// The field with dots, as people write it.
    pub(super) path: &'static str,
    pub(super) wrong_type: RuleId,
    pub(super) empty: RuleId,
}

impl TextField {
    /// The last step of the path.
    pub(super) fn key(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The JSON pointer of a field that stands in no list.
    pub(super) fn pointer(&self) -> String {
        format!("/{}", self.path.replace('.', "/"))
    }

    /// The JSON pointer of what should hold a field that stands in no list.
    pub(super) fn parent_pointer(&self) -> String {
        let mut pointer = self.pointer();
        pointer.truncate(pointer.len() - self.key().len() - 1);
        pointer
    }

    pub(super) fn say_empty(&self) -> String {
        format!("{} must not be empty", self.path)
    }

    pub(super) fn say_wrong_type(&self, value: &Value) -> String {
        format!(
            "{} must be a string, but is {}",
            self.path,
            type_name(value)
        )
    }
}

/// One step of a JSON pointer.
#[derive(Clone, Copy)]
pub(super) enum PointerStep<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> From<&'a str> for PointerStep<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for PointerStep<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl Findings {
    /// A violation that costs one entity.
    pub(super) fn add_violation(
        &mut self,
        rule: RuleId,
        pointer: String,
        message: String,
        hint: impl Into<String>,
    ) {
        self.violations.push(Violation {
            rule,
            pointer,
            message,
            hint: hint.into(),
            class: ErrorClass::InputError,
            blast_radius: BlastRadius::Entity,
        });
    }

    /// A violation that costs the whole file.
    pub(super) fn add_file_violation(
        &mut self,
        class: ErrorClass,
        rule: RuleId,
        pointer: String,
        message: String,
        hint: impl Into<String>,
    ) {
        let hint = hint.into();
        self.violations.push(Violation {
            rule,
            pointer,
            message,
            hint,
            class,
            blast_radius: BlastRadius::File,
        });
    }

    /// Whether something has been found at this pointer or below it.
    pub(super) fn has_under(&self, pointer: &str) -> bool {
        self.violations.iter().any(|violation| {
            violation
                .pointer
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.violations.is_empty()
    }

    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }
}

/// The JSON pointer of these steps.
pub(super) fn to_pointer(steps: &[PointerStep<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        text.push('/');
        match step {
            PointerStep::Key(key) => text.push_str(&key.replace('~', "~0").replace('/', "~1")),
            PointerStep::Index(index) => {
                write!(text, "{index}").expect("writing to a string cannot fail");
            }
        }
    }
    text
}

/// A text in quotes, cut where it gets long.
pub(super) fn quote_short(text: &str) -> String {
    // Messages are stored and published; a document must not be repeated in them.
    match text.char_indices().nth(QUOTE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// What a value is, for people.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// What to do about a value that should have been a string.
pub(super) fn string_hint(value: &Value) -> &'static str {
    match value {
        Value::Number(_) | Value::Bool(_) => "Put the value in quotes.",
        Value::Null => "Give it a value or remove the key.",
        Value::String(_) | Value::Array(_) | Value::Object(_) => "Write a plain string here.",
    }
}
