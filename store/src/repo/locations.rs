//! Locations: the files we want of a source.

use super::sources::bounded;
use super::statement::{Tx, execute, fetch_all, json};
use super::{LocationRow, RepoError};

impl Tx {
    /// Every location of these sources.
    pub(crate) async fn locations_of(
        &mut self,
        source_ids: &[i64],
    ) -> Result<Vec<LocationRow>, RepoError> {
        fetch_all!(
            self, LocationRow, "read locations",
            sqlite: "select * from location \
                where source_id in (select value from json_each($1)) \
                order by id",
            postgres: "select * from location \
                where source_id in (select json_array_elements_text($1::json)::bigint) \
                order by id",
            json(source_ids),
        )
    }

    /// The locations with these ids.
    pub(crate) async fn locations(&mut self, ids: &[i64]) -> Result<Vec<LocationRow>, RepoError> {
        fetch_all!(
            self, LocationRow, "read locations by id",
            sqlite: "select * from location where id in (select value from json_each($1)) order by id",
            postgres: "select * from location \
                where id in (select json_array_elements_text($1::json)::bigint) \
                order by id",
            json(ids),
        )
    }

    /// Ids for locations that are about to be written.
    pub(crate) async fn new_location_ids(&mut self, count: usize) -> Result<Vec<i64>, RepoError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let ids: Vec<(i64,)> = fetch_all!(
            self, (i64,), "take ids for locations",
            sqlite: "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
                select (select coalesce(max(id), 0) from location) + i from n",
            postgres: "select nextval('location_ids') from generate_series(1, $1)",
            bounded(count),
        )?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// Writes locations whole, new or known.
    pub(crate) async fn put_locations(&mut self, rows: &[LocationRow]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write locations",
            sqlite: "insert into location (id, source_id, git_ref, path, blob_oid, outcome) \
                select value->>'id', value->>'source_id', value->>'git_ref', value->>'path', \
                    value->>'blob_oid', value->>'outcome' \
                from json_each($1) \
                where true \
                on conflict (id) do update set \
                    blob_oid = excluded.blob_oid, \
                    outcome = excluded.outcome",
            postgres: "insert into location (id, source_id, git_ref, path, blob_oid, outcome) \
                select id, source_id, git_ref, path, blob_oid, outcome \
                from json_populate_recordset(null::location, $1::json) \
                on conflict (id) do update set \
                    blob_oid = excluded.blob_oid, \
                    outcome = excluded.outcome",
            json(rows),
        )
        .map(drop)
    }
}
