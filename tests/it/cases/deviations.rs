//! Where Freshet deviates from Backstage on purpose, and does better: one test for each in `crate::deviations`.

use serde_json::json;

use crate::story::{Story, component, component_with, document, generated, location, root, url};

const CART: &str = "component:default/cart";

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
async fn a_claim_that_lost_is_promoted_when_the_winner_goes() {
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
    story.never_lost(CART).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_moves_between_files_stays_the_same() {
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
    story.never_lost(CART).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_locations_with_one_file_either_may_go() {
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
async fn locations_that_list_each_other_go_with_their_root() {
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
async fn a_reference_that_is_too_long_is_an_error_of_its_entity() {
    let long = "x".repeat(300);
    let file = component("cart", "t").replace("owner: team", &format!("owner: {long}"));
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.world.api.fails_with(CART, "InputError").await;
    assert_eq!(story.now(CART).await, None);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_differ_only_by_case_are_an_error_of_their_entity() {
    let file = component_with("cart", "annotations: {Foo: x, foo: y}");
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.world.api.fails_with(CART, "InputError").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_character_is_an_error_of_its_entity() {
    let file = component("cart", "\"a\\0b\"");
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.world.api.fails_with(CART, "InputError").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_alias_is_a_problem_with_a_place() {
    let inside_itself = component_with("cart", "x: &a {b: *a}");
    let unknown = component_with("cart", "x: *nowhere");
    for file in [inside_itself, unknown] {
        let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
        let registered = generated(&url("shop", "c.yaml"));
        story.world.api.fails_with(&registered, "Error").await;
        let problems = story.world.api.finds_problems("level=error", 1).await;
        assert_eq!(problems[0]["path"], "c.yaml", "{problems:?}");
        assert_eq!(problems[0]["line"], 3, "{problems:?}");
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authors_choose_neither_etag_nor_orphan_annotation() {
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
async fn a_placeholder_is_read_again_only_when_its_file_changed() {
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
async fn a_placeholder_reads_its_own_repository_or_what_the_operator_allows() {
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
async fn a_target_does_not_climb_out_of_its_repository() {
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
    let api = &story.world.api;
    api.fails_with("location:default/climbing", "Error").await;
    api.fails_with("api:default/api", "InputError").await;
    // The Location entity itself is in order, and shows what is wrong with its target.
    story.sees("location:default/climbing").await;
    assert_eq!(story.now("api:default/api").await, None);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_may_have_slashes_in_its_name() {
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
