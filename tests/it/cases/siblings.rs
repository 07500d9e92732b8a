//! Targets of one Location entity do not wait for each other, and whatever is wrong with one is told.

use freshet_tests::api::Api;

use crate::story::{Story, component, location, title};

/// Paths of the problems that a query finds, sorted.
async fn paths_of_problems(api: &Api, query: &str) -> Vec<String> {
    let problems = api.list(&format!("/api/v1/problems?{query}")).await;
    let problems = problems.expect("answered");
    let paths = problems.iter().filter_map(|it| it["path"].as_str());
    let mut paths: Vec<String> = paths.map(str::to_owned).collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn one_missing_target_holds_back_neither_its_siblings_nor_the_location_entity() {
    let all = location("all", "{targets: [./a.yaml, ./b.yaml]}");
    let mut story = Story::of_shop(
        &[
            ("all.yaml", &all),
            ("a.yaml", &component("a", "first")),
            ("b.yaml", &component("b", "first")),
        ],
        &["all.yaml"],
    )
    .await;
    story.shows("component:default/a", "first").await;
    story.shows("component:default/b", "first").await;
    story
        .push(&[
            ("a.yaml", Some(&component("a", "second"))),
            ("b.yaml", None),
        ])
        .await;
    story
        .world
        .api
        .fails_with("location:default/all", "NotFoundError")
        .await;
    story.shows("component:default/a", "second").await;
    story.sees("location:default/all").await;
    // The file is still listed: that it is missing is a mistake, and what it declared stays.
    assert_eq!(
        title(story.now("component:default/b").await.as_ref()),
        Some("first")
    );
    story
        .push(&[("b.yaml", Some(&component("b", "third")))])
        .await;
    story.shows("component:default/a", "second").await;
    story.shows("component:default/b", "third").await;
    story.world.api.is_well("location:default/all").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broken_file_of_a_monorepo_costs_only_itself() {
    let names: Vec<String> = (0..20).map(|number| format!("part-{number}")).collect();
    let targets: Vec<String> = names.iter().map(|name| format!("./{name}.yaml")).collect();
    let all = location("all", &format!("{{targets: [{}]}}", targets.join(", ")));
    let mut files = vec![("all.yaml".to_owned(), all)];
    for name in &names {
        files.push((format!("{name}.yaml"), component(name, "first")));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, file)| (path.as_str(), file.as_str()))
        .collect();
    let mut story = Story::of_shop(&files, &["all.yaml"]).await;
    story.shows("component:default/part-19", "first").await;
    story
        .push(&[
            ("part-0.yaml", Some("kind: [\n")),
            ("part-1.yaml", None),
            ("part-2.yaml", Some(&component("part-2", "second"))),
        ])
        .await;
    story.shows("component:default/part-2", "second").await;
    story
        .push(&[("part-3.yaml", Some(&component("part-3", "third")))])
        .await;
    story.shows("component:default/part-3", "third").await;
    for name in ["part-0", "part-1"] {
        let kept = story.now(&format!("component:default/{name}")).await;
        assert_eq!(title(kept.as_ref()), Some("first"), "{name}");
    }
    // Both are told: the broken file where it is, and the missing one where it is named.
    let api = &story.world.api;
    assert_eq!(
        paths_of_problems(api, "rule=yaml.syntax").await,
        ["part-0.yaml"]
    );
    let missing = "rule=location.target-missing";
    assert_eq!(paths_of_problems(api, missing).await, ["all.yaml"]);
    let all = story
        .now("location:default/all")
        .await
        .expect("it is served");
    let status = all["status"]["items"].to_string();
    for told in ["part-0.yaml", "part-1.yaml"] {
        assert!(status.contains(told), "{told} in {status}");
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_that_a_pattern_matches_costs_only_itself() {
    let path = |name: &str| format!("{name}/catalog-info.yaml");
    let [a, b, c, d] = ["a", "b", "c", "d"].map(path);
    let all = location("all", "{target: './**/catalog-info.yaml'}");
    let mut story = Story::of_shop(
        &[
            ("all.yaml", &all),
            (&a, &component("a", "first")),
            (&b, &component("b", "first")),
            (&d, &component("d", "first")),
        ],
        &["all.yaml"],
    )
    .await;
    for name in ["a", "b", "d"] {
        story
            .shows(&format!("component:default/{name}"), "first")
            .await;
    }
    story.world.api.is_well("location:default/all").await;
    story
        .push(&[
            (&a, Some(&component("a", "second"))),
            (&b, Some("kind: [\n")),
            (&c, Some(&component("c", "first"))),
            (&d, None),
        ])
        .await;
    story.shows("component:default/a", "second").await;
    story.shows("component:default/c", "first").await;
    let api = &story.world.api;
    api.no_longer_sees("component:default/d").await;
    let kept = story.now("component:default/b").await;
    assert_eq!(title(kept.as_ref()), Some("first"));
    // Who is to blame is told by the problem, and by whoever would have been held back elsewhere.
    assert_eq!(paths_of_problems(api, "level=error").await, [b.as_str()]);
    for shown_by in ["location:default/all", "component:default/b"] {
        let shown = story.now(shown_by).await.expect("it is served");
        let status = shown["status"]["items"].to_string();
        assert!(status.contains(&b), "{shown_by}: {status}");
    }
    story.push(&[(&b, Some(&component("b", "second")))]).await;
    story.shows("component:default/b", "second").await;
    story.world.api.is_well("location:default/all").await;
    story.end().await;
}
