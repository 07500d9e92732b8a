//! SQLite: one writer, several readers, durable at every commit.

use std::fs::OpenOptions;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use freshet_runtime::progress::ProgressBoard;
use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use tempfile::TempDir;

use super::access::AccessMode;
use super::database_file::{DatabaseFile, DatabaseFileLost};
use super::error::OpenError;
use super::log_file::{BUSY_TIMEOUT, LogFile};
use super::migrate::migrate;
use super::writer_turn::{WriterTurn, WriterTurns};

const NAME: &str = "SQLite";
const TEMPORARY_PREFIX: &str = "freshet-";
const TEMPORARY_FILE: &str = "catalog.sqlite";
const READERS_MAX: u32 = 4;
/// How long a caller waits for the writer or a reader.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Page cache of one connection, in KiB; negative, as SQLite wants it.
const CACHE_KIBIBYTES: &str = "-16384";
/// The log is folded into the database after this many pages: seldom enough not to disturb a burst.
const CHECKPOINT_PAGES: &str = "4000";
/// What a log that was folded in keeps of its file, in bytes: four times what it usually has.
const LOG_KEPT_BYTES: &str = "67108864";

pub(super) static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// The connections to one database file.
#[derive(Clone, Debug)]
pub(super) struct Sqlite {
    // Writers queue here, in order, instead of fighting for the file's lock.
    writer: SqlitePool,
    readers: SqlitePool,
    file: Arc<DatabaseFile>,
    turns: WriterTurns,
    log: Arc<LogFile>,
    /// Of a database that nobody wants to keep; removed with the last handle on it.
    _temporary_folder: Option<Arc<TempDir>>,
}

/// A transaction on the file. Dropping it rolls back.
#[derive(Debug)]
pub(crate) struct SqliteTransaction {
    inner: sqlx::Transaction<'static, sqlx::Sqlite>,
    /// What only one that may write has.
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: Arc<DatabaseFile>,
    log: Arc<LogFile>,
    writer: SqlitePool,
    // Ends with the transaction.
    _turn: WriterTurn,
}

impl SqliteTransaction {
    /// Makes everything durable in the file that the next start opens, or fails.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.inner.commit().await?;
        let Some(writing) = self.writing else {
            return Ok(());
        };
        writing.file.check_in_place().map_err(lost_file_error)?;
        writing.log.shorten_if_long(&writing.writer).await;
        Ok(())
    }
}

impl Deref for SqliteTransaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.inner
    }
}

impl DerefMut for SqliteTransaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }
}

impl Sqlite {
    pub(super) async fn begin(&self, access: AccessMode) -> Result<SqliteTransaction, sqlx::Error> {
        // A connection that is opened now would be one to whatever has the name now.
        self.file.check_main_file().map_err(lost_file_error)?;
        let (inner, writing) = match access {
            AccessMode::Write => {
                // At once: a transaction that began by reading cannot become a writer when another has
                // written meanwhile, and would fail at its first statement that writes.
                let inner = self.writer.begin_with("begin immediate").await?;
                let writing = Writing {
                    file: Arc::clone(&self.file),
                    log: Arc::clone(&self.log),
                    writer: self.writer.clone(),
                    _turn: self.turns.begin(),
                };
                (inner, Some(writing))
            }
            AccessMode::Read | AccessMode::ReadAll | AccessMode::ReadOnce => {
                (self.readers.begin().await?, None)
            }
        };
        Ok(SqliteTransaction { inner, writing })
    }

    /// What a person looks for.
    pub(super) fn describe(&self) -> String {
        format!("the database file {}", self.file.path().display())
    }

    /// Whether the file is still the one that was opened.
    pub(super) fn check_file(&self) -> Result<(), DatabaseFileLost> {
        self.file.check_main_file()
    }

    /// Whether transactions of this process got the file's lock within `duration`, or hold it now.
    pub(super) fn has_written_within(&self, duration: Duration) -> bool {
        self.turns.were_taken_within(duration)
    }

    /// Closes the connection that writes; whoever writes next opens another one.
    // A connection that was opened while the file could only be read stays so for ever.
    pub(super) async fn renew_writer(&self) {
        if let Ok(connection) = self.writer.acquire().await {
            // It is closed either way; what it says then is what the failed write said.
            let _closed = connection.close().await;
        }
    }

    /// Keeps a connection to the lost file open until the process ends.
    // Whoever closes the last one removes the log by its name, and that may be the log of the file that
    // has taken the place.
    pub(super) async fn abandon(&self) {
        if let Ok(connection) = self.writer.acquire().await {
            Box::leak(Box::new(connection.detach()));
        }
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn lost_file_error(lost: DatabaseFileLost) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::other(lost))
}

pub(super) async fn open(path: &Path, board: &ProgressBoard) -> Result<Sqlite, OpenError> {
    create_folder(path).await?;
    let options = connect_options(path).create_if_missing(true);
    open_with(path, options, board).await
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that was acknowledged must survive a power cut.
        .synchronous(SqliteSynchronous::Full)
        // Off by default in SQLite, for compatibility with files from before 2009.
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", CACHE_KIBIBYTES)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        // Else its file stays as large as the largest transaction ever was.
        .pragma("journal_size_limit", LOG_KEPT_BYTES)
}

async fn open_with(
    path: &Path,
    options: SqliteConnectOptions,
    board: &ProgressBoard,
) -> Result<Sqlite, OpenError> {
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
        .map_err(|source| OpenError::File {
            path: path.to_owned(),
            source: find_reason(path).map_or(source, sqlx::Error::Io),
        })?;
    migrate(&MIGRATOR, &writer, board)
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
    let file = DatabaseFile::note(path).map_err(|source| OpenError::File {
        path: path.to_owned(),
        source: sqlx::Error::Io(source),
    })?;
    Ok(Sqlite {
        writer,
        readers,
        file: Arc::new(file),
        turns: WriterTurns::default(),
        log: Arc::new(LogFile::of_database(path)),
        _temporary_folder: None,
    })
}

/// What the system says of a database file that could not be opened, if it refuses to write to it; SQLite says only
/// that it could not.
fn find_reason(path: &Path) -> Option<std::io::Error> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.err()
}

/// A database that is forgotten at the end.
// A file and not SQLite's own database in memory: that one belongs to a single connection, so readers would
// wait for the writer, and it would be lost whenever a connection has to be opened anew.
pub(super) async fn open_temporary(board: &ProgressBoard) -> Result<Sqlite, OpenError> {
    let folder = TempDir::with_prefix(TEMPORARY_PREFIX).map_err(|source| OpenError::Folder {
        folder: std::env::temp_dir(),
        source,
    })?;
    let sqlite = open(&folder.path().join(TEMPORARY_FILE), board).await?;
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
        freshet_runtime::summed_up!(
            warn,
            "a transaction could be neither committed nor rolled back; its connection to the database is opened anew"
        );
    }
    Ok(!is_inside)
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
#[path = "sqlite_tests.rs"]
mod tests;
