//! A database of the schema before this one opens and holds what it held.

use std::future::Future;

use freshet_model::{ErrorClass, Level, LocationId, Revision, SourceId};
use secrecy::ExposeSecret;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{PgPool, SqlitePool};

use super::catalog::change;
use super::open;
use crate::change::{Op, Snapshot};
use crate::config::DatabaseConfig;
use crate::repo::change_run::pack_changes;
use crate::repo::sources::SourceKey;
use crate::repo::{Location, LocationState, Repo, SourceKind, SourceRow, git_ref_if_any};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The last migration before a branch became a source.
const BEFORE_THE_TREE: i64 = 2;
/// What the schema before held: a default branch, another branch, a listing.
const BEFORE: &str = include_str!("before_the_tree.sql");

pub(super) async fn run<F, Fut>(fresh: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    let config = fresh().await;
    fill(&config).await;
    let repo = open(&config).await;
    each_branch_became_a_source(&repo).await;
    what_only_a_digest_told_is_a_column(&repo).await;
    let snapshot = repo.snapshot().await.expect("a snapshot");
    what_was_known_is_known(&snapshot);
    the_log_goes_on_after_rows_with_one_change(&repo).await;
}

async fn fill(config: &DatabaseConfig) {
    match config {
        DatabaseConfig::Sqlite { path } => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true);
            let pool = SqlitePool::connect_with(options).await.expect("a pool");
            let migrated = SQLITE.run_to(BEFORE_THE_TREE, &pool).await;
            migrated.expect("the schema before");
            let filled = sqlx::raw_sql(BEFORE).execute(&pool).await;
            filled.expect("the rows of before");
            pool.close().await;
        }
        DatabaseConfig::Temporary => panic!("it cannot be filled before it is opened"),
        DatabaseConfig::Postgres { url, .. } => {
            let pool = PgPool::connect(url.expose_secret()).await.expect("a pool");
            let migrated = POSTGRES.run_to(BEFORE_THE_TREE, &pool).await;
            migrated.expect("the schema before");
            let filled = sqlx::raw_sql(BEFORE).execute(&pool).await;
            filled.expect("the rows of before");
            let taken = "select setval('source_ids', 3), setval('location_ids', 2)";
            let taken = sqlx::raw_sql(taken).execute(&pool).await;
            taken.expect("the ids of before are taken");
            pool.close().await;
        }
    }
}

async fn find(repo: &Repo, kind: SourceKind, external_id: &str, git_ref: &str) -> SourceRow {
    let key = SourceKey {
        kind,
        host: "github.com".to_owned(),
        external_id: external_id.to_owned(),
        git_ref: git_ref_if_any(git_ref),
    };
    let mut tx = repo.write().await.expect("a transaction");
    let found = tx.lock_sources_by_key(&[key]).await.expect("rows");
    tx.commit().await.expect("a commit");
    found.into_iter().next().expect("the source is there")
}

async fn locations(repo: &Repo, source: &SourceRow) -> Vec<Location> {
    let mut tx = repo.read().await.expect("a transaction");
    let found = tx.locations_of(&[source.id]).await.expect("rows");
    tx.commit().await.expect("a commit");
    found
}

fn applied(number: i64, source: &SourceRow, blob: &str) -> Location {
    Location {
        active_blob: Some(blob.to_owned()),
        state: LocationState::Valid {
            blob: blob.to_owned(),
            emitted: Vec::new(),
        },
        ..Location::new(LocationId::new(number), source.id, "catalog-info.yaml")
    }
}

async fn each_branch_became_a_source(repo: &Repo) {
    let listing = find(repo, SourceKind::Listing, "acme", "").await;
    let head = find(repo, SourceKind::Repository, "7", "HEAD").await;
    let other = find(repo, SourceKind::Repository, "8", "HEAD").await;
    let live = find(repo, SourceKind::Repository, "8", "live").await;
    let kept = [&head, &other, &listing].map(|source| source.id);
    assert_eq!(kept, [1, 2, 3].map(SourceId::new));
    assert!(live.id > listing.id);
    assert_eq!(
        (live.wanted, live.done, live.names.name.as_str()),
        (5, 5, "web")
    );
    assert_eq!(locations(repo, &head).await, [applied(1, &head, "b1")]);
    assert_eq!(locations(repo, &other).await, []);
    assert_eq!(locations(repo, &live).await, [applied(2, &live, "b2")]);
    let mut tx = repo.write().await.expect("a transaction");
    let next = tx.new_source_ids(1).await.expect("an id");
    assert!(next[0] > live.id, "an id is given once");
    tx.commit().await.expect("a commit");
}

async fn what_only_a_digest_told_is_a_column(repo: &Repo) {
    let mut tx = repo.read().await.expect("a transaction");
    let mut rows = tx
        .entities_of(&[1, 2].map(LocationId::new), &[])
        .await
        .expect("rows");
    tx.commit().await.expect("a commit");
    rows.sort_by(|left, right| left.entity_ref.cmp(&right.entity_ref));
    let orphans: Vec<bool> = rows.iter().map(|row| row.is_orphan).collect();
    assert_eq!(orphans, [false, true]);
}

fn what_was_known_is_known(snapshot: &Snapshot) {
    let entities: Vec<(&str, i64)> = snapshot
        .entities
        .iter()
        .map(|record| (record.entity_ref.as_str(), record.location_id.get()))
        .collect();
    assert_eq!(
        entities,
        [("component:default/a", 1), ("component:default/b", 2)]
    );
    let of_branch = &snapshot.entities[1];
    let problem = &snapshot.problems[0];
    assert!(of_branch.source_id > SourceId::new(3));
    assert_eq!(problem.source_id, of_branch.source_id);
    assert_eq!(
        (problem.problem.class, problem.problem.level),
        (ErrorClass::InputError, Level::Error)
    );
    assert!(problem.status_of.is_empty() && !problem.problem.is_file);
}

async fn the_log_goes_on_after_rows_with_one_change(repo: &Repo) {
    let rows = [change(3, Op::Related, "a"), change(4, Op::Created, "c")];
    let mut tx = repo.write().await.expect("a transaction");
    let appended = tx.append_changes(&pack_changes(&rows)).await;
    appended.expect("appended");
    tx.set_revision(Revision::new(4)).await.expect("advanced");
    tx.commit().await.expect("a commit");
    for (after, expected) in [(0, &[1, 2, 3, 4][..]), (1, &[2, 3, 4]), (3, &[4])] {
        let read = repo.changes_after(Revision::new(after), 10).await;
        let read = read.expect("rows");
        let revisions: Vec<i64> = read.iter().map(|row| row.revision.get()).collect();
        assert_eq!(revisions, expected);
    }
}
