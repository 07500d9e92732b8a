//! The file of SQLite's log, and when it is cut short.
//!
//! SQLite folds the log into the database by itself and begins it anew when no reader needs what is in it.
//! Where one reader is always followed by another that moment never comes, and the file grows by everything
//! that is written. So once it is long, the writer waits a moment for the readers there are.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::SqlitePool;
use tokio::time::Instant;

/// How long a statement waits for a lock another process holds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The same as a statement.
const WAIT_AS_USUAL: &str = "pragma busy_timeout = 5000";
/// From this size on the file is cut short: twice what it may keep.
const LOG_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// How long the writer waits for readers, who have what they need within a few milliseconds: a push may be
/// next.
const WAIT_FOR_READERS: &str = "pragma busy_timeout = 20";
/// How soon it is tried again after a reader was in the way.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The log of one database.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    tried_at: Mutex<Option<Instant>>,
}

impl LogFile {
    /// The log that belongs to the database at `path`.
    pub(super) fn of_database(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        Self {
            path: PathBuf::from(name),
            tried_at: Mutex::default(),
        }
    }

    /// Cuts the file short if it is long, and not again at once if that failed. Nothing depends on it.
    pub(super) async fn shorten_if_long(&self, writer: &SqlitePool) {
        if self.len() <= LOG_BYTES_MAX || !self.take_turn() {
            return;
        }
        if let Err(error) = shorten(writer).await {
            tracing::debug!(%error, "the log of the database could not be cut short");
        }
    }

    fn len(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    fn take_turn(&self) -> bool {
        let mut tried_at = self.tried_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early = tried_at.is_some_and(|at| at.elapsed() < TRY_AGAIN_AFTER);
        if !is_early {
            *tried_at = Some(Instant::now());
        }
        !is_early
    }
}

async fn shorten(writer: &SqlitePool) -> Result<(), sqlx::Error> {
    let mut connection = writer.acquire().await?;
    for statement in [
        WAIT_FOR_READERS,
        // It answers that a reader was in the way, and does not fail.
        "pragma wal_checkpoint(truncate)",
        WAIT_AS_USUAL,
    ] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "log_file_tests.rs"]
mod tests;
