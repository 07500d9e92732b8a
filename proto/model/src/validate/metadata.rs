//! The types of the metadata fields, in the order of the generic schema of Backstage.

use serde_json::{Map, Value};

use super::findings::{Field, Findings, Step, field, pointer, quote, string_hint, type_name};

/// Whether a string may have no characters.
#[derive(Clone, Copy, PartialEq)]
enum Emptiness {
    Allowed,
    Refused,
}

/// Every field except `name` and `namespace`, which belong to the envelope.
pub(super) fn check(metadata: &Map<String, Value>, findings: &mut Findings) {
    use Emptiness::{Allowed, Refused};
    optional(metadata, "uid", &field!("metadata.uid"), Refused, findings);
    optional(
        metadata,
        "etag",
        &field!("metadata.etag"),
        Refused,
        findings,
    );
    optional(
        metadata,
        "title",
        &field!("metadata.title"),
        Refused,
        findings,
    );
    optional(
        metadata,
        "description",
        &field!("metadata.description"),
        Allowed,
        findings,
    );
    labels(metadata, findings);
    annotations(metadata, findings);
    tags(metadata, findings);
    links(metadata, findings);
}

fn optional(
    metadata: &Map<String, Value>,
    key: &str,
    field: &Field,
    empty: Emptiness,
    findings: &mut Findings,
) {
    if let Some(value) = metadata.get(key) {
        string(
            value,
            &["metadata".into(), key.into()],
            field,
            empty,
            findings,
        );
    }
}

fn string(
    value: &Value,
    at: &[Step<'_>],
    field: &Field,
    empty: Emptiness,
    findings: &mut Findings,
) {
    match value {
        Value::String(text) if !text.is_empty() || empty == Emptiness::Allowed => {}
        Value::String(_) => findings.entity(
            field.empty,
            pointer(at),
            format!("{} must not be empty", field.path),
            "Give it a value or remove the key.",
        ),
        _ => findings.entity(
            field.wrong_type,
            pointer(at),
            format!(
                "{} must be a string, but is {}",
                field.path,
                type_name(value)
            ),
            string_hint(value),
        ),
    }
}

fn labels(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(value) = metadata.get("labels") else {
        return;
    };
    let field = field!("metadata.labels");
    match value {
        Value::Object(labels) => values(labels, "labels", &field, findings),
        _ => wrong_shape(value, "labels", &field, "a mapping", findings),
    }
}

/// A wrong shape has been reported with the envelope already.
fn annotations(metadata: &Map<String, Value>, findings: &mut Findings) {
    if let Some(Value::Object(annotations)) = metadata.get("annotations") {
        values(
            annotations,
            "annotations",
            &field!("metadata.annotations"),
            findings,
        );
    }
}

/// Every value of a mapping must be a string.
fn values(fields: &Map<String, Value>, parent: &str, field: &Field, findings: &mut Findings) {
    for (key, value) in fields {
        if !value.is_string() {
            findings.entity(
                field.wrong_type,
                pointer(&["metadata".into(), parent.into(), key.as_str().into()]),
                format!(
                    "the value of {} {} must be a string, but is {}",
                    field.path,
                    quote(key),
                    type_name(value)
                ),
                string_hint(value),
            );
        }
    }
}

fn tags(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(value) = metadata.get("tags") else {
        return;
    };
    let field = field!("metadata.tags");
    let Value::Array(tags) = value else {
        return wrong_shape(value, "tags", &field, "a list of strings", findings);
    };
    for (index, tag) in tags.iter().enumerate() {
        let at = ["metadata".into(), "tags".into(), index.into()];
        string(tag, &at, &field, Emptiness::Refused, findings);
    }
}

fn links(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(value) = metadata.get("links") else {
        return;
    };
    let field = field!("metadata.links");
    let Value::Array(links) = value else {
        return wrong_shape(value, "links", &field, "a list of mappings", findings);
    };
    for (index, link) in links.iter().enumerate() {
        let at = ["metadata".into(), "links".into(), index.into()];
        match link {
            Value::Object(link) => link_fields(link, &at, findings),
            _ => findings.entity(
                field.wrong_type,
                pointer(&at),
                format!(
                    "a link must be a mapping with a url, but is {}",
                    type_name(link)
                ),
                "Write \"- url: https://…\".",
            ),
        }
    }
}

fn link_fields(link: &Map<String, Value>, at: &[Step<'_>], findings: &mut Findings) {
    let url = field!("metadata.links.url");
    if !link.contains_key("url") {
        findings.entity(
            url.missing,
            pointer(at),
            "a link has no url".to_owned(),
            "Add the url of the link.",
        );
    }
    for (key, field) in [
        ("url", url),
        ("title", field!("metadata.links.title")),
        ("icon", field!("metadata.links.icon")),
        ("type", field!("metadata.links.type")),
    ] {
        if let Some(value) = link.get(key) {
            let at: Vec<Step<'_>> = at.iter().copied().chain([key.into()]).collect();
            string(value, &at, &field, Emptiness::Refused, findings);
        }
    }
}

fn wrong_shape(value: &Value, key: &str, field: &Field, expected: &str, findings: &mut Findings) {
    findings.entity(
        field.wrong_type,
        pointer(&["metadata".into(), key.into()]),
        format!(
            "{} must be {expected}, but is {}",
            field.path,
            type_name(value)
        ),
        format!("Write {expected} here or remove the key."),
    );
}
