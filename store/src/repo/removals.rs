//! Removals that wait for a confirmation or a second look.

use freshet_model::{LocationId, SourceId};
use serde::Serialize;

use super::error::RepoError;
use super::list::{ids, texts};
use super::statement::{Tx, delete_in, execute, fetch_all, select, upsert};

/// A removal that waits for somebody to confirm it, or for a second look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct RemovalRow {
    #[sqlx(try_from = "i64")]
    pub(crate) location_id: LocationId,
    #[sqlx(try_from = "i64")]
    pub(crate) source_id: SourceId,
    pub(crate) installation: String,
    /// How many entities would go.
    pub(crate) entities: i64,
    /// JSON: the first of their refs.
    pub(crate) refs: String,
    pub(crate) since: i64,
    /// 0 until it is confirmed.
    pub(crate) confirmed_at: i64,
}

/// The table, for the statements that name all of its columns.
macro_rules! removal_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "removal",
            key: ["location_id"],
            kept: [],
            written: ["source_id", "installation", "entities", "refs", "since", "confirmed_at"];
            $($rest)*
        )
    };
}

impl Tx {
    /// Every removal that waits.
    pub(crate) async fn removals(&mut self) -> Result<Vec<RemovalRow>, RepoError> {
        removal_table!(
            select: self, RemovalRow, "read removals that wait",
            sqlite: "from removal order by since, location_id",
            postgres: "from removal order by since, location_id",
        )
    }

    /// Writes removals that wait.
    pub(crate) async fn put_removals(&mut self, rows: &[RemovalRow]) -> Result<(), RepoError> {
        removal_table!(upsert: self, "write removals that wait", rows)
    }

    /// How many entities there are of these installations.
    pub(crate) async fn live_entities(
        &mut self,
        installations: &[&str],
    ) -> Result<Vec<(String, i64)>, RepoError> {
        // Counted anew each time, not kept: the share of an installation that would go is only as
        // true as its number of entities.
        fetch_all!(
            self, (String, i64), "count the entities of installations",
            sqlite: "select s.installation, count(*) from entity e \
                join source s on s.id = e.source_id \
                where e.document_revision > 0 \
                    and s.installation in (select value from jsonb_each($1)) \
                group by s.installation",
            postgres: "select s.installation, count(*) from entity e \
                join source s on s.id = e.source_id \
                where e.document_revision > 0 \
                    and s.installation = any($1::text[]) \
                group by s.installation",
            texts(installations),
        )
    }

    /// Notes that somebody confirmed the removal of these locations.
    pub(crate) async fn confirm_removals(
        &mut self,
        location_ids: &[LocationId],
        now: i64,
    ) -> Result<(), RepoError> {
        execute!(
            self, "confirm removals",
            sqlite: "update removal set confirmed_at = $2 \
                where location_id in (select value from jsonb_each($1))",
            postgres: "update removal set confirmed_at = $2 \
                where location_id = any($1::bigint[])",
            ids(location_ids),
            now,
        )
        .map(drop)
    }

    /// Forgets removals that were made or are no longer asked for.
    pub(crate) async fn remove_removals(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<(), RepoError> {
        // Also those that were taken back: a removal that waits for nobody would alarm for ever.
        delete_in!(self, "remove removals that wait", "removal", "location_id" in "bigint", ids(location_ids))
    }
}
