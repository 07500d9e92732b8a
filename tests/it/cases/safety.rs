//! What protects a catalog from its sources, and what tells their owners.

use bytes::Bytes;
use freshet_tests::http::Http;
use freshet_tests::wait::eventually;
use http::Method;
use serde_json::{Value, json};

use crate::story::{Story, component, component_with, root, url};

const MANY: usize = 25;

fn many() -> String {
    let documents: Vec<String> = (0..MANY)
        .map(|number| component(&format!("many-{number}"), "t"))
        .collect();
    documents.join("---\n")
}

async fn items(story: &Story, path: &str) -> Vec<Value> {
    let answer = story.world.api.json(path).await.expect("answered");
    answer["items"].as_array().cloned().unwrap_or_default()
}

/// One repository whose file declares many entities, and another that nothing happens to.
async fn crowd() -> Story {
    let repositories: [(&str, &[(&str, &str)]); 2] =
        [("crowd", &[("many.yaml", &many())]), ("shop", &[])];
    let roots = vec![root(&url("crowd", "many.yaml"))];
    let story = Story::begin(&repositories, roots, json!({})).await;
    story.sees("component:default/many-0").await;
    story
}

async fn held(story: &Story) -> Value {
    eventually("the removal is held", || async {
        let held = story.world.api.json("/api/v1/removals").await?;
        let one = story.world.api.entity("component:default/many-0").await?;
        let sources = story.world.api.sources().await?;
        let first = held["items"].get(0).cloned();
        first.ok_or_else(|| format!("{held}; one of them is {one:?}; {sources:?}"))
    })
    .await
}

async fn nothing_is_held(story: &Story) {
    eventually("nothing is held any more", || async {
        let held = story.world.api.json("/api/v1/removals").await?;
        let is_empty = held["items"].as_array().is_some_and(Vec::is_empty);
        is_empty.then_some(()).ok_or_else(|| held.to_string())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_stops_says_what_would_go_and_continues_on_confirmation() {
    let mut story = crowd().await;
    story.push_quietly("crowd", &[("many.yaml", Some("# all of them gone\n"))]);
    let held = held(&story).await;
    assert_eq!(held["entities"], MANY);
    assert!(held.to_string().contains("many-0"), "{held}");
    // Nothing else waits for it.
    story.push_quietly("shop", &[("README.md", Some("words"))]);
    story.shows("component:default/marker-shop", "m2").await;
    for number in 0..MANY {
        let entity_ref = format!("component:default/many-{number}");
        assert!(story.now(&entity_ref).await.is_some(), "{entity_ref} stays");
    }

    let body = json!({"locations": [held["location"]]}).to_string();
    let answer = Http::default()
        .send(
            Method::POST,
            &format!("{}/api/v1/removals/confirm", story.world.api.url()),
            &[("content-type", "application/json")],
            Bytes::from(body),
        )
        .await
        .expect("answered");
    assert!(answer.status.is_success(), "{answer:?}");
    story
        .world
        .api
        .no_longer_sees("component:default/many-0")
        .await;
    nothing_is_held(&story).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_that_is_taken_back_never_happened() {
    let mut story = crowd().await;
    story.push_quietly("crowd", &[("many.yaml", Some("# oh no\n"))]);
    held(&story).await;
    story
        .push_to("crowd", &[("many.yaml", Some(&many()))])
        .await;
    nothing_is_held(&story).await;
    let verbs = story.world.changes.heard().verbs;
    assert!(!verbs.iter().any(|verb| verb.starts_with("deleted")));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_are_found_by_repository_owner_kind_rule_and_entity() {
    let broken = component("cart", "t").replace("lifecycle: production, ", "");
    let story = Story::of_shop(
        &[("c.yaml", &broken), ("s.yaml", "kind: [")],
        &["c.yaml", "s.yaml"],
    )
    .await;
    let all = items(&story, "/api/v1/problems?level=error").await;
    assert_eq!(all.len(), 2, "{all:?}");
    let of_entity = items(&story, "/api/v1/problems?entity=component:default/cart").await;
    assert_eq!(of_entity.len(), 1, "{of_entity:?}");
    let problem = &of_entity[0];
    assert_eq!(problem["path"], "c.yaml");
    for key in [
        "line",
        "column",
        "rule",
        "message",
        "hint",
        "firstSeen",
        "lastSeen",
    ] {
        assert!(!problem[key].is_null(), "{key} in {problem}");
    }
    let rule = problem["rule"].as_str().expect("a rule");
    for (query, expected) in [
        ("repository=acme/shop".to_owned(), 2),
        ("repository=acme/other".to_owned(), 0),
        ("owner=group:default/team".to_owned(), 1),
        ("kind=component".to_owned(), 1),
        (format!("rule={rule}"), 1),
    ] {
        let found = items(&story, &format!("/api/v1/problems?level=error&{query}")).await;
        assert_eq!(found.len(), expected, "{query}: {found:?}");
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_secret_is_a_warning_that_does_not_repeat_it() {
    // Taken apart, so that no scanner takes this file for one that leaks.
    let secret = ["ghp", "_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    let file = component_with(
        "cart",
        &format!("annotations: {{acme.example/token: {secret}}}"),
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.sees("component:default/cart").await;
    let warnings = items(&story, "/api/v1/problems?level=warning").await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["path"], "c.yaml");
    assert!(!warnings[0].to_string().contains(&secret));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_to_nobody_are_listed() {
    let story = Story::of_shop(&[("c.yaml", &component("cart", "t"))], &["c.yaml"]).await;
    let dangling = items(&story, "/api/v1/dangling").await;
    let team = dangling
        .iter()
        .find(|item| item["target"] == "group:default/team");
    let shown = team.map(ToString::to_string).unwrap_or_default();
    assert!(shown.contains("component:default/cart"), "{dangling:?}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_the_configuration_is_served_with_its_relations() {
    let kind = json!({
        "kind": "Robot",
        "apiVersions": ["acme.example/v1"],
        "schema": {"type": "object", "required": ["spec"]},
        "relations": [{"field": "spec.owner", "forward": "ownedBy", "reverse": "ownerOf", "defaultKind": "Group"}],
    });
    let robot =
        "apiVersion: acme.example/v1\nkind: Robot\nmetadata: {name: arm}\nspec: {owner: team}\n";
    let story = Story::begin(
        &[("shop", &[("r.yaml", robot)])],
        vec![root(&url("shop", "r.yaml"))],
        json!({
            "freshet": {"kinds": [kind]},
            "catalog": {"rules": [{"allow": ["Robot", "Component"]}]},
        }),
    )
    .await;
    let arm = story.sees("robot:default/arm").await;
    assert_eq!(
        arm["relations"],
        json!([{"type": "ownedBy", "targetRef": "group:default/team"}])
    );
    story.end().await;
}
