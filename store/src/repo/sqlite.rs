//! SQLite: one writer, several readers, durable at every commit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use tempfile::TempDir;

use super::access::AccessMode;
use super::error::OpenError;

const NAME: &str = "SQLite";
const TEMPORARY_PREFIX: &str = "freshet-";
const TEMPORARY_FILE: &str = "catalog.sqlite";
const READERS_MAX: u32 = 4;
/// How long a statement waits for a lock another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for the writer or a reader.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Page cache of one connection, in KiB; negative, as SQLite wants it.
const CACHE_KIBIBYTES: &str = "-16384";
/// The log is folded into the database after this many pages: seldom enough not to disturb a burst.
const CHECKPOINT_PAGES: &str = "4000";

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// The connections to one database file.
#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    // Writers queue here, in order, instead of fighting for the file's lock.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Of a database that nobody wants to keep; removed with the last handle on it.
    _temporary_folder: Option<Arc<TempDir>>,
}

impl Sqlite {
    pub(super) async fn begin(
        &self,
        access: AccessMode,
    ) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        match access {
            // At once: a transaction that began by reading cannot become a writer when another has
            // written meanwhile, and would fail at its first statement that writes.
            AccessMode::Write => self.writer.begin_with("begin immediate").await,
            AccessMode::Read => self.readers.begin().await,
        }
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

pub(super) async fn open(path: &Path) -> Result<Sqlite, OpenError> {
    createtemporary_folder(path).await?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was acknowledged must survive a power cut.
        .synchronous(SqliteSynchronous::Full)
        // Off by default in SQLite, for compatibility with files from before 2009.
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE_KIBIBYTES)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
    let writer = SqlitePoolOptions::new()
        // SQLite has one writer anyway. Those who queue for a connection are served in order; those
        // who queue for the file's lock are not, and one may wait for ever.
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection that is opened anew begins with an empty page cache.
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|connection, _| Box::pin(is_reusable(connection)))
        .connect_with(options.clone())
        .await
        .map_err(|source| OpenError::Connect {
            database: NAME,
            source,
        })?;
    MIGRATOR
        .run(&writer)
        .await
        .map_err(|source| OpenError::Migrate {
            database: NAME,
            source,
        })?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|connection, _| Box::pin(is_reusable(connection)))
        // Lazily: the catalog is served from memory, and most of the time one reader is enough.
        .connect_lazy_with(options);
    Ok(Sqlite {
        writer,
        readers,
        _temporary_folder: None,
    })
}

/// A database that is forgotten at the end.
// A file and not SQLite's own database in memory: that one belongs to a single connection, so readers would
// wait for the writer, and it would be lost whenever a connection has to be opened anew.
pub(super) async fn open_temporary() -> Result<Sqlite, OpenError> {
    let folder = TempDir::with_prefix(TEMPORARY_PREFIX).map_err(|source| OpenError::Folder {
        folder: std::env::temp_dir(),
        source,
    })?;
    let sqlite = open(&folder.path().join(TEMPORARY_FILE)).await?;
    Ok(Sqlite {
        _temporary_folder: Some(Arc::new(folder)),
        ..sqlite
    })
}

/// Whether a connection that comes back has left its transaction. One that has not is closed, and the next
/// caller gets a new one.
// When the disk is full, SQLite itself ends the transaction. The driver's commit and its roll-back then
// both fail, it believes to be inside for ever, and every later `begin` on this connection, the only one
// that writes, is refused until somebody restarts the process.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A transaction that was dropped is rolled back on the connection's own thread: wait for that.
    connection.ping().await?;
    let is_inside = connection.is_in_transaction();
    if is_inside {
        tracing::warn!(
            "a transaction could be neither committed nor rolled back; its connection to the database is opened anew"
        );
    }
    Ok(!is_inside)
}

/// The folder that a fresh installation names need not be there yet.
async fn createtemporary_folder(path: &Path) -> Result<(), OpenError> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(|source| OpenError::Folder {
            folder: folder.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn thetemporary_folder_of_a_new_database_is_made() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("not/there/yet.sqlite");
        let sqlite = open(&path).await.expect("the database opens");
        sqlite.close().await;
        assert!(path.exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_temporary_database_is_gone_with_its_last_handle() {
        let sqlite = open_temporary().await.expect("the database opens");
        let other = sqlite.clone();
        let folder = sqlite
            ._temporary_folder
            .as_ref()
            .expect("a folder")
            .path()
            .to_owned();
        sqlite.close().await;
        drop(sqlite);
        assert!(folder.join(TEMPORARY_FILE).exists());
        drop(other);
        assert!(!folder.exists());
    }

    /// Writes until the database may not grow any more, as on a full disk, and ends the transaction by
    /// `end`; whoever writes next must not notice.
    async fn check_recovery_from_a_full_disk<Ending>(
        end: impl FnOnce(sqlx::Transaction<'static, sqlx::Sqlite>) -> Ending,
    ) where
        Ending: Future<Output = ()>,
    {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sqlite = open(&folder.path().join("catalog.sqlite"))
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
}
