//! The database a process works on, and its transactions.

use super::access::AccessMode;
use super::error::{OpenError, RepoError};
use super::statement::Tx;
use super::{postgres, sqlite};
use crate::config::DatabaseConfig;

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
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or a migration fails.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, OpenError> {
        let database = match config {
            // An enum and no trait object: there are two, and a statement is written for both in
            // one place.
            DatabaseConfig::Sqlite { path } => Database::Sqlite(sqlite::open(path).await?),
            DatabaseConfig::Temporary => Database::Sqlite(sqlite::open_temporary().await?),
            DatabaseConfig::Postgres { url, tls, pool_max } => {
                Database::Postgres(postgres::open(url, tls, *pool_max).await?)
            }
        };
        Ok(Self { database })
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

    /// A transaction that may write. Dropping it rolls back.
    pub(crate) async fn write(&self) -> Result<Tx, RepoError> {
        self.begin(AccessMode::Write).await
    }

    /// A transaction that sees one consistent state.
    pub(crate) async fn read(&self) -> Result<Tx, RepoError> {
        self.begin(AccessMode::Read).await
    }

    async fn begin(&self, access: AccessMode) -> Result<Tx, RepoError> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.begin(access).await.map(Tx::Sqlite),
            Database::Postgres(postgres) => postgres.begin(access).await.map(Tx::Postgres),
        }
        .map_err(RepoError::of_transaction("begin a transaction"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_database_that_only_answers_is_not_writable() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repo = Repo::open(&DatabaseConfig::Sqlite {
            path: folder.path().join("catalog.sqlite"),
        })
        .await
        .expect("the database opens");
        repo.prove_writable().await.expect("writable");
        let Tx::Sqlite(mut tx) = repo.write().await.expect("the writer") else {
            panic!("a SQLite database");
        };
        // Lasts longer than its transaction, as a file system that became read-only does.
        sqlx::query("pragma query_only = 1")
            .execute(&mut *tx)
            .await
            .expect("set");
        tx.commit().await.expect("committed");
        repo.ping().await.expect("it answers");
        let refused = repo.prove_writable().await;
        assert!(refused.is_err(), "nothing can be written");
        repo.close().await;
    }
}
