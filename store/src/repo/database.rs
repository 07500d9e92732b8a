//! The database a process works on, and its transactions.

use std::time::Duration;

use freshet_runtime::progress::ProgressBoard;

use super::access::AccessMode;
use super::database_file::DatabaseFileLost;
use super::error::{OpenError, RepoError};
use super::statement::Tx;
use super::{postgres, sqlite};
use crate::config::DatabaseConfig;

/// How long the first write may take; a database that others use may be busy.
const FIRST_WRITE_WITHIN: Duration = Duration::from_secs(30);

/// A handle on the database, cheap to clone.
#[derive(Clone, Debug)]
pub struct Repo {
    database: Database,
}

#[derive(Clone, Debug)]
enum Database {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Repo {
    /// Connects, brings the schema up to date and proves that it can be written to.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, a migration fails, or nothing can be written.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, OpenError> {
        Self::open_on(config, &ProgressBoard::unread()).await
    }

    /// The same, with the board on which changes of the schema are told of.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub async fn open_on(
        config: &DatabaseConfig,
        board: &ProgressBoard,
    ) -> Result<Self, OpenError> {
        let database = match config {
            // An enum and no trait object: there are two, and a statement is written for both in
            // one place.
            DatabaseConfig::Sqlite { path } => Database::Sqlite(sqlite::open(path, board).await?),
            DatabaseConfig::Temporary => Database::Sqlite(sqlite::open_temporary(board).await?),
            DatabaseConfig::Postgres { url, tls, pool_max } => {
                Database::Postgres(postgres::open(url, tls, *pool_max, board).await?)
            }
        };
        let repo = Self { database };
        // A file on a read-only file system opens without a complaint, and what is opened so never
        // writes again, whatever becomes of the file system.
        match repo.prove_writable(FIRST_WRITE_WITHIN).await {
            Ok(_) => Ok(repo),
            Err(source) => Err(OpenError::NotWritable {
                database: match &repo.database {
                    Database::Sqlite(sqlite) => sqlite.describe(),
                    Database::Postgres(_) => "the PostgreSQL database".to_owned(),
                },
                source: Box::new(source),
            }),
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub async fn ping(&self) -> Result<(), RepoError> {
        self.meta().await.map(drop)
    }

    /// Closes all connections; statements that run are finished.
    pub async fn close(&self) {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.close().await,
            Database::Postgres(postgres) => postgres.close().await,
        }
    }

    /// Whether the file the database is in is still the one that was opened, if it is in one.
    pub(super) fn check_file(&self) -> Result<(), DatabaseFileLost> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.check_file(),
            Database::Postgres(_) => Ok(()),
        }
    }

    /// Leaves a file that was lost without touching what has taken its place.
    pub(super) async fn abandon(&self) {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.abandon().await,
            Database::Postgres(_) => {}
        }
    }

    /// Whether this process had the right to write lately; nothing if it never waits for others'.
    pub(super) fn has_written_within(&self, duration: Duration) -> Option<bool> {
        match &self.database {
            Database::Sqlite(sqlite) => Some(sqlite.has_written_within(duration)),
            Database::Postgres(_) => None,
        }
    }

    /// Lets go of what a failed write may have left behind.
    pub(super) async fn renew_writer(&self) {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.renew_writer().await,
            // A server's connection is not bound to how its disk was when it was opened.
            Database::Postgres(_) => {}
        }
    }

    /// A transaction that may write. Dropping it rolls back.
    pub(crate) async fn write(&self) -> Result<Tx, RepoError> {
        self.begin(AccessMode::Write).await
    }

    /// A transaction that sees one consistent state.
    pub(crate) async fn read(&self) -> Result<Tx, RepoError> {
        self.begin(AccessMode::Read).await
    }

    /// A transaction that reads whole tables of one consistent state.
    pub(super) async fn read_all(&self) -> Result<Tx, RepoError> {
        self.begin(AccessMode::ReadAll).await
    }

    /// For one statement that reads.
    pub(crate) async fn read_once(&self) -> Result<Tx, RepoError> {
        self.begin(AccessMode::ReadOnce).await
    }

    async fn begin(&self, access: AccessMode) -> Result<Tx, RepoError> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.begin(access).await.map(Tx::Sqlite),
            Database::Postgres(postgres) => postgres.begin(access).await.map(Tx::Postgres),
        }
        .map_err(RepoError::of_transaction("begin a transaction"))
    }
}
