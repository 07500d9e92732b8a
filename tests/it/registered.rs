//! What people ask for through the API: locations they register, entities they refresh and delete.

use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::Stage;
use serde_json::{Value, json};

use crate::story::{component, generated, location, tree_url, url};

const CART: &str = "component:default/cart";
const DESK: &str = "component:default/desk";
const ALL: &str = "location:default/all";
const SHOP: &str = "acme/shop";

/// A catalog in which nothing is registered yet, and a repository with files that could be.
async fn shop(profile: Profile) -> TestCatalog {
    let all = location("all", "{target: ./cart.yaml}");
    let (cart, desk) = (component("cart", "first"), component("desk", "first"));
    let files: [(&str, &str); 3] = [
        ("all.yaml", &all),
        ("cart.yaml", &cart),
        ("desk.yaml", &desk),
    ];
    TestCatalog::stage(Stage {
        profile,
        ..Stage::registered(&[("shop", &files)], &[])
    })
    .await
}

fn annotation<'a>(entity: &'a Value, name: &str) -> &'a str {
    let pointer = format!("/metadata/annotations/backstage.io~1{name}");
    let value = entity.pointer(&pointer).and_then(Value::as_str);
    value.unwrap_or_default()
}

async fn a_registered_file_brings_what_it_leads_to_and_takes_it_along(profile: Profile) {
    let world = shop(profile).await;
    let registered = url("shop", "all.yaml");
    let location = world.api.registers(&registered).await;
    assert_eq!(location["entityRef"], generated(&registered));
    let cart = world.api.shows(CART, "first").await;
    let own = format!("url:{}", tree_url("shop", "cart.yaml"));
    assert_eq!(annotation(&cart, "managed-by-location"), own);
    let origin = format!("url:{registered}");
    assert_eq!(annotation(&cart, "managed-by-origin-location"), origin);
    let expected = [
        (CART.to_owned(), vec![ALL.to_owned()]),
        (ALL.to_owned(), vec![generated(&registered)]),
        (generated(&registered), vec![]),
    ];
    assert_eq!(world.api.ancestry(CART).await, expected);
    let by_entity = "/api/catalog/locations/by-entity/component/default/cart";
    let found = world.api.json(by_entity).await;
    assert_eq!(found, Ok(location.clone()));

    let other = url("shop", "desk.yaml");
    let moved = world.api.retargets(&location, &other).await;
    assert_eq!(moved["id"], location["id"]);
    assert_eq!(moved["entityRef"], location["entityRef"]);
    world.api.shows(DESK, "first").await;
    world.api.no_longer_sees(CART).await;
    world.api.no_longer_sees(ALL).await;

    let revision = world.api.unregisters(&moved).await;
    let gone = |entity_ref: &str| {
        let path = entity_ref.replacen(':', "/", 1);
        format!("/api/catalog/entities/by-name/{path}?minRevision={revision}")
    };
    for entity_ref in [DESK.to_owned(), generated(&registered)] {
        let answer = world.api.json(&gone(&entity_ref)).await;
        let refused = answer.expect_err("it went with the answer");
        assert!(refused.starts_with("404"), "{refused}");
    }
    assert_eq!(world.api.list("/api/catalog/locations").await, Ok(vec![]));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_file_brings_what_it_leads_to_and_takes_it_along_embedded() {
    a_registered_file_brings_what_it_leads_to_and_takes_it_along(Profile::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_file_brings_what_it_leads_to_and_takes_it_along_over_nats() {
    a_registered_file_brings_what_it_leads_to_and_takes_it_along(Profile::Nats).await;
}

async fn a_refresh_finds_what_nobody_announced_and_says_what_came_of_it(profile: Profile) {
    let world = shop(profile).await;
    world.api.registers(&url("shop", "cart.yaml")).await;
    world.api.shows(CART, "first").await;
    world.api.settles().await;
    let report = world.api.refreshes(CART).await;
    assert_eq!(report["state"], "unchanged", "{report}");

    let writes = |file: String| {
        let files = [("cart.yaml", Some(file.as_str()))];
        let committed = world.github.commit_quietly(SHOP, &files, "quiet");
        committed.expect("committed")
    };
    writes(component("cart", "second"));
    let report = world.api.refreshes(CART).await;
    assert_eq!(report["state"], "applied", "{report}");
    assert_eq!(report["sources"][0]["name"], SHOP);
    let revision = &report["revision"];
    let target =
        format!("/api/catalog/entities/by-name/component/default/cart?minRevision={revision}");
    let entity = world.api.json(&target).await.expect("the entity");
    assert_eq!(entity["metadata"]["title"], "second");

    writes(component("cart", "third").replace(", owner: team", ""));
    let report = world.api.refreshes(CART).await;
    assert_eq!(report["state"], "failed", "{report}");
    let problem = &report["problems"][0];
    assert_eq!(
        (&problem["path"], &problem["entityRef"]),
        (&json!("cart.yaml"), &json!(CART))
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_finds_what_nobody_announced_and_says_what_came_of_it_embedded() {
    a_refresh_finds_what_nobody_announced_and_says_what_came_of_it(Profile::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_finds_what_nobody_announced_and_says_what_came_of_it_over_nats() {
    a_refresh_finds_what_nobody_announced_and_says_what_came_of_it(Profile::Nats).await;
}

async fn an_entity_that_is_deleted_comes_back_from_its_file(profile: Profile) {
    let world = shop(profile).await;
    world.api.registers(&url("shop", "all.yaml")).await;
    let before = world.api.sees(CART).await;
    let revision = world.api.deletes(&before).await;
    assert!(revision > 0);
    let uid = |entity: &Value| entity["metadata"]["uid"].clone();
    let after = freshet_wait::eventually("it is another one", || async {
        let entity = world.api.entity(CART).await?.ok_or("away")?;
        if uid(&entity) == uid(&before) {
            return Err("the same".to_owned());
        }
        Ok(entity)
    })
    .await;
    assert_eq!(after["spec"], before["spec"]);
    let heard = world.heard_everything().await;
    let about_it: Vec<&String> = heard.verbs.iter().filter(|it| it.ends_with(CART)).collect();
    let verbs = ["created", "deleted", "created"].map(|verb| format!("{verb} {CART}"));
    assert_eq!(about_it, verbs.iter().collect::<Vec<_>>());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_is_deleted_comes_back_from_its_file_embedded() {
    an_entity_that_is_deleted_comes_back_from_its_file(Profile::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_is_deleted_comes_back_from_its_file_over_nats() {
    an_entity_that_is_deleted_comes_back_from_its_file(Profile::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_registered_is_there_after_a_restart() {
    let mut world = shop(Profile::Embedded).await;
    let location = world.api.registers(&url("shop", "cart.yaml")).await;
    let before = world.api.sees(CART).await;
    world.stop_services().await;
    world.start_services().await;
    let after = world.api.sees(CART).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    let listed = world.api.list("/api/catalog/locations").await;
    assert_eq!(listed, Ok(vec![json!({"data": location})]));
    world.finish().await;
}
