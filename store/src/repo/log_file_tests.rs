use freshet_runtime::progress::ProgressBoard;

use super::super::access::AccessMode;
use super::super::sqlite::{Sqlite, open};
use super::*;

/// Writes this much at once.
async fn fill(sqlite: &Sqlite, bytes: u64) {
    let mut tx = sqlite.begin(AccessMode::Write).await.expect("the writer");
    let bytes = i64::try_from(bytes).expect("so much");
    sqlx::query("insert into filler values (zeroblob($1))")
        .bind(bytes)
        .execute(&mut *tx)
        .await
        .expect("written");
    tx.commit().await.expect("committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_long_is_short_once_nobody_reads_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog.sqlite");
    let sqlite = open(&path, &ProgressBoard::unread())
        .await
        .expect("the database opens");
    let log = LogFile::of_database(&path);
    let mut tx = sqlite.begin(AccessMode::Write).await.expect("the writer");
    sqlx::query("create table filler (content blob)")
        .execute(&mut *tx)
        .await
        .expect("a table");
    tx.commit().await.expect("committed");
    let mut reader = sqlite.begin(AccessMode::Read).await.expect("a reader");
    let _count: (i64,) = sqlx::query_as("select count(*) from filler")
        .fetch_one(&mut *reader)
        .await
        .expect("a count");
    fill(&sqlite, LOG_BYTES_MAX).await;
    assert!(log.len() > LOG_BYTES_MAX, "the reader needs what was there");
    drop(reader);
    // The first folds it in, and the second begins it anew.
    fill(&sqlite, 1).await;
    fill(&sqlite, 1).await;
    assert!(log.len() <= LOG_BYTES_MAX / 2, "{} bytes", log.len());
    sqlite.close().await;
}
