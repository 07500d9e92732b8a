//! Claims that lost, kept complete so that one can take over in the transaction that frees the ref.

use serde::Serialize;

use super::RepoError;
use super::statement::{Tx, execute, fetch_all, json};

/// A claim on a ref that another location holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct ClaimRow {
    pub(crate) location_id: i64,
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    pub(crate) claimed_at: i64,
    pub(crate) document: String,
    pub(crate) relations: String,
    pub(crate) digest: String,
    pub(crate) line: i64,
}

/// Names one claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct ClaimKey {
    pub(crate) location_id: i64,
    #[serde(rename = "ref")]
    pub(crate) entity_ref: String,
}

impl ClaimRow {
    /// What names it.
    pub(crate) fn key(&self) -> ClaimKey {
        ClaimKey {
            location_id: self.location_id,
            entity_ref: self.entity_ref.clone(),
        }
    }
}

impl Tx {
    /// Losing claims of these locations and on these refs.
    pub(crate) async fn claims_of(
        &mut self,
        location_ids: &[i64],
        refs: &[&str],
    ) -> Result<Vec<ClaimRow>, RepoError> {
        fetch_all!(
            self, ClaimRow, "read claims",
            sqlite: "select * from claim where location_id in (select value from json_each($1)) \
                union \
                select * from claim where ref in (select value from json_each($2))",
            postgres: "select * from claim \
                where location_id in (select json_array_elements_text($1::json)::bigint) \
                union \
                select * from claim where ref in (select json_array_elements_text($2::json))",
            json(location_ids),
            json(refs),
        )
    }

    /// Writes claims whole, new or known.
    pub(crate) async fn put_claims(&mut self, rows: &[ClaimRow]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write claims",
            sqlite: "insert into claim (location_id, ref, claimed_at, document, relations, digest, line) \
                select value->>'location_id', value->>'ref', value->>'claimed_at', \
                    value->>'document', value->>'relations', value->>'digest', value->>'line' \
                from json_each($1) \
                where true \
                on conflict (location_id, ref) do update set \
                    document = excluded.document, \
                    relations = excluded.relations, \
                    digest = excluded.digest, \
                    line = excluded.line",
            postgres: "insert into claim (location_id, ref, claimed_at, document, relations, digest, line) \
                select location_id, ref, claimed_at, document, relations, digest, line \
                from json_populate_recordset(null::claim, $1::json) \
                on conflict (location_id, ref) do update set \
                    document = excluded.document, \
                    relations = excluded.relations, \
                    digest = excluded.digest, \
                    line = excluded.line",
            json(rows),
        )
        .map(drop)
    }

    /// Removes claims that were withdrawn or have won.
    pub(crate) async fn remove_claims(&mut self, keys: &[ClaimKey]) -> Result<(), RepoError> {
        if keys.is_empty() {
            return Ok(());
        }
        execute!(
            self, "remove claims",
            sqlite: "delete from claim \
                where (location_id, ref) in \
                    (select value->>'location_id', value->>'ref' from json_each($1))",
            postgres: "delete from claim \
                where (location_id, ref) in \
                    (select k.location_id, k.ref \
                    from json_to_recordset($1::json) as k(location_id bigint, ref text))",
            json(keys),
        )
        .map(drop)
    }
}
