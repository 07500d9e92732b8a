//! What becomes of the writer when the disk or the file fails it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_a_new_database_is_made() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("not/there/yet.sqlite");
    let sqlite = open(&path, &ProgressBoard::unread())
        .await
        .expect("the database opens");
    sqlite.close().await;
    assert!(path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_database_is_gone_with_its_last_handle() {
    let sqlite = open_temporary(&ProgressBoard::unread())
        .await
        .expect("the database opens");
    let other = sqlite.clone();
    let folder = sqlite._temporary_folder.as_ref();
    let folder = folder.expect("a folder").path().to_owned();
    sqlite.close().await;
    drop(sqlite);
    assert!(folder.join(TEMPORARY_FILE).exists());
    drop(other);
    assert!(!folder.exists());
}

/// Writes until the database may not grow any more, as on a full disk, and ends the transaction by
/// `end`; whoever writes next must not notice.
async fn check_recovery_from_a_full_disk<Ending>(end: impl FnOnce(SqliteTransaction) -> Ending)
where
    Ending: Future<Output = ()>,
{
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sqlite = open(
        &folder.path().join("catalog.sqlite"),
        &ProgressBoard::unread(),
    )
    .await
    .expect("the database opens");
    let mut full = sqlite.begin(AccessMode::Write).await.expect("the writer");
    for statement in [
        "create table filler (content blob)",
        // Of this connection only: the next one has space again.
        "pragma max_page_count = 1",
    ] {
        sqlx::query(statement)
            .execute(&mut *full)
            .await
            .expect(statement);
    }
    let refused = sqlx::query("insert into filler values (zeroblob(1000000))")
        .execute(&mut *full)
        .await;
    let message = refused.expect_err("there is no space").to_string();
    assert!(message.contains("full"), "{message}");
    end(full).await;
    let mut next = sqlite.begin(AccessMode::Write).await.expect("the writer");
    sqlx::query("create table after (number integer)")
        .execute(&mut *next)
        .await
        .expect("space again");
    next.commit().await.expect("committed");
    sqlite.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_on_a_full_disk_leaves_the_next_writer_alone() {
    check_recovery_from_a_full_disk(|full| async {
        let refused = full.commit().await;
        assert!(refused.is_err(), "nothing of it is durable");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_on_a_full_disk_leaves_the_next_writer_alone() {
    check_recovery_from_a_full_disk(|full| async { drop(full) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_into_a_file_that_nobody_will_find_fails() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("catalog.sqlite");
    let sqlite = open(&path, &ProgressBoard::unread())
        .await
        .expect("the database opens");
    let mut lost = sqlite.begin(AccessMode::Write).await.expect("the writer");
    sqlx::query("create table lost (number integer)")
        .execute(&mut *lost)
        .await
        .expect("the open file takes it");
    std::fs::remove_file(&path).expect("removed");
    let refused = lost.commit().await.expect_err("it is in no file");
    assert!(refused.to_string().contains("was deleted"), "{refused}");
    assert_eq!(sqlite.check_file(), Err(DatabaseFileLost::Deleted(path)));
    sqlite.close().await;
}
