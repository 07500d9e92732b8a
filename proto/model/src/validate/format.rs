//! The formats of the envelope fields, in the order Backstage checks them. Values of a wrong
//! type have been reported before and are passed over.

use serde_json::{Map, Value};

use super::DocumentOutline;
use super::findings::{Findings, PointerStep, quote_short, to_pointer};
use crate::{RuleId, name};

/// The format of one field.
struct TextFormat {
    rule: RuleId,
    /// The field with dots, as people write it.
    path: &'static str,
    is_valid: fn(&str) -> bool,
    hint: &'static str,
}

const API_VERSION: TextFormat = TextFormat {
    rule: RuleId::ApiVersionFormat,
    path: "apiVersion",
    is_valid: name::is_api_version,
    hint: "Use a version such as backstage.io/v1alpha1.",
};
const KIND: TextFormat = TextFormat {
    rule: RuleId::KindFormat,
    path: "kind",
    is_valid: name::is_kind,
    hint: "Use 1 to 63 letters and digits, a letter first.",
};
const NAME: TextFormat = TextFormat {
    rule: RuleId::MetadataNameFormat,
    path: "metadata.name",
    is_valid: name::is_object_name,
    hint: "Use 1 to 63 letters, digits, and - _ . between them.",
};
const NAMESPACE: TextFormat = TextFormat {
    rule: RuleId::MetadataNamespaceFormat,
    path: "metadata.namespace",
    is_valid: name::is_dns_label,
    hint: "Use 1 to 63 lower-case letters, digits, and dashes between them.",
};
const TAG: TextFormat = TextFormat {
    rule: RuleId::MetadataTagsFormat,
    path: "metadata.tags",
    is_valid: name::is_tag,
    hint: "Use 1 to 63 lower-case letters, digits, : + #, and single dashes between them.",
};
const LINK_URL: TextFormat = TextFormat {
    rule: RuleId::MetadataLinksUrlFormat,
    path: "metadata.links.url",
    is_valid: name::is_link_url,
    hint: "Write the whole URL, such as https://example.com/page.",
};
const LINK_TITLE: TextFormat = TextFormat {
    rule: RuleId::MetadataLinksTitleFormat,
    path: "metadata.links.title",
    is_valid: is_visible,
    hint: "Write a title or remove the key.",
};
const LINK_ICON: TextFormat = TextFormat {
    rule: RuleId::MetadataLinksIconFormat,
    path: "metadata.links.icon",
    is_valid: is_visible,
    hint: "Name an icon or remove the key.",
};

const KEY_HINT: &str = "Use a name of 1 to 63 letters, digits, and - _ . between them, if need be \
                        behind a lower-case domain and a slash.";
const LABEL_VALUE_HINT: &str = "Use at most 63 letters, digits, and - _ . between them, or nothing; other text fits an annotation.";

pub(super) fn check_formats(outline: &DocumentOutline<'_>, findings: &mut Findings) {
    let metadata = |key| [PointerStep::Key("metadata"), PointerStep::Key(key)];
    for (text, at, format) in [
        (
            outline.api_version,
            &[PointerStep::Key("apiVersion")][..],
            API_VERSION,
        ),
        (outline.kind, &[PointerStep::Key("kind")], KIND),
        (outline.name, &metadata("name"), NAME),
        (outline.namespace, &metadata("namespace"), NAMESPACE),
    ] {
        // Absent or of a wrong type has been said with the envelope.
        if let Some(text) = text {
            check_text(text, at, &format, findings);
        }
    }
    check_labels(outline.metadata, findings);
    check_annotation_keys(outline.metadata, findings);
    check_tags(outline.metadata, findings);
    check_links(outline.metadata, findings);
}

fn check_text(text: &str, at: &[PointerStep<'_>], format: &TextFormat, findings: &mut Findings) {
    if !(format.is_valid)(text) {
        let message = format!("{} is not a valid {}", quote_short(text), format.path);
        findings.add_violation(format.rule, to_pointer(at), message, format.hint);
    }
}

fn check_labels(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Object(labels)) = metadata.get("labels") else {
        return;
    };
    for (key, value) in labels {
        let at = ["metadata".into(), "labels".into(), key.as_str().into()];
        check_key(key, &at, RuleId::MetadataLabelsKeyFormat, findings);
        if let Value::String(value) = value
            && !name::is_label_value(value)
        {
            findings.add_violation(
                RuleId::MetadataLabelsValueFormat,
                to_pointer(&at),
                format!(
                    "{} is not a valid value of label {}",
                    quote_short(value),
                    quote_short(key)
                ),
                LABEL_VALUE_HINT,
            );
        }
    }
}

fn check_annotation_keys(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Object(annotations)) = metadata.get("annotations") else {
        return;
    };
    for key in annotations.keys() {
        let at = ["metadata".into(), "annotations".into(), key.as_str().into()];
        check_key(key, &at, RuleId::MetadataAnnotationsKeyFormat, findings);
    }
}

fn check_key(key: &str, at: &[PointerStep<'_>], rule: RuleId, findings: &mut Findings) {
    if !name::is_key(key) {
        let what = if rule == RuleId::MetadataLabelsKeyFormat {
            "label"
        } else {
            "annotation"
        };
        let message = format!("{} is not a valid {what} key", quote_short(key));
        findings.add_violation(rule, to_pointer(at), message, KEY_HINT);
    }
}

fn check_tags(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Array(tags)) = metadata.get("tags") else {
        return;
    };
    for (index, tag) in tags.iter().enumerate() {
        // An empty tag has been reported as such.
        if let Value::String(tag) = tag
            && !tag.is_empty()
        {
            let at = ["metadata".into(), "tags".into(), index.into()];
            check_text(tag, &at, &TAG, findings);
        }
    }
}

fn check_links(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(Value::Array(links)) = metadata.get("links") else {
        return;
    };
    for (index, link) in links.iter().enumerate() {
        for (key, format) in [
            ("url", LINK_URL),
            ("title", LINK_TITLE),
            ("icon", LINK_ICON),
        ] {
            if let Some(Value::String(text)) = link.get(key)
                && !text.is_empty()
            {
                let at = ["metadata".into(), "links".into(), index.into(), key.into()];
                check_text(text, &at, &format, findings);
            }
        }
    }
}

fn is_visible(text: &str) -> bool {
    !text.trim().is_empty()
}
