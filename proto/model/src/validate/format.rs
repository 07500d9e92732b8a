//! The formats of the envelope fields, in the order Backstage checks them. Values of a wrong
//! type have been reported before and are passed over.

use serde_json::{Map, Value};

use super::Outline;
use super::findings::{Field, Findings, Step, field, pointer, quote};
use crate::name;

const NAME_HINT: &str = "Use 1 to 63 letters, digits, and - _ . between them.";
const NAMESPACE_HINT: &str = "Use 1 to 63 lower-case letters, digits, and dashes between them.";
const KIND_HINT: &str = "Use 1 to 63 letters and digits, a letter first.";
const API_VERSION_HINT: &str = "Use a version such as backstage.io/v1alpha1.";
const KEY_HINT: &str = "Use a name of 1 to 63 letters, digits, and - _ . between them, if need be \
                        behind a lower-case domain and a slash.";
const LABEL_VALUE_HINT: &str = "Use at most 63 letters, digits, and - _ . between them, or nothing; other text fits an annotation.";
const TAG_HINT: &str =
    "Use 1 to 63 lower-case letters, digits, : + #, and single dashes between them.";
const URL_HINT: &str = "Write the whole URL, such as https://example.com/page.";

pub(super) fn check(outline: &Outline<'_>, findings: &mut Findings) {
    let text = |value,
                steps: &[Step<'_>],
                field: &Field,
                is_valid: fn(&str) -> bool,
                hint,
                findings: &mut Findings| {
        if let Some(value) = value {
            text_format(value, steps, field, is_valid, hint, findings);
        }
    };
    text(
        outline.api_version,
        &["apiVersion".into()],
        &field!("apiVersion"),
        name::is_api_version,
        API_VERSION_HINT,
        findings,
    );
    text(
        outline.kind,
        &["kind".into()],
        &field!("kind"),
        name::is_kind,
        KIND_HINT,
        findings,
    );
    let at = |key| [Step::Key("metadata"), Step::Key(key)];
    text(
        outline.name,
        &at("name"),
        &field!("metadata.name"),
        name::is_object_name,
        NAME_HINT,
        findings,
    );
    text(
        outline.namespace,
        &at("namespace"),
        &field!("metadata.namespace"),
        name::is_dns_label,
        NAMESPACE_HINT,
        findings,
    );
    labels(outline.metadata, findings);
    annotations(outline.metadata, findings);
    tags(outline.metadata, findings);
    links(outline.metadata, findings);
}

fn text_format(
    text: &str,
    at: &[Step<'_>],
    field: &Field,
    is_valid: fn(&str) -> bool,
    hint: &str,
    findings: &mut Findings,
) {
    if !is_valid(text) {
        findings.entity(
            field.format,
            pointer(at),
            format!("{} is not a valid {}", quote(text), field.path),
            hint,
        );
    }
}

fn labels(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Object(labels)) = metadata.get("labels") else {
        return;
    };
    for (key, value) in labels {
        let at = ["metadata".into(), "labels".into(), key.as_str().into()];
        key_format(key, &at, "metadata.labels.key.format", "label", findings);
        if let Value::String(value) = value
            && !name::is_label_value(value)
        {
            findings.entity(
                "metadata.labels.value.format",
                pointer(&at),
                format!(
                    "{} is not a valid value of label {}",
                    quote(value),
                    quote(key)
                ),
                LABEL_VALUE_HINT,
            );
        }
    }
}

fn annotations(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Object(annotations)) = metadata.get("annotations") else {
        return;
    };
    for key in annotations.keys() {
        let at = ["metadata".into(), "annotations".into(), key.as_str().into()];
        key_format(
            key,
            &at,
            "metadata.annotations.key.format",
            "annotation",
            findings,
        );
    }
}

fn key_format(key: &str, at: &[Step<'_>], rule: &'static str, what: &str, findings: &mut Findings) {
    if !name::is_key(key) {
        let message = format!("{} is not a valid {what} key", quote(key));
        findings.entity(rule, pointer(at), message, KEY_HINT);
    }
}

fn tags(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Array(tags)) = metadata.get("tags") else {
        return;
    };
    for (index, tag) in tags.iter().enumerate() {
        // An empty tag has been reported as such.
        if let Value::String(tag) = tag
            && !tag.is_empty()
        {
            let at = ["metadata".into(), "tags".into(), index.into()];
            text_format(
                tag,
                &at,
                &field!("metadata.tags"),
                name::is_tag,
                TAG_HINT,
                findings,
            );
        }
    }
}

fn links(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Array(links)) = metadata.get("links") else {
        return;
    };
    for (index, link) in links.iter().enumerate() {
        for (key, field, is_valid, hint) in [
            (
                "url",
                field!("metadata.links.url"),
                name::is_link_url as fn(&str) -> bool,
                URL_HINT,
            ),
            (
                "title",
                field!("metadata.links.title"),
                is_visible,
                "Write a title or remove the key.",
            ),
            (
                "icon",
                field!("metadata.links.icon"),
                is_visible,
                "Name an icon or remove the key.",
            ),
        ] {
            if let Some(Value::String(text)) = link.get(key)
                && !text.is_empty()
            {
                let at = ["metadata".into(), "links".into(), index.into(), key.into()];
                text_format(text, &at, &field, is_valid, hint, findings);
            }
        }
    }
}

fn is_visible(text: &str) -> bool {
    !text.trim().is_empty()
}
