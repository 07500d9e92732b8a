//! The API over a loopback listener, on a hand-made catalog and a real (empty) database.

mod audit;
mod callers;
mod graph;
mod keys;
mod lists;
mod locations;
mod origins;
mod rights;
mod settings;
mod stub;
mod tls;
mod users;
mod world;
mod writes;

use uuid::Uuid;

use self::settings::Settings;
use self::world::World;
use crate::config::{CorsConfig, FeedLimits};

#[tokio::test]
async fn an_entity_is_served_with_identity_relations_and_problems() {
    let world = World::start().await;
    let answer = world
        .get("/api/catalog/entities/by-name/Component/default/Pay/")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.header("catalog-revision"), Some("0"));
    let entity = answer.json();
    assert_eq!(entity["metadata"]["uid"], Uuid::from_u128(2).to_string());
    assert_eq!(entity["metadata"]["etag"].as_str().map(str::len), Some(40));
    assert_eq!(
        entity["relations"],
        serde_json::json!([{"type": "ownedBy", "targetRef": "group:default/team-a"}])
    );
    assert_eq!(entity["status"]["items"][0]["error"]["line"], 4);
    let target = format!("/api/catalog/entities/by-uid/{}", Uuid::from_u128(3));
    let owner = world.get(&target).await.json();
    assert_eq!(
        owner["relations"],
        serde_json::json!([{"type": "ownerOf", "targetRef": "component:default/pay"}])
    );
    assert!(owner.get("status").is_none());
    world.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_projected_and_paged() {
    let world = World::start().await;
    assert_eq!(
        world.get("/api/catalog/entities").await.names(),
        "site pay team-a"
    );
    assert_eq!(
        world
            .get("/api/catalog/entities?filter=kind=component,spec.type=service")
            .await
            .names(),
        "pay"
    );
    assert_eq!(
        world
            .get("/api/catalog/entities?filter=relations.ownerOf")
            .await
            .names(),
        "team-a"
    );
    assert_eq!(
        world
            .get("/api/catalog/entities?order=desc:metadata.name")
            .await
            .names(),
        "team-a site pay"
    );
    let answer = world
        .get("/api/catalog/entities?fields=metadata.name&filter=kind=group")
        .await;
    assert_eq!(answer.body, r#"[{"metadata":{"name":"team-a"}}]"#);

    let first = world.get("/api/catalog/entities?limit=2&filter=kind").await;
    assert_eq!(first.names(), "pay site");
    let link = first.header("link").expect("a link");
    let next = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        .expect("a link");
    let second = world.get(&format!("/api/catalog{next}")).await;
    assert_eq!(
        (second.names().as_str(), second.header("link")),
        ("team-a", None)
    );
    world.stop().await;
}

#[tokio::test]
async fn mistakes_are_answered_as_backstage_answers_them() {
    let world = World::start().await;
    for (target, status) in [
        ("/api/catalog/entities?x=1", 400),
        ("/api/catalog/entities?filter=", 400),
        ("/api/catalog/entities?limit=0", 400),
        ("/api/catalog/entities?after=nonsense", 400),
        ("/api/catalog/entities?order=name", 400),
        ("/api/catalog/entities/by-name/a/b/c?x=1", 400),
        ("/api/catalog/entities/by-name/component/default/none", 404),
        ("/api/catalog/entities/by-uid/none", 404),
        ("/api/v1/changes?since=x", 400),
        ("/api/v1/changes?since=1", 410),
    ] {
        let answer = world.get(target).await;
        assert_eq!(answer.status, status, "{target}");
        let error = answer.json();
        assert_eq!(error["response"]["statusCode"], status, "{target}");
        assert_eq!(
            error["request"]["url"],
            target.trim_start_matches("/api/catalog"),
            "{target}"
        );
        assert!(answer.header("catalog-revision").is_some(), "{target}");
    }
    let missing = world
        .get("/api/catalog/entities/by-name/component/default/none")
        .await
        .json();
    assert_eq!(
        missing["error"]["message"],
        "No entity named 'none' found, with kind 'component' in namespace 'default'"
    );
    for (method, target) in [("GET", "/nothing"), ("POST", "/api/catalog/entities")] {
        let answer = world.request(method, target, "content-length: 0\r\n").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, ""),
            "{method} {target}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_reader_may_wait_for_a_revision() {
    let world = World::start().await;
    let target = "/api/catalog/entities/by-name/component/default/pay?minRevision=1";
    let (answer, ()) = tokio::join!(world.get(target), world.commit(1));
    assert_eq!(answer.json()["metadata"]["title"], "r1");
    assert_eq!(answer.header("catalog-revision"), Some("1"));
    assert_eq!(
        world.get("/api/v1/problems?minRevision=x").await.status,
        400
    );
    world.stop().await;
}

#[tokio::test]
async fn problems_and_health_are_served() {
    let world = World::start().await;
    let problems = world
        .get("/api/v1/problems?repository=acme/pay")
        .await
        .json();
    assert_eq!(problems["items"][0]["rule"], "spec.schema");
    assert_eq!(
        world.get("/api/v1/problems?rule=other").await.json()["items"],
        serde_json::json!([])
    );
    assert_eq!(
        world.get("/api/v1/sources").await.json()["items"],
        serde_json::json!([])
    );
    let health = world.get("/.backstage/health/v1/readiness").await;
    assert_eq!(health.body, r#"{"status":"ok"}"#);
    world.stop().await;
}

#[tokio::test]
async fn the_feed_resumes_where_the_reader_was() {
    let world = World::start().await;
    let mut live = world.subscribe("/api/v1/changes", "").await;
    for revision in 1..=3 {
        world.commit(revision).await;
    }
    let mut positions = Vec::new();
    for revision in 1..=3 {
        let (id, verb, event) = live.event().await;
        assert_eq!(verb, "updated");
        assert_eq!(event["id"], format!("{}-{revision}", world.epoch));
        positions.push(id);
        assert_eq!(
            event["data"]["after"]["metadata"]["title"],
            format!("r{revision}")
        );
        assert_eq!(event["type"], "io.freshet.catalog.entity.updated.v1");
    }
    let resuming = |position: &str| format!("last-event-id: {position}\r\n");
    // As an event had it, and as one had it before positions named what was seen.
    for position in [positions[0].clone(), format!("{}-1", world.epoch)] {
        let header = resuming(&position);
        let mut resumed = world.subscribe("/api/v1/changes?since=0", &header).await;
        assert_eq!(resumed.event().await.0, positions[1]);
    }
    let mut since = world.subscribe("/api/v1/changes?since=2", "").await;
    assert_eq!(since.event().await.0, positions[2]);
    world.commit(4).await;
    assert_eq!(since.event().await.2["id"], format!("{}-4", world.epoch));
    let (_, seen_at_2) = positions[1].split_once('.').expect("what was seen");
    let other_way = format!("{}-1.{seen_at_2}", world.epoch);
    for gone in ["e0-1", &other_way] {
        let answer = world
            .request("GET", "/api/v1/changes", &resuming(gone))
            .await;
        assert_eq!(answer.status, 410, "{gone}");
    }
    // A stop ends every subscription, or it would last as long as the slowest reader.
    world.stop().await;
}

#[tokio::test]
async fn no_more_readers_than_there_may_be() {
    let feed = FeedLimits {
        subscribers_max: 1,
        ..FeedLimits::default()
    };
    let world = World::start_with(Settings {
        feed,
        ..Settings::default()
    })
    .await;
    let _first = world.subscribe("/api/v1/changes", "").await;
    assert_eq!(world.get("/api/v1/changes").await.status, 503);
    world.stop().await;
}

#[tokio::test]
async fn browsers_of_configured_origins_may_call() {
    let cors = CorsConfig {
        origins: vec!["http://localhost:3000".to_owned()],
        ..CorsConfig::default()
    };
    let world = World::start_with(Settings {
        cors: Some(cors),
        ..Settings::default()
    })
    .await;
    let answer = world
        .request(
            "GET",
            "/api/v1/problems",
            "origin: http://localhost:3000\r\n",
        )
        .await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    let answer = world
        .request("GET", "/api/v1/problems", "origin: http://elsewhere\r\n")
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    world.stop().await;
}

#[tokio::test]
async fn problems_are_found_by_who_must_mend_them_and_what() {
    let world = World::start().await;
    for (query, expected) in [
        ("", 1),
        ("?owner=team-b", 1),
        ("?owner=Group:default/Team-B", 1),
        ("?owner=team-a", 0),
        ("?kind=component&rule=spec.schema&repository=ACME/pay", 1),
        ("?kind=group&kind=component", 1),
        ("?kind=group", 0),
        ("?level=error&entity=component:default/Pay", 1),
        ("?level=warning", 0),
        ("?limit=1&offset=1", 0),
    ] {
        let answer = world.get(&format!("/api/v1/problems{query}")).await.json();
        let items = answer["items"].as_array().map(Vec::len);
        assert_eq!(items, Some(expected), "{query}: {answer}");
    }
    let answer = world.get("/api/v1/problems").await.json();
    let problem = &answer["items"][0];
    assert_eq!(problem["class"], "InputError");
    assert_eq!(problem["scope"], "entity");
    assert_eq!(problem["owner"], "group:default/team-b");
    assert_eq!(answer["totalItems"], 1);
    let unknown = world.get("/api/v1/problems?rle=x").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.json().to_string().contains("known are"));
    world.stop().await;
}

#[tokio::test]
async fn relations_to_nobody_are_listed_with_who_names_them() {
    let world = World::start().await;
    let answer = world.get("/api/v1/dangling").await.json();
    assert_eq!(
        answer["items"],
        serde_json::json!([{
            "target": "group:default/team-b",
            "types": ["ownedBy"],
            "sources": ["component:default/site"],
            "totalSources": 1,
        }])
    );
    let none = world.get("/api/v1/dangling?kind=user").await.json();
    assert_eq!(none["items"], serde_json::json!([]));
    world.stop().await;
}

#[tokio::test]
async fn nothing_that_does_not_wait_can_be_confirmed() {
    let world = World::start().await;
    let answer = world.get("/api/v1/removals").await.json();
    assert_eq!(answer["items"], serde_json::json!([]));
    let path = "/api/v1/removals/confirm";
    for (content_type, body, status) in [
        ("application/json", r#"{"locations":[1]}"#, 404),
        ("application/json", r#"{"location":[1]}"#, 400),
        ("application/json", "[", 400),
        ("text/plain", r#"{"locations":[1]}"#, 400),
    ] {
        let answer = world.post(path, content_type, body).await;
        assert_eq!(answer.status, status, "{content_type} {body}");
    }
    world.stop().await;
}
