//! `catalog.rules`: what may come from where.

use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::Stage;
use serde_json::json;

use crate::story::{Story, component, document, generated, root, title, url};

fn group(name: &str) -> String {
    document("Group", name, name, "{type: team, children: []}")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_disallowed_entity_keeps_its_whole_file_out() {
    let both = format!("{}---\n{}", component("cart", "t"), group("team"));
    let roots = vec![root(&url("shop", "c.yaml"))];
    let rules = json!({"catalog": {"rules": [{"allow": ["Component"]}]}});
    let mut story = Story::begin(&[("shop", &[("c.yaml", &both)])], roots, rules).await;
    let registered = generated(&url("shop", "c.yaml"));
    story
        .world
        .api
        .fails_with(&registered, "NotAllowedError")
        .await;
    assert_eq!(story.now("component:default/cart").await, None);
    assert_eq!(story.now("group:default/team").await, None);
    story.sees(&registered).await;

    story
        .configure(json!({"catalog": {"rules": [{"allow": ["Component", "Group"]}]}}))
        .await;
    story.sees("component:default/cart").await;
    story.sees("group:default/team").await;
    story.world.api.is_well(&registered).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locations_own_rules_add_to_the_others() {
    let files = [("g.yaml", group("team")), ("h.yaml", group("other"))];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, file)| (*path, file.as_str()))
        .collect();
    let with_rules = json!({"type": "url", "target": url("shop", "g.yaml"), "rules": [{"allow": ["User", "Group"]}]});
    let roots = vec![with_rules, root(&url("shop", "h.yaml"))];
    let rules = json!({"catalog": {"rules": null}});
    let story = Story::begin(&[("shop", &files)], roots, rules).await;
    story.sees("group:default/team").await;
    story
        .world
        .api
        .fails_with(&generated(&url("shop", "h.yaml")), "NotAllowedError")
        .await;
    assert_eq!(story.now("group:default/other").await, None);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_do_not_judge_the_locations_a_provider_finds() {
    let stage = Stage {
        repositories: Stage::registered(
            &[("shop", &[("catalog-info.yaml", &component("cart", "t"))])],
            &[],
        )
        .repositories,
        overlay: json!({"catalog": {"rules": [{"allow": ["Component"]}]}}),
        named_github: true,
        ..Stage::default()
    };
    let world = TestCatalog::stage(stage).await;
    world.api.sees("component:default/cart").await;
    world
        .api
        .sees(&generated(&url("shop", "catalog-info.yaml")))
        .await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_is_no_longer_allowed_leaves_the_old_entity() {
    let rules =
        json!({"catalog": {"rules": [{"allow": [{"kind": "Component", "spec.type": "service"}]}]}});
    let roots = vec![root(&url("shop", "c.yaml"))];
    let mut story = Story::begin(
        &[("shop", &[("c.yaml", &component("cart", "first"))])],
        roots,
        rules,
    )
    .await;
    story.shows("component:default/cart", "first").await;
    let website = component("cart", "second").replace("type: service", "type: website");
    story.push(&[("c.yaml", Some(&website))]).await;
    let registered = generated(&url("shop", "c.yaml"));
    story
        .world
        .api
        .fails_with(&registered, "NotAllowedError")
        .await;
    assert_eq!(
        title(story.now("component:default/cart").await.as_ref()),
        Some("first")
    );
    story.end().await;
}
