//! The schema of the kind: recognises the kind and puts what its JSON Schema finds into
//! words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::Outline;
use super::findings::{Findings, quote, to_pointer, type_name};
use crate::RuleId;
use crate::kind::{Kind, Kinds, Recognition};

/// The kind of the document, if it is known; whatever its schema objects to is reported.
pub(super) fn check<'k>(
    document: &Value,
    outline: &Outline<'_>,
    kinds: &'k Kinds,
    findings: &mut Findings,
) -> Option<&'k Kind> {
    let kind = recognise(outline, kinds, findings)?;
    // Asking only whether there is an error is several times as fast as listing them, and
    // nearly all documents have none.
    if !kind.schema.is_valid(document) {
        for error in kind.schema.iter_errors(document) {
            report(&error, findings);
        }
    }
    Some(kind)
}

fn recognise<'k>(
    outline: &Outline<'_>,
    kinds: &'k Kinds,
    findings: &mut Findings,
) -> Option<&'k Kind> {
    let (name, version) = (outline.kind?, outline.api_version?);
    match kinds.recognise(name, version) {
        Recognition::Known(kind) => return Some(kind),
        // Said already, and more precisely, if the format is wrong.
        Recognition::UnknownKind(_) if findings.has_under("/kind") => {}
        Recognition::UnknownVersion(_) if findings.has_under("/apiVersion") => {}
        Recognition::UnknownKind(meant) => findings.add(
            RuleId::KindUnknown,
            to_pointer(&["kind".into()]),
            format!("there is no kind {}", quote(name)),
            match meant {
                Some(meant) => format!("Kinds are case-sensitive: write {meant}."),
                None => "Use a kind this catalog knows, or have it added to the configuration."
                    .to_owned(),
            },
        ),
        Recognition::UnknownVersion(known) => findings.add(
            RuleId::ApiVersionUnknown,
            to_pointer(&["apiVersion".into()]),
            format!("kind {name} has no API version {}", quote(version)),
            format!("Write {}.", known.join(" or ")),
        ),
    }
    None
}

fn report(error: &ValidationError<'_>, findings: &mut Findings) {
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
    let (message, hint) = words(error, &field);
    findings.add(RuleId::SpecSchema, at.to_owned(), message, hint);
}

fn is_type_error(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { .. })
}

/// What is wrong and what to do, for the keywords that schemas of kinds use most.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "any other keyword is told in the library's words"
)]
fn words(error: &ValidationError<'_>, field: &str) -> (String, String) {
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
            format!("The schema of the kind wants {}.", wanted(error)),
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
fn wanted(error: &ValidationError<'_>) -> String {
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
