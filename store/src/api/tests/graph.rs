//! Questions about relations.

use super::world::World;

#[tokio::test]
async fn what_hangs_together_is_told() {
    let world = World::start().await;
    let owned = world
        .get("/api/v1/impact?ref=group:default/team-a&relation=ownerOf")
        .await
        .json();
    assert_eq!(owned["totalItems"], 1);
    assert_eq!(owned["items"][0]["entityRef"], "component:default/pay");
    assert_eq!(owned["items"][0]["exists"], true);
    // Nobody declares this group, and what points at it is met all the same.
    let dangling = world
        .get("/api/v1/impact?ref=component:default/site&relation=ownedBy")
        .await
        .json();
    assert_eq!(dangling["items"][0]["exists"], false);
    let paths = world
        .get("/api/v1/paths?from=component:default/pay&to=group:default/team-a")
        .await
        .json();
    assert_eq!(paths["paths"][0][0]["relation"], "ownedBy");
    let cycles = world.get("/api/v1/cycles?relation=ownedBy").await.json();
    assert_eq!(cycles["totalItems"], 0);
    let all = world
        .get("/api/v1/owned?by=group:default/team-a")
        .await
        .json();
    assert_eq!(all["items"], serde_json::json!(["component:default/pay"]));
    let listed = world
        .get("/api/catalog/entities?filter=freshet.ownedBy=group:default/team-a")
        .await;
    assert_eq!(listed.names(), "pay");
    world.stop().await;
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    for target in [
        "/api/v1/impact",
        "/api/v1/impact?ref=no-kind",
        "/api/v1/impact?ref=component:default/pay&direction=up",
        "/api/v1/impact?ref=component:default/pay&depth=0",
        "/api/v1/paths?from=component:default/pay",
        "/api/v1/owned",
        "/api/v1/cycles?ref=component:default/pay",
    ] {
        assert_eq!(world.get(target).await.status, 400, "{target}");
    }
    world.stop().await;
}
