//! Registered locations: registered, listed, looked up, given another target, unregistered.

use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{Answer, World};
use crate::config::{LocationConflict, LocationWrites, RegistrationConfig};
use freshet_model::location::generated_location_name;

const LOCATIONS: &str = "/api/catalog/locations";
const TARGET: &str = "https://github.com/Acme/pay/blob/main/catalog-info.yaml";
const OTHER: &str = "https://github.com/acme/pay/blob/main/other.yaml";

fn body(target: &str) -> Value {
    json!({"type": "url", "target": target})
}

/// Registers a location, and returns it as it was answered.
async fn register(world: &World, target: &str) -> Value {
    let answer = world.send_json("POST", LOCATIONS, &body(target)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let answered = answer.json();
    assert_eq!(answered["entities"], json!([]));
    answered["location"].clone()
}

fn path_of(location: &Value) -> String {
    let id = location["id"].as_str().expect("an id");
    format!("{LOCATIONS}/{id}")
}

#[track_caller]
fn refused(answer: &Answer, status: u16, name: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.json()["error"]["name"], name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_is_registered_and_found_by_every_way() {
    let world = World::start().await;
    let location = register(&world, TARGET).await;
    let id = location["id"].as_str().expect("an id");
    Uuid::parse_str(id).expect("a uuid");
    let name = generated_location_name("url", TARGET);
    let expected = json!({
        "id": id, "type": "url", "target": TARGET, "entityRef": format!("location:default/{name}"),
    });
    assert_eq!(location, expected);
    let listed = world.get(LOCATIONS).await.json();
    assert_eq!(listed, json!([{"data": location}]));
    let path = path_of(&location);
    assert_eq!(world.get(&path).await.json(), location);
    assert_eq!(world.get(&path.to_uppercase()).await.json(), location);
    let by_entity = format!("{LOCATIONS}/by-entity/location/default/{name}");
    assert_eq!(world.get(&by_entity).await.json(), location);
    let answer = world.get(&path).await;
    let tag = answer.header("etag").expect("a tag");
    let held = format!("if-none-match: {tag}\r\n");
    assert_eq!(world.request("GET", &path, &held).await.status, 304);
    let query = format!("{LOCATIONS}/by-query");
    let asked = json!({"query": {"target": {"$hasPrefix": "HTTPS://github.com/ACME"}}});
    let page = world.send_json("POST", &query, &asked).await.json();
    let expected = json!({"items": [location], "totalItems": 1, "pageInfo": {}});
    assert_eq!(page, expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_in_the_revision_that_is_told() {
    let world = World::start().await;
    let answer = world.send_json("POST", LOCATIONS, &body(TARGET)).await;
    let revision = answer.header("catalog-revision").expect("a revision");
    assert_ne!(revision, "0");
    let name = generated_location_name("url", TARGET);
    let target =
        format!("/api/catalog/entities/by-name/location/default/{name}?minRevision={revision}");
    let entity = world.get(&target).await.json();
    assert_eq!(entity["spec"], body(TARGET));
    let annotations = &entity["metadata"]["annotations"];
    let own = format!("url:{TARGET}");
    assert_eq!(annotations["backstage.io/managed-by-location"], own);
    assert_eq!(annotations["backstage.io/managed-by-origin-location"], own);
    let location = answer.json()["location"].clone();
    let answer = world.delete(&path_of(&location)).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let later = answer.header("catalog-revision").expect("a revision");
    assert!(later.parse::<i64>().expect("a number") > revision.parse().expect("a number"));
    assert_eq!(world.get(&target).await.status, 404);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_already_is_refused_or_read_again() {
    let world = World::start().await;
    let location = register(&world, TARGET).await;
    let again = world.send_json("POST", LOCATIONS, &body(TARGET)).await;
    refused(&again, 409, "ConflictError");
    let refreshing = format!("{LOCATIONS}?onConflict=refresh");
    let again = world.send_json("POST", &refreshing, &body(TARGET)).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.json()["location"], location);
    let refresh = again.header("freshet-refresh").expect("a refresh");
    let report = world.get(&format!("/api/v1/refreshes/{refresh}")).await;
    assert_eq!(report.json()["state"], "waiting");
    let unknown = format!("{LOCATIONS}?onConflict=merge");
    let answer = world.send_json("POST", &unknown, &body(TARGET)).await;
    refused(&answer, 400, "InputError");
    world.stop().await;

    let world = World::start_registering(RegistrationConfig {
        on_conflict: LocationConflict::Refresh,
        ..RegistrationConfig::default()
    })
    .await;
    let location = register(&world, TARGET).await;
    assert_eq!(register(&world, TARGET).await, location);
    let rejecting = format!("{LOCATIONS}?onConflict=reject");
    let answer = world.send_json("POST", &rejecting, &body(TARGET)).await;
    refused(&answer, 409, "ConflictError");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_gets_another_target_and_keeps_its_name() {
    let world = World::start().await;
    let location = register(&world, TARGET).await;
    let path = path_of(&location);
    let moved = world.send_json("PUT", &path, &body(OTHER)).await;
    assert_eq!(moved.status, 200);
    let mut expected = location.clone();
    expected["target"] = json!(OTHER);
    assert_eq!(moved.json(), expected);
    assert_eq!(world.get(&path).await.json(), expected);
    let taken = register(&world, TARGET).await;
    assert_ne!(taken["entityRef"], location["entityRef"], "that is in use");
    let answer = world.send_json("PUT", &path_of(&taken), &body(OTHER)).await;
    refused(&answer, 409, "ConflictError");
    for id in [Uuid::nil().to_string(), "no-uuid".to_owned()] {
        let path = format!("{LOCATIONS}/{id}");
        let answer = world.send_json("PUT", &path, &body(OTHER)).await;
        refused(&answer, 404, "NotFoundError");
        refused(&world.get(&path).await, 404, "NotFoundError");
        refused(&world.delete(&path).await, 404, "NotFoundError");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_refused() {
    let world = World::start().await;
    let bodies = [
        json!({"type": "file", "target": "/x"}),
        json!({"target": TARGET}),
        json!({"type": "url"}),
        json!({"type": "url", "target": ""}),
        json!({"type": "url", "target": 5}),
        json!({"type": "url", "target": "a\u{0}b"}),
        json!({"type": "url", "target": TARGET, "presence": "sometimes"}),
        json!({"type": "url", "target": TARGET, "x": 1}),
        json!([]),
    ];
    for body in &bodies {
        let answer = world.send_json("POST", LOCATIONS, body).await;
        refused(&answer, 400, "InputError");
        let path = format!("{LOCATIONS}/{}", Uuid::nil());
        let answer = world.send_json("PUT", &path, body).await;
        refused(&answer, 400, "InputError");
    }
    for target in [format!("{LOCATIONS}?x=1"), format!("{LOCATIONS}?dryRun=")] {
        let answer = world.send_json("POST", &target, &body(TARGET)).await;
        refused(&answer, 400, "InputError");
    }
    let dry_run = format!("{LOCATIONS}?dryRun=Yes");
    let answer = world.send_json("POST", &dry_run, &body(TARGET)).await;
    refused(&answer, 501, "NotImplementedError");
    assert_eq!(world.get(LOCATIONS).await.json(), json!([]));
    let optional = json!({"type": "url", "target": TARGET, "presence": "optional"});
    let answer = world.send_json("POST", LOCATIONS, &optional).await;
    assert_eq!(answer.status, 201);
    let listed = world.get(LOCATIONS).await.json();
    assert_eq!(listed[0]["data"]["target"], TARGET);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_may_be_registered_everything_else_works() {
    let world = World::start_registering(RegistrationConfig {
        writes: LocationWrites::Refused,
        ..RegistrationConfig::default()
    })
    .await;
    let path = format!("{LOCATIONS}/{}", Uuid::nil());
    let answer = world.send_json("POST", LOCATIONS, &body(TARGET)).await;
    refused(&answer, 403, "NotAllowedError");
    let answer = world.send_json("PUT", &path, &body(TARGET)).await;
    refused(&answer, 403, "NotAllowedError");
    refused(&world.delete(&path).await, 403, "NotAllowedError");
    assert_eq!(world.get(LOCATIONS).await.json(), json!([]));
    let uid = format!("/api/catalog/entities/by-uid/{}", Uuid::from_u128(2));
    assert_eq!(world.delete(&uid).await.status, 204);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registered_locations_are_paged_and_filtered() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let location = register(&world, &format!("{TARGET}?{number}")).await;
        ids.push(location["id"].as_str().expect("an id").to_owned());
    }
    ids.sort();
    let query = format!("{LOCATIONS}/by-query");
    let first = world.send_json("POST", &query, &json!({"limit": 2})).await;
    let first = first.json();
    assert_eq!(first["totalItems"], 3);
    assert_eq!(first["items"][1]["id"], ids[1]);
    let cursor = json!({"cursor": first["pageInfo"]["nextCursor"]});
    let second = world.send_json("POST", &query, &cursor).await.json();
    assert_eq!(second["items"][0]["id"], ids[2]);
    assert_eq!(second["pageInfo"], json!({}));
    let nothing = json!({"query": {"$all": []}});
    let page = world.send_json("POST", &query, &nothing).await.json();
    assert_eq!(page["totalItems"], 0);
    for body in [
        json!({"query": {"foo": "x"}}),
        json!({"limit": 0}),
        json!({"limit": "2"}),
        json!({"cursor": "x"}),
    ] {
        let answer = world.send_json("POST", &query, &body).await;
        refused(&answer, 400, "InputError");
    }
    world.stop().await;
}
