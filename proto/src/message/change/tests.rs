use serde_json::{Value, json};

use super::*;

fn sample() -> ChangeData {
    ChangeData {
        op: Verb::Updated,
        entity: Some(EntityInfo {
            entity_ref: EntityRef::parse("component:default/pay").expect("valid"),
            uid: "6f0c2a6e-3d1f-4d8e-9a5e-0a4f5c1d2e3b".to_owned(),
            kind: "Component".to_owned(),
            owner: Some(EntityRef::parse("group:default/payments").expect("valid")),
        }),
        problem: None,
        revision: RevisionInfo {
            catalog: 42,
            previous: 17,
            entity: 3,
        },
        change: ChangeInfo {
            categories: vec![Category::Owner, Category::Relation, Category::Spec],
            derived: false,
            fields: field_changes(
                &json!({"spec": {"owner": "pay", "type": "service"}, "metadata": {"title": "a/b"}}),
                &json!({"spec": {"owner": "payments", "lifecycle": "production", "type": "service"}, "metadata": {}}),
            ),
            relations: RelationChanges {
                added: vec![RelationInfo {
                    relation_type: "ownedBy".to_owned(),
                    target_ref: EntityRef::parse("group:default/payments").expect("valid"),
                }],
                removed: Vec::new(),
            },
            relations_truncated: false,
        },
        cause: CauseInfo {
            delivery: "gh:github.com:72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned(),
            commit: "3f2c".to_owned(),
            actor: "rosa".to_owned(),
            provider: "github".to_owned(),
            mechanism: "push".to_owned(),
        },
        origin: Some(Origin {
            repository_id: 417,
            repository: "acme/pay".to_owned(),
            location: "url:https://github.com/acme/pay/tree/main/catalog-info.yaml".to_owned(),
            path: "catalog-info.yaml".to_owned(),
            git_ref: "main".to_owned(),
            blob: "a81e".to_owned(),
        }),
        timing: Timing {
            committed: Some("2026-11-21T09:14:03.412000Z".to_owned()),
            ..Timing::default()
        },
    }
}

fn body(data: &ChangeData, after: After<'_>) -> Value {
    let text = serde_json::to_string(data).expect("serialisable");
    serde_json::from_str(&published_body(&text, after, "2026-11-21T09:14:03.413000Z"))
        .expect("valid JSON")
}

fn attributes(data: &ChangeData) -> Attributes<'_> {
    Attributes {
        epoch: "e1",
        revision: data.revision.catalog,
        verb: data.op,
        source: "/freshet/catalog",
        subject: "component:default/pay",
        time: "2026-11-21T09:14:03.412000Z",
        traceparent: None,
    }
}

#[test]
fn the_published_body_is_the_data_with_its_document_and_time() {
    let data = sample();
    let published = body(&data, After::Document(r#"{"kind":"Component"}"#));
    assert_eq!(published["after"], json!({"kind": "Component"}));
    assert_eq!(
        published["timing"]["published"],
        "2026-11-21T09:14:03.413000Z"
    );
    assert_eq!(
        published["timing"]["committed"],
        "2026-11-21T09:14:03.412000Z"
    );
    let decoded: PublishedChange = serde_json::from_value(published).expect("decodes");
    assert_eq!(decoded.data.revision, data.revision);
}

#[test]
fn a_body_without_any_step_or_document_is_still_valid() {
    let data = ChangeData {
        timing: Timing::default(),
        ..sample()
    };
    let published = body(&data, After::Nothing);
    assert_eq!(
        published["timing"],
        json!({"published": "2026-11-21T09:14:03.413000Z"})
    );
    assert_eq!(published.get("after"), None);
}

#[test]
fn a_document_too_large_for_an_event_leaves_digest_and_link() {
    let document = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let largest = document(DOCUMENT_BYTES_MAX);
    let published = body(&sample(), After::of(&largest, "d1", "/api/x"));
    assert_eq!(published["after"].to_string(), largest);
    let larger = document(DOCUMENT_BYTES_MAX + 1);
    let published = body(&sample(), After::of(&larger, "d1", "/api/x"));
    assert_eq!(published.get("after"), None);
    assert_eq!(published["afterDigest"], "d1");
    assert_eq!(published["afterLink"], "/api/x");
}

#[test]
fn fields_are_named_by_json_pointers() {
    let before = json!({"a/b": 1, "list": [1], "gone": true, "same": {"x": 1}});
    let after = json!({"a/b": 2, "list": [0, 1], "new": null, "same": {"x": 1}});
    let fields = field_changes(&before, &after);
    let paths = |list: &[FieldChange]| {
        list.iter()
            .map(|field| field.path.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(&fields.updated), ["/a~1b", "/list"]);
    assert_eq!(paths(&fields.added), ["/new"]);
    assert_eq!(paths(&fields.deleted), ["/gone"]);
}

#[test]
fn a_long_value_is_named_by_its_path_alone() {
    let value = |bytes: usize| json!({"a": "x".repeat(bytes - 2)});
    let shown = |bytes: usize| {
        let fields = field_changes(&json!({"a": 1}), &value(bytes));
        let [updated] = fields.updated.as_slice() else {
            panic!("{fields:?}")
        };
        assert_eq!(updated.path, "/a");
        assert_eq!(updated.old, Some(json!(1)));
        updated.new.is_some()
    };
    assert!(shown(4 * 1024));
    assert!(!shown(4 * 1024 + 1));
}

#[test]
fn headers_carry_the_envelope_and_the_cursor() {
    let data = sample();
    let mut with_odd_subject = attributes(&data);
    with_odd_subject.subject = "group:default/team é \"x\"";
    let headers = binary_headers(&with_odd_subject);
    let value = |name: &str| {
        headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(value("ce-id"), Some("e1-42"));
    assert_eq!(
        value("ce-type"),
        Some("io.freshet.catalog.entity.updated.v1")
    );
    assert_eq!(
        value("ce-subject"),
        Some("group:default/team%20%C3%A9%20%22x%22")
    );
    assert_eq!(value("Catalog-Revision"), Some("42"));
    assert_eq!(value("KV-Operation"), None);
}

#[test]
fn every_version_ever_published_still_decodes_and_keeps_its_shape() {
    let golden: Value =
        serde_json::from_str(include_str!("../../../golden/change.v1.json")).expect("JSON");
    let data = sample();
    let text = serde_json::to_string(&data).expect("serialisable");
    let published = published_body(
        &text,
        After::Document(r#"{"kind":"Component"}"#),
        "2026-11-21T09:14:03.413000Z",
    );
    let event: Value =
        serde_json::from_str(&structured(&attributes(&data), &published)).expect("JSON");
    assert_eq!(event, golden, "\n{event:#}");
    let decoded: PublishedChange = serde_json::from_value(golden["data"].clone()).expect("decodes");
    assert_eq!(decoded.data.change, data.change);
    assert_eq!(decoded.data.origin, data.origin);
}

#[test]
fn the_golden_event_satisfies_the_published_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../schema/change.v1.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let golden: Value =
        serde_json::from_str(include_str!("../../../golden/change.v1.json")).expect("JSON");
    let errors: Vec<String> = validator
        .iter_errors(&golden["data"])
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let mut broken = golden["data"].clone();
    broken["revision"]["catalog"] = json!("42");
    assert!(!validator.is_valid(&broken));
}
