//! Location entities, their targets, and the annotations that entities get from where they are read.

use freshet_github_emulator::Fault;
use freshet_model::annotation::{
    EDIT_URL, MANAGED_BY_LOCATION, MANAGED_BY_ORIGIN_LOCATION, SOURCE_LOCATION, VIEW_URL,
};
use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::Stage;
use serde_json::{Value, json};

use crate::story::{Story, component, component_with, generated, location, root, tree_url, url};

fn annotation<'a>(entity: &'a Value, key: &str) -> Option<&'a str> {
    entity["metadata"]["annotations"][key].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_file_has_a_generated_location_and_annotated_children() {
    let story = Story::of_shop(&[("sub/c.yaml", &component("cart", "t"))], &["sub/c.yaml"]).await;
    let registered = url("shop", "sub/c.yaml");
    let own = story.sees(&generated(&registered)).await;
    assert_eq!(own["spec"], json!({"type": "url", "target": registered}));
    let prefixed = format!("url:{registered}");
    assert_eq!(
        annotation(&own, MANAGED_BY_LOCATION),
        Some(prefixed.as_str())
    );
    assert_eq!(annotation(&own, VIEW_URL), Some(registered.as_str()));
    let cart = story.sees("component:default/cart").await;
    let tree = tree_url("shop", "sub/c.yaml");
    assert_eq!(
        annotation(&cart, MANAGED_BY_LOCATION),
        Some(format!("url:{tree}").as_str())
    );
    assert_eq!(
        annotation(&cart, MANAGED_BY_ORIGIN_LOCATION),
        Some(prefixed.as_str())
    );
    assert_eq!(annotation(&cart, VIEW_URL), Some(tree.as_str()));
    assert_eq!(
        annotation(&cart, EDIT_URL),
        Some(registered.replace("/blob/", "/edit/").as_str())
    );
    assert_eq!(
        annotation(&cart, SOURCE_LOCATION),
        Some(format!("url:{}", tree_url("shop", "sub/")).as_str())
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_relative_globbed_rooted_and_absolute() {
    let all = location(
        "all",
        "{targets: [./a.yaml, sub/*.yaml, /b.yaml, 'https://github.com/acme/other/blob/main/c.yaml', ./a.yaml]}",
    );
    let files = ["a", "b", "x", "y", "z", "c"].map(|name| component(name, name));
    let [a, b, x, y, z, c] = &files;
    let shop: [(&str, &str); 6] = [
        ("dir/all.yaml", &all),
        ("dir/a.yaml", a),
        ("b.yaml", b),
        ("dir/sub/x.yaml", x),
        ("dir/sub/y.yaml", y),
        ("dir/sub/deep/z.yaml", z),
    ];
    let roots = vec![root(&url("shop", "dir/all.yaml"))];
    let story = Story::begin(
        &[("shop", &shop), ("other", &[("c.yaml", c)])],
        roots,
        json!({}),
    )
    .await;
    for (name, repository, path) in [
        ("a", "shop", "dir/a.yaml"),
        ("b", "shop", "b.yaml"),
        ("x", "shop", "dir/sub/x.yaml"),
        ("y", "shop", "dir/sub/y.yaml"),
        ("c", "other", "c.yaml"),
    ] {
        let entity = story.sees(&format!("component:default/{name}")).await;
        let read_at = format!("url:{}", tree_url(repository, path));
        assert_eq!(
            annotation(&entity, MANAGED_BY_LOCATION),
            Some(read_at.as_str())
        );
        let origin = format!("url:{}", url("shop", "dir/all.yaml"));
        assert_eq!(
            annotation(&entity, MANAGED_BY_ORIGIN_LOCATION),
            Some(origin.as_str())
        );
    }
    assert_eq!(story.now("component:default/z").await, None);
    story.world.api.is_well("location:default/all").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_pattern_begins_to_match_is_read_and_one_it_ceases_to_match_goes() {
    let all = location("all", "{target: ./sub/*.yaml}");
    let mut story = Story::of_shop(
        &[("all.yaml", &all), ("sub/x.yaml", &component("x", "x"))],
        &["all.yaml"],
    )
    .await;
    story.sees("component:default/x").await;
    story
        .push(&[("sub/y.yaml", Some(&component("y", "y")))])
        .await;
    story.sees("component:default/y").await;
    story.push(&[("sub/x.yaml", None)]).await;
    story.world.api.no_longer_sees("component:default/x").await;
    story.sees("component:default/y").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_renamed_together_with_its_target_keeps_its_entity() {
    let list = |target: &str| location("all", &format!("{{targets: [{target}, ./b.yaml]}}"));
    let mut story = Story::of_shop(
        &[
            ("all.yaml", &list("./a.yaml")),
            ("a.yaml", &component("a", "first")),
            ("b.yaml", &component("b", "first")),
        ],
        &["all.yaml"],
    )
    .await;
    story.shows("component:default/a", "first").await;
    let before = story
        .now("component:default/a")
        .await
        .expect("it is served");
    story
        .push(&[
            ("all.yaml", Some(&list("./c.yaml"))),
            ("a.yaml", None),
            ("c.yaml", Some(&component("a", "second"))),
        ])
        .await;
    story.shows("component:default/a", "second").await;
    let after = story
        .now("component:default/a")
        .await
        .expect("it is served");
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_without_matches_is_an_error_unless_presence_is_optional() {
    let story = Story::of_shop(
        &[
            ("needs.yaml", &location("needs", "{target: ./none/*.yaml}")),
            (
                "may.yaml",
                &location("may", "{target: ./none/*.yaml, presence: optional}"),
            ),
        ],
        &["needs.yaml", "may.yaml"],
    )
    .await;
    story.world.api.is_well("location:default/may").await;
    story
        .world
        .api
        .fails_with("location:default/needs", "NotFoundError")
        .await;
    story.sees("location:default/needs").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_lists_itself_is_fine() {
    let story = Story::of_shop(
        &[("self.yaml", &location("self", "{target: ./self.yaml}"))],
        &["self.yaml"],
    )
    .await;
    story.sees("location:default/self").await;
    story.world.api.is_well("location:default/self").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_read_from_a_url_may_only_point_at_urls() {
    let story = Story::of_shop(
        &[
            (
                "file.yaml",
                &location("file", "{type: file, target: /etc/hostname}"),
            ),
            ("foo.yaml", &location("foo", "{type: foo, target: x}")),
        ],
        &["file.yaml", "foo.yaml"],
    )
    .await;
    for name in ["file", "foo"] {
        let entity_ref = format!("location:default/{name}");
        story.world.api.fails_with(&entity_ref, "InputError").await;
        assert_eq!(story.now(&entity_ref).await, None);
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_file_may_point_at_urls_and_at_files_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("written");
        json!({"type": "file", "target": folder.path().join(name)})
    };
    let target = url("shop", "cart.yaml");
    let locations = vec![
        write("beside.yaml", location("beside", "{target: ./near.yaml}")),
        write(
            "out.yaml",
            location("out", &format!("{{type: url, target: '{target}'}}")),
        ),
        write("bare.yaml", location("bare", "{target: sub/x.yaml}")),
        write("slash.yaml", location("slash", "{target: ./sub/}")),
        write("dot.yaml", location("dot", "{targets: [., ./sub]}")),
        write(
            "may.yaml",
            location(
                "may",
                "{targets: [./sub/, ., ./sub, bare/x.yaml, ./near.yaml], presence: optional}",
            ),
        ),
    ];
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    write("near.yaml", component("near", "near"));
    let stage = Stage {
        overlay: json!({"catalog": {"providers": null, "locations": locations}}),
        ..Stage::registered(
            &[("shop", &[("cart.yaml", &component("cart", "cart"))])],
            &[],
        )
    };
    let world = TestCatalog::stage(stage).await;
    let near = world.api.sees("component:default/near").await;
    let path = folder.path().join("near.yaml");
    assert_eq!(
        annotation(&near, MANAGED_BY_LOCATION),
        Some(format!("file:{}", path.display()).as_str())
    );
    assert_eq!(annotation(&near, VIEW_URL), None);
    let cart = world.api.sees("component:default/cart").await;
    assert_eq!(
        annotation(&cart, MANAGED_BY_LOCATION),
        Some(format!("url:{target}").as_str())
    );
    world
        .api
        .fails_with("location:default/bare", "NotFoundError")
        .await;
    world
        .api
        .fails_with("location:default/slash", "InputError")
        .await;
    world
        .api
        .fails_with("location:default/dot", "NotFoundError")
        .await;
    let missing = "rule=location.target-missing&entity=location:default/dot";
    for problem in world.api.finds_problems(missing, 2).await {
        let message = problem["message"].as_str().expect("a text");
        assert!(message.ends_with("is a folder, not a file"), "{message}");
    }
    // What is no file need not be there, and hides nothing.
    world.api.is_well("location:default/may").await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_do_not_inherit_a_locations_namespace() {
    let all = location("all", "{target: ./a.yaml}")
        .replace("  name: all\n", "  name: all\n  namespace: ns1\n");
    let story = Story::of_shop(
        &[("all.yaml", &all), ("a.yaml", &component("a", "a"))],
        &["all.yaml"],
    )
    .await;
    story.sees("location:ns1/all").await;
    story.sees("component:default/a").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authors_choose_links_but_not_where_an_entity_is_managed() {
    let spoofed = component_with(
        "spoofed",
        "annotations: {backstage.io/managed-by-location: 'url:https://trusted.example/x', \
         backstage.io/managed-by-origin-location: 'url:https://trusted.example/y', \
         backstage.io/view-url: 'javascript:alert(1)', \
         backstage.io/edit-url: 'https://edit.example/', backstage.io/source-location: 'url:https://src.example/'}",
    );
    let story = Story::of_shop(&[("c.yaml", &spoofed)], &["c.yaml"]).await;
    let entity = story.sees("component:default/spoofed").await;
    let tree = format!("url:{}", tree_url("shop", "c.yaml"));
    assert_eq!(
        annotation(&entity, MANAGED_BY_LOCATION),
        Some(tree.as_str())
    );
    let origin = format!("url:{}", url("shop", "c.yaml"));
    assert_eq!(
        annotation(&entity, MANAGED_BY_ORIGIN_LOCATION),
        Some(origin.as_str())
    );
    assert_eq!(
        annotation(&entity, VIEW_URL),
        Some("https://backstage.io/annotation-rejected-for-security-reasons")
    );
    assert_eq!(annotation(&entity, EDIT_URL), Some("https://edit.example/"));
    assert_eq!(
        annotation(&entity, SOURCE_LOCATION),
        Some("url:https://src.example/")
    );
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_at_a_commit_has_no_edit_url() {
    let mut story = Story::of_shop(&[("c.yaml", &component("cart", "pinned"))], &[]).await;
    let head = story
        .world
        .github
        .head("acme/shop")
        .expect("a repository")
        .expect("a commit");
    story
        .push(&[("c.yaml", Some(&component("cart", "moved on")))])
        .await;
    let pinned = format!("https://github.com/acme/shop/blob/{head}/c.yaml");
    story.register_instead(vec![root(&pinned)]).await;
    let cart = story.shows("component:default/cart", "pinned").await;
    assert_eq!(annotation(&cart, EDIT_URL), None);
    assert!(annotation(&cart, VIEW_URL).is_some());
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_takes_nothing_away() {
    let mut story = Story::of_shop(&[("c.yaml", &component("cart", "first"))], &["c.yaml"]).await;
    story.shows("component:default/cart", "first").await;
    story.world.github.fail_next(1, Fault::Server(500));
    story
        .push(&[("c.yaml", Some(&component("cart", "second")))])
        .await;
    story.shows("component:default/cart", "second").await;
    let heard = story.world.heard_everything().await;
    assert!(heard.beginning_with("deleted").is_empty(), "{heard:?}");
    story.end().await;
}
