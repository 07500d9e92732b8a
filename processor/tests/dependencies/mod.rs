//! Files that read other files, files that patterns match, and files too large for a message.

mod github;

use freshet_processor::ProcessorConfig;
use freshet_proto::message::{
    Chunk, Content, Dependency, Lane, LocationObserved, Observation, RepositoryObserved,
    RepositoryTarget, WantedPath, location_observed::Outcome, observation::Body,
};
use prost::Message as _;

use self::github::{Repository, oid};
use crate::world::{HOST, PAY, World, job};

const API: &str = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: pay\nspec:\n  type: openapi\n  lifecycle: production\n  owner: team-a\n  definition:\n    $text: ./openapi.yaml\n";

fn target(held: &str, push: (&str, &str), wanted: Vec<WantedPath>) -> RepositoryTarget {
    let mut target = crate::world::target(1, held, push, "");
    let repository = target.repository.as_mut().expect("a repository");
    repository.name = "pay".to_owned();
    target.wanted = wanted;
    target
}

fn wanted(path: &str, held: &str, dependencies: Vec<Dependency>) -> WantedPath {
    WantedPath {
        path: path.to_owned(),
        held_blob: held.to_owned(),
        is_glob: false,
        dependencies,
    }
}

fn pattern(path: &str) -> WantedPath {
    WantedPath {
        is_glob: true,
        ..wanted(path, "", Vec::new())
    }
}

fn dependency(name: &str, path: &str, blob: &str) -> Dependency {
    Dependency {
        host: HOST.to_owned(),
        owner: "acme".to_owned(),
        name: name.to_owned(),
        r#ref: "HEAD".to_owned(),
        path: path.to_owned(),
        blob: blob.to_owned(),
        url: String::new(),
    }
}

fn content(observed: &RepositoryObserved, path: &str) -> Content {
    match outcome(observed, path) {
        Outcome::Content(content) => content,
        other => panic!("no content of {path}: {other:?}"),
    }
}

fn outcome(observed: &RepositoryObserved, path: &str) -> Outcome {
    let is_it = |location: &&LocationObserved| location.path == path;
    let location = observed.locations.iter().find(is_it);
    location
        .unwrap_or_else(|| panic!("nothing of {path}: {observed:?}"))
        .outcome
        .clone()
        .expect("an outcome")
}

fn definition(content: &Content) -> String {
    let [entity] = content.entities.as_slice() else {
        panic!("{content:?}")
    };
    let document: serde_json::Value = serde_json::from_str(&entity.document).expect("JSON");
    document["spec"]["definition"]
        .as_str()
        .expect("a text")
        .to_owned()
}

#[tokio::test]
async fn a_file_that_reads_another_is_read_with_it() {
    let pay = Repository::new("pay", "h2", &[("a.yaml", API), ("openapi.yaml", "v1\n")]);
    let mut world = World::start(github::start(vec![pay]).await).await;
    let list = vec![wanted("a.yaml", "", Vec::new())];
    world
        .publish(&job(1, Lane::Hi, target("", ("", ""), list)))
        .await;
    let content = content(&world.repository_observed(Lane::Hi).await, "a.yaml");
    assert_eq!(definition(&content), "v1\n");
    assert_eq!(
        content.dependencies,
        [dependency("pay", "openapi.yaml", &oid("v1\n"))]
    );
    assert_eq!(world.github.requests().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_push_that_changes_what_a_file_reads_is_one_call() {
    let pay = Repository::new("pay", "h2", &[("a.yaml", API), ("openapi.yaml", "v2\n")]);
    let mut world = World::start(github::start(vec![pay]).await).await;
    let held = vec![dependency("pay", "openapi.yaml", &oid("v1\n"))];
    let list = vec![wanted("a.yaml", &oid(API), held)];
    world
        .publish(&job(1, Lane::Hi, target("h1", ("h1", "h2"), list)))
        .await;
    let content = content(&world.repository_observed(Lane::Hi).await, "a.yaml");
    assert_eq!(definition(&content), "v2\n");
    assert_eq!(content.blob, oid(API));
    assert_eq!(
        content.dependencies,
        [dependency("pay", "openapi.yaml", &oid("v2\n"))]
    );
    assert_eq!(world.github.requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_sweep_of_files_that_read_unchanged_ones_is_one_call() {
    let pay = Repository::new("pay", "h1", &[("a.yaml", API), ("openapi.yaml", "v1\n")]);
    let shared = Repository::new("shared", "s1", &[("x.txt", "x")]);
    let mut world = World::start(github::start(vec![pay, shared]).await).await;
    let held = vec![
        dependency("pay", "openapi.yaml", &oid("v1\n")),
        dependency("pay", "CODEOWNERS", ""),
        dependency("shared", "x.txt", &oid("x")),
        dependency("gone", "x.txt", ""),
    ];
    let list = vec![wanted("a.yaml", &oid(API), held)];
    world
        .publish(&job(1, Lane::Lo, target("h1", ("", ""), list)))
        .await;
    let observed = world.repository_observed(Lane::Lo).await;
    assert!(
        matches!(outcome(&observed, "a.yaml"), Outcome::Unchanged(_)),
        "{observed:?}"
    );
    assert_eq!(world.github.requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_change_in_another_repository_reads_the_file_again() {
    let pay = Repository::new("pay", "h1", &[("a.yaml", API), ("openapi.yaml", "v1\n")]);
    let shared = Repository::new("shared", "s1", &[("x.txt", "new")]);
    let mut world = World::start(github::start(vec![pay, shared]).await).await;
    let held = vec![
        dependency("pay", "openapi.yaml", &oid("v1\n")),
        dependency("shared", "x.txt", &oid("x")),
    ];
    let list = vec![wanted("a.yaml", &oid(API), held)];
    world
        .publish(&job(1, Lane::Lo, target("h1", ("", ""), list)))
        .await;
    let content = content(&world.repository_observed(Lane::Lo).await, "a.yaml");
    // The file itself reads only its own repository now.
    assert_eq!(
        content.dependencies,
        [dependency("pay", "openapi.yaml", &oid("v1\n"))]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_link_is_followed_again_if_something_elsewhere_changed() {
    let files = [
        ("a.yaml", "real.yaml"),
        ("real.yaml", API),
        ("openapi.yaml", "v1\n"),
    ];
    let pay = Repository {
        links: &["a.yaml"],
        ..Repository::new("pay", "h1", &files)
    };
    let mut world = World::start(github::start(vec![pay]).await).await;
    let elsewhere = Dependency {
        host: "other.test".to_owned(),
        ..dependency("shared", "x.txt", &oid("x"))
    };
    let held = vec![
        dependency("pay", "openapi.yaml", &oid("v1\n")),
        dependency("pay", "real.yaml", &oid(API)),
        elsewhere,
    ];
    let list = vec![wanted("a.yaml", &oid("real.yaml"), held)];
    world
        .publish(&job(1, Lane::Lo, target("h1", ("", ""), list)))
        .await;
    let content = content(&world.repository_observed(Lane::Lo).await, "a.yaml");
    assert_eq!(definition(&content), "v1\n");
    assert_eq!(content.blob, oid("real.yaml"));
    world.stop().await;
}

#[tokio::test]
async fn a_file_at_a_branch_with_slashes_is_found() {
    let url = format!("https://{HOST}/acme/pay/blob/release/1.0/openapi.yaml");
    let api = API.replace("./openapi.yaml", &url);
    let pay = Repository {
        branch: "release/1.0",
        ..Repository::new("pay", "h2", &[("a.yaml", &api), ("openapi.yaml", "v1\n")])
    };
    let mut world = World::start(github::start(vec![pay]).await).await;
    let list = vec![wanted("a.yaml", "", Vec::new())];
    let target = target("", ("", ""), list);
    world.publish(&job(1, Lane::Hi, target)).await;
    let content = content(&world.repository_observed(Lane::Hi).await, "a.yaml");
    assert_eq!(definition(&content), "v1\n");
    let there = Dependency {
        r#ref: "release/1.0".to_owned(),
        ..dependency("pay", "openapi.yaml", &oid("v1\n"))
    };
    assert_eq!(content.dependencies, [there]);
    world.stop().await;
}

#[tokio::test]
async fn another_repository_is_read_if_the_operator_allows_it() {
    let url = format!("https://{HOST}/acme/shared/blob/main/x.txt");
    let api = API.replace("./openapi.yaml", &url);
    for allowed in [false, true] {
        let pay = Repository::new("pay", "h2", &[("a.yaml", &api)]);
        let shared = Repository::new("shared", "s1", &[("x.txt", "theirs\n")]);
        let github = github::start(vec![pay, shared]).await;
        let mut world = World::start_with(github, |config| {
            if allowed {
                config.placeholders = vec![format!("{HOST}/acme/sha*")];
            }
        })
        .await;
        let list = vec![wanted("a.yaml", "", Vec::new())];
        let target = target("", ("", ""), list);
        world.publish(&job(1, Lane::Hi, target)).await;
        let content = content(&world.repository_observed(Lane::Hi).await, "a.yaml");
        if allowed {
            assert_eq!(definition(&content), "theirs\n");
            // The URL says main, which is the default branch there.
            let there = dependency("shared", "x.txt", &oid("theirs\n"));
            assert_eq!(content.dependencies, [there]);
        } else {
            assert_eq!(content.problems[0].rule, "placeholder.repository");
            assert_eq!(content.dependencies, []);
            assert_eq!(world.github.requests().len(), 1);
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn an_owner_comes_from_codeowners_if_the_operator_wants_that() {
    let api = API.replace("  owner: team-a\n", "");
    let files = [
        ("a.yaml", &*api),
        ("openapi.yaml", "v1\n"),
        ("CODEOWNERS", "* @acme/pay\n"),
    ];
    let github = github::start(vec![Repository::new("pay", "h2", &files)]).await;
    let mut world = World::start_with(github, |config| config.codeowners = true).await;
    let list = vec![wanted("a.yaml", "", Vec::new())];
    let target = target("", ("", ""), list);
    world.publish(&job(1, Lane::Hi, target)).await;
    let content = content(&world.repository_observed(Lane::Hi).await, "a.yaml");
    let document = &content.entities[0].document;
    assert!(document.contains("\"owner\":\"pay\""), "{document}");
    let paths: Vec<&str> = content.dependencies.iter().map(|it| &*it.path).collect();
    let expected = [
        ".github/CODEOWNERS",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        "openapi.yaml",
    ];
    assert_eq!(paths, expected);
    assert_eq!(world.github.requests().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn what_a_hundred_files_ask_for_is_fetched_in_one_call() {
    let pay = Repository::new("pay", "h2", &[("a.yaml", API), ("openapi.yaml", "v1\n")]);
    let mut world = World::start(github::start(vec![pay]).await).await;
    for source in 1..=100 {
        let list = vec![wanted("a.yaml", "", Vec::new())];
        world
            .publish(&job(source, Lane::Lo, target("", ("", ""), list)))
            .await;
    }
    for _ in 0..100 {
        world.repository_observed(Lane::Lo).await;
    }
    let calls = world.github.requests().len();
    assert!(calls <= 6, "{calls} calls");
    world.stop().await;
}

#[tokio::test]
async fn a_file_that_is_not_there_costs_the_entity_and_its_appearance_is_seen() {
    let pay = Repository::new("pay", "h2", &[("a.yaml", API)]);
    let mut world = World::start(github::start(vec![pay]).await).await;
    let list = vec![wanted("a.yaml", "", Vec::new())];
    world
        .publish(&job(1, Lane::Hi, target("", ("", ""), list)))
        .await;
    let content = content(&world.repository_observed(Lane::Hi).await, "a.yaml");
    assert_eq!(content.problems[0].rule, "placeholder.not-found");
    assert_eq!((content.entities.len(), content.invalid), (0, false));
    assert_eq!(
        content.dependencies,
        [dependency("pay", "openapi.yaml", "")]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_pattern_is_answered_with_every_file_it_matches() {
    let (x, y) = (PAY.replace("pay", "x"), PAY.replace("pay", "y"));
    let files = [
        ("sub/x.yaml", &*x),
        ("sub/y.yaml", &*y),
        ("sub/deep/z.yaml", "z"),
        ("sub/.hidden.yaml", "h"),
        ("other.yaml", "o"),
    ];
    for is_large in [false, true] {
        let pay = Repository {
            is_large,
            ..Repository::new("pay", "h2", &files)
        };
        let mut world = World::start(github::start(vec![pay]).await).await;
        let list = vec![
            pattern("sub/*.yaml"),
            wanted("sub/x.yaml", &oid(&x), Vec::new()),
        ];
        world
            .publish(&job(1, Lane::Hi, target("h1", ("h1", "h2"), list)))
            .await;
        let observed = world.repository_observed(Lane::Hi).await;
        let Outcome::Matched(matched) = outcome(&observed, "sub/*.yaml") else {
            panic!("{observed:?}")
        };
        assert_eq!(matched.paths, ["sub/x.yaml", "sub/y.yaml"]);
        assert!(matches!(
            outcome(&observed, "sub/x.yaml"),
            Outcome::Unchanged(_)
        ));
        let new = content(&observed, "sub/y.yaml");
        assert_eq!(new.entities[0].r#ref, "component:default/y");
        assert_eq!(observed.locations.len(), 3);
        assert_eq!(world.github.requests().len(), if is_large { 5 } else { 3 });
        world.stop().await;
    }
}

#[tokio::test]
async fn so_many_links_in_a_row_are_followed_and_no_more() {
    let files = [
        ("1.yaml", "2.yaml"),
        ("2.yaml", "3.yaml"),
        ("3.yaml", "end.yaml"),
        ("end.yaml", PAY),
    ];
    let pay = Repository {
        links: &["1.yaml", "2.yaml", "3.yaml"],
        ..Repository::new("pay", "h2", &files)
    };
    let change = |config: &mut ProcessorConfig| config.github_limits.links = 2;
    let mut world = World::start_with(github::start(vec![pay]).await, change).await;
    let list = ["1.yaml", "2.yaml"].map(|path| wanted(path, "", Vec::new()));
    world
        .publish(&job(1, Lane::Hi, target("", ("", ""), list.to_vec())))
        .await;
    let observed = world.repository_observed(Lane::Hi).await;
    let two_away = content(&observed, "2.yaml");
    assert_eq!(two_away.entities[0].r#ref, "component:default/pay");
    let Outcome::Failed(failed) = outcome(&observed, "1.yaml") else {
        panic!("{observed:?}")
    };
    let reason = "more than 2 symbolic links lead on from it";
    assert_eq!(failed.message, reason);
    world.stop().await;
}

#[tokio::test]
async fn a_large_file_is_observed_in_pieces() {
    let large = "x".repeat(1_200_000);
    let pay = Repository::new("pay", "h2", &[("a.yaml", API), ("openapi.yaml", &large)]);
    let mut world = World::start(github::start(vec![pay]).await).await;
    let list = vec![wanted("a.yaml", "", Vec::new())];
    world
        .publish(&job(1, Lane::Hi, target("", ("", ""), list)))
        .await;
    let mut whole = Vec::new();
    let mut times = Vec::new();
    loop {
        let part = world.observed(Lane::Hi).await;
        times.push(part.fetched_at);
        let Some(Body::Chunk(Chunk { data })) = part.body else {
            panic!("no piece")
        };
        whole.extend(data);
        if part.last {
            break;
        }
    }
    times.dedup();
    assert_eq!(times.len(), 1);
    let observation = Observation::decode(&*whole).expect("an observation");
    let Some(Body::Repository(observed)) = observation.body else {
        panic!("no repository")
    };
    assert_eq!(definition(&content(&observed, "a.yaml")), large);
    world.stop().await;
}
