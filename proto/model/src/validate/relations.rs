//! The relations a document declares, by the relation table of its kind.

use serde_json::{Map, Value};

use super::DocumentOutline;
use super::findings::{Findings, quote_short, type_name};
use crate::kind::{CompiledKind, RelationField};
use crate::{EntityRef, RefError, RelationDeclaration, RuleId};

/// Name of the relation that makes its target the owner.
const OWNED_BY: &str = "ownedBy";

/// What a document declares about others.
pub(super) struct DeclaredRelations {
    /// Sorted, each once.
    pub(super) relations: Vec<RelationDeclaration>,
    pub(super) owner: Option<EntityRef>,
}

/// The last step of each relation field under `spec`: its lists are served sorted.
pub(super) fn list_fields(kind: &CompiledKind) -> Vec<&str> {
    kind.spec
        .relations
        .iter()
        .filter_map(|field| field.field.strip_prefix("spec."))
        .collect()
}

/// Reads every relation field. A reference without namespace is in the namespace of the
/// declaring entity.
pub(super) fn read_relations(
    outline: &DocumentOutline<'_>,
    namespace: &str,
    kind: &CompiledKind,
    findings: &mut Findings,
) -> DeclaredRelations {
    let mut declared = DeclaredRelations {
        relations: Vec::new(),
        owner: None,
    };
    for field in &kind.spec.relations {
        let Some(value) = value_at(outline.root, &field.field) else {
            continue;
        };
        // What the schema objects to has been reported.
        if !findings.is_empty() && findings.has_under(&field_pointer(field)) {
            continue;
        }
        read_field(value, field, namespace, &mut declared, findings);
    }
    // The same relation is often declared by two fields, or twice in one list; it is one relation.
    declared.relations.sort_unstable();
    declared.relations.dedup();
    declared
}

fn value_at<'d>(root: &'d Map<String, Value>, path: &str) -> Option<&'d Value> {
    let mut steps = path.split('.');
    let first = root.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

fn field_pointer(field: &RelationField) -> String {
    format!("/{}", field.field.replace('.', "/"))
}

/// One reference or a list of them. Backstage passes over a whole field that is false in the
/// sense of JavaScript, but not over such an item.
fn read_field(
    value: &Value,
    field: &RelationField,
    namespace: &str,
    declared: &mut DeclaredRelations,
    findings: &mut Findings,
) {
    if is_falsy(value) {
        return;
    }
    let single = std::slice::from_ref(value);
    let (items, is_list) = match value {
        Value::Array(items) => (items.as_slice(), true),
        _ => (single, false),
    };
    declared.relations.reserve(items.len());
    for (index, item) in items.iter().enumerate() {
        match read_target(item, field, namespace) {
            Ok(target) => {
                // An event names one owner; where there are several, the first one wins.
                if declared.owner.is_none() && &*field.forward == OWNED_BY {
                    declared.owner = Some(target.clone());
                }
                declared.relations.push(RelationDeclaration {
                    forward: field.forward.clone(),
                    reverse: field.reverse.clone(),
                    target,
                });
            }
            Err(problem) => {
                let mut at = field_pointer(field);
                if is_list {
                    at = format!("{at}/{index}");
                }
                report_target(problem, field, at, findings);
            }
        }
    }
}

fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Why an item is no reference.
enum UnreadableTarget {
    Ref(RefError),
    Type(&'static str),
}

impl From<RefError> for UnreadableTarget {
    fn from(error: RefError) -> Self {
        Self::Ref(error)
    }
}

fn read_target(
    item: &Value,
    field: &RelationField,
    namespace: &str,
) -> Result<EntityRef, UnreadableTarget> {
    let default_kind = field.default_kind.as_deref();
    match item {
        Value::String(text) => Ok(EntityRef::parse_with(text, default_kind, namespace)?),
        // Backstage's parser of references takes the parts as a mapping as well as in one text.
        Value::Object(parts) => {
            let kind = read_part(parts, "kind")?.or(default_kind);
            let name = read_part(parts, "name")?.ok_or(RefError::Empty)?;
            let kind = kind.ok_or_else(|| RefError::MissingKind {
                text: name.to_owned(),
            })?;
            Ok(EntityRef::new(
                kind,
                read_part(parts, "namespace")?.unwrap_or(namespace),
                name,
            )?)
        }
        _ => Err(UnreadableTarget::Type(type_name(item))),
    }
}

/// A part of a reference written as a mapping; null counts as absent.
fn read_part<'d>(
    parts: &'d Map<String, Value>,
    key: &str,
) -> Result<Option<&'d str>, UnreadableTarget> {
    match parts.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(UnreadableTarget::Type(type_name(other))),
    }
}

fn report_target(
    problem: UnreadableTarget,
    field: &RelationField,
    at: String,
    findings: &mut Findings,
) {
    let path = &field.field;
    let example = field
        .default_kind
        .as_deref()
        .unwrap_or("component")
        .to_lowercase();
    let (rule, message, hint) = match problem {
        UnreadableTarget::Type(found) => (
            RuleId::RelationTargetType,
            format!("{path} must hold entity references, but holds {found}"),
            "Write a reference as [kind:][namespace/]name.".to_owned(),
        ),
        UnreadableTarget::Ref(RefError::MissingKind { text }) => (
            RuleId::RelationTargetKind,
            format!("{} in {path} names no kind", quote_short(&text)),
            format!("Put the kind in front, such as {example}:{text}."),
        ),
        UnreadableTarget::Ref(error @ RefError::TooLong { .. }) => (
            RuleId::RelationTargetLength,
            format!("{path}: {error}"),
            "Shorten the reference.".to_owned(),
        ),
        UnreadableTarget::Ref(
            error @ (RefError::Empty | RefError::EmptyPart { .. } | RefError::Unreadable { .. }),
        ) => (
            RuleId::RelationTargetFormat,
            format!("{path}: {error}"),
            format!(
                "Write a reference as [kind:][namespace/]name, such as {example}:default/name."
            ),
        ),
    };
    findings.add_violation(rule, at, message, hint);
}
