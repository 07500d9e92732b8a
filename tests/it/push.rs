//! What a push does to the catalog, told in both profiles.

use std::time::Duration;

use freshet_github_emulator::{HookMode, ReleaseOrder};
use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_wait::eventually;

use crate::pay::{FILE, PAY, Pay, catalog_with_pay, component};

async fn a_file_is_added_changed_and_removed(profile: Profile) {
    let world = TestCatalog::with(profile, &[("pay", &[("README.md", "pay")])]).await;
    let pay = Pay::of(&world);
    pay.says("first");
    world.api.shows(PAY, "first").await;
    pay.says("second");
    let entity = world.api.shows(PAY, "second").await;
    assert_eq!(entity["relations"][0]["type"], "ownedBy");
    assert_eq!(
        entity["relations"][0]["targetRef"],
        "group:default/payments"
    );
    pay.removes_its_file();
    world.api.no_longer_sees(PAY).await;
    world
        .changes
        .saw_in_order([
            "created component:default/pay",
            "updated component:default/pay",
            "deleted component:default/pay",
        ])
        .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_added_changed_and_removed_embedded() {
    a_file_is_added_changed_and_removed(Profile::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_added_changed_and_removed_over_nats() {
    a_file_is_added_changed_and_removed(Profile::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_event_says_what_changed_why_and_when() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    let commit = pay.says("second");
    let event = world.changes.saw("updated component:default/pay").await;
    let data = &event["data"];
    assert_eq!(
        data["change"]["fields"]["updated"][0]["path"],
        "/metadata/title"
    );
    assert_eq!(data["change"]["fields"]["updated"][0]["new"], "second");
    assert_eq!(data["cause"]["commit"], commit.as_str());
    assert_eq!(data["cause"]["mechanism"], "push");
    assert_eq!(data["origin"]["repository"], pay.repository().full_name());
    assert_eq!(data["entity"]["owner"], "group:default/payments");
    for step in ["received", "fetched", "committed"] {
        assert!(data["timing"][step].is_string(), "{step} in {data}");
    }
    let delivery = &world.deliveries.are_accepted(1).await[0];
    assert!(
        data["cause"]["delivery"]
            .as_str()
            .is_some_and(|id| id.ends_with(&delivery.guid)),
        "{data}"
    );
    world.finish().await;
}

async fn an_invalid_file_keeps_the_last_good_entity_and_shows_its_problem(profile: Profile) {
    let (world, pay) = catalog_with_pay(profile).await;
    pay.writes(&component("second").replace("  owner: group:default/payments\n", ""));
    let problem = &world.api.finds_problems("", 1).await[0];
    assert_eq!(problem["path"], FILE);
    assert!(
        problem["line"].as_u64().is_some_and(|line| line >= 1),
        "{problem}"
    );
    let entity = world.api.shows(PAY, "first").await;
    assert_eq!(entity["status"]["items"][0]["level"], "error");

    pay.writes("kind: [broken");
    eventually("the syntax error has replaced it", || async {
        let problems = world.api.problems().await?;
        let is_syntax = problems.len() == 1
            && problems[0]["rule"]
                .as_str()
                .is_some_and(|rule| rule.starts_with("yaml"));
        is_syntax
            .then_some(())
            .ok_or_else(|| format!("{problems:?}"))
    })
    .await;
    world.api.shows(PAY, "first").await;

    pay.says("third");
    world.api.shows(PAY, "third").await;
    world.api.is_well(PAY).await;
    world.api.finds_problems("", 0).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_file_keeps_the_last_good_entity_embedded() {
    an_invalid_file_keeps_the_last_good_entity_and_shows_its_problem(Profile::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_file_keeps_the_last_good_entity_over_nats() {
    an_invalid_file_keeps_the_last_good_entity_and_shows_its_problem(Profile::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pushes_in_a_row_end_at_the_second() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    pay.says("second");
    pay.says("third");
    world.api.shows(PAY, "third").await;
    // The hook of the first may be the later one, and must not bring its content back.
    world.deliveries.are_accepted(2).await;
    world.api.settles().await;
    world.api.shows(PAY, "third").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicated_hook_changes_nothing_twice() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    world.github.set_hook_mode(HookMode::Duplicate(3));
    pay.says("second");
    world.api.shows(PAY, "second").await;
    world.deliveries.are_accepted(3).await;
    // Whatever the copies began is done before this is.
    pay.says("third");
    world.api.shows(PAY, "third").await;
    world.deliveries.are_accepted(6).await;
    let heard = world.heard_everything().await;
    assert_eq!(heard.count("updated component:default/pay"), 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_in_the_wrong_order_end_at_the_newest_commit() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    world.github.set_hook_mode(HookMode::Hold);
    for title in ["second", "third", "fourth"] {
        pay.says(title);
    }
    world.github.set_hook_mode(HookMode::Deliver);
    assert_eq!(world.github.release_hooks(ReleaseOrder::Reversed), 3);
    world.deliveries.are_accepted(3).await;
    world.api.settles().await;
    world.api.shows(PAY, "fourth").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_hook_is_repaired_by_the_next_sweep() {
    let (mut world, pay) = catalog_with_pay(Profile::Embedded).await;
    world.github.set_hook_mode(HookMode::Lose);
    pay.says("second");
    world
        .restart_with_sweeps_every(Duration::from_secs(1))
        .await;
    world.api.shows(PAY, "second").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_touches_no_wanted_file_costs_no_call() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    world.github.clear_log();
    pay.repository().writes("README.md", "more");
    world.deliveries.are_accepted(1).await;
    world.api.settles().await;
    assert_eq!(world.github.count_api_calls(), 0);

    pay.says("second");
    world.api.shows(PAY, "second").await;
    assert_eq!(
        world.github.count_api_calls(),
        1,
        "and none came late for the first"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_that_still_shows_the_old_commit_is_asked_again() {
    let (world, pay) = catalog_with_pay(Profile::Embedded).await;
    pay.repository().lags_for_calls(1);
    pay.says("second");
    world.api.shows(PAY, "second").await;
    world.finish().await;
}
