//! The one row that numbers the log.

use freshet_model::Revision;

use super::database::Repo;
use super::error::RepoError;
use super::statement::{Tx, execute, fetch_one};

/// Where the log stands.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LogState {
    /// Id of the log.
    pub epoch: String,
    /// Its newest revision; 0 if it is empty.
    #[sqlx(try_from = "i64")]
    pub revision: Revision,
    /// First revision still in it.
    #[sqlx(try_from = "i64")]
    pub oldest: Revision,
}

impl Repo {
    /// Where the log stands.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn meta(&self) -> Result<LogState, RepoError> {
        let mut tx = self.read_once().await?;
        let meta = tx.meta().await?;
        tx.commit().await?;
        Ok(meta)
    }
}

impl Tx {
    pub(crate) async fn meta(&mut self) -> Result<LogState, RepoError> {
        fetch_one!(
            self, LogState, "read where the log stands",
            sqlite: "select epoch, revision, oldest from catalog_meta where id = 1",
            postgres: "select epoch, revision, oldest from catalog_meta where id = 1",
        )
    }

    /// Takes the right to append to the log until this transaction ends.
    pub(crate) async fn lock_log(&mut self) -> Result<LogState, RepoError> {
        fetch_one!(
            self, LogState, "lock the log",
            // A SQLite transaction that may write is already the only one.
            sqlite: "select epoch, revision, oldest from catalog_meta where id = 1",
            postgres: "select epoch, revision, oldest from catalog_meta where id = 1 for update",
        )
    }

    // Allocated under the lock of this row and never by a sequence, which would leave gaps where a
    // transaction is rolled back. Subscribers rely on there being none.
    pub(crate) async fn set_revision(&mut self, revision: Revision) -> Result<(), RepoError> {
        execute!(
            self, "advance the log",
            sqlite: "update catalog_meta set revision = $1 where id = 1",
            postgres: "update catalog_meta set revision = $1 where id = 1",
            revision.get(),
        )
        .map(drop)
    }
}
