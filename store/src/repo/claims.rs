//! Claims that lost, kept complete so that one can take over in the transaction that frees the ref.

use freshet_model::LocationId;
use serde::Serialize;

use super::error::RepoError;
use super::list::{ids, texts};
use super::statement::{Tx, execute, json, select_either, upsert};

/// A claim on a ref that another location holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct ClaimRow {
    #[sqlx(try_from = "i64")]
    pub(crate) location_id: LocationId,
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
    pub(crate) location_id: LocationId,
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

/// The table, for the statements that name all of its columns.
macro_rules! claim_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "claim",
            key: ["location_id", "ref"],
            kept: ["claimed_at"],
            written: ["document", "relations", "digest", "line"];
            $($rest)*
        )
    };
}

impl Tx {
    /// Losing claims of these locations and on these refs.
    pub(crate) async fn claims_of(
        &mut self,
        location_ids: &[LocationId],
        refs: &[&str],
    ) -> Result<Vec<ClaimRow>, RepoError> {
        claim_table!(
            select_either: self, ClaimRow, "read claims",
            sqlite: [
                "location_id in (select value from jsonb_each($1))",
                "ref in (select value from jsonb_each($2))"
            ],
            postgres: [
                "location_id = any($1::bigint[])",
                "ref = any($2::text[])"
            ],
            ids(location_ids),
            texts(refs),
        )
    }

    /// Writes claims whole, new or known.
    pub(crate) async fn put_claims(&mut self, rows: &[ClaimRow]) -> Result<(), RepoError> {
        claim_table!(upsert: self, "write claims", rows)
    }

    /// Removes claims that were withdrawn or have won.
    pub(crate) async fn remove_claims(&mut self, keys: &[ClaimKey]) -> Result<(), RepoError> {
        if keys.is_empty() {
            return Ok(());
        }
        // By location and ref together: the other claims on the ref stay, and one of them may take
        // over.
        execute!(
            self, "remove claims",
            sqlite: "delete from claim \
                where (location_id, ref) in \
                    (select value->>'location_id', value->>'ref' from jsonb_each($1))",
            postgres: "delete from claim \
                using json_to_recordset($1::json) as k(location_id bigint, ref text) \
                where claim.location_id = any(array(select location_id \
                        from json_to_recordset($1::json) as l(location_id bigint))) \
                    and claim.location_id = k.location_id and claim.ref = k.ref",
            json(keys),
        )
        .map(drop)
    }
}
