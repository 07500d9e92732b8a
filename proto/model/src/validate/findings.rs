//! Collecting violations, and saying them alike.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Blast, ErrorClass, Violation};

/// Longest piece of a document that is repeated in a message, in characters.
const QUOTE_CHARACTERS_MAX: usize = 80;

/// The violations found so far, in the order of reporting.
#[derive(Default)]
pub(super) struct Findings {
    violations: Vec<Violation>,
}

/// The names of one field and of the rules about it.
pub(super) struct Field {
    /// The field with dots, as people write it.
    pub(super) path: &'static str,
    pub(super) missing: &'static str,
    pub(super) wrong_type: &'static str,
    pub(super) empty: &'static str,
    pub(super) format: &'static str,
}

/// The [`Field`] of a path.
macro_rules! field {
    ($path:literal) => {
        $crate::validate::findings::Field {
            path: $path,
            missing: concat!($path, ".required"),
            wrong_type: concat!($path, ".type"),
            empty: concat!($path, ".empty"),
            format: concat!($path, ".format"),
        }
    };
}
pub(super) use field;

/// One step of a JSON pointer.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl Findings {
    /// A violation that costs one entity.
    pub(super) fn entity(
        &mut self,
        rule: &'static str,
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
            blast: Blast::Entity,
        });
    }

    /// A violation that costs the whole file.
    pub(super) fn file(
        &mut self,
        class: ErrorClass,
        rule: &'static str,
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
            blast: Blast::File,
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
pub(super) fn pointer(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        text.push('/');
        match step {
            Step::Key(key) => text.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => {
                write!(text, "{index}").expect("writing to a string cannot fail");
            }
        }
    }
    text
}

/// A text in quotes, cut where it gets long.
pub(super) fn quote(text: &str) -> String {
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
