//! What a batch writes: a statement for each table on SQLite, where a statement costs nothing but its work, and
//! one for all of them on PostgreSQL, where each is a round trip while others wait for the locks.

use freshet_model::{LocationId, Revision};

use super::change_run::ChangeRun;
use super::changes::{append_postgres, bind_runs};
use super::deliveries::{Covered, Covering, DeliveryRow, cover_postgres, delivery_table};
use super::dependencies::{DependencyRow, dependency_table};
use super::entities::{EntityRow, entity_table};
use super::error::RepoError;
use super::list::ids;
use super::locations::{Location, location_table, locations_json};
use super::parts::remove_covered_postgres;
use super::sources::{SourceRow, source_table};
use super::statement::{Tx, insert_new_postgres, json, upsert_postgres};

/// What the ledger makes of signals.
#[derive(Debug)]
pub(crate) struct RecordedRows<'a> {
    pub(crate) sources: &'a [SourceRow],
    pub(crate) locations: &'a [Location],
    pub(crate) deliveries: &'a [DeliveryRow],
}

/// What apply makes of observations.
#[derive(Debug)]
pub(crate) struct AppliedRows<'a> {
    pub(crate) changes: &'a [ChangeRun],
    pub(crate) entities: &'a [EntityRow],
    pub(crate) locations: &'a [Location],
    /// Everything these locations depend on is replaced by `dependencies`.
    pub(crate) dependents: &'a [LocationId],
    pub(crate) dependencies: &'a [DependencyRow],
    pub(crate) sources: &'a [SourceRow],
    pub(crate) covering: &'a [Covering],
    pub(crate) now: i64,
}

impl AppliedRows<'_> {
    fn is_empty(&self) -> bool {
        let Self {
            changes,
            entities,
            locations,
            dependents,
            dependencies,
            sources,
            covering,
            now: _,
        } = self;
        changes.is_empty()
            && entities.is_empty()
            && locations.is_empty()
            && dependents.is_empty()
            && dependencies.is_empty()
            && sources.is_empty()
            && covering.is_empty()
    }

    /// The newest revision of the log, if this adds to it.
    fn revision(&self) -> Option<Revision> {
        self.changes.last().map(|row| row.revision)
    }
}

// The parts of one statement see the tables as they were before it, in whichever order they are carried out. So no
// row may be written by two of them.

const RECORD: &str = concat!(
    "with looked_at as (",
    source_table!(upsert_postgres: "$1"),
    "), placed as (",
    location_table!(upsert_postgres: "$2"),
    ") ",
    delivery_table!(insert_new_postgres: "$3"),
);

const APPLY: &str = concat!(
    "with added as (",
    append_postgres!(),
    "), held as (",
    entity_table!(upsert_postgres: "$5"),
    "), placed as (",
    location_table!(upsert_postgres: "$6"),
    // What is still read besides is written below.
    "), forgotten as (delete from dependency as d \
        where location_id = any($7::bigint[]) \
            and not exists (select 1 \
                from json_populate_recordset(null::dependency, $8::json) as n \
                where n.location_id = d.location_id and n.host = d.host and n.owner = d.owner \
                    and n.name = d.name and n.git_ref = d.git_ref and n.path = d.path \
                    and n.url = d.url)), read_besides as (",
    dependency_table!(upsert_postgres: "$8"),
    "), looked_at as (",
    source_table!(upsert_postgres: "$9"),
    "), overtaken as (",
    remove_covered_postgres!("$10"),
    "), numbered as (update catalog_meta set revision = $12 \
        where id = 1 and revision <> $12::bigint) ",
    cover_postgres!("$10", "$11"),
);

impl Tx {
    /// Writes what was made of signals, and returns which deliveries were new.
    pub(crate) async fn write_recorded(
        &mut self,
        rows: &RecordedRows<'_>,
    ) -> Result<Vec<String>, RepoError> {
        match self {
            Self::Sqlite(_) => {
                // Sources come first in every transaction, so that two of them never wait for each other.
                self.put_sources(rows.sources).await?;
                self.put_locations(rows.locations).await?;
                self.put_deliveries(rows.deliveries).await
            }
            // Here the rows of known sources are locked already, and nobody else has new ones.
            Self::Postgres(tx) => sqlx::query_scalar(RECORD)
                .bind(json(rows.sources))
                .bind(locations_json(rows.locations))
                .bind(json(rows.deliveries))
                .fetch_all(&mut **tx)
                .await
                .map_err(RepoError::of("record signals")),
        }
    }

    /// Writes what was made of observations, and returns the deliveries that ended with it.
    pub(crate) async fn write_applied(
        &mut self,
        rows: &AppliedRows<'_>,
    ) -> Result<Vec<Covered>, RepoError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Sqlite(_) => {
                self.put_sources(rows.sources).await?;
                self.put_locations(rows.locations).await?;
                self.replace_dependencies(rows.dependents, rows.dependencies)
                    .await?;
                self.append_changes(rows.changes).await?;
                self.put_entities(rows.entities).await?;
                self.remove_covered_parts(rows.covering).await?;
                if let Some(revision) = rows.revision() {
                    self.set_revision(revision).await?;
                }
                self.cover_deliveries(rows.covering, rows.now).await
            }
            Self::Postgres(tx) => bind_runs(APPLY, rows.changes)
                .bind(json(rows.entities))
                .bind(locations_json(rows.locations))
                .bind(ids(rows.dependents))
                .bind(json(rows.dependencies))
                .bind(json(rows.sources))
                .bind(json(rows.covering))
                .bind(rows.now)
                .bind(rows.revision().map(Revision::get))
                .fetch_all(&mut **tx)
                .await
                .map_err(RepoError::of("write what was applied")),
        }
    }
}
