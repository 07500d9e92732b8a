//! The database: the only module that speaks SQL.
//!
//! It offers domain verbs (record deliveries, cover them, write changes), not tables. Each verb
//! holds its statement in both dialects and picks one at the top; everything above is the same
//! for both. Bulk rows travel as one JSON parameter, so a batch costs a constant number of round
//! trips however many rows it has.
//!
//! It refuses to decide anything: what to write is planned by `ledger` and `apply`.

pub(crate) mod changes;
pub(crate) mod claims;
#[path = "../../tests/conformance/mod.rs"]
pub mod conformance;
mod deliveries;
pub(crate) mod dependencies;
pub(crate) mod entities;
mod error;
mod links;
pub(crate) mod location_entities;
mod locations;
mod meta;
pub(crate) mod parts;
mod postgres;
mod problems;
mod removals;
mod snapshot;
pub(crate) mod sources;
mod sqlite;
mod statement;
pub(crate) mod stored;
mod totals;

use crate::config::DatabaseConfig;

pub use error::{OpenError, RepoError, Trouble};
pub use meta::Meta;
pub use sources::{Lane, SourceKind, SourceStatus};
pub use totals::LedgerTotals;

pub(crate) use claims::ClaimRow;
pub(crate) use deliveries::{Covered, Covering, DeliveryRow, Outcome};
pub(crate) use dependencies::DependencyRow;
pub(crate) use entities::EntityRow;
pub(crate) use links::{LinkKey, LocationLink};
pub(crate) use location_entities::LocationEntity;
pub(crate) use locations::{EmittedKind, Location, LocationState, Naming};
pub(crate) use problems::{ProblemPlace, StoredProblem};
pub(crate) use removals::RemovalRow;
pub(crate) use sources::{GITHUB, HEAD, SourceGeneration, SourceRow, Trigger};
pub(crate) use statement::Tx;

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

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AccessMode {
    /// Write; on SQLite the one writer is taken at once, so a transaction never fails half way for want of it.
    Write,
    /// Read one consistent state.
    Read,
}

impl Repo {
    /// Connects and brings the schema up to date.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or a migration fails.
    pub async fn open(config: &DatabaseConfig) -> Result<Self, OpenError> {
        let database = match config {
            DatabaseConfig::Sqlite { path } => Database::Sqlite(sqlite::open(path).await?),
            DatabaseConfig::Postgres { url, pool_max } => {
                Database::Postgres(postgres::open(url, *pool_max).await?)
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
