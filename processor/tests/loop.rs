//! The whole processor over the memory bus, against a GitHub that answers as it is told.

mod dependencies;
mod limits;
mod misled;
mod outage;
mod room;
mod stub;
mod world;

use std::time::Duration;

use freshet_bus::Outbound;
use freshet_proto::message::{
    Cause, FailureKind, FileTarget, Job, Lane, ListingTarget, WantedPath, job,
    location_observed::Outcome, observation::Body,
};
use freshet_proto::stream::{DEAD_LETTERS, JOBS};
use freshet_wait::{eventually, in_time};
use serde_json::json;
use stub::{Reply, Stub};
use world::{HOST, PAY, World, job, push, repositories, sweep, target, text, unchanged};

#[tokio::test]
async fn a_push_becomes_an_observation_with_one_call() {
    let github =
        Stub::start(|query, _| Reply::json(repositories(query, "h2", &text("b2", PAY)))).await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    let observation = world.observed(Lane::Hi).await;
    assert_eq!(
        (
            observation.source_id,
            observation.generation,
            observation.last
        ),
        (1, 3, true)
    );
    assert_eq!(observation.fingerprint.len(), 32);
    let Some(Body::Repository(observed)) = observation.body else {
        panic!("not a repository")
    };
    assert_eq!(observed.head, "h2");
    assert_eq!(
        observed.repository.expect("an identity").name,
        "repository-1"
    );
    let Some(Outcome::Content(content)) = observed.locations[0].outcome.clone() else {
        panic!("no content")
    };
    assert_eq!(content.blob, "b2");
    assert_eq!(content.entities[0].r#ref, "component:default/pay");
    assert_eq!(world.github.requests().len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_hundred_unchanged_repositories_cost_one_call() {
    let github = Stub::start(|query, _| Reply::json(repositories(query, "h1", &unchanged()))).await;
    let mut world = World::start(github).await;
    let jobs = futures::future::join_all((1..=100).map(|id| {
        let job = sweep(id);
        let world = &world;
        async move { world.publish(&job).await }
    }));
    jobs.await;
    for _ in 0..100 {
        let observed = world.repository_observed(Lane::Lo).await;
        assert!(matches!(
            observed.locations[0].outcome,
            Some(Outcome::Unchanged(_))
        ));
    }
    let requests = world.github.requests();
    assert!(requests.len() <= 3, "{} calls", requests.len());
    assert!(requests.iter().all(|request| !request.contains("text }")));
    world.stop().await;
}

#[tokio::test]
async fn a_head_from_before_the_push_is_asked_for_again_and_then_reported() {
    let github = Stub::start(|query, _| Reply::json(repositories(query, "h1", &unchanged()))).await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    let Some(Body::Behind(behind)) = world.observed(Lane::Hi).await.body else {
        panic!("not behind")
    };
    assert_eq!(behind.shown_head, "h1");
    assert_eq!(world.github.requests().len(), 3);
    world.stop().await;
}

#[tokio::test]
async fn a_head_that_catches_up_is_read() {
    let github = Stub::start(|query, number| {
        let (head, file) = if number == 0 {
            ("h1", unchanged())
        } else {
            ("h2", text("b2", PAY))
        };
        Reply::json(repositories(query, head, &file))
    })
    .await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    assert_eq!(world.repository_observed(Lane::Hi).await.head, "h2");
    assert_eq!(world.github.requests().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_retry_after_is_waited_out_without_a_call() {
    let github = Stub::start(|query, number| match number {
        0 => Reply::status(403, r#"{"message":"slow down"}"#).header("retry-after", "1"),
        _ => Reply::json(repositories(query, "h2", &text("b2", PAY))),
    })
    .await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    assert_eq!(world.repository_observed(Lane::Hi).await.head, "h2");
    let times = world.github.times();
    assert_eq!(times.len(), 2);
    assert!(
        times[1] - times[0] >= Duration::from_millis(990),
        "{:?}",
        times[1] - times[0]
    );
    world.stop().await;
}

#[tokio::test]
async fn a_graphql_limit_with_status_200_closes_the_budget() {
    let limited =
        json!({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]});
    let github = Stub::start(move |query, number| match number {
        0 => Reply::json(limited.clone()).header("retry-after", "1"),
        _ => Reply::json(repositories(query, "h2", &text("b2", PAY))),
    })
    .await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    assert_eq!(world.repository_observed(Lane::Hi).await.head, "h2");
    assert_eq!(world.github.times().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_permission_is_reported_and_closes_nothing() {
    let github = Stub::start(|query, number| match number {
        0 => Reply::status(
            403,
            r#"{"message":"Resource not accessible by integration"}"#,
        ),
        _ => Reply::json(repositories(query, "h2", &text("b2", PAY))),
    })
    .await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    assert_eq!(world.failure(Lane::Hi).await, FailureKind::Denied);
    world.publish(&push(2)).await;
    assert_eq!(world.repository_observed(Lane::Hi).await.head, "h2");
    world.stop().await;
}

#[tokio::test]
async fn an_outage_is_retried_and_then_reported() {
    let github = Stub::start(|_, _| Reply::status(502, "bad gateway")).await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    assert_eq!(world.failure(Lane::Hi).await, FailureKind::Unreachable);
    assert_eq!(world.github.requests().len(), 3);
    world.stop().await;
}

fn asked_for(query: &str) -> usize {
    query.matches("node(id:").count()
}

#[tokio::test]
async fn a_query_github_needs_too_long_for_is_asked_in_smaller_ones() {
    let github = Stub::start(|query, _| {
        if asked_for(query) > 3 {
            Reply::status(504, "")
        } else {
            Reply::json(repositories(query, "h1", &unchanged()))
        }
    })
    .await;
    let mut world = World::start(github).await;
    for id in 1..=20 {
        world.publish(&sweep(id)).await;
    }
    for _ in 0..20 {
        world.repository_observed(Lane::Lo).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn an_outage_during_a_sweep_costs_few_calls() {
    let github = Stub::start(|_, _| Reply::status(502, "bad gateway")).await;
    let mut world = World::start(github).await;
    for id in 1..=100 {
        world.publish(&sweep(id)).await;
    }
    for _ in 0..100 {
        assert_eq!(world.failure(Lane::Lo).await, FailureKind::Unreachable);
    }
    let calls = world.github.requests().len();
    assert!(calls <= 30, "{calls} calls");
    world.stop().await;
}

#[tokio::test]
async fn a_secondary_limit_with_status_200_is_no_failure() {
    let limited = json!({"errors": [{"type": "ABUSE", "message": "wait a few minutes"}]});
    let github = Stub::start(move |query, number| match number {
        0 => Reply::json(limited.clone()).header("retry-after", "1"),
        _ => Reply::json(repositories(query, "h2", &text("b2", PAY))),
    })
    .await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    assert_eq!(world.repository_observed(Lane::Hi).await.head, "h2");
    assert_eq!(world.github.requests().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_blob_graphql_does_not_show_is_read_raw() {
    let cut = json!({"__typename": "Blob", "oid": "b2", "byteSize": PAY.len(), "isBinary": false, "isTruncated": true, "text": "a"});
    let github = Stub::start(move |query, _| {
        if query.contains("/git/blobs/") {
            Reply::status(200, PAY)
        } else {
            Reply::json(repositories(query, "h2", &cut))
        }
    })
    .await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    let observed = world.repository_observed(Lane::Hi).await;
    let Some(Outcome::Content(content)) = &observed.locations[0].outcome else {
        panic!("no content")
    };
    assert_eq!(content.entities[0].r#ref, "component:default/pay");
    assert!(world.github.requests()[1].contains("/repos/acme/repository-1/git/blobs/b2"));
    world.stop().await;
}

#[tokio::test]
async fn a_listing_is_observed_page_by_page() {
    let github = Stub::start(|query, _| {
        let last = query.contains("\"next\"");
        let page = json!({"hasNextPage": !last, "endCursor": "next"});
        let repositories = json!({"pageInfo": page, "nodes": []});
        Reply::json(
            json!({"data": {"repositoryOwner": {"login": "acme", "repositories": repositories}}}),
        )
    })
    .await;
    let mut world = World::start(github).await;
    let target = ListingTarget {
        provider_id: "default".to_owned(),
        organization: "acme".to_owned(),
        catalog_path: "catalog-info.yaml".to_owned(),
    };
    let job = Job {
        target: Some(job::Target::Listing(target)),
        ..sweep(9)
    };
    world.publish(&job).await;
    let mut marks = Vec::new();
    for _ in 0..2 {
        let observation = world.observed(Lane::Lo).await;
        assert!(matches!(observation.body, Some(Body::Listing(_))));
        marks.push((observation.part, observation.last));
    }
    assert_eq!(marks, [(0, false), (1, true)]);
    world.stop().await;
}

#[tokio::test]
async fn what_is_no_job_becomes_a_dead_letter() {
    let github =
        Stub::start(|query, _| Reply::json(repositories(query, "h2", &text("b2", PAY)))).await;
    let mut world = World::start(github).await;
    let subject = world.subjects.job(Lane::Hi, HOST, 1);
    let _ = world
        .bus
        .publish(Outbound::new(subject, "no job".as_bytes()))
        .await
        .expect("a stored message");
    world.publish(&push(2)).await;
    world.observed(Lane::Hi).await;
    eventually("there is a dead letter", || async {
        let count = world.messages(DEAD_LETTERS).await;
        (count == 1).then_some(()).ok_or_else(|| count.to_string())
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn a_dead_job_is_a_failure_of_its_source() {
    let many = "x".repeat(400_000);
    let text_of_many = text("b2", &format!("{PAY}  note: {many}\n"));
    let github =
        Stub::start(move |query, _| Reply::json(repositories(query, "h2", &text_of_many))).await;
    let mut world = World::start(github).await;
    let job = Job {
        cause: Some(cause_without_room()),
        ..job(1, Lane::Lo, target(1, "", ("", ""), ""))
    };
    world.publish(&job).await;
    assert_eq!(world.failure(Lane::Lo).await, FailureKind::Unreadable);
    world.stop().await;
    assert_eq!(world.messages(DEAD_LETTERS).await, 1);
}

/// What every message repeats of its job then leaves no room for a piece of the observation.
fn cause_without_room() -> Cause {
    Cause {
        actor: "a".repeat(400_000),
        ..Cause::default()
    }
}

#[tokio::test]
async fn a_dead_job_of_a_local_file_is_a_failure_of_its_source_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("catalog-info.yaml");
    let many = "x".repeat(400_000);
    std::fs::write(&path, format!("{PAY}  note: {many}\n")).expect("a file");
    let github = Stub::start(|_, _| Reply::json(json!({}))).await;
    let mut world = World::start_with(github, |config| config.file_locations = true).await;
    let wanted = WantedPath {
        path: path.to_string_lossy().into_owned(),
        ..WantedPath::default()
    };
    world.publish(&local_job(vec![wanted.clone()])).await;
    let Some(Body::Files(observed)) = world.observed(Lane::Lo).await.body else {
        panic!("not files")
    };
    assert_eq!(observed.locations[0].path, wanted.path);
    let job = Job {
        source_id: 2,
        cause: Some(cause_without_room()),
        ..local_job(vec![wanted])
    };
    world.publish(&job).await;
    assert_eq!(world.failure(Lane::Lo).await, FailureKind::Unreadable);
    world.stop().await;
    assert_eq!(world.messages(DEAD_LETTERS).await, 1);
}

#[tokio::test]
async fn a_job_for_another_worker_is_a_failure_of_its_source() {
    let github = Stub::start(|_, _| Reply::json(json!({}))).await;
    let mut world = World::start(github).await;
    let misdirected = Job {
        installation: HOST.to_owned(),
        ..local_job(Vec::new())
    };
    world.publish(&misdirected).await;
    assert_eq!(world.failure(Lane::Lo).await, FailureKind::Unreadable);
    world.stop().await;
    assert_eq!(world.messages(DEAD_LETTERS).await, 1);
}

fn local_job(wanted: Vec<WantedPath>) -> Job {
    Job {
        installation: "local".to_owned(),
        target: Some(job::Target::File(FileTarget { wanted })),
        ..sweep(1)
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_file_github_does_not_send() {
    let cut = json!({"__typename": "Blob", "oid": "b2", "byteSize": PAY.len(), "isBinary": false, "isTruncated": true, "text": "a"});
    let github = Stub::start(move |query, _| {
        if query.contains("/git/blobs/") {
            Reply::silence()
        } else {
            Reply::json(repositories(query, "h2", &cut))
        }
    })
    .await;
    let world = World::start(github).await;
    world.publish(&push(1)).await;
    eventually("the file is asked for", || async {
        let requests = world.github.requests();
        (requests.len() == 2)
            .then_some(())
            .ok_or_else(|| format!("{requests:?}"))
    })
    .await;
    world.shutdown.cancel();
    in_time("a stop", world.processor)
        .await
        .expect("a clean stop");
    let depths = world.bus.depths().await.expect("depths");
    let jobs = depths.iter().find(|depth| depth.stream == JOBS);
    assert_eq!(jobs.map(|jobs| jobs.messages), Some(1), "the job waits");
}

#[tokio::test]
async fn jobs_are_given_back_when_a_limit_lasts_longer_than_they_may_be_held() {
    let github = Stub::start(|_, _| Reply::status(429, "").header("retry-after", "3600")).await;
    let world = World::start_with(github, |config| config.hold_max = Duration::from_secs(1)).await;
    world.publish(&push(1)).await;
    eventually("the job is given back", || async {
        let metrics = world.registry.encode();
        let is_back = metrics.contains("outcome=\"given_back\"");
        is_back.then_some(()).ok_or(metrics)
    })
    .await;
    world.publish(&push(2)).await;
    world.shutdown.cancel();
    world.processor.await.expect("a clean stop");
    assert_eq!(
        world.github.requests().len(),
        1,
        "no call while GitHub asks to stay away"
    );
    let depths = world.bus.depths().await.expect("depths");
    let jobs = depths
        .iter()
        .find(|depth| depth.stream == JOBS)
        .expect("the stream of jobs");
    assert_eq!(jobs.messages, 2, "both jobs wait");
}
