//! What a push does to the catalog, told in both profiles.

use freshet_github_emulator::{HookMode, ReleaseOrder, StaleUntil};
use freshet_tests::catalog::{Profile, TestCatalog};
use freshet_tests::wait::eventually;
use serde_json::Value;

use crate::pay::{FILE, PAY, REPOSITORY, catalog_with_pay, component};

async fn a_file_is_added_changed_and_removed(profile: Profile) {
    let world = TestCatalog::with(profile, &[("pay", &[("README.md", "pay")])]).await;
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("first")))], "add")
        .expect("committed");
    world.api.sees_with(PAY, "/metadata/title", "first").await;
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "change")
        .expect("committed");
    let entity = world.api.sees_with(PAY, "/metadata/title", "second").await;
    assert_eq!(entity["relations"][0]["type"], "ownedBy");
    assert_eq!(
        entity["relations"][0]["targetRef"],
        "group:default/payments"
    );
    world
        .github
        .commit(REPOSITORY, &[(FILE, None)], "remove")
        .expect("committed");
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
    let world = catalog_with_pay(Profile::Embedded).await;
    let commit = world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "change")
        .expect("committed");
    world
        .changes
        .saw_in_order([
            "created component:default/pay",
            "updated component:default/pay",
        ])
        .await;
    let event: Value = world.changes.heard().events.pop().expect("an event");
    let data = &event["data"];
    assert_eq!(
        data["change"]["fields"]["updated"][0]["path"],
        "/metadata/title"
    );
    assert_eq!(data["change"]["fields"]["updated"][0]["new"], "second");
    assert_eq!(data["cause"]["commit"], commit.as_str());
    assert_eq!(data["cause"]["mechanism"], "push");
    assert_eq!(data["origin"]["repository"], REPOSITORY);
    assert_eq!(data["entity"]["owner"], "group:default/payments");
    for step in ["received", "fetched", "committed"] {
        assert!(data["timing"][step].is_string(), "{step} in {data}");
    }
    let delivery = world.github.deliveries().pop().expect("a delivery").guid;
    assert!(
        data["cause"]["delivery"]
            .as_str()
            .is_some_and(|id| id.ends_with(&delivery)),
        "{data}"
    );
    world.finish().await;
}

async fn an_invalid_file_keeps_the_last_good_entity_and_shows_its_problem(profile: Profile) {
    let world = catalog_with_pay(profile).await;
    let broken = component("second").replace("  owner: group:default/payments\n", "");
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&broken))], "break")
        .expect("committed");
    let problem = eventually("the problem is visible", || async {
        world
            .api
            .problems()
            .await?
            .pop()
            .ok_or_else(|| "none".to_owned())
    })
    .await;
    assert_eq!(problem["path"], FILE);
    assert!(
        problem["line"].as_u64().is_some_and(|line| line >= 1),
        "{problem}"
    );
    let entity = world.api.sees_with(PAY, "/metadata/title", "first").await;
    assert_eq!(entity["status"]["items"][0]["level"], "error");

    world
        .github
        .commit(
            REPOSITORY,
            &[(FILE, Some("kind: [broken"))],
            "break the syntax",
        )
        .expect("committed");
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
    world.api.sees_with(PAY, "/metadata/title", "first").await;

    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("third")))], "mend")
        .expect("committed");
    let mended = world.api.sees_with(PAY, "/metadata/title", "third").await;
    assert_eq!(mended.get("status"), None);
    assert_eq!(
        world.api.problems().await.expect("answered"),
        Vec::<Value>::new()
    );
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
    let world = catalog_with_pay(Profile::Embedded).await;
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "one")
        .expect("committed");
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("third")))], "two")
        .expect("committed");
    world.api.sees_with(PAY, "/metadata/title", "third").await;
    world.api.settles().await;
    world.api.sees_with(PAY, "/metadata/title", "third").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicated_hook_changes_nothing_twice() {
    let world = catalog_with_pay(Profile::Embedded).await;
    world.github.set_hook_mode(HookMode::Duplicate(3));
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "change")
        .expect("committed");
    world.api.sees_with(PAY, "/metadata/title", "second").await;
    eventually("every copy was accepted", || async {
        let accepted = world
            .github
            .deliveries()
            .iter()
            .filter(|delivery| delivery.status == Some(202))
            .count();
        if accepted == 3 {
            Ok(())
        } else {
            Err(format!("{accepted}"))
        }
    })
    .await;
    world.api.settles().await;
    world
        .changes
        .saw_in_order(["updated component:default/pay"])
        .await;
    let updates = world
        .changes
        .heard()
        .verbs
        .iter()
        .filter(|verb| verb.starts_with("updated"))
        .count();
    assert_eq!(updates, 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_in_the_wrong_order_end_at_the_newest_commit() {
    let world = catalog_with_pay(Profile::Embedded).await;
    world.github.set_hook_mode(HookMode::Hold);
    for title in ["second", "third", "fourth"] {
        world
            .github
            .commit(REPOSITORY, &[(FILE, Some(&component(title)))], title)
            .expect("committed");
    }
    world.github.set_hook_mode(HookMode::Deliver);
    assert_eq!(world.github.release_hooks(ReleaseOrder::Reversed), 3);
    world.api.sees_with(PAY, "/metadata/title", "fourth").await;
    world.api.settles().await;
    world.api.sees_with(PAY, "/metadata/title", "fourth").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_hook_is_repaired_by_the_next_sweep() {
    let mut world = catalog_with_pay(Profile::Embedded).await;
    world.github.set_hook_mode(HookMode::Lose);
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "unheard")
        .expect("committed");
    world
        .restart_with_sweeps_every(std::time::Duration::from_secs(1))
        .await;
    let entity = world.api.sees_with(PAY, "/metadata/title", "second").await;
    assert_eq!(entity["metadata"]["name"], "pay");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_touches_no_wanted_file_costs_no_call() {
    let world = catalog_with_pay(Profile::Embedded).await;
    world.github.clear_log();
    world
        .github
        .commit(REPOSITORY, &[("README.md", Some("more"))], "unrelated")
        .expect("committed");
    eventually("the delivery is accounted for", || async {
        let accepted = world
            .github
            .deliveries()
            .iter()
            .any(|delivery| delivery.status == Some(202));
        if accepted {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    world.api.settles().await;
    assert_eq!(world.github.count_api_calls(), 0);

    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "wanted")
        .expect("committed");
    world.api.sees_with(PAY, "/metadata/title", "second").await;
    assert_eq!(world.github.count_api_calls(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_that_still_shows_the_old_commit_is_asked_again() {
    let world = catalog_with_pay(Profile::Embedded).await;
    world
        .github
        .stale_after_next_push(REPOSITORY, StaleUntil::Calls(1))
        .expect("a repository");
    world
        .github
        .commit(REPOSITORY, &[(FILE, Some(&component("second")))], "change")
        .expect("committed");
    world.api.sees_with(PAY, "/metadata/title", "second").await;
    world.finish().await;
}
