//! Entities and tombstones, without documents: those are in the log.

use freshet_model::{LocationId, Revision, SourceId};
use serde::Serialize;

use super::error::RepoError;
use super::list::{ids, texts};
use super::statement::{Tx, execute, json, select_either, upsert};

/// An entity or the tombstone of one, without its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct EntityRow {
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    pub(crate) uid: String,
    pub(crate) version: i64,
    #[sqlx(try_from = "i64")]
    pub(crate) revision: Revision,
    #[sqlx(try_from = "i64")]
    pub(crate) document_revision: Revision,
    pub(crate) digest: String,
    /// Whether nothing declares it any more and it is kept all the same.
    pub(crate) is_orphan: bool,
    #[sqlx(try_from = "i64")]
    pub(crate) location_id: LocationId,
    #[sqlx(try_from = "i64")]
    pub(crate) source_id: SourceId,
    pub(crate) claimed_at: i64,
    pub(crate) changed_at: i64,
}

impl EntityRow {
    /// Whether the entity is in the catalog; otherwise this is its tombstone.
    pub(crate) fn is_live(&self) -> bool {
        self.document_revision > Revision::default()
    }
}

/// A new version of an entity whose document is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EntityTouch {
    #[serde(rename = "ref")]
    pub(crate) entity_ref: String,
    pub(crate) version: i64,
    pub(crate) revision: Revision,
    pub(crate) changed_at: i64,
}

/// The table, for the statements that name all of its columns.
macro_rules! entity_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "entity",
            key: ["ref"],
            kept: [],
            written: [
                "uid", "version", "revision", "document_revision", "digest", "is_orphan", "location_id",
                "source_id", "claimed_at", "changed_at"
            ];
            $($rest)*
        )
    };
}

pub(super) use entity_table;

impl Tx {
    /// What these locations hold, and who holds (or held) these refs.
    pub(crate) async fn entities_of(
        &mut self,
        location_ids: &[LocationId],
        refs: &[&str],
    ) -> Result<Vec<EntityRow>, RepoError> {
        // Two selects and their union, for an `or` over two columns seldom uses either index.
        entity_table!(
            select_either: self, EntityRow, "read entities",
            sqlite: [
                "location_id in (select value from jsonb_each($1)) and document_revision > 0",
                "ref in (select value from jsonb_each($2))"
            ],
            postgres: [
                "location_id = any($1::bigint[]) and document_revision > 0",
                "ref = any($2::text[])"
            ],
            ids(location_ids),
            texts(refs),
        )
    }

    /// Writes entities whole, new or known.
    pub(crate) async fn put_entities(&mut self, rows: &[EntityRow]) -> Result<(), RepoError> {
        entity_table!(upsert: self, "write entities", rows)
    }

    /// Gives entities a new version and leaves their documents alone.
    pub(crate) async fn touch_entities(&mut self, rows: &[EntityTouch]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        // In one statement for all: a group that names a thousand members touches each of them.
        execute!(
            self, "touch entities",
            sqlite: "update entity \
                set version = t.version, revision = t.revision, changed_at = t.changed_at \
                from (select value->>'ref' as ref, value->>'version' as version, \
                        value->>'revision' as revision, value->>'changed_at' as changed_at \
                    from jsonb_each($1)) as t \
                where entity.ref = t.ref",
            postgres: "update entity \
                set version = t.version, revision = t.revision, changed_at = t.changed_at \
                from json_to_recordset($1::json) \
                    as t(ref text, version bigint, revision bigint, changed_at bigint) \
                where entity.ref = any(array(select ref from json_to_recordset($1::json) as r(ref text))) \
                    and entity.ref = t.ref",
            json(rows),
        )
        .map(drop)
    }
}
