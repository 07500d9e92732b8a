//! What becomes of entities over time: broken, mended, moved, renamed, claimed twice, no longer claimed.

use freshet_model::annotation::ORPHAN;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::{Stage, staged};
use serde_json::json;

use crate::story::{Story, component, generated, location, root, title, url};

const CART: &str = "component:default/cart";

fn uid(entity: &serde_json::Value) -> String {
    entity["metadata"]["uid"]
        .as_str()
        .expect("a uid")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_name_costs_only_its_own_entity() {
    let file = format!(
        "{}---\n{}",
        component("cart", "t"),
        component("\"a b\"", "t")
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.world.api.is_well(CART).await;
    assert_eq!(story.now("component:default/a%20b").await, None);
    story
        .world
        .api
        .fails_with("component:default/a b", "InputError")
        .await;
    story
        .world
        .api
        .is_well(&generated(&url("shop", "c.yaml")))
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_keeps_what_was_good_and_says_so_until_it_is_mended() {
    let mut story = Story::of_shop(&[("c.yaml", &component("cart", "first"))], &["c.yaml"]).await;
    let first = uid(&story.shows(CART, "first").await);
    let invalid = component("cart", "second").replace(", owner: team", "");
    story.push(&[("c.yaml", Some(&invalid))]).await;
    let kept = story.sees(CART).await;
    assert_eq!(title(Some(&kept)), Some("first"));
    let item = &kept["status"]["items"][0];
    assert_eq!(item["type"], "backstage.io/catalog-processing");
    assert_eq!(item["level"], "error");
    assert_eq!(item["error"]["name"], "InputError");

    story.push(&[("c.yaml", Some("kind: [broken"))]).await;
    let registered = generated(&url("shop", "c.yaml"));
    story.world.api.fails_with(&registered, "Error").await;
    let location = story.sees(&registered).await;
    assert_eq!(location["status"]["items"][0]["error"]["name"], "Error");
    story.shows(CART, "first").await;

    story
        .push(&[("c.yaml", Some(&component("cart", "third")))])
        .await;
    let mended = story.world.api.is_well(CART).await;
    assert_eq!(title(Some(&mended)), Some("third"));
    assert_eq!(uid(&mended), first);
    story.world.api.is_well(&registered).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_never_good_is_not_served_and_its_location_says_why() {
    let file = format!(
        "{}---\nkind: [\n---\n{}",
        component("cart", "t"),
        component("wheel", "t")
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    let registered = generated(&url("shop", "c.yaml"));
    story.world.api.fails_with(&registered, "Error").await;
    story.sees(&registered).await;
    for entity_ref in [CART, "component:default/wheel"] {
        assert_eq!(story.now(entity_ref).await, None, "{entity_ref}");
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_a_file_leaves_the_catalog() {
    let both = format!("{}---\n{}", component("cart", "t"), component("wheel", "t"));
    let mut story = Story::of_shop(&[("c.yaml", &both)], &["c.yaml"]).await;
    story.sees(CART).await;
    story
        .push(&[("c.yaml", Some(&component("wheel", "t")))])
        .await;
    story.world.api.no_longer_sees(CART).await;
    story.sees("component:default/wheel").await;
    story.push(&[("c.yaml", Some("# nothing\n"))]).await;
    story
        .world
        .api
        .no_longer_sees("component:default/wheel")
        .await;
    story
        .world
        .api
        .is_well(&generated(&url("shop", "c.yaml")))
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_kept_where_the_configuration_says_so() {
    let roots = vec![root(&url("shop", "c.yaml"))];
    let mut story = Story::begin(
        &[("shop", &[("c.yaml", &component("cart", "t"))])],
        roots,
        json!({"catalog": {"orphanStrategy": "keep"}}),
    )
    .await;
    let before = uid(&story.sees(CART).await);
    story.push(&[("c.yaml", Some("# nothing\n"))]).await;
    let orphan = story.sees(CART).await;
    assert_eq!(orphan["metadata"]["annotations"][ORPHAN], "true");
    assert_eq!(uid(&orphan), before);
    story
        .push(&[("c.yaml", Some(&component("cart", "back")))])
        .await;
    let adopted = story.shows(CART, "back").await;
    assert_eq!(adopted["metadata"]["annotations"].get(ORPHAN), None);
    assert_eq!(uid(&adopted), before);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_file_that_is_gone_takes_nothing_away() {
    let mut story = Story::of_shop(&[("c.yaml", &component("cart", "t"))], &["c.yaml"]).await;
    story.sees(CART).await;
    story.push(&[("c.yaml", None)]).await;
    let registered = generated(&url("shop", "c.yaml"));
    story
        .world
        .api
        .fails_with(&registered, "NotFoundError")
        .await;
    let location = story.sees(&registered).await;
    assert_eq!(
        location["status"]["items"][0]["error"]["name"],
        "NotFoundError"
    );
    story.shows(CART, "t").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_file_that_is_gone_takes_its_entities_with_it() {
    let all = location("all", "{target: ./a.yaml, presence: optional}");
    let mut story = Story::of_shop(
        &[("all.yaml", &all), ("a.yaml", &component("cart", "t"))],
        &["all.yaml"],
    )
    .await;
    story.sees(CART).await;
    story.push(&[("a.yaml", None)]).await;
    story.world.api.no_longer_sees(CART).await;
    story.world.api.is_well("location:default/all").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_two_claimants_wins_and_the_second_follows() {
    let mut story = Story::of_shop(
        &[("a.yaml", &component("cart", "from a"))],
        &["a.yaml", "b.yaml"],
    )
    .await;
    story.shows(CART, "from a").await;
    story
        .push(&[("b.yaml", Some(&component("cart", "from b")))])
        .await;
    story.shows(CART, "from a").await;
    let second = generated(&url("shop", "b.yaml"));
    story.world.api.is_well(&second).await;
    story
        .register_instead(vec![root(&url("shop", "b.yaml"))])
        .await;
    story.shows(CART, "from b").await;
    story
        .world
        .api
        .no_longer_sees(&generated(&url("shop", "a.yaml")))
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_two_documents_with_one_ref_wins() {
    let file = format!(
        "{}---\n{}",
        component("cart", "first"),
        component("CART", "second")
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    let entity = story.shows(CART, "second").await;
    assert_eq!(entity["metadata"]["name"], "CART");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_case_is_the_same_entity_and_another_name_another() {
    let mut story = Story::of_shop(&[("c.yaml", &component("cart", "a"))], &["c.yaml"]).await;
    let before = uid(&story.shows(CART, "a").await);
    story
        .push(&[("c.yaml", Some(&component("caRT", "b")))])
        .await;
    let same = story.shows(CART, "b").await;
    assert_eq!(same["metadata"]["name"], "caRT");
    assert_eq!(uid(&same), before);
    story
        .push(&[("c.yaml", Some(&component("trolley", "c")))])
        .await;
    story.sees("component:default/trolley").await;
    story.world.api.no_longer_sees(CART).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_registered_goes_with_all_that_only_it_led_to() {
    let all = location("all", "{targets: [./a.yaml, ./b.yaml]}");
    let other = location("other", "{targets: [./b.yaml, ./c.yaml]}");
    let mut story = Story::of_shop(
        &[
            ("all.yaml", &all),
            ("other.yaml", &other),
            ("a.yaml", &component("a", "a")),
            ("b.yaml", &component("b", "b")),
            ("c.yaml", &component("c", "c")),
        ],
        &["all.yaml"],
    )
    .await;
    story.sees("component:default/a").await;
    let b = uid(&story.sees("component:default/b").await);
    story
        .register_instead(vec![
            root(&url("shop", "all.yaml")),
            root(&url("shop", "other.yaml")),
        ])
        .await;
    story.sees("component:default/c").await;
    story
        .register_instead(vec![root(&url("shop", "other.yaml"))])
        .await;
    for gone in [
        "component:default/a",
        "location:default/all",
        &generated(&url("shop", "all.yaml")),
    ] {
        story.world.api.no_longer_sees(gone).await;
    }
    assert_eq!(uid(&story.sees("component:default/b").await), b);
    story.sees("component:default/c").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discovery_no_longer_finds_goes_with_its_location() {
    const FILE: &str = "catalog-info.yaml";
    let (cart, pay) = (component("cart", "t"), component("pay", "t"));
    let repositories: [(&str, &[(&str, &str)]); 2] =
        [("shop", &[(FILE, &cart)]), ("pay", &[(FILE, &pay)])];
    let stage = Stage {
        repositories: repositories.into_iter().map(staged).collect(),
        named_github: true,
        ..Stage::default()
    };
    let world = TestCatalog::stage(stage).await;
    world.api.sees(CART).await;
    let found = generated(&url("shop", FILE));
    world.api.sees(&found).await;
    world.repository("shop").removes(FILE);
    world.api.no_longer_sees(CART).await;
    world.api.no_longer_sees(&found).await;
    world.api.sees("component:default/pay").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_written() {
    let mut story = Story::of_shop(&[("c.yaml", &component("cart", "t"))], &["c.yaml"]).await;
    let before = story.sees(CART).await["metadata"]["etag"].clone();
    story
        .push(&[(
            "c.yaml",
            Some(&format!("# a comment\n{}", component("cart", "t"))),
        )])
        .await;
    story.push(&[("README.md", Some("words"))]).await;
    assert_eq!(story.sees(CART).await["metadata"]["etag"], before);
    let heard = story.world.heard_everything().await;
    assert_eq!(heard.count(&format!("updated {CART}")), 0);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relation_is_on_both_sides_whoever_comes_first() {
    let depends =
        component("a", "a").replace(", owner: team", ", owner: team, dependsOn: ['component:b']");
    let mut story = Story::of_shop(
        &[("a.yaml", &depends), ("b.yaml", "# nothing\n")],
        &["a.yaml", "b.yaml"],
    )
    .await;
    let relation = |kind: &str, target: &str| json!({"type": kind, "targetRef": format!("component:default/{target}")});
    let has = |entity: &serde_json::Value, kind: &str, target: &str| {
        entity["relations"]
            .as_array()
            .is_some_and(|all| all.contains(&relation(kind, target)))
    };
    assert!(has(
        &story.sees("component:default/a").await,
        "dependsOn",
        "b"
    ));
    story.push(&[("b.yaml", Some(&component("b", "b")))]).await;
    let b = story.sees("component:default/b").await;
    assert!(has(&b, "dependencyOf", "a"));
    story
        .push(&[("a.yaml", Some(&component("a", "alone")))])
        .await;
    story.shows("component:default/a", "alone").await;
    let freed = story.sees("component:default/b").await;
    assert!(!has(&freed, "dependencyOf", "a"));
    assert_ne!(freed["metadata"]["etag"], b["metadata"]["etag"]);
    assert_eq!(uid(&freed), uid(&b));
    story
        .push(&[("a.yaml", Some(&depends)), ("b.yaml", Some("# nothing\n"))])
        .await;
    story.world.api.no_longer_sees("component:default/b").await;
    assert!(has(
        &story.sees("component:default/a").await,
        "dependsOn",
        "b"
    ));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relation_declared_twice_is_one_and_outlives_a_broken_file() {
    let with = |name: &str, field: &str| {
        component(name, name).replace(", owner: team", &format!(", owner: team, {field}"))
    };
    let a = with("a", "dependsOn: ['component:b']");
    let b = with("b", "dependencyOf: ['component:a']");
    let mut story = Story::of_shop(&[("a.yaml", &a), ("b.yaml", &b)], &["a.yaml", "b.yaml"]).await;
    let both = async |story: &Story| {
        let relations = |entity: &serde_json::Value| {
            let all = entity["relations"].as_array().expect("relations").clone();
            all.into_iter()
                .filter(|it| it["type"] != "ownedBy")
                .collect::<Vec<_>>()
        };
        let a = relations(&story.sees("component:default/a").await);
        let b = relations(&story.sees("component:default/b").await);
        assert_eq!(
            a,
            [json!({"type": "dependsOn", "targetRef": "component:default/b"})]
        );
        assert_eq!(
            b,
            [json!({"type": "dependencyOf", "targetRef": "component:default/a"})]
        );
    };
    both(&story).await;
    let invalid = component("a", "a").replace(", owner: team", "");
    story
        .push(&[
            ("a.yaml", Some(&invalid)),
            ("b.yaml", Some(&component("b", "b"))),
        ])
        .await;
    story
        .world
        .api
        .fails_with("component:default/a", "InputError")
        .await;
    both(&story).await;
    story.end().await;
}
