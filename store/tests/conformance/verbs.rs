//! Single verbs of the repository.

use std::future::Future;
use std::sync::Arc;

use freshet_model::{
    EntityRef, ErrorClass, LocationId, Problem, RelationDeclaration, Revision, RuleId, SourceId,
};
use freshet_proto::message::Cause;
use uuid::Uuid;

use super::open;
use crate::change::{ChangeRow, Op, ProblemRow};
use crate::config::DatabaseConfig;
use crate::repo::claims::ClaimKey;
use crate::repo::entities::EntityTouch;
use crate::repo::parts::PartRow;
use crate::repo::{
    ClaimRow, Covering, DeliveryRow, EntityRow, Location, Outcome, Repo, SourceGeneration,
    SourceKind, SourceRow, StoredProblem, Tx,
};

/// The source and location of what has only one.
const SOURCE: SourceId = SourceId::new(1);
const LOCATION: LocationId = LocationId::new(1);
/// Where an empty log stands.
const START: Revision = Revision::new(0);

pub(super) async fn run<F, Fut>(fresh: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    an_opened_database_opens_again(&fresh().await).await;
    let repo = open(&fresh().await).await;
    sources_are_found_by_id_and_identity(&repo).await;
    let repo = open(&fresh().await).await;
    a_delivery_is_recorded_once_and_ends_once(&repo).await;
    let repo = open(&fresh().await).await;
    the_log_reads_back_as_it_was_written(&repo).await;
    let repo = open(&fresh().await).await;
    a_snapshot_joins_entities_with_their_documents(&repo).await;
    let repo = open(&fresh().await).await;
    claims_and_problems_come_and_go(&repo).await;
    let repo = open(&fresh().await).await;
    parts_wait_for_each_other(&repo).await;
    parts_of_two_attempts_do_not_mix(&repo).await;
    let repo = open(&fresh().await).await;
    a_dropped_transaction_leaves_nothing(&repo).await;
    let repo = open(&fresh().await).await;
    outstanding_sources_are_found_when_due(&repo).await;
    let repo = open(&fresh().await).await;
    what_nobody_wants_any_more_ends(&repo).await;
    let repo = open(&fresh().await).await;
    writers_of_the_log_take_turns(&repo).await;
}

pub(super) async fn write(repo: &Repo) -> Tx {
    repo.write().await.expect("a transaction")
}

pub(super) fn source_id(number: i64) -> SourceId {
    SourceId::new(number)
}

/// Location `number`, a file of source `source`.
pub(super) fn location(number: i64, source: i64, path: &str) -> Location {
    Location::new(LocationId::new(number), source_id(source), path)
}

pub(super) fn source(number: i64, external_id: &str) -> SourceRow {
    let mut source = SourceRow::new(
        source_id(number),
        SourceKind::Repository,
        "github.com",
        external_id,
    );
    "acme".clone_into(&mut source.names.owner);
    source.names.name = format!("r{number}");
    "https://github.com/acme/r".clone_into(&mut source.names.url);
    source.trigger.signal_id = "gh:github.com:1".to_owned();
    source.trigger.received_at = 7;
    source
}

pub(super) async fn put_sources(repo: &Repo, sources: &[SourceRow]) {
    let mut tx = write(repo).await;
    tx.put_sources(sources).await.expect("sources are written");
    tx.commit().await.expect("a commit");
}

async fn an_opened_database_opens_again(config: &DatabaseConfig) {
    let first = open(config).await;
    let before = first.meta().await.expect("the log has a state");
    assert_eq!(before.revision, START);
    assert_eq!(before.oldest, START.next());
    first.close().await;
    let second = open(config).await;
    assert_eq!(second.meta().await.expect("the log has a state"), before);
    second.ping().await.expect("it answers");
}

async fn sources_are_found_by_id_and_identity(repo: &Repo) {
    let mut tx = write(repo).await;
    let ids = tx.new_source_ids(2).await.expect("two ids");
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    let rows = [source(ids[0].get(), "11"), source(ids[1].get(), "12")];
    tx.put_sources(&rows).await.expect("sources are written");
    tx.commit().await.expect("a commit");

    let mut tx = write(repo).await;
    let found = tx
        .lock_sources(&[ids[1], ids[0], source_id(99)])
        .await
        .expect("rows");
    assert_eq!(found, rows);
    let found = tx
        .lock_sources_by_key(&[rows[1].key(), source(0, "13").key()])
        .await
        .expect("rows");
    assert_eq!(found, rows[1..]);
    let found = tx
        .lock_repositories_of("github.com", "ACME")
        .await
        .expect("rows");
    assert_eq!(found, rows);
    assert!(tx.lock_sources(&[]).await.expect("rows").is_empty());
    let mut changed = rows[0].clone();
    changed.wanted = 5;
    changed.last_error = Some("it's \"away\"".to_owned());
    tx.put_sources(std::slice::from_ref(&changed))
        .await
        .expect("written");
    let next = tx.new_source_ids(1).await.expect("an id");
    assert!(!ids.contains(&next[0]));
    tx.commit().await.expect("a commit");

    let mut tx = repo.read().await.expect("a transaction");
    assert_eq!(tx.sources(&ids[..1]).await.expect("rows"), [changed]);
    tx.commit().await.expect("a commit");
    let statuses = repo.source_statuses().await.expect("statuses");
    assert_eq!(statuses[0].name, format!("acme/r{}", ids[0]));
    assert_eq!((statuses[0].wanted, statuses[0].done), (5, 0));
}

fn delivery(guid: &str, generation: i64) -> DeliveryRow {
    DeliveryRow {
        guid: guid.to_owned(),
        event: "push".to_owned(),
        received_at: 100 + generation,
        source_id: Some(SOURCE),
        generation,
        outcome: Outcome::Waiting,
        reason: String::new(),
        covered_at: None,
    }
}

async fn a_delivery_is_recorded_once_and_ends_once(repo: &Repo) {
    put_sources(repo, &[source(1, "1")]).await;
    let mut tx = write(repo).await;
    let rows = [delivery("a", 1), delivery("b", 2), delivery("c", 3)];
    tx.put_deliveries(&rows).await.expect("recorded");
    tx.put_deliveries(&[delivery("a", 9)])
        .await
        .expect("ignored");
    let known = tx.known_deliveries(&["a", "x"]).await.expect("rows");
    assert_eq!(known, ["a"]);
    tx.commit().await.expect("a commit");
    let totals = repo.ledger_totals().await.expect("totals");
    assert_eq!(
        (totals.uncovered, totals.oldest_uncovered_received_at),
        (3, 101)
    );

    let mut tx = write(repo).await;
    let covering = [Covering {
        source_id: SOURCE,
        generation: 2,
        outcome: Outcome::Applied,
    }];
    let covered = tx.cover_deliveries(&covering, 500).await.expect("covered");
    let mut received: Vec<i64> = covered.iter().map(|it| it.received_at).collect();
    received.sort_unstable();
    assert_eq!(received, [101, 102]);
    let again = tx.cover_deliveries(&covering, 600).await.expect("covered");
    assert!(again.is_empty());
    tx.commit().await.expect("a commit");
    let totals = repo.ledger_totals().await.expect("totals");
    assert_eq!(
        (totals.uncovered, totals.oldest_uncovered_received_at),
        (1, 103)
    );
}

fn entity_ref(name: &str) -> EntityRef {
    EntityRef::new("component", "default", name).expect("a valid ref")
}

fn change(revision: i64, op: Op, name: &str) -> ChangeRow {
    let has_document = matches!(op, Op::Created | Op::Updated);
    let relations: Arc<[RelationDeclaration]> = Arc::from([
        RelationDeclaration {
            forward: "ownedBy".to_owned(),
            reverse: Some("ownerOf".to_owned()),
            target: entity_ref("owner"),
        },
        RelationDeclaration {
            forward: "seenBy".to_owned(),
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
    tx.append_changes(&rows).await.expect("appended");
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
    tx.append_changes(&[change(1, Op::Created, "a"), change(2, Op::Related, "a")])
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
    tx.remove_problems(&[8]).await.expect("removed");
    tx.commit().await.expect("a commit");
    let snapshot = repo.snapshot().await.expect("a snapshot");
    assert_eq!(snapshot.problems.len(), 1);
    assert_eq!(snapshot.problems[0].repository, "acme/r1");
    assert_eq!(snapshot.problems[0].path, "a.yaml");
}

async fn parts_wait_for_each_other(repo: &Repo) {
    let part = |part, is_last, payload: &[u8]| PartRow {
        part,
        is_last,
        fetched_at: 50,
        payload: payload.to_vec(),
    };
    let mut tx = write(repo).await;
    tx.put_part(SOURCE, 3, part(1, true, b"\0b"))
        .await
        .expect("kept");
    assert!(tx.complete_parts(SOURCE, 3).await.expect("rows").is_none());
    tx.put_part(SOURCE, 3, part(0, false, b"x"))
        .await
        .expect("kept");
    tx.put_part(SOURCE, 3, part(0, false, b"a"))
        .await
        .expect("kept");
    let parts = tx.complete_parts(SOURCE, 3).await.expect("rows");
    assert_eq!(
        parts,
        Some(vec![part(0, false, b"a"), part(1, true, b"\0b")])
    );
    tx.remove_parts(SOURCE, 3).await.expect("forgotten");
    assert!(tx.complete_parts(SOURCE, 3).await.expect("rows").is_none());
    tx.commit().await.expect("a commit");
}

async fn parts_of_two_attempts_do_not_mix(repo: &Repo) {
    let part = |part, is_last, fetched_at| PartRow {
        part,
        is_last,
        fetched_at,
        payload: vec![1],
    };
    let mut tx = write(repo).await;
    tx.put_part(SOURCE, 3, part(1, false, 50))
        .await
        .expect("kept");
    tx.put_part(SOURCE, 3, part(2, true, 50))
        .await
        .expect("kept");
    tx.put_part(SOURCE, 3, part(0, false, 60))
        .await
        .expect("kept");
    tx.put_part(SOURCE, 3, part(1, false, 50))
        .await
        .expect("dropped");
    assert!(tx.complete_parts(SOURCE, 3).await.expect("rows").is_none());
    tx.put_part(SOURCE, 3, part(1, true, 60))
        .await
        .expect("kept");
    let parts = tx.complete_parts(SOURCE, 3).await.expect("rows");
    assert_eq!(parts, Some(vec![part(0, false, 60), part(1, true, 60)]));
    let covering = |generation| Covering {
        source_id: SOURCE,
        generation,
        outcome: Outcome::Unchanged,
    };
    tx.remove_covered_parts(&[covering(2)]).await.expect("none");
    assert!(tx.complete_parts(SOURCE, 3).await.expect("rows").is_some());
    tx.remove_covered_parts(&[covering(3)]).await.expect("all");
    assert!(tx.complete_parts(SOURCE, 3).await.expect("rows").is_none());
    tx.commit().await.expect("a commit");
}

async fn a_dropped_transaction_leaves_nothing(repo: &Repo) {
    let mut tx = write(repo).await;
    tx.put_sources(&[source(1, "1")]).await.expect("written");
    tx.append_changes(&[change(1, Op::Created, "a")])
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

async fn outstanding_sources_are_found_when_due(repo: &Repo) {
    let mut rows: Vec<SourceRow> = (1..=4).map(|id| source(id, &id.to_string())).collect();
    for row in &mut rows {
        row.wanted = 2;
        row.done = 1;
    }
    rows[1].done = 2;
    rows[2].next_due_at = 100;
    rows[3].enqueued_at = 40;
    put_sources(repo, &rows).await;
    let mut tx = write(repo).await;
    let found = tx.sources_to_enqueue(50, 30, 10).await.expect("rows");
    assert_eq!(found, rows[..1]);
    let found = tx.sources_to_enqueue(100, 40, 10).await.expect("rows");
    assert_eq!(found.len(), 3);
    tx.set_enqueued(&[SOURCE], 90).await.expect("noted");
    let found = tx.sources_to_enqueue(50, 30, 10).await.expect("rows");
    assert!(found.is_empty());
    let requested = tx
        .request_other_fingerprints("new", &Cause::default())
        .await
        .expect("requested");
    assert_eq!(requested, 1, "only the one that waits for nothing");
    tx.commit().await.expect("a commit");
}

async fn what_nobody_wants_any_more_ends(repo: &Repo) {
    let mut row = source(1, "1");
    row.wanted = 3;
    put_sources(repo, &[row]).await;
    let mut tx = write(repo).await;
    tx.put_deliveries(&[delivery("a", 2), delivery("b", 3)])
        .await
        .expect("recorded");
    let unwanted = [SourceGeneration {
        source_id: SOURCE,
        generation: 3,
    }];
    tx.abandon_generations(&unwanted).await.expect("abandoned");
    tx.ignore_deliveries(&unwanted, "not-configured", 9)
        .await
        .expect("ignored");
    tx.commit().await.expect("a commit");
    let totals = repo.ledger_totals().await.expect("totals");
    assert_eq!((totals.uncovered, totals.behind_sources), (0, 0));
}

async fn writers_of_the_log_take_turns(repo: &Repo) {
    const WRITERS: i64 = 8;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let repo = repo.clone();
        writers.spawn(async move {
            let mut tx = write(&repo).await;
            let revision = tx.lock_log().await.expect("the lock").revision.next();
            tx.append_changes(&[change(revision.get(), Op::Created, "a")])
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
