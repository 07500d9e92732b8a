//! Answers of something that poses as GitHub: it leads elsewhere, or never ends.

use freshet_proto::message::{FailureKind, Lane, location_observed::Outcome};
use serde_json::{Value, json};

use crate::stub::{Reply, Stub};
use crate::world::{PAY, World, push, repositories, text};

const BLOB: &str = "/repos/acme/repository-1/git/blobs/b2";
/// What one file takes at most.
const BLOB_BYTES_MAX: usize = 5 * 1024 * 1024;

/// A file that GraphQL does not show, so that it is read by itself.
fn cut() -> Value {
    json!({"__typename": "Blob", "oid": "b2", "byteSize": PAY.len(), "isBinary": false, "isTruncated": true, "text": "a"})
}

/// What reading the file comes to where a request for it is answered by `answer`.
async fn outcome_of_file(
    answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> (Outcome, Vec<String>) {
    let github = Stub::start(move |query, _| {
        if query.starts_with('/') {
            answer(query)
        } else {
            Reply::json(repositories(query, "h2", &cut()))
        }
    })
    .await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    let mut observed = world.repository_observed(Lane::Hi).await;
    let outcome = observed.locations.remove(0).outcome.expect("an outcome");
    let mut asked = world.github.requests();
    asked.retain(|request| request.starts_with('/'));
    world.stop().await;
    (outcome, asked)
}

#[track_caller]
fn message_of(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(failed) => failed.message,
        other => panic!("not a failure: {other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_sent_to_where_github_leads() {
    let elsewhere =
        Stub::start(|query, _| Reply::json(repositories(query, "h2", &text("b2", PAY)))).await;
    let target: &'static str = Box::leak(format!("{}/graphql", elsewhere.url()).into_boxed_str());
    for status in [301, 302, 303, 307, 308] {
        let github =
            Stub::start(move |_, _| Reply::status(status, "").header("location", target)).await;
        let mut world = World::start(github).await;
        world.publish(&push(1)).await;
        assert_eq!(world.failure(Lane::Hi).await, FailureKind::Unreachable);
        assert_eq!(
            world.github.requests().len(),
            1,
            "it helps nobody to ask again"
        );
        world.stop().await;
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_is_followed_to_where_its_repository_is_now() {
    const MOVED: &str = "/repositories/1/git/blobs/b2";
    let (outcome, asked) = outcome_of_file(|path| match path {
        MOVED => Reply::status(200, PAY),
        _ => Reply::status(301, "").header("location", MOVED),
    })
    .await;
    let Outcome::Content(content) = outcome else {
        panic!("no content: {outcome:?}")
    };
    assert_eq!(content.entities[0].r#ref, "component:default/pay");
    assert_eq!(asked, [BLOB, MOVED]);
}

#[tokio::test]
async fn a_file_that_leads_to_itself_is_left() {
    let (outcome, asked) =
        outcome_of_file(|_| Reply::status(302, "").header("location", BLOB)).await;
    let message = message_of(outcome);
    assert!(
        message.contains(&format!("{BLOB} redirects to http://")),
        "{message}"
    );
    assert_eq!(asked, [BLOB; 4]);
}

#[tokio::test]
async fn a_file_that_is_longer_than_was_said_is_not_read_to_its_end() {
    let longest = "x".repeat(BLOB_BYTES_MAX);
    let longer = format!("{longest}x");
    let (outcome, _) = outcome_of_file(move |_| Reply::status(200, &longest)).await;
    assert!(matches!(outcome, Outcome::Content(_)), "{outcome:?}");
    let (outcome, asked) = outcome_of_file(move |_| Reply::status(200, &longer)).await;
    let message = message_of(outcome);
    assert!(
        message.contains(&format!("longer than {BLOB_BYTES_MAX} bytes")),
        "{message}"
    );
    assert_eq!(asked, [BLOB]);
}

#[tokio::test]
async fn a_refusal_without_end_is_still_a_refusal() {
    let endless = "x".repeat(1024 * 1024);
    let github = Stub::start(move |_, _| Reply::status(403, &endless)).await;
    let mut world = World::start(github).await;
    world.publish(&push(1)).await;
    assert_eq!(world.failure(Lane::Hi).await, FailureKind::Denied);
    world.stop().await;
}
