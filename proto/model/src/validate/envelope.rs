//! The envelope: what every document must have before anything else can be said about it,
//! and what may stand at its root.
//!
//! A broken envelope costs the whole file: nobody can tell which entity was meant, so
//! nothing about the file's entities may be concluded from it.

use serde_json::{Map, Value};

use super::Outline;
use super::findings::{Field, Findings, Step, field, pointer, quote, string_hint, type_name};
use super::metadata;
use crate::ErrorClass;

/// The keys that may stand at the root of a declared document.
const ROOT_KEYS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// Keys of the served document that only the catalog writes.
const SERVED_KEYS: [&str; 2] = ["relations", "status"];

/// The envelope. `None` if there is nothing to look further into.
pub(super) fn check<'d>(document: &'d Value, findings: &mut Findings) -> Option<Outline<'d>> {
    let Value::Object(root) = document else {
        findings.file(
            // Not the TypeError of the other envelope failures: Backstage says this one
            // already while it reads the file.
            ErrorClass::Error,
            "document.type",
            String::new(),
            format!("the document is {}, not an entity", type_name(document)),
            "Start with apiVersion, kind and metadata.",
        );
        return None;
    };
    let api_version = required(root, &[], "apiVersion", &field!("apiVersion"), findings);
    let kind = required(root, &[], "kind", &field!("kind"), findings);
    let metadata = metadata_object(root, findings)?;
    let at = &["metadata".into()];
    let name = required(metadata, at, "name", &field!("metadata.name"), findings);
    let namespace = metadata.get("namespace").and_then(|value| {
        string(
            value,
            at,
            "namespace",
            &field!("metadata.namespace"),
            findings,
        )
    });
    annotations_shape(metadata, findings);
    Some(Outline {
        root,
        metadata,
        api_version,
        kind,
        name,
        namespace,
    })
}

fn metadata_object<'d>(
    root: &'d Map<String, Value>,
    findings: &mut Findings,
) -> Option<&'d Map<String, Value>> {
    let field = field!("metadata");
    let hint = "Add metadata with at least a name.";
    match root.get("metadata") {
        Some(Value::Object(metadata)) => return Some(metadata),
        Some(value) => findings.file(
            ErrorClass::TypeError,
            field.wrong_type,
            pointer(&["metadata".into()]),
            format!("metadata must be a mapping, but is {}", type_name(value)),
            hint,
        ),
        None => findings.file(
            ErrorClass::TypeError,
            field.missing,
            String::new(),
            "metadata is missing".to_owned(),
            hint,
        ),
    }
    None
}

/// A string that must be there and not be empty, or the file is lost.
fn required<'d>(
    parent: &'d Map<String, Value>,
    at: &[Step<'_>],
    key: &str,
    field: &Field,
    findings: &mut Findings,
) -> Option<&'d str> {
    let Some(value) = parent.get(key) else {
        findings.file(
            ErrorClass::TypeError,
            field.missing,
            pointer(at),
            format!("{} is missing", field.path),
            format!("Add {} to the document.", field.path),
        );
        return None;
    };
    string(value, at, key, field, findings)
}

/// A string that must not be empty, or the file is lost.
fn string<'d>(
    value: &'d Value,
    at: &[Step<'_>],
    key: &str,
    field: &Field,
    findings: &mut Findings,
) -> Option<&'d str> {
    let (rule, message, hint) = match value {
        Value::String(text) if !text.is_empty() => return Some(text),
        Value::String(_) => (
            field.empty,
            format!("{} must not be empty", field.path),
            "Give it a value.",
        ),
        _ => (
            field.wrong_type,
            format!(
                "{} must be a string, but is {}",
                field.path,
                type_name(value)
            ),
            string_hint(value),
        ),
    };
    let at: Vec<Step<'_>> = at.iter().copied().chain([key.into()]).collect();
    findings.file(ErrorClass::TypeError, rule, pointer(&at), message, hint);
    None
}

/// `metadata.annotations` must be a mapping already for the catalog to add its own; null
/// counts as absent.
fn annotations_shape(metadata: &Map<String, Value>, findings: &mut Findings) {
    match metadata.get("annotations") {
        None | Some(Value::Null | Value::Object(_)) => {}
        Some(value) => findings.file(
            ErrorClass::Error,
            "metadata.annotations.type",
            pointer(&["metadata".into(), "annotations".into()]),
            format!(
                "metadata.annotations must be a mapping, but is {}",
                type_name(value)
            ),
            "Write annotations as \"key: value\" lines.",
        ),
    }
}

/// The generic schema of a document, then the root fields a declared one may have.
pub(super) fn check_root(outline: &Outline<'_>, findings: &mut Findings) {
    for key in outline.root.keys() {
        if !ROOT_KEYS.contains(&key.as_str()) && !SERVED_KEYS.contains(&key.as_str()) {
            findings.entity(
                "document.additional",
                pointer(&[key.as_str().into()]),
                format!("{} cannot stand at the root of an entity", quote(key)),
                "Only apiVersion, kind, metadata and spec can. Is the indentation right?",
            );
        }
    }
    metadata::check(outline.metadata, findings);
    match outline.root.get("spec") {
        None | Some(Value::Object(_)) => {}
        Some(value) => findings.entity(
            "spec.type",
            pointer(&["spec".into()]),
            format!("spec must be a mapping, but is {}", type_name(value)),
            "Write the fields of spec as indented \"key: value\" lines.",
        ),
    }
    if let Some(relations) = outline.root.get("relations") {
        relation_shapes(relations, findings);
    }
    for key in SERVED_KEYS
        .into_iter()
        .filter(|key| outline.root.contains_key(*key))
    {
        findings.entity(
            "document.served",
            pointer(&[key.into()]),
            format!("{key} is written by the catalog and cannot be declared"),
            format!("Remove {key}; relations follow from the fields of spec."),
        );
    }
}

/// Relations are refused in any case; malformed ones are refused by their shape first.
fn relation_shapes(relations: &Value, findings: &mut Findings) {
    let malformed = match relations {
        Value::Array(items) => items.iter().position(|item| !is_relation(item)).map(Some),
        _ => Some(None),
    };
    if let Some(item) = malformed {
        let steps: Vec<Step<'_>> = [Step::Key("relations")]
            .into_iter()
            .chain(item.map(Step::Index))
            .collect();
        findings.entity(
            "relations.type",
            pointer(&steps),
            "relations must be a list of mappings with type and targetRef".to_owned(),
            "Remove relations; they follow from the fields of spec.",
        );
    }
}

fn is_relation(item: &Value) -> bool {
    let is_text = |key| {
        item.get(key)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    is_text("type") && is_text("targetRef")
}
