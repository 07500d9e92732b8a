//! Putting a backup in the place of the database.
//!
//! The changes after it take numbers that others had before. So the log gets a new epoch: whoever holds a
//! position of the old one is told to start over.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use uuid::Uuid;

use super::database::Repo;
use super::error::{OpenError, RepoError};
use super::meta::LogState;
use super::statement::{Tx, execute};
use crate::config::DatabaseConfig;

/// Where the backup is made ready, beside what it replaces.
const MAKING_READY_SUFFIX: &str = ".restoring";
/// What belongs to the database that is replaced, while it is.
const REPLACED_SUFFIX: &str = ".replaced";
/// The files that SQLite keeps beside a database in WAL mode.
const COMPANION_SUFFIXES: [&str; 2] = ["-wal", "-shm"];

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file is no backup of a catalog.
    #[error("{} is not a database of Freshet", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// A server's data is in no file of ours.
    #[error(
        "a PostgreSQL database is restored by its own tools; run this without a backup file after that"
    )]
    BackupOfServer,
    /// The files could not be changed.
    #[error("cannot put the backup in the place of {}", path.display())]
    Place {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was restored does not open.
    #[error("cannot open the restored database")]
    Open(#[source] OpenError),
    /// The log could not be given a new epoch.
    #[error("cannot start a new epoch")]
    Epoch(#[source] RepoError),
    /// Nothing is kept.
    #[error("a database in memory is new at every start, so there is nothing to restore")]
    Temporary,
}

/// Puts `backup` in the place of the database, or takes it as restored already, and starts a new epoch.
///
/// A store that still runs on the file that was replaced notices it and ends.
///
/// # Errors
///
/// If the backup is none, or cannot be put in place. The database is as it was then.
pub async fn restore_database(
    database: &DatabaseConfig,
    backup: Option<&Path>,
) -> Result<LogState, RestoreError> {
    match (database, backup) {
        (DatabaseConfig::Temporary, _) => Err(RestoreError::Temporary),
        (_, None) => start_new_epoch(database).await,
        (DatabaseConfig::Postgres { .. }, Some(_)) => Err(RestoreError::BackupOfServer),
        (DatabaseConfig::Sqlite { path }, Some(backup)) => {
            let ready = with_suffix(path, MAKING_READY_SUFFIX);
            let place = |source| RestoreError::Place {
                path: path.clone(),
                source,
            };
            remove_database(&ready).map_err(place)?;
            copy_database(backup, &ready).await?;
            let restored = start_new_epoch(&DatabaseConfig::Sqlite {
                path: ready.clone(),
            })
            .await?;
            put_in_place(&ready, path).map_err(place)?;
            Ok(restored)
        }
    }
}

async fn start_new_epoch(database: &DatabaseConfig) -> Result<LogState, RestoreError> {
    let repo = Repo::open(database).await.map_err(RestoreError::Open)?;
    let started = repo.start_new_epoch().await;
    // Folds what was written into the main file, which is the only one that is moved.
    repo.close().await;
    started.map_err(RestoreError::Epoch)
}

impl Repo {
    /// Gives the log a new epoch, which tells subscribers to start over.
    async fn start_new_epoch(&self) -> Result<LogState, RepoError> {
        let mut tx = self.write().await?;
        tx.lock_log().await?;
        tx.set_epoch(&Uuid::new_v4().simple().to_string()).await?;
        let started = tx.meta().await?;
        tx.commit().await?;
        Ok(started)
    }
}

impl Tx {
    async fn set_epoch(&mut self, epoch: &str) -> Result<(), RepoError> {
        execute!(
            self, "start a new epoch",
            sqlite: "update catalog_meta set epoch = $1 where id = 1",
            postgres: "update catalog_meta set epoch = $1 where id = 1",
            epoch,
        )
        .map(drop)
    }
}

/// Copies a backup with what is in its log, which a copy of the file would leave out.
async fn copy_database(backup: &Path, to: &Path) -> Result<(), RestoreError> {
    let copied = async {
        let options = SqliteConnectOptions::new().filename(backup);
        let mut connection = options.connect().await?;
        // Any other database would be brought up to date as if it were an empty one of ours.
        sqlx::query("select revision from catalog_meta where id = 1")
            .fetch_one(&mut connection)
            .await?;
        sqlx::query("vacuum into $1")
            .bind(to.to_string_lossy().into_owned())
            .execute(&mut connection)
            .await?;
        connection.close().await
    };
    copied.await.map_err(|source| RestoreError::Backup {
        path: backup.to_owned(),
        source,
    })
}

fn remove_database(path: &Path) -> io::Result<()> {
    remove_if_there(path)?;
    remove_companions(path)
}

/// Puts a database in the place of an old one, whose log must not be taken for the new one's. It is kept
/// until then, for without it the old one lacks its newest commits.
fn put_in_place(ready: &Path, path: &Path) -> io::Result<()> {
    let aside = with_suffix(path, REPLACED_SUFFIX);
    remove_companions(&aside)?;
    move_companions(path, &aside)?;
    if let Err(error) = fs::rename(ready, path) {
        move_companions(&aside, path)?;
        return Err(error);
    }
    remove_companions(&aside)
}

fn move_companions(from: &Path, to: &Path) -> io::Result<()> {
    COMPANION_SUFFIXES.iter().try_for_each(|suffix| {
        match fs::rename(with_suffix(from, suffix), with_suffix(to, suffix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            moved => moved,
        }
    })
}

fn remove_companions(path: &Path) -> io::Result<()> {
    COMPANION_SUFFIXES
        .iter()
        .try_for_each(|suffix| remove_if_there(&with_suffix(path, suffix)))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn log_of(path: &Path) -> LogState {
        let path = path.to_owned();
        let repo = Repo::open(&DatabaseConfig::Sqlite { path }).await;
        let repo = repo.expect("the database opens");
        let meta = repo.meta().await.expect("where the log stands");
        repo.close().await;
        meta
    }

    async fn set_revision(path: &Path, revision: i64) -> Repo {
        let path = path.to_owned();
        let repo = Repo::open(&DatabaseConfig::Sqlite { path }).await;
        let repo = repo.expect("the database opens");
        let mut tx = repo.write().await.expect("the writer");
        tx.set_revision(revision.into()).await.expect("set");
        tx.commit().await.expect("committed");
        repo
    }

    #[test]
    fn a_database_that_is_not_replaced_keeps_its_log() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("catalog");
        let log = with_suffix(&path, "-wal");
        fs::write(&log, "the newest commits").expect("written");
        put_in_place(&folder.path().join("nothing"), &path).expect_err("there is no such file");
        assert_eq!(fs::read(&log).expect("kept"), b"the newest commits");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_restored_backup_is_another_log_from_the_same_revision() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (path, backup) = (folder.path().join("catalog"), folder.path().join("backup"));
        set_revision(&path, 7).await.close().await;
        fs::copy(&path, &backup).expect("copied");
        let old = log_of(&path).await;
        // It runs on, with changes that are in its log only.
        let running = set_revision(&path, 9).await;

        let database = DatabaseConfig::Sqlite { path: path.clone() };
        let restored = restore_database(&database, Some(&backup)).await;
        let restored = restored.expect("restored");
        assert_eq!(
            (restored.revision, log_of(&path).await),
            (7.into(), restored.clone())
        );
        assert_ne!(restored.epoch, old.epoch);
        assert_eq!(log_of(&backup).await, old, "a backup may be needed again");
        assert!(running.check_file().is_err(), "it notices");
        running.close().await;
        assert_eq!(log_of(&path).await, restored);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_no_backup_leaves_the_database_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("catalog");
        set_revision(&path, 7).await.close().await;
        let before = log_of(&path).await;
        let (text, other) = (folder.path().join("text"), folder.path().join("other"));
        fs::write(&text, "kind: Component").expect("a file");
        let options = SqliteConnectOptions::new().filename(&other);
        let empty = options.create_if_missing(true).connect().await;
        empty.expect("a database").close().await.expect("closed");
        for backup in [text, other, folder.path().join("none")] {
            let database = DatabaseConfig::Sqlite { path: path.clone() };
            let refused = restore_database(&database, Some(&backup)).await;
            assert!(
                matches!(refused, Err(RestoreError::Backup { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(log_of(&path).await, before);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_that_was_restored_by_hand_gets_its_new_epoch() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("catalog");
        set_revision(&path, 7).await.close().await;
        let before = log_of(&path).await;
        let database = DatabaseConfig::Sqlite { path };
        let restored = restore_database(&database, None).await.expect("restored");
        assert_eq!(restored.revision, before.revision);
        assert_ne!(restored.epoch, before.epoch);
    }
}
