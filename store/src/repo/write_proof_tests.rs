//! A SQLite database that answers and takes no writes, in each way that one can.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::*;
use crate::config::DatabaseConfig;
use crate::repo::OpenError;

/// Long enough for a write on a slow machine.
const PATIENT: Duration = Duration::from_secs(30);
/// What a write that never comes is waited for.
const IMPATIENT: Duration = Duration::from_millis(100);

fn database() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog.sqlite");
    (folder, path)
}

async fn open(path: &Path) -> Result<Repo, OpenError> {
    let path = path.to_owned();
    Repo::open(&DatabaseConfig::Sqlite { path }).await
}

/// What another process does to the same file.
async fn another_process(path: &Path, statement: &'static str) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    let mut other = options.connect().await.expect("another connection");
    sqlx::raw_sql(statement)
        .execute(&mut other)
        .await
        .expect(statement);
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_to_write_is_not_writable_until_it_does() {
    let (_folder, path) = database();
    let repo = open(&path).await.expect("the database opens");
    let Tx::Sqlite(mut tx) = repo.write().await.expect("the writer") else {
        panic!("a SQLite database");
    };
    // Lasts as long as its connection, as it does for one that was opened on a read-only file system.
    sqlx::query("pragma query_only = 1")
        .execute(&mut *tx)
        .await
        .expect("set");
    tx.commit().await.expect("committed");
    repo.ping().await.expect("it answers");
    let refused = repo.prove_writable(PATIENT).await;
    assert!(matches!(refused, Err(NotWritable::Refused(_))));
    let proof = repo.prove_writable(PATIENT).await;
    assert!(matches!(proof, Ok(WriteProof::Written)), "{proof:?}");
    repo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_to_stops_the_start() {
    let (_folder, path) = database();
    open(&path).await.expect("the database opens").close().await;
    let refusing = "create trigger read_only before update on write_probe \
        begin select raise(abort, 'read-only'); end";
    another_process(&path, refusing)
        .await
        .close()
        .await
        .expect("closed");
    let refused = open(&path).await.expect_err("nothing can be written");
    assert_eq!(
        refused.to_string(),
        format!(
            "nothing can be written to the database file {}",
            path.display()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_process_is_told_from_a_batch_of_our_own() {
    let (_folder, path) = database();
    let repo = open(&path).await.expect("the database opens");
    let batch = repo.write().await.expect("the writer");
    let proof = repo.prove_writable(IMPATIENT).await;
    assert!(matches!(proof, Ok(WriteProof::Queued)), "{proof:?}");
    drop(batch);
    let proof = repo.prove_writable(PATIENT).await;
    assert!(matches!(proof, Ok(WriteProof::Written)), "{proof:?}");

    let other = another_process(&path, "begin immediate").await;
    freshet_wait::eventually("the lock is missed", || async {
        // Our own last turn is too recent at first.
        match repo.prove_writable(IMPATIENT).await {
            Err(NotWritable::Locked { .. }) => Ok(()),
            proof => Err(format!("{proof:?}")),
        }
    })
    .await;
    other.close().await.expect("closed");
    let proof = repo.prove_writable(PATIENT).await;
    assert!(matches!(proof, Ok(WriteProof::Written)), "{proof:?}");
    repo.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_taken_away_takes_no_writes() {
    let (folder, path) = database();
    let repo = open(&path).await.expect("the database opens");
    std::fs::rename(&path, folder.path().join("backup")).expect("moved away");
    for proof in [repo.prove_writable(PATIENT).await, {
        std::fs::copy(folder.path().join("backup"), &path).expect("copied back");
        repo.prove_writable(PATIENT).await
    }] {
        assert!(matches!(proof, Err(NotWritable::FileLost(_))), "{proof:?}");
    }
    repo.close().await;
}
