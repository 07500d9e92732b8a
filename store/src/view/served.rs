//! An entity as the catalog API serves it, spliced together from stored text.
//!
//! The declared document is canonical JSON text and stays text: `uid` and `etag` go to the front of
//! `metadata`, `relations` and `status` to the end. Where that lies is found once, when the document
//! enters the view. A document that already says something about one of these is parsed and rewritten
//! instead; that is rare.

use std::fmt::Write as _;

use freshet_model::{EntityRef, ErrorClass, etag};
use serde_json::{Map, Value, json};

use crate::change::{EntityRecord, ProblemRow};

const STATUS_TYPE: &str = "backstage.io/catalog-processing";
/// What is said of an entity whose own word for it cannot be read.
const API_VERSION: &str = "backstage.io/v1alpha1";
/// Room for `uid`, `etag` and punctuation.
const FIXED_BYTES: usize = 160;
const BYTES_PER_RELATION: usize = 72;

/// How a document is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SplicePoint {
    /// `uid` and `etag` go to this offset, which is just inside `metadata`.
    At(usize),
    /// The document must be rewritten.
    Rewrite,
}

/// `status` of an entity, as JSON text; empty if there is nothing to say.
pub(super) struct StatusJson(String);

impl StatusJson {
    /// What these problems say.
    pub(super) fn of_problems<'a>(problems: impl Iterator<Item = &'a ProblemRow>) -> Self {
        let items: Vec<Value> = problems.map(status_item).collect();
        if items.is_empty() {
            return Self(String::new());
        }
        Self(json!({ "items": items }).to_string())
    }
}

impl StatusJson {
    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn status_item(row: &ProblemRow) -> Value {
    let problem = &row.problem;
    json!({
        "type": STATUS_TYPE,
        "level": "error",
        "message": format!("{}: {}", problem.class, problem.message),
        "error": {
            "name": problem.class,
            "message": problem.message,
            "rule": problem.rule,
            "hint": problem.hint,
            "repository": row.repository,
            "path": row.path,
            "line": problem.line,
            "column": problem.column,
        },
    })
}

impl SplicePoint {
    /// Finds out how `document` is served.
    pub(super) fn find(document: &str) -> Self {
        const METADATA: &str = "\"metadata\":{";
        // Inside a JSON string the quotes would be escaped, so this is a key; and as keys are sorted,
        // only `apiVersion` and `kind`, which are strings, may stand before it.
        let Some(at) = document.find(METADATA) else {
            return Self::Rewrite;
        };
        let stands_after_strings = document[..at].matches(['{', '[']).count() == 1;
        let says_more = ["\"uid\":", "\"etag\":", "\"relations\":", "\"status\":"]
            .iter()
            .any(|key| document.contains(key));
        if !stands_after_strings || says_more || !document.ends_with('}') {
            return Self::Rewrite;
        }
        Self::At(at + METADATA.len())
    }

    /// The entity with its identity, relations and status.
    pub(super) fn render_entity(
        self,
        record: &EntityRecord,
        relations: &[(&str, &EntityRef)],
        status: &StatusJson,
    ) -> String {
        // Not stored with the document: they change when a relation of somebody else does, and the
        // document would be written again for each.
        let uid = record.uid.to_string();
        let etag = etag(&uid, record.revision.get());
        match self {
            Self::At(at) => splice_text(record, at, [&uid, &etag], relations, status),
            Self::Rewrite => rewrite_document(record, [&uid, &etag], relations, status),
        }
    }
}

fn splice_text(
    record: &EntityRecord,
    at: usize,
    [uid, etag]: [&str; 2],
    relations: &[(&str, &EntityRef)],
    status: &StatusJson,
) -> String {
    let document = &*record.document;
    let room = FIXED_BYTES + relations.len() * BYTES_PER_RELATION + status.0.len();
    let mut text = String::with_capacity(document.len() + room);
    text.push_str(&document[..at]);
    write!(text, r#""uid":"{uid}","etag":"{etag}""#).expect("writing to a string cannot fail");
    if document.as_bytes().get(at) != Some(&b'}') {
        text.push(',');
    }
    text.push_str(&document[at..document.len() - 1]);
    text.push_str(r#","relations":["#);
    for (index, (relation, target)) in relations.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push_relation(&mut text, relation, target);
    }
    text.push(']');
    if !status.0.is_empty() {
        text.push_str(r#","status":"#);
        text.push_str(&status.0);
    }
    text.push('}');
    text
}

fn push_relation(text: &mut String, relation: &str, target: &EntityRef) {
    text.push_str(r#"{"type":"#);
    push_string(text, relation);
    text.push_str(r#","targetRef":"#);
    push_string(text, target.as_str());
    text.push('}');
}

fn push_string(text: &mut String, string: &str) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if string.bytes().all(is_plain) {
        text.push('"');
        text.push_str(string);
        text.push('"');
    } else {
        text.push_str(&Value::from(string).to_string());
    }
}

fn rewrite_document(
    record: &EntityRecord,
    [uid, etag]: [&str; 2],
    relations: &[(&str, &EntityRef)],
    status: &StatusJson,
) -> String {
    let (mut entity, unreadable): (Map<String, Value>, _) =
        match serde_json::from_str(&record.document) {
            Ok(entity) => (entity, None),
            Err(error) => (identity_of(&record.entity_ref), Some(error)),
        };
    let metadata = entity.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.insert("uid".to_owned(), Value::from(uid));
        metadata.insert("etag".to_owned(), Value::from(etag));
    }
    let relations: Vec<Value> = relations
        .iter()
        .map(|(relation, target)| json!({ "type": relation, "targetRef": target.as_str() }))
        .collect();
    entity.insert("relations".to_owned(), Value::from(relations));
    entity.shift_remove("status");
    let mut status = serde_json::from_str::<Value>(&status.0).unwrap_or_default();
    if let Some(error) = unreadable {
        add_unreadable(&mut status, &error);
    }
    if !status.is_null() {
        entity.insert("status".to_owned(), status);
    }
    Value::from(entity).to_string()
}

/// What is known of an entity whose document cannot be taken apart, such as one that an earlier release
/// stored although it is nested deeper than JSON may be: who it is.
fn identity_of(entity_ref: &EntityRef) -> Map<String, Value> {
    let metadata = json!({ "name": entity_ref.name(), "namespace": entity_ref.namespace() });
    let mut entity = Map::new();
    entity.insert("apiVersion".to_owned(), Value::from(API_VERSION));
    entity.insert("kind".to_owned(), Value::from(entity_ref.kind()));
    entity.insert("metadata".to_owned(), metadata);
    entity
}

fn add_unreadable(status: &mut Value, error: &serde_json::Error) {
    let message = format!(
        "the stored document cannot be served ({error}); it is replaced when its file is read again"
    );
    let item = json!({
        "type": STATUS_TYPE,
        "level": "error",
        "message": format!("{}: {message}", ErrorClass::Error),
        "error": { "name": ErrorClass::Error, "message": message },
    });
    match status.pointer_mut("/items").and_then(Value::as_array_mut) {
        Some(items) => items.push(item),
        None => *status = json!({ "items": [item] }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use freshet_model::{LocationId, Revision, SourceId};
    use uuid::Uuid;

    use super::*;

    fn record(document: &str) -> EntityRecord {
        EntityRecord {
            entity_ref: EntityRef::parse("component:default/a").expect("a valid ref"),
            uid: Uuid::nil(),
            version: 1,
            revision: Revision::new(1),
            digest: String::new(),
            document: Arc::from(document),
            relations: Arc::from([]),
            location_id: LocationId::new(1),
            source_id: SourceId::new(1),
            changed_at: 0,
        }
    }

    #[track_caller]
    fn check(document: &str, is_spliced: bool) {
        let record = record(document);
        let target = EntityRef::parse("group:default/b").expect("a valid ref");
        let relations = [("ownedBy", &target)];
        let splice = SplicePoint::find(document);
        assert_eq!(splice != SplicePoint::Rewrite, is_spliced, "{document}");
        let none = StatusJson(String::new());
        let served: Value =
            serde_json::from_str(&splice.render_entity(&record, &relations, &none)).expect("JSON");
        let rewritten: Value =
            serde_json::from_str(&SplicePoint::Rewrite.render_entity(&record, &relations, &none))
                .expect("JSON");
        assert_eq!(served, rewritten);
        assert_eq!(served["metadata"]["uid"], Uuid::nil().to_string());
        assert_eq!(served["relations"][0]["targetRef"], "group:default/b");
        assert!(served.get("status").is_none());
    }

    #[test]
    fn splicing_and_rewriting_agree() {
        check(
            r#"{"apiVersion":"v1","kind":"Component","metadata":{"name":"a"},"spec":{}}"#,
            true,
        );
        check(
            r#"{"apiVersion":"v1","kind":"Component","metadata":{}}"#,
            true,
        );
    }

    #[test]
    fn a_document_that_says_more_is_rewritten() {
        check(
            r#"{"apiVersion":"v1","kind":"\"metadata\":{","metadata":{"name":"a"}}"#,
            false,
        );
        check(
            r#"{"apiVersion":"v1","kind":"X","metadata":{"etag":"mine","name":"a"}}"#,
            false,
        );
        check(
            r#"{"apiVersion":"v1","attachments":{"metadata":{}},"kind":"X","metadata":{"name":"a"}}"#,
            false,
        );
        check(
            r#"{"apiVersion":"v1","kind":"X","metadata":{"name":"a"},"status":{"items":[]}}"#,
            false,
        );
    }

    #[test]
    fn a_document_that_cannot_be_taken_apart_is_served_by_name_with_a_status() {
        let deep = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            record(&format!(
                r#"{{"apiVersion":"v1","kind":"Component","metadata":{{"etag":"mine","name":"a"}},"spec":{{"x":{open}{close}}}}}"#
            ))
        };
        let serve = |depth: usize, status: &str| -> Value {
            let (record, status) = (deep(depth), StatusJson(status.to_owned()));
            let splice = SplicePoint::find(&record.document);
            assert_eq!(splice, SplicePoint::Rewrite);
            serde_json::from_str(&splice.render_entity(&record, &[], &status)).expect("JSON")
        };
        // The object itself and `spec` are two of the 127 levels that are read.
        let readable = serve(125, "");
        assert_eq!(readable["metadata"]["name"], "a");
        assert!(readable.get("status").is_none());
        for (status, items) in [("", 1), (r#"{"items":[{"level":"error"}]}"#, 2)] {
            let served = serve(126, status);
            assert_eq!(served["kind"], "component");
            assert_eq!(served["metadata"]["name"], "a");
            assert_eq!(served["metadata"]["uid"], Uuid::nil().to_string());
            let told = served["status"]["items"].as_array().expect("items");
            assert_eq!(told.len(), items);
            let message = told[items - 1]["message"].as_str().expect("a text");
            assert!(message.contains("cannot be served"), "{message}");
        }
    }
}
