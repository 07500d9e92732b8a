//! Verbs of the catalog: the log, the snapshot, claims and problems.

use std::future::Future;
use std::sync::Arc;

use freshet_model::{
    EntityRef, ErrorClass, LocationId, Problem, RelationDeclaration, Revision, RuleId,
};
use uuid::Uuid;

use super::open;
use super::verbs::{SOURCE, location, put_sources, source, write};
use crate::change::{ChangeRow, Op, ProblemRow};
use crate::config::DatabaseConfig;
use crate::repo::change_run::pack_changes;
use crate::repo::claims::ClaimKey;
use crate::repo::entities::EntityTouch;
use crate::repo::{ClaimRow, EntityRow, Repo, StoredProblem};

/// The location of what has only one.
const LOCATION: LocationId = LocationId::new(1);
/// Where an empty log stands.
pub(super) const START: Revision = Revision::new(0);

pub(super) async fn run<F, Fut>(fresh: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    let repo = open(&fresh().await).await;
    the_log_reads_back_as_it_was_written(&repo).await;
    let repo = open(&fresh().await).await;
    a_snapshot_joins_entities_with_their_documents(&repo).await;
    let repo = open(&fresh().await).await;
    claims_and_problems_come_and_go(&repo).await;
    let repo = open(&fresh().await).await;
    a_dropped_transaction_leaves_nothing(&repo).await;
    let repo = open(&fresh().await).await;
    writers_of_the_log_take_turns(&repo).await;
}

fn entity_ref(name: &str) -> EntityRef {
    EntityRef::new("component", "default", name).expect("a valid ref")
}

pub(super) fn change(revision: i64, op: Op, name: &str) -> ChangeRow {
    let has_document = matches!(op, Op::Created | Op::Updated);
    let relations: Arc<[RelationDeclaration]> = Arc::from([
        RelationDeclaration {
            forward: "ownedBy".into(),
            reverse: Some("ownerOf".into()),
            target: entity_ref("owner"),
        },
        RelationDeclaration {
            forward: "seenBy".into(),
            reverse: None,
            target: entity_ref("other"),
        },
    ]);
    ChangeRow {
        revision: Revision::new(revision),
        op,
        entity_ref: Some(entity_ref(name)),
        version: revision,
        uid: Some(Uuid::from_u128(7)),
        location_id: LOCATION,
        source_id: SOURCE,
        document: has_document.then(|| Arc::from("{\"kind\":\"Compönent\\n'\\\"\"}")),
        relations: has_document.then_some(relations),
        digest: has_document.then(|| "d".to_owned()),
        problem: None,
        data: "{\"timing\":{}}".to_owned(),
        committed_at: 1_795_252_443_412_001,
        fact_at: 5,
    }
}

fn problem_row(id: i64) -> ProblemRow {
    ProblemRow {
        id,
        location_id: LOCATION,
        source_id: SOURCE,
        provider: "github".to_owned(),
        repository: "acme/r1".to_owned(),
        path: "a.yaml".to_owned(),
        problem: Problem {
            hint: String::new(),
            ..problem("a 'quoted' \"word\"")
        },
        first_seen: 1,
        last_seen: 2,
        status_of: vec!["location:default/l".parse().expect("a ref")],
    }
}

fn problem(message: &str) -> Problem {
    Problem {
        owner: Some("team-a".to_owned()),
        ..Problem::warning(RuleId::YamlSyntax, ErrorClass::InputError, message)
            .with_hint("h")
            .at(3, 4)
            .of_file()
    }
}

async fn the_log_reads_back_as_it_was_written(repo: &Repo) {
    let mut rows = vec![
        change(1, Op::Created, "a"),
        change(2, Op::Related, "a"),
        change(3, Op::Deleted, "a"),
        change(4, Op::ProblemOpened, "a"),
    ];
    rows[3].entity_ref = None;
    rows[3].uid = None;
    rows[3].problem = Some(problem_row(4));
    let mut tx = write(repo).await;
    tx.append_changes(&pack_changes(&rows))
        .await
        .expect("appended");
    tx.set_revision(Revision::new(4)).await.expect("advanced");
    tx.commit().await.expect("a commit");
    assert_eq!(repo.changes_after(START, 100).await.expect("rows"), rows);
    let page = repo.changes_after(rows[0].revision, 2).await;
    assert_eq!(page.expect("rows"), rows[1..3]);
    let newest = rows[3].revision;
    assert!(
        repo.changes_after(newest, 2)
            .await
            .expect("rows")
            .is_empty()
    );
    assert_eq!(repo.meta().await.expect("a state").revision, newest);
}

fn entity(name: &str, document_revision: i64) -> EntityRow {
    EntityRow {
        entity_ref: entity_ref(name).to_string(),
        uid: Uuid::from_u128(7).to_string(),
        version: 1,
        revision: Revision::new(1),
        document_revision: Revision::new(document_revision),
        digest: "d".to_owned(),
        is_orphan: document_revision > 0,
        location_id: LOCATION,
        source_id: SOURCE,
        claimed_at: 5,
        changed_at: 6,
    }
}

async fn a_snapshot_joins_entities_with_their_documents(repo: &Repo) {
    let mut tx = write(repo).await;
    tx.append_changes(&pack_changes(&[
        change(1, Op::Created, "a"),
        change(2, Op::Related, "a"),
    ]))
    .await
    .expect("appended");
    tx.set_revision(Revision::new(2)).await.expect("advanced");
    tx.put_entities(&[entity("a", 1), entity("gone", 0)])
        .await
        .expect("written");
    let touch = EntityTouch {
        entity_ref: entity_ref("a").to_string(),
        version: 2,
        revision: Revision::new(2),
        changed_at: 9,
    };
    tx.touch_entities(&[touch]).await.expect("touched");
    let held = tx.entities_of(&[LOCATION], &[]).await.expect("rows");
    assert_eq!(held.len(), 1, "a tombstone holds nothing");
    assert!(held[0].is_orphan);
    let gone = entity_ref("gone");
    let named = tx.entities_of(&[], &[gone.as_str()]).await.expect("rows");
    assert_eq!(named, [entity("gone", 0)]);
    tx.commit().await.expect("a commit");

    let snapshot = repo.snapshot().await.expect("a snapshot");
    assert_eq!(snapshot.revision, Revision::new(2));
    let [record] = snapshot.entities.as_slice() else {
        panic!("one entity is live");
    };
    assert_eq!(
        (record.version, record.revision, record.changed_at),
        (2, Revision::new(2), 9)
    );
    assert_eq!(record.document.as_ref(), "{\"kind\":\"Compönent\\n'\\\"\"}");
    assert_eq!(record.relations.len(), 2);
}

fn stored_problem(id: i64) -> StoredProblem {
    StoredProblem {
        id,
        location_id: LOCATION,
        source_id: SOURCE,
        problem: problem("m"),
        first_seen: 1,
        last_seen: 2,
        status_of: vec!["location:default/l".parse().expect("a ref")],
    }
}

async fn claims_and_problems_come_and_go(repo: &Repo) {
    put_sources(repo, &[source(1, "1")]).await;
    let mut tx = write(repo).await;
    tx.put_locations(&[location(1, 1, "a.yaml")])
        .await
        .expect("written");
    let claim = ClaimRow {
        location_id: LOCATION,
        entity_ref: "component:default/a".to_owned(),
        claimed_at: 4,
        document: "{}".to_owned(),
        relations: "[]".to_owned(),
        digest: "d".to_owned(),
        line: 2,
    };
    tx.put_claims(std::slice::from_ref(&claim))
        .await
        .expect("written");
    let found = tx
        .claims_of(&[LOCATION], &["component:default/a"])
        .await
        .expect("rows");
    assert_eq!(found, [claim]);
    let key = ClaimKey {
        location_id: LOCATION,
        entity_ref: "component:default/a".to_owned(),
    };
    tx.remove_claims(&[key]).await.expect("removed");
    assert!(
        tx.claims_of(&[LOCATION], &[])
            .await
            .expect("rows")
            .is_empty()
    );

    let mut problems = vec![stored_problem(8), stored_problem(9)];
    problems[1].problem.entity_ref = Some(entity_ref("a"));
    tx.put_problems(&problems).await.expect("written");
    "other".clone_into(&mut problems[1].problem.message);
    problems[1].problem.owner = None;
    tx.put_problems(&problems[1..]).await.expect("written");
    let found = tx.problems_of(&[LOCATION, LocationId::new(2)]).await;
    assert_eq!(found.expect("rows"), problems);
    tx.commit().await.expect("a commit");
    // Apply takes them from the view where it can.
    let snapshot = repo.snapshot().await.expect("a snapshot");
    let found: Vec<StoredProblem> = snapshot.problems.iter().map(StoredProblem::from).collect();
    assert_eq!(found, problems);
    let mut tx = write(repo).await;
    tx.remove_problems(&[8]).await.expect("removed");
    tx.commit().await.expect("a commit");
    let snapshot = repo.snapshot().await.expect("a snapshot");
    assert_eq!(snapshot.problems.len(), 1);
    assert_eq!(snapshot.problems[0].repository, "acme/r1");
    assert_eq!(snapshot.problems[0].path, "a.yaml");
}

async fn a_dropped_transaction_leaves_nothing(repo: &Repo) {
    let mut tx = write(repo).await;
    tx.put_sources(&[source(1, "1")]).await.expect("written");
    tx.append_changes(&pack_changes(&[change(1, Op::Created, "a")]))
        .await
        .expect("appended");
    tx.set_revision(Revision::new(1)).await.expect("advanced");
    drop(tx);
    assert!(repo.source_statuses().await.expect("rows").is_empty());
    assert!(
        repo.changes_after(START, 10)
            .await
            .expect("rows")
            .is_empty()
    );
    assert_eq!(repo.meta().await.expect("a state").revision, START);
}

async fn writers_of_the_log_take_turns(repo: &Repo) {
    const WRITERS: i64 = 8;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let repo = repo.clone();
        writers.spawn(async move {
            let mut tx = write(&repo).await;
            let revision = tx.lock_log().await.expect("the lock").revision.next();
            tx.append_changes(&pack_changes(&[change(revision.get(), Op::Created, "a")]))
                .await
                .expect("appended");
            tx.set_revision(revision).await.expect("advanced");
            tx.commit().await.expect("a commit");
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("no writer fails");
    }
    let rows = repo.changes_after(START, 100).await.expect("rows");
    let revisions: Vec<i64> = rows.iter().map(|row| row.revision.get()).collect();
    assert_eq!(revisions, (1..=WRITERS).collect::<Vec<i64>>());
}
