//! SQLite: one writer, several readers, durable at every commit.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::access::AccessMode;
use super::error::OpenError;

const NAME: &str = "SQLite";
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
    create_folder(path).await?;
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
        // Lazily: the catalog is served from memory, and most of the time one reader is enough.
        .connect_lazy_with(options);
    Ok(Sqlite { writer, readers })
}

/// The folder that a fresh installation names need not be there yet.
async fn create_folder(path: &Path) -> Result<(), OpenError> {
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
    async fn the_folder_of_a_new_database_is_made() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("not/there/yet.sqlite");
        let sqlite = open(&path).await.expect("the database opens");
        sqlite.close().await;
        assert!(path.exists());
    }
}
