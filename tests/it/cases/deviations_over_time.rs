//! Where Freshet deviates on purpose and does better, in what shows over time: events, order, owners, sources
//! that hide or fail.

use std::time::{Duration, Instant};

use freshet_github_emulator::Fault;
use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use serde_json::json;

use crate::story::{Story, component, component_with, document, location, root, title, url};

const CART: &str = "component:default/cart";
const SWEEP: Duration = Duration::from_secs(1);
/// What four failures take at least. Each is four calls, which take at most 2.8 s if all of them are answered at
/// once; what there is more is between the failures, at least 1, 2 and 4 s.
const FOUR_FAILURES: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_is_announced_when_it_comes_and_when_it_goes() {
    let mut story = Story::of_shop(&[("c.yaml", &component("cart", "t"))], &["c.yaml"]).await;
    let broken = component("cart", "t").replace(", owner: team", "");
    for round in ["one", "two", "three"] {
        story
            .push(&[("c.yaml", Some(&broken)), ("README.md", Some(round))])
            .await;
    }
    story
        .push(&[("c.yaml", Some(&component("cart", "mended")))])
        .await;
    story.shows(CART, "mended").await;
    let heard = story.world.heard_everything().await;
    let problems = heard.beginning_with("problem");
    assert_eq!(
        problems.len(),
        2,
        "one that opens, one that ends it: {problems:?}"
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_are_ordered_by_their_bytes() {
    let names = ["b", "a-b", "a_b", "a.b", "ab", "a1"];
    let list: Vec<String> = names
        .iter()
        .map(|name| format!("'component:{name}'"))
        .collect();
    let file = component("cart", "t").replace(
        "owner: team",
        &format!("owner: team, dependsOn: [{}]", list.join(", ")),
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    let entity = story.sees(CART).await;
    let targets: Vec<&str> = entity["relations"]
        .as_array()
        .expect("relations")
        .iter()
        .filter(|relation| relation["type"] == "dependsOn")
        .filter_map(|relation| relation["targetRef"].as_str())
        .collect();
    let mut sorted = targets.clone();
    sorted.sort_unstable();
    assert_eq!(targets.len(), names.len());
    assert_eq!(targets, sorted);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codeowners_file_in_dot_github_comes_first() {
    let unowned = component("cart", "t").replace(", owner: team", "");
    let files: [(&str, &str); 4] = [
        ("c.yaml", &unowned),
        (".github/CODEOWNERS", "* @acme/first\n"),
        ("CODEOWNERS", "* @acme/second\n"),
        ("docs/CODEOWNERS", "* @acme/third\n"),
    ];
    let roots = vec![root(&url("shop", "c.yaml"))];
    let mut story = Story::begin(
        &[("shop", &files)],
        roots,
        json!({"freshet": {"codeowners": true}}),
    )
    .await;
    story
        .world
        .api
        .sees_with(CART, "/spec/owner", "first")
        .await;
    story.push(&[(".github/CODEOWNERS", None)]).await;
    story
        .world
        .api
        .sees_with(CART, "/spec/owner", "second")
        .await;
    story.push(&[("CODEOWNERS", None)]).await;
    story
        .world
        .api
        .sees_with(CART, "/spec/owner", "third")
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_relation_is_seen_from_both_sides() {
    let template = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: new}\n\
         spec: {type: service, owner: builders, steps: []}\n";
    let group = document(
        "Group",
        "builders",
        "builders",
        "{type: team, children: []}",
    );
    let story = Story::of_shop(
        &[("t.yaml", template), ("g.yaml", &group)],
        &["t.yaml", "g.yaml"],
    )
    .await;
    let template = story.sees("template:default/new").await;
    let team = story.sees("group:default/builders").await;
    assert_eq!(
        template["relations"],
        json!([{"type": "ownedBy", "targetRef": "group:default/builders"}])
    );
    assert_eq!(
        team["relations"],
        json!([{"type": "ownerOf", "targetRef": "template:default/new"}])
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_seen_loses_nothing() {
    let all = location("all", "{target: ./a.yaml, presence: optional}");
    let story = Story::of_shop(
        &[("all.yaml", &all), ("a.yaml", &component("cart", "t"))],
        &["all.yaml"],
    )
    .await;
    story.sees(CART).await;
    let shop = story.world.repository("shop");
    shop.hides();
    shop.removes("a.yaml");
    story.world.api.fails_to_read(shop.full_name(), 1).await;
    assert_eq!(title(story.now(CART).await.as_ref()), Some("t"));
    shop.shows_itself();
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_neither_listed_nor_found_proves_nothing() {
    // GitHub answers the same for what it deleted and for what it hides.
    const FILE: &str = "catalog-info.yaml";
    let mut world = TestCatalog::with(
        Profile::Embedded,
        &[
            ("shop", &[(FILE, &component("cart", "t"))]),
            ("pay", &[(FILE, &component("pay", "t"))]),
        ],
    )
    .await;
    world.api.sees(CART).await;
    world.github.delete_repo("acme/shop").expect("deleted");
    world.restart_with_sweeps_every(SWEEP).await;
    world.api.fails_to_read("acme/shop", 1).await;
    world.api.sees(CART).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_is_asked_less_and_less() {
    let story = Story::of_shop(&[("c.yaml", &component("cart", "t"))], &["c.yaml"]).await;
    let shop = story.world.repository("shop");
    story.world.github.fail_all(Fault::Server(502));
    let changed_at = Instant::now();
    shop.writes("c.yaml", &component("cart", "second"));
    story.world.api.fails_to_read(shop.full_name(), 4).await;
    // A busy machine makes it later, never earlier.
    let took = changed_at.elapsed();
    assert!(took >= FOUR_FAILURES, "four failures in {took:?}");
    story.world.github.heal();
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_mean_something_in_javascript_are_keys_like_any_other() {
    let file = component_with("cart", "constructor: x, __proto__: {polluted: true}");
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    let entity = story.sees(CART).await;
    assert_eq!(entity["metadata"]["constructor"], "x");
    assert_eq!(entity["metadata"]["__proto__"], json!({"polluted": true}));
    story.end().await;
}
