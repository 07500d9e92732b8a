#![expect(
    clippy::needless_pass_by_value,
    reason = "JSON literals read best without a reference in front"
)]

use freshet_proto::message::FailureKind;
use serde_json::{Value, json};

use super::*;
use crate::reconcile::QuestionBase;
use crate::source::github::listing_answer::{ListingPage, read_listing};

fn repository_json(objects: Value) -> Value {
    let mut node = json!({
        "id": "R_1", "databaseId": 7, "name": "pay", "url": "https://github.com/acme/pay", "isArchived": false,
        "isEmpty": false, "owner": {"login": "acme"}, "defaultBranchRef": {"name": "main", "target": {"oid": "h1"}},
        "commit": {"oid": "h1"},
    });
    let fields = node.as_object_mut().expect("an object");
    fields.extend(objects.as_object().cloned().expect("an object"));
    node
}

fn read(data: Value, errors: Value) -> Result<RepositoryShown, Failure> {
    let answer: GraphqlAnswer<RepositoriesData> =
        serde_json::from_value(json!({"data": data, "errors": errors})).expect("an answer");
    let question =
        RepositoryQuestion::new(QuestionBase::Pushed("h1".to_owned()), vec![true, false]);
    read_repositories(answer, &[(&question, BranchChoice::Default)]).remove(0)
}

#[track_caller]
fn check_objects(objects: Value, errors: Value, expected: &[ObjectShown]) {
    let shown = read(json!({"r0": repository_json(objects)}), errors).expect("a repository");
    assert_eq!(shown.objects, expected);
    assert_eq!(shown.repository.id, 7);
    assert_eq!(shown.head.as_deref(), Some("h1"));
    assert!(shown.commit_shown);
}

#[track_caller]
fn check_failure(data: Value, errors: Value, expected: FailureKind) {
    assert_eq!(
        read(data, errors).expect_err("nothing is proven").kind,
        expected
    );
}

fn blob(text: TextShown) -> ObjectShown {
    ObjectShown::Blob {
        oid: "b1".to_owned(),
        size: 4,
        text,
    }
}

#[test]
fn what_repositories_are_filtered_by_is_shown_whole_or_not_at_all() {
    let traits_of = |objects: Value| {
        let shown = read(json!({"r0": repository_json(objects)}), json!([]));
        shown.expect("a repository").repository.traits
    };
    let topics = |nodes: Value| json!({"isFork": true, "visibility": "INTERNAL", "repositoryTopics": {"nodes": nodes}});
    let told = |topics: &[&str]| RepositoryTraits {
        fork: true,
        visibility: "internal".to_owned(),
        topics: topics.iter().map(|it| (*it).to_owned()).collect(),
    };
    assert_eq!(traits_of(json!({})), None);
    assert_eq!(traits_of(topics(json!([]))), Some(told(&[])));
    let web = json!({"topic": {"name": "web"}});
    assert_eq!(traits_of(topics(json!([web]))), Some(told(&["web"])));
    assert_eq!(traits_of(topics(json!([web, null]))), None);
}

#[test]
fn files_are_shown_with_or_without_text() {
    check_objects(
        json!({
            "p0": {"__typename": "Blob", "oid": "b1", "byteSize": 4, "isBinary": false, "isTruncated": false, "text": "a: 1"},
            "p1": {"__typename": "Blob", "oid": "b1", "byteSize": 4},
        }),
        json!([]),
        &[
            blob(TextShown::Text("a: 1".to_owned())),
            blob(TextShown::NotQueried),
        ],
    );
}

#[test]
fn what_graphql_shows_in_part_is_to_be_read_raw() {
    for (binary, truncated, text) in [
        (json!(true), false, Value::Null),
        (json!(false), true, json!("a")),
        (json!(false), false, json!("a: \u{FFFD}")),
        (Value::Null, false, Value::Null),
    ] {
        check_objects(
            json!({
                "p0": {"__typename": "Blob", "oid": "b1", "byteSize": 4, "isBinary": binary, "isTruncated": truncated, "text": text},
                "p1": null,
            }),
            json!([]),
            &[blob(TextShown::OnlyRaw), ObjectShown::Absent],
        );
    }
}

#[test]
fn a_missing_field_is_a_null_field() {
    check_objects(
        json!({"p1": {"__typename": "Tree", "oid": "t1"}}),
        json!([]),
        &[ObjectShown::Absent, ObjectShown::NotAFile],
    );
}

#[test]
fn an_error_of_one_file_is_of_that_file_alone() {
    check_objects(
        json!({"p0": null, "p1": null}),
        json!([{"message": "broken", "path": ["r0", "p0"]}]),
        &[
            ObjectShown::Unreadable("broken".to_owned()),
            ObjectShown::Absent,
        ],
    );
}

#[test]
fn an_error_without_a_path_could_belong_to_any_null() {
    let broken = ObjectShown::Unreadable("cut short".to_owned());
    check_objects(
        json!({"p0": null, "p1": null}),
        json!([{"message": "cut short", "type": "RESOURCE_LIMITS_EXCEEDED"}]),
        &[broken.clone(), broken],
    );
}

#[test]
fn a_repository_that_is_not_shown_is_not_visible() {
    let not_found =
        json!([{"type": "NOT_FOUND", "path": ["r0"], "message": "Could not resolve to a node"}]);
    check_failure(json!({"r0": null}), not_found, FailureKind::NotVisible);
    check_failure(json!({"r0": null}), json!([]), FailureKind::NotVisible);
    check_failure(json!({"r0": {}}), json!([]), FailureKind::NotVisible);
    let forbidden = json!([{"type": "FORBIDDEN", "path": ["r0"], "message": "SAML"}]);
    check_failure(json!({"r0": null}), forbidden, FailureKind::Denied);
    check_failure(
        Value::Null,
        json!([{"message": "something went wrong"}]),
        FailureKind::Unreadable,
    );
}

#[test]
fn an_error_of_the_head_spoils_the_repository() {
    let errors = json!([{"message": "timeout", "path": ["r0", "defaultBranchRef"]}]);
    check_failure(
        json!({"r0": repository_json(json!({}))}),
        errors,
        FailureKind::Unreadable,
    );
}

#[test]
fn an_error_of_one_repository_is_not_anothers() {
    let errors = json!([{"type": "NOT_FOUND", "path": ["r1"], "message": "gone"}]);
    assert!(
        read(
            json!({"r0": repository_json(json!({})), "r1": null}),
            errors
        )
        .is_ok()
    );
}

fn list(nodes: Value, errors: Value) -> Result<ListingPage, Failure> {
    let page = json!({"pageInfo": {"hasNextPage": true, "endCursor": "c1"}, "nodes": nodes});
    let data = json!({"repositoryOwner": {"login": "acme", "repositories": page}});
    let answer =
        serde_json::from_value(json!({"data": data, "errors": errors})).expect("an answer");
    read_listing(answer, "catalog-info.yaml")
}

#[test]
fn a_page_lists_heads_and_blobs() {
    let with = repository_json(json!({"file": {"__typename": "Blob", "oid": "b1"}}));
    let without = repository_json(json!({"file": null}));
    let folder = repository_json(json!({"file": {"__typename": "Tree", "oid": "t1"}}));
    let page = list(json!([with, without, folder]), json!([])).expect("a page");
    let blobs: Vec<&str> = page
        .repositories
        .iter()
        .map(|listed| listed.blob.as_str())
        .collect();
    assert_eq!(blobs, ["b1", "", ""]);
    assert_eq!(page.repositories[0].head, "h1");
    assert_eq!(page.next.as_deref(), Some("c1"));
}

#[test]
fn a_repository_with_an_error_is_left_out_rather_than_listed_without_its_file() {
    let node = repository_json(json!({"file": null}));
    let errors = json!([{"message": "broken", "path": ["repositoryOwner", "repositories", "nodes", 1, "file"]}]);
    let page = list(json!([node, node, null]), errors).expect("a page");
    assert_eq!(page.repositories.len(), 1);
}

#[test]
fn a_repository_of_somebody_else_is_left_out() {
    let mut other = repository_json(json!({"file": null}));
    other["owner"]["login"] = json!("someone");
    assert_eq!(
        list(json!([other]), json!([]))
            .expect("a page")
            .repositories,
        []
    );
}

#[test]
fn a_page_with_an_error_of_its_own_proves_nothing() {
    assert!(list(json!([]), json!([{"message": "cut short"}])).is_err());
    let none = serde_json::from_value(json!({
        "data": {"repositoryOwner": null},
        "errors": [{"type": "NOT_FOUND", "path": ["repositoryOwner"], "message": "no such account"}],
    }));
    let failure = read_listing(none.expect("an answer"), "c").expect_err("no account");
    assert_eq!(failure.kind, FailureKind::NotVisible);
}
