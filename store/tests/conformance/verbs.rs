//! Single verbs of the repository: sources, deliveries, parts.

use std::future::Future;

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::Cause;

use super::catalog::START;
use super::open;
use crate::config::DatabaseConfig;
use crate::repo::parts::PartRow;
use crate::repo::sources::EnqueueTimes;
use crate::repo::{
    Covering, DeliveryRow, Location, Outcome, PublishedKey, RemovalRow, Repo, SourceGeneration,
    SourceKind, SourceRow, Tx,
};

/// The source of what has only one.
pub(super) const SOURCE: SourceId = SourceId::new(1);

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
    parts_wait_for_each_other(&repo).await;
    parts_of_two_attempts_do_not_mix(&repo).await;
    let repo = open(&fresh().await).await;
    outstanding_sources_are_found_when_due(&repo).await;
    let repo = open(&fresh().await).await;
    nobody_waits_for_a_clock_that_was_put_back(&repo).await;
    let repo = open(&fresh().await).await;
    what_nobody_wants_any_more_ends(&repo).await;
    keys_are_published_until_they_expire(&repo).await;
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
    let new = tx.put_deliveries(&rows).await.expect("recorded");
    assert_eq!(new, ["a", "b", "c"]);
    let again = [delivery("a", 9), delivery("d", 9)];
    let new = tx.put_deliveries(&again[..1]).await.expect("ignored");
    assert!(new.is_empty());
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

/// All parts of the observation, if none is missing.
async fn whole(tx: &mut Tx) -> Option<Vec<PartRow>> {
    let held = tx.complete_parts(SOURCE, 3, 0).await.expect("a count")?;
    let parts = tx.parts(SOURCE, 3, 0..=held.last).await.expect("rows");
    let bytes: usize = parts.iter().map(|part| part.payload.len()).sum();
    assert_eq!(i64::try_from(bytes), Ok(held.bytes));
    Some(parts)
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
    assert!(whole(&mut tx).await.is_none());
    tx.put_part(SOURCE, 3, part(0, false, b"x"))
        .await
        .expect("kept");
    tx.put_part(SOURCE, 3, part(0, false, b"a"))
        .await
        .expect("kept");
    let parts = whole(&mut tx).await;
    assert_eq!(
        parts,
        Some(vec![part(0, false, b"a"), part(1, true, b"\0b")])
    );
    assert_eq!(tx.ended_parts().await.expect("rows"), [(SOURCE, 3)]);
    let late = tx.complete_parts(SOURCE, 3, 2).await.expect("a count");
    assert!(late.is_none(), "the last part is not among these");
    tx.remove_some_parts(SOURCE, 3, 0..=0)
        .await
        .expect("forgotten");
    assert!(whole(&mut tx).await.is_none());
    assert_eq!(tx.part_attempt(SOURCE, 3).await.expect("a row"), Some(50));
    tx.remove_parts(SOURCE, 3).await.expect("forgotten");
    assert_eq!(tx.part_attempt(SOURCE, 3).await.expect("no row"), None);
    assert!(whole(&mut tx).await.is_none());
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
    assert!(whole(&mut tx).await.is_none());
    tx.put_part(SOURCE, 3, part(1, true, 60))
        .await
        .expect("kept");
    let parts = whole(&mut tx).await;
    assert_eq!(parts, Some(vec![part(0, false, 60), part(1, true, 60)]));
    let covering = |generation| Covering {
        source_id: SOURCE,
        generation,
        outcome: Outcome::Unchanged,
    };
    tx.remove_covered_parts(&[covering(2)]).await.expect("none");
    assert!(whole(&mut tx).await.is_some());
    tx.remove_covered_parts(&[covering(3)]).await.expect("all");
    assert!(whole(&mut tx).await.is_none());
    tx.commit().await.expect("a commit");
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
    let at = |now, enqueued_before| EnqueueTimes {
        now,
        due_max: now + 1_000,
        enqueued_before,
        enqueued_max: now + 100,
    };
    let found = tx.sources_to_enqueue(&at(50, 30), 10).await.expect("rows");
    assert_eq!(found, rows[..1]);
    let found = tx.sources_to_enqueue(&at(100, 40), 10).await.expect("rows");
    assert_eq!(found.len(), 3);
    tx.set_enqueued(&[SOURCE], 90).await.expect("noted");
    let found = tx.sources_to_enqueue(&at(50, 30), 10).await.expect("rows");
    assert!(found.is_empty());
    let requested = tx
        .request_other_fingerprints("new", &Cause::default())
        .await
        .expect("requested");
    assert_eq!(requested, 1, "only the one that waits for nothing");
    tx.commit().await.expect("a commit");
}

async fn nobody_waits_for_a_clock_that_was_put_back(repo: &Repo) {
    let mut rows: Vec<SourceRow> = (1..=3).map(|id| source(id, &id.to_string())).collect();
    for row in &mut rows {
        row.wanted = 1;
    }
    rows[0].next_due_at = 3_600;
    rows[1].enqueued_at = 3_600;
    rows[2].next_due_at = 3_600;
    put_sources(repo, &rows).await;
    let mut tx = write(repo).await;
    let waiting = RemovalRow {
        location_id: LocationId::new(1),
        source_id: rows[2].id,
        installation: "acme".to_owned(),
        entities: 30,
        refs: "[]".to_owned(),
        since: 1,
        confirmed_at: 0,
    };
    tx.put_removals(&[waiting]).await.expect("written");
    let at = EnqueueTimes {
        now: 50,
        due_max: 1_000,
        enqueued_before: 30,
        enqueued_max: 100,
    };
    let found = tx.sources_to_enqueue(&at, 10).await.expect("rows");
    // The last one is not late, but waits for a person.
    assert_eq!(found, rows[..2]);
    let later = EnqueueTimes {
        due_max: 3_600,
        enqueued_max: 3_600,
        ..at
    };
    let found = tx.sources_to_enqueue(&later, 10).await.expect("rows");
    assert!(found.is_empty());
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

async fn keys_are_published_until_they_expire(repo: &Repo) {
    let key = |id: &str, expires_at| PublishedKey {
        id: id.to_owned(),
        public_key: format!(r#"{{"kid":"{id}"}}"#),
        expires_at,
    };
    let mut tx = write(repo).await;
    for key in [key("late", 30), key("soon", 10)] {
        tx.publish_key(&key).await.expect("written");
    }
    let published = tx.published_keys(9).await.expect("rows");
    assert_eq!(published, [key("soon", 10), key("late", 30)]);
    let published = tx.published_keys(10).await.expect("rows");
    assert_eq!(published, [key("late", 30)]);
    tx.remove_expired_keys(10).await.expect("removed");
    let left = tx.published_keys(0).await.expect("rows");
    assert_eq!(left, [key("late", 30)]);
    tx.commit().await.expect("a commit");
}
