//! The schema of the kind: recognises the kind and puts what its JSON Schema finds into
//! words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::DocumentOutline;
use super::findings::{Findings, quote_short, to_pointer, type_name};
use crate::RuleId;
use crate::kind::{CompiledKind, Kinds, Recognition};

/// The kind of the document, if it is known; whatever its schema objects to is reported.
pub(super) fn check_schema<'k>(
    document: &Value,
    outline: &DocumentOutline<'_>,
    kinds: &'k Kinds,
    findings: &mut Findings,
) -> Option<&'k CompiledKind> {
    // Without a kind there is no schema, and nothing more to say about `spec`.
    let kind = recognise_kind(outline, kinds, findings)?;
    // Asking only whether there is an error is several times as fast as listing them, and
    // nearly all documents have none.
    if !kind.schema.is_valid(document) {
        for error in kind.schema.iter_errors(document) {
            report_error(&error, findings);
        }
    }
    Some(kind)
}

fn recognise_kind<'k>(
    outline: &DocumentOutline<'_>,
    kinds: &'k Kinds,
    findings: &mut Findings,
) -> Option<&'k CompiledKind> {
    let (name, version) = (outline.kind?, outline.api_version?);
    match kinds.recognise_kind(name, version) {
        Recognition::Known(kind) => return Some(kind),
        // Said already, and more precisely, if the format is wrong.
        Recognition::UnknownKind(_) if findings.has_under("/kind") => {}
        Recognition::UnknownVersion(_) if findings.has_under("/apiVersion") => {}
        Recognition::UnknownKind(meant) => findings.add_violation(
            RuleId::KindUnknown,
            to_pointer(&["kind".into()]),
            format!("there is no kind {}", quote_short(name)),
            match meant {
                Some(meant) => format!("Kinds are case-sensitive: write {meant}."),
                None => "Use a kind this catalog knows, or have it added to the configuration."
                    .to_owned(),
            },
        ),
        Recognition::UnknownVersion(known) => findings.add_violation(
            RuleId::ApiVersionUnknown,
            to_pointer(&["apiVersion".into()]),
            format!("kind {name} has no API version {}", quote_short(version)),
            format!("Write {}.", known.join(" or ")),
        ),
    }
    None
}

fn report_error(error: &ValidationError<'_>, findings: &mut Findings) {
    let at = error.instance_path().as_str();
    // The envelope checks have said it.
    if at == "/spec" && findings.has_under("/spec") && is_type_error(error) {
        return;
    }
    // A pointer in dots, as in the other messages.
    let field = match at.trim_start_matches('/') {
        "" => "the document".to_owned(),
        path => path.replace('/', ".").replace("~1", "/").replace("~0", "~"),
    };
    let (message, hint) = describe_error(error, &field);
    findings.add_violation(RuleId::SpecSchema, at.to_owned(), message, hint);
}

fn is_type_error(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { .. })
}

/// What is wrong and what to do, for the keywords that schemas of kinds use most.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other keyword is told in the library's words"
)]
fn describe_error(error: &ValidationError<'_>, field: &str) -> (String, String) {
    let value = error.instance();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            let missing = property.as_str().unwrap_or_default();
            let missing = if field == "the document" {
                missing.to_owned()
            } else {
                format!("{field}.{missing}")
            };
            (format!("{missing} is missing"), format!("Add {missing}."))
        }
        ValidationErrorKind::Type { .. } => (
            format!("{field} must not be {}", type_name(value)),
            format!("The schema of the kind wants {}.", describe_types(error)),
        ),
        ValidationErrorKind::MinLength { .. } => (
            format!("{field} must not be empty"),
            "Give it a value or remove it.".to_owned(),
        ),
        ValidationErrorKind::Enum { options } => (
            format!("{field} has a value that is not allowed"),
            format!("Use one of {options}."),
        ),
        ValidationErrorKind::AnyOf { .. }
        | ValidationErrorKind::OneOfNotValid { .. }
        | ValidationErrorKind::OneOfMultipleValid { .. } => (
            format!("{field} does not have one of the shapes its kind allows"),
            "Compare it with the documentation of the kind.".to_owned(),
        ),
        // The value is left out: it may be long, and nobody knows what is in it.
        _ => (
            format!("{field}: {}", error.masked()),
            "Compare it with the schema of the kind.".to_owned(),
        ),
    }
}

/// The types a schema allows, for people.
fn describe_types(error: &ValidationError<'_>) -> String {
    let ValidationErrorKind::Type { kind } = error.kind() else {
        return String::new();
    };
    match kind {
        jsonschema::error::TypeKind::Single(one) => format!("a value of type {one}"),
        jsonschema::error::TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
            format!("a value of type {}", names.join(" or "))
        }
    }
}
