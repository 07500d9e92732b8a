//! What the log says while GitHub fails for many.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use freshet_proto::message::{
    FailureKind, Job, Lane, ListingTarget, WantedPath, job::Target, location_observed::Outcome,
};
use freshet_runtime::summed_up::SUMMED_UP_EVERY;
use serde_json::json;

use crate::stub::{Reply, Stub};
use crate::world::{World, job, push, repositories, sweep, target, text};

const REPOSITORIES: u64 = 40;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Warnings and errors.
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("no line panics");
        let text = String::from_utf8_lossy(&bytes);
        text.lines().map(str::to_owned).collect()
    }

    /// Until the guard is dropped, what this thread logs at `warn` and `error` is kept.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            // What the usual filter leaves out, and nothing less.
            .with_env_filter("warn,octocrab=off")
            .with_ansi(false)
            .with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no line panics").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// So many lines at most are written from one place since then.
fn lines_max(began: Instant) -> usize {
    let more = began.elapsed().as_secs() / SUMMED_UP_EVERY.as_secs();
    1 + usize::try_from(more).expect("a test is short")
}

#[track_caller]
fn check_summed_up(log: &Log, about: &str, began: Instant) {
    let lines = log.lines();
    let told = lines.iter().filter(|line| line.contains(about)).count();
    assert!(told <= lines_max(began), "{told} times {about}: {lines:#?}");
    // Nothing else repeats either.
    assert!(lines.len() <= 3 * lines_max(began), "{lines:#?}");
}

#[tokio::test]
async fn listings_of_trees_that_fail_for_many_are_told_once() {
    let log = Log::default();
    let _listening = log.listen();
    let began = Instant::now();
    let github = Stub::start(|asked, _| {
        if asked.contains("/git/trees/") {
            return Reply::status(500, "GitHub is ill");
        }
        Reply::json(repositories(asked, "h2", &text("b2", "kind: System")))
    })
    .await;
    let mut world = World::start(github).await;
    for id in 1..=REPOSITORIES {
        let mut target = target(id, "h1", ("h1", "h2"), "");
        target.wanted = vec![WantedPath {
            path: "**/*.yaml".to_owned(),
            is_glob: true,
            ..WantedPath::default()
        }];
        let id = i64::try_from(id).expect("few");
        world.publish(&job(id, Lane::Hi, target)).await;
    }
    for _ in 1..=REPOSITORIES {
        let mut observed = world.repository_observed(Lane::Hi).await;
        let outcome = observed.locations.remove(0).outcome.expect("an outcome");
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    world.stop().await;
    let asked = world.github.requests();
    let trees = asked
        .iter()
        .filter(|request| request.contains("/git/trees/"));
    assert!(trees.count() > 1, "{asked:#?}");
    check_summed_up(&log, "the files of a commit could not be listed", began);
}

#[tokio::test]
async fn repositories_that_cannot_be_read_are_told_once() {
    let log = Log::default();
    let _listening = log.listen();
    let began = Instant::now();
    let github = Stub::start(|_, _| Reply::status(500, "GitHub is ill")).await;
    let mut world = World::start(github).await;
    for id in 1..=REPOSITORIES {
        world.publish(&push(i64::try_from(id).expect("few"))).await;
        assert_eq!(world.failure(Lane::Hi).await, FailureKind::Unreachable);
    }
    world.stop().await;
    check_summed_up(&log, "GitHub could not be read", began);
}

#[tokio::test]
async fn an_organisation_that_is_not_there_is_warned_of_by_its_name() {
    let log = Log::default();
    let _listening = log.listen();
    let github = Stub::start(|_, _| Reply::json(json!({"data": {"repositoryOwner": null}}))).await;
    let mut world = World::start(github).await;
    let target = ListingTarget {
        provider_id: "story".to_owned(),
        organization: "acmee".to_owned(),
        catalog_path: "catalog-info.yaml".to_owned(),
    };
    let job = Job {
        target: Some(Target::Listing(target)),
        ..sweep(9)
    };
    world.publish(&job).await;
    assert_eq!(world.failure(Lane::Lo).await, FailureKind::NotVisible);
    world.stop().await;
    let lines = log.lines();
    let warned = |line: &String| {
        [
            "WARN",
            "is its name right, and may the token see it?",
            "provider.id=story",
            "organization=acmee",
        ]
        .iter()
        .all(|told| line.contains(told))
    };
    assert_eq!(
        lines.iter().filter(|line| warned(line)).count(),
        1,
        "{lines:#?}"
    );
}
