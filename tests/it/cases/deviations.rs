//! Where Freshet deviates from Backstage on purpose, and does better: one test for each listed in `DEVIATIONS`.

use std::time::Duration;

use freshet_tests::catalog::{Profile, TestCatalog};
use freshet_tests::github::Fault;
use serde_json::json;

use crate::story::{
    Story, component, component_with, document, generated, location, root, title, url,
};

const CART: &str = "component:default/cart";
const SWEEP: Duration = Duration::from_secs(1);

fn uid(entity: &serde_json::Value) -> String {
    entity["metadata"]["uid"]
        .as_str()
        .expect("a uid")
        .to_owned()
}

/// A component whose definition is read from somewhere else.
fn embedding(value: &str) -> String {
    document(
        "API",
        "api",
        "api",
        &format!(
            "{{type: openapi, lifecycle: prod, owner: team, definition: {{$text: '{value}'}}}}"
        ),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_claim_that_lost_is_promoted_when_the_winner_goes() {
    let mut story = Story::of_shop(
        &[("a.yaml", &component("cart", "from a"))],
        &["a.yaml", "b.yaml"],
    )
    .await;
    story
        .push(&[("b.yaml", Some(&component("cart", "from b")))])
        .await;
    let before = uid(&story.shows(CART, "from a").await);
    story.push(&[("a.yaml", Some("# moved away\n"))]).await;
    let promoted = story.shows(CART, "from b").await;
    assert_eq!(uid(&promoted), before);
    let deleted = format!("deleted {CART}");
    assert!(
        !story.world.changes.heard().verbs.contains(&deleted),
        "it was never absent"
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_case_214_an_entity_that_moves_between_files_stays_the_same() {
    let all = location("all", "{targets: [./a.yaml, ./b.yaml]}");
    let mut story = Story::of_shop(
        &[
            ("all.yaml", &all),
            ("a.yaml", &component("cart", "in a")),
            ("b.yaml", "# nothing\n"),
            ("c.yaml", "# nothing\n"),
        ],
        &["all.yaml", "c.yaml"],
    )
    .await;
    let before = uid(&story.shows(CART, "in a").await);
    story
        .push(&[
            ("a.yaml", Some("# nothing\n")),
            ("b.yaml", Some(&component("cart", "in b"))),
        ])
        .await;
    assert_eq!(uid(&story.shows(CART, "in b").await), before);
    story
        .push(&[
            ("b.yaml", Some("# nothing\n")),
            ("c.yaml", Some(&component("cart", "in c"))),
        ])
        .await;
    assert_eq!(uid(&story.shows(CART, "in c").await), before);
    let deleted = format!("deleted {CART}");
    assert!(
        !story.world.changes.heard().verbs.contains(&deleted),
        "it was never absent"
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_of_two_locations_with_one_file_either_may_go() {
    let one = location("one", "{target: ./shared.yaml}");
    let two = location("two", "{target: ./shared.yaml}");
    for (leaves, stays) in [("one.yaml", "two.yaml"), ("two.yaml", "one.yaml")] {
        let mut story = Story::of_shop(
            &[
                ("one.yaml", &one),
                ("two.yaml", &two),
                ("shared.yaml", &component("cart", "first")),
            ],
            &["one.yaml", "two.yaml"],
        )
        .await;
        let before = uid(&story.shows(CART, "first").await);
        story
            .register_instead(vec![root(&url("shop", stays))])
            .await;
        story
            .world
            .api
            .no_longer_sees(&generated(&url("shop", leaves)))
            .await;
        story
            .push(&[("shared.yaml", Some(&component("cart", "second")))])
            .await;
        let after = story.shows(CART, "second").await;
        assert_eq!(uid(&after), before);
        let origin = format!("url:{}", url("shop", stays));
        assert_eq!(
            after["metadata"]["annotations"][freshet_model::annotation::MANAGED_BY_ORIGIN_LOCATION],
            json!(origin)
        );
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_locations_that_list_each_other_go_with_their_root() {
    let mut story = Story::of_shop(
        &[
            ("one.yaml", &location("one", "{target: ./two.yaml}")),
            (
                "two.yaml",
                &location("two", "{targets: [./one.yaml, ./cart.yaml]}"),
            ),
            ("cart.yaml", &component("cart", "t")),
        ],
        &["one.yaml"],
    )
    .await;
    story.sees(CART).await;
    story.sees("location:default/one").await;
    story.register_instead(Vec::new()).await;
    for gone in [CART, "location:default/one", "location:default/two"] {
        story.world.api.no_longer_sees(gone).await;
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_case_210_a_reference_that_is_too_long_is_an_error_of_its_entity() {
    let long = "x".repeat(300);
    let file = component("cart", "t").replace("owner: team", &format!("owner: {long}"));
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.world.api.fails_with(CART, "InputError").await;
    assert_eq!(story.now(CART).await, None);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_case_211_keys_that_differ_only_by_case_are_an_error_of_their_entity() {
    let file = component_with("cart", "annotations: {Foo: x, foo: y}");
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.world.api.fails_with(CART, "InputError").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_a_nul_character_is_an_error_of_its_entity() {
    let file = component("cart", "\"a\\0b\"");
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.world.api.fails_with(CART, "InputError").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a8_a9_case_125_220_a_bad_alias_is_a_problem_with_a_place() {
    let inside_itself = component_with("cart", "x: &a {b: *a}");
    let unknown = component_with("cart", "x: *nowhere");
    for file in [inside_itself, unknown] {
        let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
        let registered = generated(&url("shop", "c.yaml"));
        story.world.api.fails_with(&registered, "Error").await;
        let problems = story.world.api.problems().await.expect("answered");
        let placed = problems
            .iter()
            .any(|problem| problem["path"] == "c.yaml" && problem["line"] == 3);
        assert!(placed, "{problems:?}");
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_authors_choose_neither_etag_nor_orphan_annotation() {
    let file = component_with(
        "cart",
        "etag: mine, uid: mine, annotations: {backstage.io/orphan: \"true\", keep: me}",
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    let entity = story.sees(CART).await;
    assert_ne!(entity["metadata"]["etag"], "mine");
    assert_ne!(entity["metadata"]["uid"], "mine");
    let annotations = &entity["metadata"]["annotations"];
    assert_eq!(annotations.get(freshet_model::annotation::ORPHAN), None);
    assert_eq!(annotations["keep"], "me");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a12_a_placeholder_is_read_again_only_when_its_file_changed() {
    let mut story = Story::of_shop(
        &[("c.yaml", &embedding("./text.txt")), ("text.txt", "first")],
        &["c.yaml"],
    )
    .await;
    let api = "api:default/api";
    story
        .world
        .api
        .sees_with(api, "/spec/definition", "first")
        .await;
    story.push(&[("text.txt", Some("second"))]).await;
    story
        .world
        .api
        .sees_with(api, "/spec/definition", "second")
        .await;
    story.world.github.clear_log();
    story.push(&[("README.md", Some("words"))]).await;
    let calls = story.world.github.count_api_calls();
    assert!(
        calls <= 2,
        "one reading of the marker, not of the text: {calls} calls"
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a13_a_placeholder_reads_its_own_repository_or_what_the_operator_allows() {
    let texts = [
        ("a", "https://github.com/acme/secret/blob/main/s.txt"),
        ("b", "https://github.com/acme/secret/raw/main/s.txt"),
        (
            "c",
            "https://raw.githubusercontent.com/acme/secret/main/s.txt",
        ),
        ("d", "https://github.com/acme/secret/archive/main.zip"),
        ("e", "http://127.0.0.1:1/s.txt"),
    ];
    let files = texts.map(|(name, target)| {
        let path = format!("{name}.yaml");
        (
            path,
            embedding(target).replace("name: api", &format!("name: {name}")),
        )
    });
    let shop: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, file)| (path.as_str(), file.as_str()))
        .collect();
    let secret: &[(&str, &str)] = &[("s.txt", "allowed only if configured")];
    let roots = || {
        shop.iter()
            .map(|(path, _)| root(&url("shop", path)))
            .collect()
    };
    let mut story = Story::begin(&[("shop", &shop), ("secret", secret)], roots(), json!({})).await;
    for (name, _) in texts {
        let entity_ref = format!("api:default/{name}");
        story.world.api.fails_with(&entity_ref, "InputError").await;
        assert_eq!(story.now(&entity_ref).await, None);
    }
    story
        .configure(json!({"freshet": {"placeholders": {"repositories": ["github.com/acme/*"]}}}))
        .await;
    story
        .world
        .api
        .sees_with(
            "api:default/a",
            "/spec/definition",
            "allowed only if configured",
        )
        .await;
    story
        .push_to("secret", &[("s.txt", Some("and changes are noticed"))])
        .await;
    story
        .world
        .api
        .sees_with(
            "api:default/a",
            "/spec/definition",
            "and changes are noticed",
        )
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a14_a_target_does_not_climb_out_of_its_repository() {
    let climbing = location(
        "climbing",
        "{target: ../../../../../other/repo/blob/main/x.yaml}",
    );
    let files = [
        ("dir/l.yaml", climbing),
        ("dir/c.yaml", embedding("../../../../../other/x.txt")),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, file)| (*path, file.as_str()))
        .collect();
    let story = Story::of_shop(&files, &["dir/l.yaml", "dir/c.yaml"]).await;
    for (entity_ref, class) in [
        ("location:default/climbing", "Error"),
        ("api:default/api", "InputError"),
    ] {
        story.world.api.fails_with(entity_ref, class).await;
        assert_eq!(story.now(entity_ref).await, None);
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_a_branch_may_have_slashes_in_its_name() {
    // What begins with a slash, or is a pattern, needs the branch known as a source of its own.
    let all = location("all", "{targets: [./a.yaml, ./sub/b.yaml]}");
    let mut story = Story::of_shop(&[("README.md", "shop")], &[]).await;
    story
        .world
        .github
        .commit_to(
            "acme/shop",
            "feature/trolley",
            &[
                ("dir/all.yaml", Some(&all)),
                ("dir/a.yaml", Some(&component("a", "on the branch"))),
                ("dir/sub/b.yaml", Some(&component("b", "on the branch"))),
            ],
            "begin a branch",
        )
        .expect("committed");
    let target = "https://github.com/acme/shop/blob/feature/trolley/dir/all.yaml";
    story.register_instead(vec![root(target)]).await;
    for name in ["a", "b"] {
        story
            .shows(&format!("component:default/{name}"), "on the branch")
            .await;
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a20_a_problem_is_announced_when_it_comes_and_when_it_goes() {
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
    let verbs = story.world.changes.heard().verbs;
    let problems: Vec<&String> = verbs
        .iter()
        .filter(|verb| verb.starts_with("problem"))
        .collect();
    assert_eq!(
        problems.len(),
        2,
        "one that opens, one that ends it: {problems:?}"
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a23_relations_are_ordered_by_their_bytes() {
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
async fn a25_the_codeowners_file_in_dot_github_comes_first() {
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
async fn a28_every_relation_is_seen_from_both_sides() {
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
async fn a31_a_repository_that_cannot_be_seen_loses_nothing() {
    let all = location("all", "{target: ./a.yaml, presence: optional}");
    let story = Story::of_shop(
        &[("all.yaml", &all), ("a.yaml", &component("cart", "t"))],
        &["all.yaml"],
    )
    .await;
    story.sees(CART).await;
    story
        .world
        .github
        .conceal("acme/shop")
        .expect("a repository");
    story
        .world
        .github
        .commit("acme/shop", &[("a.yaml", None)], "unseen")
        .expect("committed");
    freshet_tests::wait::eventually("the failure is known", || async {
        let sources = story.world.api.sources().await?;
        let failing = sources
            .iter()
            .any(|source| source["failures"].as_u64().unwrap_or_default() > 0);
        failing.then_some(()).ok_or_else(|| format!("{sources:?}"))
    })
    .await;
    assert_eq!(title(story.now(CART).await.as_ref()), Some("t"));
    story
        .world
        .github
        .reveal("acme/shop")
        .expect("a repository");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a31_case_198_a_repository_that_is_neither_listed_nor_found_proves_nothing() {
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
    freshet_tests::wait::eventually("it was looked for in vain", || async {
        let sources = world.api.sources().await?;
        let failing = sources
            .iter()
            .any(|source| source["name"] == "acme/shop" && source["failures"].as_u64() > Some(0));
        failing.then_some(()).ok_or_else(|| format!("{sources:?}"))
    })
    .await;
    world.api.sees(CART).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a32_a_source_that_fails_is_asked_less_and_less() {
    let story = Story::of_shop(&[("c.yaml", &component("cart", "t"))], &["c.yaml"]).await;
    story.world.github.fail_all(Fault::Server(502));
    story.world.github.clear_log();
    story
        .world
        .github
        .commit(
            "acme/shop",
            &[("c.yaml", Some(&component("cart", "second")))],
            "change",
        )
        .expect("committed");
    freshet_tests::wait::eventually("it failed three times", || async {
        let sources = story.world.api.sources().await?;
        let most = sources
            .iter()
            .filter_map(|source| source["failures"].as_u64())
            .max();
        (most >= Some(3))
            .then_some(())
            .ok_or_else(|| format!("{sources:?}"))
    })
    .await;
    let times: Vec<std::time::Instant> = story
        .world
        .github
        .requests()
        .iter()
        .map(|request| request.at)
        .collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.last() > pauses.first(),
        "the later pauses are longer: {pauses:?}"
    );
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
