//! The delivery log, redelivery, and hooks that go wrong.

use http::StatusCode;
use serde_json::json;

use super::{CATALOG, TOKEN, World};
use crate::{HookMode, ReleaseOrder};

fn commit(world: &World, content: &str) -> String {
    world
        .github
        .commit("acme/pay", &[(CATALOG, Some(content))], content)
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn a_failed_delivery_is_in_the_log_and_can_be_redelivered_under_its_guid() {
    let mut world = World::start().await;
    world.receiver.answer_with(StatusCode::SERVICE_UNAVAILABLE);
    commit(&world, "one");
    let guid = world
        .receiver
        .next()
        .await
        .header("x-github-delivery")
        .to_owned();
    world.attempts(1).await;
    let log = format!("/api/v3/orgs/acme/hooks/{}/deliveries", world.hook_id);
    let failed = world.get(&format!("{log}?status=failure")).await.json();
    assert_eq!(
        (
            &failed[0]["guid"],
            &failed[0]["status_code"],
            &failed[0]["redelivery"]
        ),
        (&json!(guid), &json!(503), &json!(false))
    );
    let one = world
        .get(&format!("{log}/{}", failed[0]["id"]))
        .await
        .json();
    assert_eq!(one["request"]["payload"]["ref"], "refs/heads/main");

    world.receiver.answer_with(StatusCode::ACCEPTED);
    let authorization = format!("Bearer {TOKEN}");
    let again = world
        .send(
            "POST",
            &format!("{log}/{}/attempts", failed[0]["id"]),
            &[("authorization", &authorization)],
            "".into(),
        )
        .await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(
        world.receiver.next().await.header("x-github-delivery"),
        guid
    );
    let attempts = world.attempts(2).await;
    assert_eq!(
        (
            attempts[1].guid.as_str(),
            attempts[1].status,
            attempts[1].redelivery
        ),
        (guid.as_str(), Some(202), true)
    );
    let newest = world.get(&format!("{log}?per_page=1")).await;
    assert_eq!(newest.json()[0]["status"], "OK");
    let older = world
        .get(&newest.links(world.github.base_url())["next"])
        .await
        .json();
    assert_eq!(older[0]["status_code"], 503);
}

#[tokio::test]
async fn hooks_are_lost_duplicated_and_reordered_on_request() {
    let mut world = World::start().await;
    world.github.set_hook_mode_of_next(1, HookMode::Lose);
    commit(&world, "lost");
    world.github.set_hook_mode_of_next(1, HookMode::Fail);
    commit(&world, "failed");
    assert_eq!(world.attempts(1).await[0].status, None);

    world
        .github
        .set_hook_mode_of_next(1, HookMode::Duplicate(3));
    let doubled = commit(&world, "doubled");
    let mut guids = Vec::new();
    for _ in 0..3 {
        let hook = world.receiver.next().await;
        assert_eq!(hook.json()["after"], doubled);
        guids.push(hook.header("x-github-delivery").to_owned());
    }
    guids.dedup();
    assert_eq!(guids.len(), 1);

    world.github.set_hook_mode(HookMode::Hold);
    let heads = [commit(&world, "first"), commit(&world, "second")];
    world.github.set_hook_mode(HookMode::Deliver);
    assert_eq!(world.github.release_hooks(ReleaseOrder::Reversed), 2);
    assert_eq!(world.receiver.next().await.json()["after"], heads[1]);
    assert_eq!(world.receiver.next().await.json()["after"], heads[0]);
}

#[tokio::test]
async fn a_truncated_push_does_not_list_its_head() {
    let mut world = World::start().await;
    world.github.list_commits_up_to(0);
    let head = commit(&world, "x");
    let push = world.receiver.next().await.json();
    assert_eq!(
        (&push["commits"], &push["head_commit"]["id"]),
        (&json!([]), &json!(head))
    );
}

#[tokio::test]
async fn deleting_and_renaming_a_repository_is_told() {
    let mut world = World::start().await;
    world.github.rename_repo("acme/pay", "payments").unwrap();
    let renamed = world.receiver.next().await;
    assert_eq!(renamed.header("x-github-event"), "repository");
    assert_eq!(
        renamed.json()["changes"]["repository"]["name"]["from"],
        "pay"
    );
    world.github.delete_repo("acme/payments").unwrap();
    assert_eq!(world.receiver.next().await.json()["action"], "deleted");
    assert!(world.github.head("acme/payments").is_err());
}
