//! The envelope: what every document must have before anything else can be said about it,
//! and what may stand at its root.
//!
//! A broken envelope costs the whole file: nobody can tell which entity was meant, so
//! nothing about the file's entities may be concluded from it.

use serde_json::{Map, Value};

use super::DocumentOutline;
use super::findings::{
    Findings, PointerStep, TextField, quote_short, string_hint, to_pointer, type_name,
};
use super::metadata;
use crate::{ErrorClass, RuleId};

/// The keys that may stand at the root of a declared document.
const ROOT_KEYS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// Keys of the served document that only the catalog writes.
const SERVED_KEYS: [&str; 2] = ["relations", "status"];

const API_VERSION: TextField = TextField {
    path: "apiVersion",
    wrong_type: RuleId::ApiVersionType,
    empty: RuleId::ApiVersionEmpty,
};
const KIND: TextField = TextField {
    path: "kind",
    wrong_type: RuleId::KindType,
    empty: RuleId::KindEmpty,
};
const NAME: TextField = TextField {
    path: "metadata.name",
    wrong_type: RuleId::MetadataNameType,
    empty: RuleId::MetadataNameEmpty,
};
const NAMESPACE: TextField = TextField {
    path: "metadata.namespace",
    wrong_type: RuleId::MetadataNamespaceType,
    empty: RuleId::MetadataNamespaceEmpty,
};

/// The envelope. `None` if there is nothing to look further into.
pub(super) fn check_envelope<'d>(
    document: &'d Value,
    findings: &mut Findings,
) -> Option<DocumentOutline<'d>> {
    let Value::Object(root) = document else {
        findings.add_file_violation(
            // Not the TypeError of the other envelope failures: Backstage says this one
            // already while it reads the file.
            ErrorClass::Error,
            RuleId::DocumentType,
            String::new(),
            format!("the document is {}, not an entity", type_name(document)),
            "Start with apiVersion, kind and metadata.",
        );
        return None;
    };
    let api_version = read_required(root, &API_VERSION, RuleId::ApiVersionRequired, findings);
    let kind = read_required(root, &KIND, RuleId::KindRequired, findings);
    let metadata = read_metadata(root, findings)?;
    // A missing kind does not end it here: one look at the file shows all that is missing.
    let name = read_required(metadata, &NAME, RuleId::MetadataNameRequired, findings);
    let namespace = metadata
        .get("namespace")
        .and_then(|value| read_text(value, &NAMESPACE, findings));
    check_annotations_shape(metadata, findings);
    Some(DocumentOutline {
        root,
        metadata,
        api_version,
        kind,
        name,
        namespace,
    })
}

fn read_metadata<'d>(
    root: &'d Map<String, Value>,
    findings: &mut Findings,
) -> Option<&'d Map<String, Value>> {
    let (rule, at, message) = match root.get("metadata") {
        Some(Value::Object(metadata)) => return Some(metadata),
        Some(value) => (
            RuleId::MetadataType,
            to_pointer(&["metadata".into()]),
            format!("metadata must be a mapping, but is {}", type_name(value)),
        ),
        None => (
            RuleId::MetadataRequired,
            String::new(),
            "metadata is missing".to_owned(),
        ),
    };
    let hint = "Add metadata with at least a name.";
    findings.add_file_violation(ErrorClass::TypeError, rule, at, message, hint);
    None
}

/// A text that must be there and not be empty, or the file is lost.
fn read_required<'d>(
    parent: &'d Map<String, Value>,
    field: &TextField,
    missing: RuleId,
    findings: &mut Findings,
) -> Option<&'d str> {
    let Some(value) = parent.get(field.key()) else {
        findings.add_file_violation(
            ErrorClass::TypeError,
            missing,
            field.parent_pointer(),
            format!("{} is missing", field.path),
            format!("Add {} to the document.", field.path),
        );
        return None;
    };
    read_text(value, field, findings)
}

/// A text that must not be empty, or the file is lost.
fn read_text<'d>(value: &'d Value, field: &TextField, findings: &mut Findings) -> Option<&'d str> {
    let (rule, message, hint) = match value {
        Value::String(text) if !text.is_empty() => return Some(text),
        Value::String(_) => (field.empty, field.say_empty(), "Give it a value."),
        _ => (
            field.wrong_type,
            field.say_wrong_type(value),
            string_hint(value),
        ),
    };
    findings.add_file_violation(ErrorClass::TypeError, rule, field.pointer(), message, hint);
    None
}

/// Whether a value may stand for annotations: a mapping, or what counts as none.
#[must_use]
pub fn may_be_annotations(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Object(_) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Bool(true) | Value::Array(_) => false,
    }
}

/// `metadata.annotations` must be a mapping already for the catalog to add its own. What is false
/// to JavaScript counts as absent: `annotations: ""` is what a generator writes that has none.
fn check_annotations_shape(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(value) = metadata.get("annotations") else {
        return;
    };
    if may_be_annotations(value) {
        return;
    }
    findings.add_file_violation(
        ErrorClass::Error,
        RuleId::MetadataAnnotationsType,
        to_pointer(&["metadata".into(), "annotations".into()]),
        format!(
            "metadata.annotations must be a mapping, but is {}",
            type_name(value)
        ),
        "Write annotations as \"key: value\" lines.",
    );
}

/// The generic schema of a document, then the root fields a declared one may have.
pub(super) fn check_root(outline: &DocumentOutline<'_>, findings: &mut Findings) {
    for key in outline.root.keys() {
        if !ROOT_KEYS.contains(&key.as_str()) && !SERVED_KEYS.contains(&key.as_str()) {
            findings.add_violation(
                RuleId::DocumentAdditional,
                to_pointer(&[key.as_str().into()]),
                format!("{} cannot stand at the root of an entity", quote_short(key)),
                "Only apiVersion, kind, metadata and spec can. Is the indentation right?",
            );
        }
    }
    metadata::check_metadata(outline.metadata, findings);
    match outline.root.get("spec") {
        None | Some(Value::Object(_)) => {}
        Some(value) => findings.add_violation(
            RuleId::SpecType,
            to_pointer(&["spec".into()]),
            format!("spec must be a mapping, but is {}", type_name(value)),
            "Write the fields of spec as indented \"key: value\" lines.",
        ),
    }
    if let Some(relations) = outline.root.get("relations") {
        check_relation_shapes(relations, findings);
    }
    // Behind the shapes: Backstage's generic schema knows both keys, and only its policy of root
    // fields, which comes after it, refuses them.
    for key in SERVED_KEYS
        .into_iter()
        .filter(|key| outline.root.contains_key(*key))
    {
        findings.add_violation(
            RuleId::DocumentServed,
            to_pointer(&[key.into()]),
            format!("{key} is written by the catalog and cannot be declared"),
            format!("Remove {key}; relations follow from the fields of spec."),
        );
    }
}

/// Relations are refused in any case; malformed ones are refused by their shape first.
fn check_relation_shapes(relations: &Value, findings: &mut Findings) {
    let malformed = match relations {
        Value::Array(items) => items.iter().position(|item| !is_relation(item)).map(Some),
        _ => Some(None),
    };
    if let Some(item) = malformed {
        let steps: Vec<PointerStep<'_>> = [PointerStep::Key("relations")]
            .into_iter()
            .chain(item.map(PointerStep::Index))
            .collect();
        findings.add_violation(
            RuleId::RelationsType,
            to_pointer(&steps),
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
