//! How much of GitHub is read: as much as may be, and no byte, page or folder more.

use freshet_processor::limits::GithubLimits;
use freshet_proto::message::{
    FailureKind, Lane, ListingTarget, Matched, WantedPath, job, location_observed::Outcome,
    observation::Body,
};
use serde_json::{Value, json};

use crate::asked_for;
use crate::stub::{Reply, Stub};
use crate::world::{PAY, World, push, repositories, sweep, target, text, unchanged};

async fn start_within(github: Stub, limits: GithubLimits) -> World {
    World::start_with(github, |config| config.github_limits = limits).await
}

/// The length of an answer about so many repositories.
fn length_of(answer: &Value) -> usize {
    answer.to_string().len()
}

#[tokio::test]
async fn an_answer_about_a_repository_is_read_up_to_its_limit() {
    let answer = |query: &str| repositories(query, "h2", &text("b2", PAY));
    let length = length_of(&answer("node(id: \"R_1\")"));
    for (repositories_bytes, is_read) in [(length, true), (length - 1, false)] {
        let github = Stub::start(move |query, _| Reply::json(answer(query))).await;
        let limits = GithubLimits {
            repositories_bytes,
            ..GithubLimits::default()
        };
        let mut world = start_within(github, limits).await;
        world.publish(&push(1)).await;
        if is_read {
            assert_eq!(world.repository_observed(Lane::Hi).await.head, "h2");
        } else {
            assert_eq!(world.failure(Lane::Hi).await, FailureKind::Unreadable);
        }
        assert_eq!(world.github.requests().len(), 1, "nothing is asked again");
        world.stop().await;
    }
}

#[tokio::test]
async fn a_query_with_an_answer_that_is_too_long_is_asked_in_halves() {
    let answer = |query: &str| repositories(query, "h1", &unchanged());
    let three = "node(id: \"R_10\") node(id: \"R_11\") node(id: \"R_12\")";
    let limits = GithubLimits {
        repositories_bytes: length_of(&answer(three)),
        ..GithubLimits::default()
    };
    let github = Stub::start(move |query, _| Reply::json(answer(query))).await;
    let mut world = start_within(github, limits).await;
    for id in 10..30 {
        world.publish(&sweep(id)).await;
    }
    for _ in 0..20 {
        assert_eq!(world.repository_observed(Lane::Lo).await.head, "h1");
    }
    let asked = world.github.requests();
    let read = asked.iter().map(|query| asked_for(query));
    let read: usize = read.filter(|repositories| *repositories <= 3).sum();
    assert_eq!(read, 20, "each is read once: {asked:?}");
    world.stop().await;
}

/// What listing an organisation comes to that has so many pages: how many were observed, and what came last.
async fn list_pages(pages: usize, limits: GithubLimits) -> (usize, Body) {
    let github = Stub::start(move |_, number| Reply::json(page(number + 1 < pages))).await;
    let mut world = start_within(github, limits).await;
    let target = ListingTarget {
        provider_id: "default".to_owned(),
        organization: "acme".to_owned(),
        catalog_path: "catalog-info.yaml".to_owned(),
    };
    let mut job = sweep(9);
    job.target = Some(job::Target::Listing(target));
    world.publish(&job).await;
    let mut observed = 0;
    let last = loop {
        let observation = world.observed(Lane::Lo).await;
        let body = observation.body.expect("a body");
        observed += usize::from(matches!(body, Body::Listing(_)));
        if observation.last {
            break body;
        }
    };
    world.stop().await;
    (observed, last)
}

fn page(has_next: bool) -> Value {
    let page = json!({"hasNextPage": has_next, "endCursor": "next"});
    let repositories = json!({"pageInfo": page, "nodes": []});
    json!({"data": {"repositoryOwner": {"login": "acme", "repositories": repositories}}})
}

#[tokio::test]
async fn a_listing_has_so_many_pages_and_no_more() {
    let limits = GithubLimits {
        listing_pages: 3,
        ..GithubLimits::default()
    };
    let (observed, last) = list_pages(3, limits).await;
    assert!(matches!(last, Body::Listing(_)), "{last:?}");
    assert_eq!(observed, 3);
    let (observed, last) = list_pages(4, limits).await;
    assert_eq!(observed, 3);
    let Body::Failed(failed) = last else {
        panic!("{last:?}")
    };
    assert_eq!(failed.message, "the listing has more than 3 pages");
}

#[tokio::test]
async fn a_page_of_a_listing_is_read_up_to_its_limit() {
    let length = length_of(&page(false));
    let limits = |listing_bytes| GithubLimits {
        listing_bytes,
        ..GithubLimits::default()
    };
    let (_, last) = list_pages(1, limits(length)).await;
    assert!(matches!(last, Body::Listing(_)), "{last:?}");
    let (_, last) = list_pages(1, limits(length - 1)).await;
    let Body::Failed(failed) = last else {
        panic!("{last:?}")
    };
    assert_eq!(failed.kind(), FailureKind::Unreadable);
}

/// What a pattern comes to in a repository with these trees, by their names.
async fn find_in(trees: &[(&'static str, Value)], limits: GithubLimits) -> Outcome {
    let trees = trees.to_vec();
    let github = Stub::start(move |asked, _| {
        let Some((_, name)) = asked.split_once("/git/trees/") else {
            return Reply::json(repositories(asked, "h2", &text("b2", PAY)));
        };
        let tree = trees.iter().find(|(known, _)| *known == name);
        Reply::json(tree.expect("a known tree").1.clone())
    })
    .await;
    let mut world = start_within(github, limits).await;
    let mut target = target(1, "h1", ("h1", "h2"), "");
    let pattern = WantedPath {
        path: "**/*.yaml".to_owned(),
        is_glob: true,
        ..WantedPath::default()
    };
    target.wanted = vec![pattern];
    world.publish(&crate::world::job(1, Lane::Hi, target)).await;
    let observed = world.repository_observed(Lane::Hi).await;
    let mut locations = observed.locations.into_iter();
    let found = locations.find(|location| location.path == "**/*.yaml");
    world.stop().await;
    found.and_then(|it| it.outcome).expect("an outcome")
}

fn entry(path: &str, class: &str) -> Value {
    json!({"path": path, "mode": "100644", "type": class, "sha": format!("tree-of-{path}")})
}

fn matched(paths: &[&str]) -> Outcome {
    Outcome::Matched(Matched {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    })
}

#[track_caller]
fn check_failed(outcome: Outcome, reason: &str) {
    match outcome {
        Outcome::Failed(failed) => assert!(failed.message.contains(reason), "{}", failed.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_paths_of_a_commit_are_read_up_to_their_limit() {
    let tree = json!({"tree": [entry("a.yaml", "blob")], "truncated": false});
    let length = length_of(&tree);
    let trees = [("h2?recursive=1", tree)];
    let limits = |tree_bytes| GithubLimits {
        tree_bytes,
        ..GithubLimits::default()
    };
    assert_eq!(find_in(&trees, limits(length)).await, matched(&["a.yaml"]));
    let reason = format!("longer than {} bytes", length - 1);
    check_failed(find_in(&trees, limits(length - 1)).await, &reason);
}

#[tokio::test]
async fn so_many_folders_of_a_commit_are_listed_and_no_more() {
    let cut = json!({"tree": [], "truncated": true});
    let root = json!({"tree": [entry("a", "tree"), entry("b", "tree")]});
    let file = json!({"tree": [entry("c.yaml", "blob")]});
    let trees = [
        ("h2?recursive=1", cut),
        ("h2", root),
        ("tree-of-a", file.clone()),
        ("tree-of-b", file),
    ];
    let limits = |tree_folders| GithubLimits {
        tree_folders,
        ..GithubLimits::default()
    };
    let all = matched(&["a/c.yaml", "b/c.yaml"]);
    assert_eq!(find_in(&trees, limits(3)).await, all);
    check_failed(find_in(&trees, limits(2)).await, "too many folders");
}
