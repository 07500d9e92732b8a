//! Where in a document the placeholders are.
//!
//! A placeholder is an object with exactly one key, which begins with `$` and names a way of reading.
//! Every other object with a key that begins with `$` is left alone, with all that is in it.

use serde_json::{Map, Value};

use crate::json_pointer::with_step;

/// How the content of a file becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::catalog_file) enum PlaceholderForm {
    Text,
    Json,
    Yaml,
}

impl PlaceholderForm {
    fn parse(key: &str) -> Option<Self> {
        match key {
            "$text" => Some(Self::Text),
            "$json" => Some(Self::Json),
            "$yaml" => Some(Self::Yaml),
            _ => None,
        }
    }

    pub(in crate::catalog_file) fn key(self) -> &'static str {
        match self {
            Self::Text => "$text",
            Self::Json => "$json",
            Self::Yaml => "$yaml",
        }
    }
}

/// One placeholder of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog_file) struct Placeholder {
    /// JSON pointer of the object.
    pub(in crate::catalog_file) pointer: String,
    pub(in crate::catalog_file) form: PlaceholderForm,
    /// What it names; `None` if that is no text.
    pub(in crate::catalog_file) value: Option<String>,
}

impl Placeholder {
    /// The mappings and lists that it is in.
    pub(in crate::catalog_file) fn levels_around(&self) -> usize {
        // A slash of a name is escaped.
        self.pointer.matches('/').count()
    }
}

/// Whether a file may have placeholders at all: `$` can be written as itself or as an escape.
pub(in crate::catalog_file) fn may_hold_placeholders(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, b'$' | b'\\'))
}

/// The placeholders of a document, in its order. None if its envelope is broken: then nobody knows whose
/// they are.
pub(in crate::catalog_file) fn find_placeholders(document: &Value) -> Vec<Placeholder> {
    let mut found = Vec::new();
    if has_envelope(document) {
        let mut pointer = String::new();
        find_below(document, &mut pointer, &mut found);
    }
    found
}

/// Whether the document says which entity it is about; in the same words as the envelope stage of
/// validation, which reports what is missing.
pub(in crate::catalog_file) fn has_envelope(document: &Value) -> bool {
    let is_text = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    let Some(metadata) = document.get("metadata").and_then(Value::as_object) else {
        return false;
    };
    is_text(document.get("apiVersion"))
        && is_text(document.get("kind"))
        && is_text(metadata.get("name"))
        && metadata
            .get("namespace")
            .is_none_or(|namespace| is_text(Some(namespace)))
        && metadata
            .get("annotations")
            .is_none_or(freshet_model::may_be_annotations)
}

fn find_below(value: &Value, pointer: &mut String, found: &mut Vec<Placeholder>) {
    match value {
        Value::Object(members) => find_in_object(members, pointer, found),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                with_step(pointer, &index.to_string(), |pointer| {
                    find_below(item, pointer, found);
                });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn find_in_object(
    members: &Map<String, Value>,
    pointer: &mut String,
    found: &mut Vec<Placeholder>,
) {
    // One key with a dollar is enough: JSON Schema and AWS templates are full of `$ref` beside
    // other keys.
    let is_plain = !members.keys().any(|key| key.starts_with('$'));
    if is_plain {
        for (key, member) in members {
            if member.is_object() || member.is_array() {
                with_step(pointer, key, |pointer| find_below(member, pointer, found));
            }
        }
        return;
    }
    // By the time Backstage looks, the annotations hold more than what the author wrote.
    if members.len() != 1 || pointer == "/metadata/annotations" {
        return;
    }
    for (key, value) in members {
        if let Some(form) = PlaceholderForm::parse(key) {
            found.push(Placeholder {
                pointer: pointer.clone(),
                form,
                value: value.as_str().map(str::to_owned),
            });
        }
    }
}
