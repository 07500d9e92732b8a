//! Refusals, limits and stale answers.

use http::StatusCode;
use serde_json::json;

use super::{CATALOG, World};
use crate::{Fault, StaleUntil};

const HEAD: &str = r#"{ repository(owner: "acme", name: "pay") { defaultBranchRef { target { oid } } object(expression: "HEAD:catalog-info.yaml") { ... on Blob { text } } } }"#;

#[tokio::test]
async fn the_next_calls_fail_and_then_github_is_well_again() {
    let world = World::start().await;
    world.github.fail_next(1, Fault::Server(502));
    world.github.fail_next(
        1,
        Fault::RetryAfter {
            status: 429,
            seconds: 7,
        },
    );
    world
        .github
        .fail_next(1, Fault::SecondaryWithoutHeaders { status: 403 });
    assert_eq!(
        world.get("/repos/acme/pay").await.status,
        StatusCode::BAD_GATEWAY
    );
    let limited = world.get("/repos/acme/pay").await;
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, Some("7"))
    );
    let bare = world.get("/repos/acme/pay").await;
    assert_eq!(
        (
            bare.status,
            bare.header("retry-after"),
            bare.header("x-ratelimit-remaining")
        ),
        (StatusCode::FORBIDDEN, None, None)
    );
    assert!(
        bare.json()["message"]
            .as_str()
            .unwrap()
            .contains("secondary rate limit")
    );
    assert_eq!(world.get("/repos/acme/pay").await.status, StatusCode::OK);
}

#[tokio::test]
async fn whatever_poses_as_github_answers_as_it_likes() {
    let world = World::start().await;
    world.github.fail_next(1, Fault::Page);
    world.github.fail_next(1, Fault::Misleading);
    let page = world.get("/repos/acme/pay").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.header("content-type")
            .is_some_and(|it| it.starts_with("text/html"))
    );
    let misleading = world.get("/repos/acme/pay").await;
    assert_eq!(
        (misleading.status, misleading.header("location")),
        (
            StatusCode::SEE_OTHER,
            Some("http://169.254.169.254/latest/meta-data")
        )
    );
}

#[tokio::test]
async fn every_call_fails_until_healed() {
    let world = World::start().await;
    world.github.fail_all(Fault::Exhausted {
        status: 403,
        resets_in: 60,
    });
    for _ in 0..2 {
        let refused = world.graphql(HEAD).await;
        assert_eq!(
            (refused.status, refused.header("x-ratelimit-remaining")),
            (StatusCode::FORBIDDEN, Some("0"))
        );
    }
    world
        .github
        .fail_all(Fault::GraphqlRateLimit { resets_in: 60 });
    let limited = world.graphql(HEAD).await;
    assert_eq!(
        (limited.status, limited.header("x-ratelimit-remaining")),
        (StatusCode::OK, Some("0"))
    );
    assert_eq!(limited.json()["errors"][0]["type"], "RATE_LIMITED");
    world.github.heal();
    assert!(world.graphql(HEAD).await.json().get("errors").is_none());
}

#[tokio::test]
async fn a_spent_budget_refuses_until_its_reset() {
    let world = World::start().await;
    world.github.set_rate_limit(2, 0, 3600);
    assert_eq!(
        world
            .get("/repos/acme/pay")
            .await
            .header("x-ratelimit-remaining"),
        Some("1")
    );
    assert_eq!(
        world
            .get("/repos/acme/pay")
            .await
            .header("x-ratelimit-remaining"),
        Some("0")
    );
    assert_eq!(
        world.get("/repos/acme/pay").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.get("/rate_limit").await.json()["resources"]["core"]["remaining"],
        0
    );
    assert_eq!(
        world.graphql(HEAD).await.header("x-ratelimit-remaining"),
        Some("1")
    );
}

#[tokio::test]
async fn a_stale_repository_shows_the_old_head_and_does_not_know_the_new_commit() {
    let mut world = World::start().await;
    let old = world.github.head("acme/pay").unwrap().unwrap();
    world
        .github
        .stale_after_next_push("acme/pay", StaleUntil::Calls(2))
        .unwrap();
    let new = world
        .github
        .commit("acme/pay", &[(CATALOG, Some("kind: API\n"))], "Change")
        .unwrap();
    world.receiver.next().await;
    let by_commit = format!(
        r#"{{ repository(owner: "acme", name: "pay") {{ object(expression: "{new}:catalog-info.yaml") {{ oid }} }} }}"#
    );
    assert_eq!(
        world.graphql(&by_commit).await.json()["data"]["repository"]["object"],
        json!(null)
    );
    let stale = world.graphql(HEAD).await.json();
    assert_eq!(
        stale["data"]["repository"]["defaultBranchRef"]["target"]["oid"],
        old.as_str()
    );
    assert_eq!(
        stale["data"]["repository"]["object"]["text"],
        "kind: Component\n"
    );
    let fresh = world.graphql(HEAD).await.json();
    assert_eq!(
        fresh["data"]["repository"]["defaultBranchRef"]["target"]["oid"],
        new.as_str()
    );
    assert_eq!(fresh["data"]["repository"]["object"]["text"], "kind: API\n");
}

#[tokio::test]
async fn a_concealed_repository_is_not_found_until_revealed() {
    let world = World::start().await;
    world.github.conceal("acme/pay").unwrap();
    assert_eq!(
        world.get("/repos/acme/pay").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        world.graphql(HEAD).await.json()["errors"][0]["type"],
        "NOT_FOUND"
    );
    world.github.reveal("acme/pay").unwrap();
    assert_eq!(world.get("/repos/acme/pay").await.status, StatusCode::OK);
}
