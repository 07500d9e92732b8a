//! The types of the metadata fields, in the order of the generic schema of Backstage.

use serde_json::{Map, Value};

use super::findings::{
    Findings, PointerStep, TextField, quote_short, string_hint, to_pointer, type_name,
};
use crate::RuleId;

const UID: TextField = TextField {
    path: "metadata.uid",
    wrong_type: RuleId::MetadataUidType,
    empty: RuleId::MetadataUidEmpty,
};
const ETAG: TextField = TextField {
    path: "metadata.etag",
    wrong_type: RuleId::MetadataEtagType,
    empty: RuleId::MetadataEtagEmpty,
};
const TITLE: TextField = TextField {
    path: "metadata.title",
    wrong_type: RuleId::MetadataTitleType,
    empty: RuleId::MetadataTitleEmpty,
};
const TAG: TextField = TextField {
    path: "metadata.tags",
    wrong_type: RuleId::MetadataTagsType,
    empty: RuleId::MetadataTagsEmpty,
};
const LINK_FIELDS: [TextField; 4] = [
    TextField {
        path: "metadata.links.url",
        wrong_type: RuleId::MetadataLinksUrlType,
        empty: RuleId::MetadataLinksUrlEmpty,
    },
    TextField {
        path: "metadata.links.title",
        wrong_type: RuleId::MetadataLinksTitleType,
        empty: RuleId::MetadataLinksTitleEmpty,
    },
    TextField {
        path: "metadata.links.icon",
        wrong_type: RuleId::MetadataLinksIconType,
        empty: RuleId::MetadataLinksIconEmpty,
    },
    TextField {
        path: "metadata.links.type",
        wrong_type: RuleId::MetadataLinksTypeType,
        empty: RuleId::MetadataLinksTypeEmpty,
    },
];

/// Every field except `name` and `namespace`, which belong to the envelope.
pub(super) fn check_metadata(metadata: &Map<String, Value>, findings: &mut Findings) {
    // An author's uid and etag are dropped later, yet checked first, as Backstage does.
    for field in [UID, ETAG, TITLE] {
        if let Some(value) = metadata.get(field.key()) {
            check_text(value, field.pointer(), &field, findings);
        }
    }
    // The only text that may be empty.
    if let Some(value) = metadata.get("description").filter(|it| !it.is_string()) {
        findings.add_violation(
            RuleId::MetadataDescriptionType,
            to_pointer(&["metadata".into(), "description".into()]),
            format!(
                "metadata.description must be a string, but is {}",
                type_name(value)
            ),
            string_hint(value),
        );
    }
    check_labels(metadata, findings);
    // A wrong shape has been reported with the envelope already.
    if let Some(Value::Object(annotations)) = metadata.get("annotations") {
        let rule = RuleId::MetadataAnnotationsType;
        check_values(annotations, "annotations", rule, findings);
    }
    check_tags(metadata, findings);
    check_links(metadata, findings);
}

fn check_text(value: &Value, at: String, field: &TextField, findings: &mut Findings) {
    match value {
        Value::String(text) if !text.is_empty() => {}
        Value::String(_) => findings.add_violation(
            field.empty,
            at,
            field.say_empty(),
            "Give it a value or remove the key.",
        ),
        _ => findings.add_violation(
            field.wrong_type,
            at,
            field.say_wrong_type(value),
            string_hint(value),
        ),
    }
}

fn check_labels(metadata: &Map<String, Value>, findings: &mut Findings) {
    let rule = RuleId::MetadataLabelsType;
    match metadata.get("labels") {
        None => {}
        Some(Value::Object(labels)) => check_values(labels, "labels", rule, findings),
        Some(value) => report_shape(value, "labels", rule, "a mapping", findings),
    }
}

/// Every value of a mapping must be a string.
fn check_values(fields: &Map<String, Value>, parent: &str, rule: RuleId, findings: &mut Findings) {
    for (key, value) in fields {
        if !value.is_string() {
            findings.add_violation(
                rule,
                to_pointer(&["metadata".into(), parent.into(), key.as_str().into()]),
                format!(
                    "the value of metadata.{parent} {} must be a string, but is {}",
                    quote_short(key),
                    type_name(value)
                ),
                string_hint(value),
            );
        }
    }
}

fn check_tags(metadata: &Map<String, Value>, findings: &mut Findings) {
    let Some(value) = metadata.get("tags") else {
        return;
    };
    let Value::Array(tags) = value else {
        return report_shape(value, "tags", TAG.wrong_type, "a list of strings", findings);
    };
    for (index, tag) in tags.iter().enumerate() {
        let at = to_pointer(&["metadata".into(), "tags".into(), index.into()]);
        check_text(tag, at, &TAG, findings);
    }
}

fn check_links(metadata: &Map<String, Value>, findings: &mut Findings) {
    let rule = RuleId::MetadataLinksType;
    let Some(value) = metadata.get("links") else {
        return;
    };
    let Value::Array(links) = value else {
        return report_shape(value, "links", rule, "a list of mappings", findings);
    };
    for (index, link) in links.iter().enumerate() {
        let at = ["metadata".into(), "links".into(), index.into()];
        match link {
            Value::Object(link) => check_link(link, &at, findings),
            _ => findings.add_violation(
                rule,
                to_pointer(&at),
                format!(
                    "a link must be a mapping with a url, but is {}",
                    type_name(link)
                ),
                "Write \"- url: https://…\".",
            ),
        }
    }
}

fn check_link(link: &Map<String, Value>, at: &[PointerStep<'_>], findings: &mut Findings) {
    if !link.contains_key("url") {
        findings.add_violation(
            RuleId::MetadataLinksUrlRequired,
            to_pointer(at),
            "a link has no url".to_owned(),
            "Add the url of the link.",
        );
    }
    for field in &LINK_FIELDS {
        if let Some(value) = link.get(field.key()) {
            let at: Vec<PointerStep<'_>> = at.iter().copied().chain([field.key().into()]).collect();
            check_text(value, to_pointer(&at), field, findings);
        }
    }
}

fn report_shape(value: &Value, key: &str, rule: RuleId, expected: &str, findings: &mut Findings) {
    findings.add_violation(
        rule,
        to_pointer(&["metadata".into(), key.into()]),
        format!(
            "metadata.{key} must be {expected}, but is {}",
            type_name(value)
        ),
        format!("Write {expected} here or remove the key."),
    );
}
