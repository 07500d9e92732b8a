//! Which repositories discovery lets in, and what becomes of those it does not any more.

use std::time::Duration;

use freshet_github_emulator::{RepoOptions, Visibility};
use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::setup::ORGANIZATION;
use serde_json::{Value, json};

use crate::pay::FILE;
use crate::story::component;

/// A sweep of this frequency sees a repository that changed without a push.
const OFTEN: Duration = Duration::from_secs(1);

fn entity(repository: &str) -> String {
    format!("component:default/{repository}")
}

fn full_name(repository: &str) -> String {
    format!("{ORGANIZATION}/{repository}")
}

/// What makes the usual provider filter by these.
fn filtered(filters: &Value) -> Value {
    json!({"catalog": {"providers": {"github": {"story": {"filters": filters}}}}})
}

/// A catalog in which each of these repositories has a component of its name.
async fn catalog_of(repositories: &[&str]) -> TestCatalog {
    let files: Vec<String> = repositories
        .iter()
        .map(|name| component(name, "first"))
        .collect();
    let files: Vec<[(&str, &str); 1]> = files.iter().map(|file| [(FILE, file.as_str())]).collect();
    let staged: Vec<(&str, &[(&str, &str)])> = repositories
        .iter()
        .zip(&files)
        .map(|(name, files)| (*name, files.as_slice()))
        .collect();
    let world = TestCatalog::with(Profile::Embedded, &staged).await;
    for name in repositories {
        world.api.sees(&entity(name)).await;
    }
    world
}

fn change(world: &TestCatalog, repository: &str, change: impl FnOnce(&mut RepoOptions)) {
    let changed = world.github.change_repo(&full_name(repository), change);
    changed.expect("a repository");
}

fn set_topics(world: &TestCatalog, repository: &str, topics: &[&str]) {
    let topics = topics.iter().map(|it| (*it).to_owned()).collect();
    change(world, repository, |options| options.topics = topics);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_away_what_it_excludes_and_nothing_else() {
    let mut world = catalog_of(&["plain", "copied", "hidden", "retired", "old"]).await;
    change(&world, "copied", |options| options.fork = true);
    change(&world, "hidden", |options| {
        options.visibility = Visibility::Private;
    });
    change(&world, "retired", |options| options.archived = true);
    set_topics(&world, "old", &["java", "experiment"]);
    let filters = json!({
        "allowForks": false, "visibility": ["Public", "internal"], "topic": {"exclude": ["experiment"]},
    });
    world.restart_with(filtered(&filters)).await;
    for name in ["copied", "hidden", "retired", "old"] {
        world.api.no_longer_sees(&entity(name)).await;
    }
    world.api.settles().await;
    world.api.sees(&entity("plain")).await;

    // Not without any: those were swept in this slot already.
    let filters = json!({"allowArchived": true});
    world.restart_with(filtered(&filters)).await;
    for name in ["copied", "hidden", "retired", "old"] {
        world.api.sees(&entity(name)).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_lets_a_repository_in_and_another_one_takes_it_out() {
    let mut world = catalog_of(&["web", "pay"]).await;
    set_topics(&world, "web", &["backstage"]);
    let filters = json!({"topic": {"include": ["backstage"], "exclude": ["experiment"]}});
    world.restart_with(filtered(&filters)).await;
    world.api.no_longer_sees(&entity("pay")).await;
    world.restart_with_sweeps_every(OFTEN).await;

    set_topics(&world, "pay", &["java", "backstage"]);
    world.api.sees(&entity("pay")).await;
    set_topics(&world, "web", &["backstage", "experiment"]);
    world.api.no_longer_sees(&entity("web")).await;
    world.api.sees(&entity("pay")).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_discovers_only_what_the_filters_let_in() {
    let mut world = catalog_of(&["plain"]).await;
    let filters = json!({"allowForks": false, "topic": {"exclude": ["experiment"]}});
    world.restart_with(filtered(&filters)).await;
    let made = |name: &str, options: RepoOptions| {
        let made = world.github.create_repo(ORGANIZATION, name, options);
        made.expect("a repository is made");
        let repository = world.repository(name);
        repository.writes(FILE, &component(name, "first"));
    };
    made(
        "copied",
        RepoOptions {
            fork: true,
            ..RepoOptions::default()
        },
    );
    made(
        "trial",
        RepoOptions {
            topics: vec!["experiment".to_owned()],
            ..RepoOptions::default()
        },
    );
    made("fresh", RepoOptions::default());
    world.api.sees(&entity("fresh")).await;
    world.deliveries.are_accepted(3).await;
    world.api.settles().await;
    for name in ["copied", "trial"] {
        let found = world.api.entity(&entity(name)).await.expect("an answer");
        assert_eq!(found, None, "{name} was kept out");
        let sources = world.api.sources().await.expect("the sources");
        let is_read = sources.iter().any(|it| it.to_string().contains(name));
        assert!(!is_read, "{name} is not even looked at: {sources:?}");
    }
    world.finish().await;
}
