//! Random questions about a random catalog, asked of the API over HTTP.
//!
//! What is compared is all that a client can tell: which entities, in which order, over how many pages there and back,
//! how many there are, which fields they have, and which error there is.

mod ask;
mod canonical;
mod differences;
mod recorded;

use freshet_tests::catalog::TestCatalog;
use freshet_tests::entity::read_ref;
use freshet_wait::{PATIENCE_FOR_MANY, within};
use serde_json::Value;

use crate::answers::{Answers, as_doubles, check_answers};
use ask::{Asker, without_unknown};
use canonical::{canonical, comparable};
use differences::KNOWN;
use recorded::Recorded;

/// The recorded catalog, when everything in it is served.
async fn start_catalog(recorded: &Recorded) -> TestCatalog {
    let world = TestCatalog::stage(recorded.stage()).await;
    within(PATIENCE_FOR_MANY, "everything is served", || async {
        let served = world.api.entities().await?.len();
        let expected = recorded.entities.len();
        if served < expected {
            return Err(format!("{served} of {expected}"));
        }
        world.api.is_settled().await
    })
    .await;
    world
}

/// Checks that the catalogs have the same in them: what is asked of another would say nothing.
#[track_caller]
fn check_entities(recorded: &Recorded, served: &[Value]) {
    let mut served: Vec<Value> = served.iter().cloned().map(without_unknown).collect();
    served.sort_by_key(read_ref);
    let expected = recorded.entities.iter().map(|(entity,)| entity);
    let served = served.into_iter().map(as_doubles);
    let differing = expected.zip(served).filter_map(|(expected, served)| {
        let expected = as_doubles(expected.clone());
        (expected != served).then(|| format!("{expected}\n  {served}"))
    });
    let differing: Vec<String> = differing.collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_as_by_backstage() {
    let recorded = Recorded::read();
    let world = start_catalog(&recorded).await;
    let served = world.api.entities().await.expect("answered");
    assert_eq!(served.len(), recorded.entities.len(), "entities");
    check_entities(&recorded, &served);
    let refs: Vec<String> = recorded.entities.iter().map(|(it,)| read_ref(it)).collect();
    let asker = Asker::new(format!("{}/api/catalog", world.api.url()), &refs, &served);
    let mut all = Vec::new();
    for (question, backstage) in &recorded.rows {
        let freshet = asker.answer(question).await;
        all.push(Answers {
            input: question.describe(),
            backstage: comparable(question, backstage.clone()),
            freshet: comparable(question, canonical(&recorded, question, freshet)),
        });
    }
    world.finish().await;
    check_answers(&all, KNOWN);
}
