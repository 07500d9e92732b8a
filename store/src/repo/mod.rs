//! The database: the only module that speaks SQL.
//!
//! It offers domain verbs (record deliveries, cover them, write changes), not tables. Each verb
//! holds its statement in both dialects and picks one at the top; everything above is the same
//! for both. Bulk rows travel as one JSON parameter, so a batch costs a constant number of round
//! trips however many rows it has.
//!
//! It refuses to decide anything: what to write is planned by `ledger` and `apply`.

mod access;
mod batch;
pub(crate) mod change_run;
pub(crate) mod changes;
pub(crate) mod claims;
#[path = "../../tests/conformance/mod.rs"]
pub mod conformance;
mod database;
mod database_file;
mod deliveries;
pub(crate) mod dependencies;
pub(crate) mod entities;
mod error;
mod links;
mod list;
pub(crate) mod location_entities;
mod locations;
mod log_file;
mod meta;
mod migrate;
pub(crate) mod parts;
mod postgres;
mod problems;
mod published_keys;
mod refreshes;
mod registered_locations;
pub(crate) mod relation_text;
mod removals;
mod restore;
mod snapshot;
pub(crate) mod sources;
mod sqlite;
mod statement;
pub(crate) mod stored;
mod totals;
mod write_proof;
mod writer_turn;

pub use database::Repo;
pub use database_file::DatabaseFileLost;
pub use error::{OpenError, RepoError, Trouble};
pub use meta::LogState;
pub use restore::{RestoreError, restore_database};
pub use sources::{Lane, SourceKind, SourceStatus};
pub use totals::LedgerTotals;
pub use write_proof::{NotWritable, WriteProof};

pub(crate) use batch::{AppliedRows, RecordedRows};
pub(crate) use claims::ClaimRow;
pub(crate) use deliveries::{Covered, Covering, DeliveryRow, Outcome};
pub(crate) use dependencies::DependencyRow;
pub(crate) use entities::EntityRow;
pub(crate) use links::{LinkKey, LocationLink};
pub(crate) use location_entities::LocationEntity;
pub(crate) use locations::{EmittedKind, Location, LocationState, Naming};
pub(crate) use problems::{ProblemPlace, StoredProblem};
pub(crate) use published_keys::PublishedKey;
pub(crate) use refreshes::{RefreshDelivery, RefreshOutcome};
pub(crate) use registered_locations::RegisteredLocation;
pub(crate) use removals::RemovalRow;
pub(crate) use sources::{GITHUB, OutstandingReads, SourceGeneration, SourceRow};
pub(crate) use statement::Tx;
pub(crate) use stored::git_ref_if_any;
