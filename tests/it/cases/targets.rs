//! What targets name: patterns, folders with odd names, tags and commits, links, and what is not there.

use freshet_model::annotation::{MANAGED_BY_LOCATION, SOURCE_LOCATION};
use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::{Stage, staged};
use serde_json::json;

use crate::story::{Story, component, document, location, root, tree_url, url};

/// Names of folders that mean something in a pattern or in a URL, and how a URL spells them.
const ODD_FOLDERS: [(&str, &str, &str); 7] = [
    ("slug", "[slug]", "[slug]"),
    ("braces", "{a,b}", "%7Ba,b%7D"),
    ("sharp", "c#-lib", "c%23-lib"),
    ("space", "my service", "my%20service"),
    ("question", "what?", "what%3F"),
    ("percent", "a%20b", "a%2520b"),
    ("backslash", "a\\b", "a%5Cb"),
];

#[tokio::test(flavor = "multi_thread")]
async fn folders_may_be_called_anything() {
    let mut files: Vec<(String, String)> = Vec::new();
    for (name, folder, _) in ODD_FOLDERS {
        let all = location(&format!("all-{name}"), "{targets: [./more.yaml]}");
        files.push((format!("svc/{folder}/catalog-info.yaml"), all));
        let more = component(&format!("more-{name}"), "t");
        files.push((format!("svc/{folder}/more.yaml"), more));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let story = Story::of_shop(&files, &["svc/**/catalog-info.yaml"]).await;
    for (name, _, encoded) in ODD_FOLDERS {
        let entity = story.sees(&format!("component:default/more-{name}")).await;
        let annotations = &entity["metadata"]["annotations"];
        let tree = tree_url("shop", &format!("svc/{encoded}"));
        assert_eq!(
            annotations[MANAGED_BY_LOCATION],
            format!("url:{tree}/more.yaml")
        );
        assert_eq!(annotations[SOURCE_LOCATION], format!("url:{tree}/"));
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_url_names_the_file_before_it_is_a_pattern() {
    let mut story = Story::of_shop(
        &[
            ("svc/[id]/c.yaml", &component("literal", "t")),
            ("svc/i/c.yaml", &component("matched", "t")),
        ],
        &["svc/[id]/c.yaml"],
    )
    .await;
    story.sees("component:default/literal").await;
    assert_eq!(story.now("component:default/matched").await, None);
    story.push(&[("svc/[id]/c.yaml", None)]).await;
    story.sees("component:default/matched").await;
    story
        .world
        .api
        .no_longer_sees("component:default/literal")
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_have_the_meaning_of_minimatch() {
    let all = location(
        "all",
        "{targets: ['./!(skeleton)/c.yaml', './@(x|y).yaml', './n{1..2}.yaml', './?.yml', './[[:digit:]].yaml']}",
    );
    let story = Story::of_shop(
        &[
            ("all.yaml", &all),
            ("svc/c.yaml", &component("group", "t")),
            ("skeleton/c.yaml", "not: [valid"),
            ("x.yaml", &component("once", "t")),
            ("n2.yaml", &component("sequence", "t")),
            ("é.yml", &component("character", "t")),
            ("7.yaml", &component("class", "t")),
        ],
        &["all.yaml"],
    )
    .await;
    for name in ["group", "once", "sequence", "character", "class"] {
        story.sees(&format!("component:default/{name}")).await;
    }
    story.world.api.is_well("location:default/all").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_is_not_understood_is_a_problem() {
    let all = location("all", "{target: './{1..1000}.yaml'}");
    let story = Story::of_shop(&[("all.yaml", &all)], &["all.yaml"]).await;
    story
        .world
        .api
        .fails_with("location:default/all", "Error")
        .await;
    let problems = story.world.api.finds_problems("level=error", 1).await;
    let message = problems[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("256 alternatives"), "{problems:?}");
    let place = ["path", "line", "column"].map(|key| &problems[0][key]);
    assert_eq!(place, [&json!("all.yaml"), &json!(6), &json!(16)]);
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_optional_hides_no_other_target() {
    let optional = |targets: &str| location("all", &format!("{{presence: optional, {targets}}}"));
    let targets = "targets: [./missing.yaml, ./folder/, ./*.yml, ./c.yaml]";
    let story = Story::of_shop(
        &[
            ("all.yaml", &optional(targets)),
            ("c.yaml", &component("c", "t")),
        ],
        &["all.yaml"],
    )
    .await;
    story.sees("component:default/c").await;
    story.world.api.is_well("location:default/all").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_as_a_target_is_a_missing_file() {
    let all = location("all", "{targets: [./d/, ., ./d, .//d/c.yaml]}");
    let story = Story::of_shop(
        &[("all.yaml", &all), ("d/c.yaml", &component("c", "t"))],
        &["all.yaml"],
    )
    .await;
    story.sees("component:default/c").await;
    let all = "location:default/all";
    story.world.api.fails_with(all, "NotFoundError").await;
    story
        .world
        .api
        .finds_problems("rule=location.target-missing", 3)
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_at_a_tag_or_a_short_commit() {
    let file = |title: &str| component("cart", title);
    let mut story = Story::of_shop(
        &[("c.yaml", &file("released")), ("sub/c.yaml", "# none\n")],
        &[],
    )
    .await;
    let github = &story.world.github;
    github.tag("acme/shop", "v1").expect("tagged");
    github
        .annotate_tag("acme/shop", "release/2")
        .expect("tagged");
    let head = github
        .head("acme/shop")
        .expect("answered")
        .expect("a commit");
    let short = head.to_string()[..7].to_owned();
    story.push(&[("c.yaml", Some(&file("newest")))]).await;
    for page in [
        "blob/v1/c.yaml",
        "blob/refs/tags/v1/c.yaml",
        "blob/release/2/c.yaml",
        "blob/refs/tags/release/2/c.yaml",
        "blob/v1/*.yaml",
        &format!("blob/{short}/c.yaml"),
    ] {
        let target = format!("https://github.com/acme/shop/{page}");
        story.register_instead(vec![root(&target)]).await;
        story.shows("component:default/cart", "released").await;
    }
    let raw = "https://github.com/acme/shop/raw/refs/heads/main/c.yaml";
    story.register_instead(vec![root(raw)]).await;
    story.shows("component:default/cart", "newest").await;
    story.push(&[("c.yaml", Some(&file("pushed")))]).await;
    story.shows("component:default/cart", "pushed").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_moved_is_read_again() {
    let title = |release: usize| format!("release {release}");
    let file = |release: usize| component("cart", &title(release));
    let cart = "component:default/cart";
    let mut story = Story::of_shop(&[("c.yaml", &file(0))], &[]).await;
    let mut released = 0;
    for page in ["blob/v1/c.yaml", "blob/refs/tags/v1/c.yaml"] {
        let github = &story.world.github;
        github.push_tag("acme/shop", "v1").expect("tagged");
        let target = format!("https://github.com/acme/shop/{page}");
        story.register_instead(vec![root(&target)]).await;
        for is_annotated in [false, true, true, false] {
            story.shows(cart, &title(released)).await;
            story.push(&[("c.yaml", Some(&file(released + 1)))]).await;
            story.shows(cart, &title(released)).await;
            let github = &story.world.github;
            let pushed = if is_annotated {
                github.push_annotated_tag("acme/shop", "v1")
            } else {
                github.push_tag("acme/shop", "v1")
            };
            pushed.expect("tagged");
            released += 1;
            story.shows(cart, &title(released)).await;
        }
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ref_that_does_not_exist_is_told_as_that() {
    let targets = "{targets: ['https://github.com/acme/shop/blob/v9/c.yaml', 'https://github.com/acme/shop/blob/v9/*.yaml']}";
    let story = Story::of_shop(&[("all.yaml", &location("all", targets))], &["all.yaml"]).await;
    let problems = story.world.api.finds_problems("level=error", 2).await;
    for problem in &problems {
        let message = problem["message"].as_str().unwrap_or_default();
        let reason = "the repository has no branch, tag or commit v9";
        assert!(message.ends_with(reason), "{message}");
    }
    story.end().await;
}

/// An API whose definition is another file.
fn api(name: &str, path: &str) -> String {
    let spec =
        format!("{{type: openapi, lifecycle: prod, owner: team, definition: {{$text: {path}}}}}");
    document("API", name, "t", &spec)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbolic_link_stands_for_what_it_leads_to() {
    let mut story = Story::of_shop(
        &[
            ("v1/openapi.yaml", "openapi: 3.0.0\n"),
            ("real/catalog-info.yaml", &component("linked", "first")),
        ],
        &[],
    )
    .await;
    let github = &story.world.github;
    github
        .link("acme/shop", "latest.yaml", "v1/openapi.yaml")
        .expect("linked");
    github
        .link("acme/shop", "newest.yaml", "latest.yaml")
        .expect("linked");
    github
        .link("acme/shop", "catalog-info.yaml", "real/catalog-info.yaml")
        .expect("linked");
    story
        .push(&[("api.yaml", Some(&api("api", "./newest.yaml")))])
        .await;
    let roots = ["api.yaml", "catalog-info.yaml"].map(|path| root(&url("shop", path)));
    story.register_instead(roots.to_vec()).await;
    let api = &story.world.api;
    api.sees_with("api:default/api", "/spec/definition", "openapi: 3.0.0\n")
        .await;
    story.shows("component:default/linked", "first").await;
    story
        .push(&[
            ("v1/openapi.yaml", Some("openapi: 3.1.0\n")),
            (
                "real/catalog-info.yaml",
                Some(&component("linked", "second")),
            ),
        ])
        .await;
    let api = &story.world.api;
    api.sees_with("api:default/api", "/spec/definition", "openapi: 3.1.0\n")
        .await;
    story.shows("component:default/linked", "second").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_the_repository_is_named_and_not_served() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    let all = location(
        "all",
        "{targets: [./out.yaml, ./nowhere.yaml, ./large.yaml, ./vendor/lib/c.yaml]}",
    );
    let mut story = Story::of_shop(&[("all.yaml", &all), ("large.yaml", pointer)], &[]).await;
    let github = &story.world.github;
    github
        .link("acme/shop", "out.yaml", "../../etc/passwd")
        .expect("linked");
    github
        .link("acme/shop", "nowhere.yaml", "not/there.yaml")
        .expect("linked");
    github
        .add_submodule("acme/shop", "vendor/lib")
        .expect("committed");
    story
        .push(&[
            ("pointer.yaml", Some(&api("pointer", "./large.yaml"))),
            ("escape.yaml", Some(&api("escape", "./out.yaml"))),
        ])
        .await;
    let roots = ["all.yaml", "pointer.yaml", "escape.yaml"].map(|path| root(&url("shop", path)));
    story.register_instead(roots.to_vec()).await;
    let problems = story.world.api.finds_problems("level=error", 6).await;
    let count = |text: &str| {
        let message = |problem: &&serde_json::Value| {
            problem["message"]
                .as_str()
                .is_some_and(|it| it.contains(text))
        };
        problems.iter().filter(message).count()
    };
    assert_eq!(
        count("a symbolic link to ../../etc/passwd, which leads out"),
        2,
        "{problems:?}"
    );
    assert_eq!(
        count("a symbolic link to not/there.yaml, which is not there"),
        1,
        "{problems:?}"
    );
    assert_eq!(count("Git LFS"), 2, "{problems:?}");
    assert_eq!(count("vendor/lib is a submodule"), 1, "{problems:?}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_document_puts_no_error_on_the_entity_of_another() {
    let broken = component("cart", "broken").replace("owner: team", "owner: 5");
    let valid = component("cart", "valid");
    let both = format!("{broken}---\n{valid}");
    for files in [
        vec![("a.yaml", valid.as_str()), ("b.yaml", broken.as_str())],
        vec![("a.yaml", broken.as_str()), ("b.yaml", valid.as_str())],
        vec![("a.yaml", both.as_str())],
    ] {
        let roots: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        let story = Story::of_shop(&files, &roots).await;
        story.shows("component:default/cart", "valid").await;
        let entity = story.sees("component:default/cart").await;
        assert_eq!(entity.get("status"), None);
        let problems = story.world.api.finds_problems("level=error", 1).await;
        assert_eq!(problems[0]["entityRef"], "component:default/cart");
        assert_eq!(problems[0]["statusOf"], json!([]));
        story.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_told_to_all_that_it_declared() {
    let file = component("cart", "t").replace("owner: team", "owner: group:default/payments");
    let mut story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.sees("component:default/cart").await;
    story
        .push(&[("c.yaml", Some(&format!("{file}---\na: [b\n")))])
        .await;
    let api = &story.world.api;
    for query in [
        "entity=component:default/cart",
        "owner=group:default/payments",
        "kind=component",
    ] {
        let problems = api.finds_problems(query, 1).await;
        assert_eq!(problems[0]["owner"], "group:default/payments", "{query}");
    }
    api.fails_with("component:default/cart", "Error").await;
    let entity = story.sees("component:default/cart").await;
    assert_eq!(entity["status"]["items"].as_array().map(Vec::len), Some(1));
    story.push(&[("c.yaml", Some(&file))]).await;
    story.world.api.is_well("component:default/cart").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_looks_for_a_pattern() {
    let one = |name: &str, path: &str| {
        let files: &[(&str, &str)] = &[(path, &component(name, "t"))];
        staged((name, files))
    };
    let stage = Stage {
        repositories: vec![
            one("short", "catalog-info.yml"),
            one("long", "catalog-info.yaml"),
            one("none", "README.md"),
        ],
        overlay: json!({"catalog": {"providers": {"github": {"story": {
            "catalogPath": "./catalog-info.{yml,yaml}",
        }}}}}),
        ..Stage::default()
    };
    let world = TestCatalog::stage(stage).await;
    for (name, path) in [("short", "catalog-info.yml"), ("long", "catalog-info.yaml")] {
        let entity = world.api.sees(&format!("component:default/{name}")).await;
        let read_at = entity["metadata"]["annotations"][MANAGED_BY_LOCATION].as_str();
        assert!(
            read_at.is_some_and(|it| it.ends_with(&format!("/{path}"))),
            "{read_at:?}"
        );
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_deleted_is_looked_at_at_once() {
    let mut story = Story::of_shop(&[("README.md", "shop")], &[]).await;
    story
        .world
        .github
        .commit_to(
            "acme/shop",
            "trial",
            &[("c.yaml", Some(&component("cart", "t")))],
            "begin",
        )
        .expect("committed");
    let target = "https://github.com/acme/shop/blob/trial/c.yaml";
    story.register_instead(vec![root(target)]).await;
    story.sees("component:default/cart").await;
    story
        .world
        .github
        .delete_branch("acme/shop", "trial")
        .expect("deleted");
    let problems = story
        .world
        .api
        .finds_problems("rule=location.target-missing", 1)
        .await;
    let message = problems[0]["message"].as_str().unwrap_or_default();
    assert!(
        message.ends_with("no branch, tag or commit trial"),
        "{message}"
    );
    story.end().await;
}
