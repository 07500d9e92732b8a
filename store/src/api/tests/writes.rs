//! Refreshes, deletions and what leads to an entity.

use freshet_model::location::generated_location_name;
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;

const REFRESH: &str = "/api/catalog/refresh";
const PAY: &str = "/api/catalog/entities/by-name/component/default/pay";
const TARGET: &str = "https://example.com/a.yaml";

async fn refresh(world: &World, entity_ref: &str) -> String {
    let body = json!({"entityRef": entity_ref});
    let answer = world.send_json("POST", REFRESH, &body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let id = answer.header("freshet-refresh").expect("a refresh");
    format!("/api/v1/refreshes/{id}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_answered_and_tells_what_came_of_it() {
    let world = World::start().await;
    let location = json!({"type": "url", "target": TARGET});
    let registered = world
        .send_json("POST", "/api/catalog/locations", &location)
        .await;
    let entity_ref = registered.json()["location"]["entityRef"].clone();
    let entity_ref = entity_ref.as_str().expect("a ref");
    let path = refresh(&world, &entity_ref.to_uppercase()).await;
    let report = world.get(&path).await.json();
    assert_eq!(report["entityRef"], entity_ref);
    assert_eq!(report["state"], "waiting");
    assert_eq!(report["sources"][0]["state"], "waiting");
    assert_eq!(report["problems"], json!([]));
    assert_eq!(report.get("revision"), None, "it has not ended");
    let unknown = format!("/api/v1/refreshes/{}", Uuid::nil());
    for path in [unknown.as_str(), "/api/v1/refreshes/no-uuid"] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_of_what_cannot_be_read_has_an_end_too() {
    let world = World::start().await;
    let path = refresh(&world, "component:default/site").await;
    let report = world.get(&path).await.json();
    assert_eq!(report["state"], "ignored");
    assert!(report["revision"].is_number());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    for (body, status) in [
        (json!({"entityRef": "component:default/none"}), 404),
        (json!({"entityRef": "component:pay"}), 404),
        (json!({"entityRef": "pay"}), 404),
        (json!({"entityRef": "component:default/pay", "x": 1}), 400),
        (json!({"entityRef": 1}), 400),
        (json!({}), 400),
    ] {
        let answer = world.send_json("POST", REFRESH, &body).await;
        assert_eq!(answer.status, status, "{body}");
    }
    // It would be for somebody whom nobody knows.
    let token = json!({"entityRef": "component:default/pay", "authorizationToken": "t"});
    assert_eq!(world.send_json("POST", REFRESH, &token).await.status, 401);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_deleted_by_its_identity() {
    let world = World::start().await;
    let target = format!("/api/catalog/entities/by-uid/{}", Uuid::from_u128(2));
    let answer = world.delete(&target).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let revision = answer.header("catalog-revision").expect("a revision");
    let gone = world.get(&format!("{PAY}?minRevision={revision}")).await;
    assert_eq!(gone.status, 404);
    for target in [target.as_str(), "/api/catalog/entities/by-uid/no-uuid"] {
        assert_eq!(world.delete(target).await.status, 204, "{target}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leads_to_an_entity_begins_with_itself() {
    let world = World::start().await;
    let location = json!({"type": "url", "target": TARGET});
    world
        .send_json("POST", "/api/catalog/locations", &location)
        .await;
    let name = generated_location_name("url", TARGET);
    let path = format!("/api/catalog/entities/by-name/location/default/{name}");
    let entity = world.get(&path).await.json();
    let ancestry = world.get(&format!("{path}/ancestry")).await.json();
    let expected: Value = json!({
        "rootEntityRef": format!("location:default/{name}"),
        "items": [{"entity": entity, "parentEntityRefs": []}],
    });
    assert_eq!(ancestry, expected);
    let none = "/api/catalog/entities/by-name/component/default/none/ancestry";
    let answer = world.get(none).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["name"], "NotFoundError");
    world.stop().await;
}
