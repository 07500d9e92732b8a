//! Location entities: the newest version that is declared.

use freshet_model::LocationId;
use freshet_model::location::TargetPlaces;
use serde::Serialize;

use super::error::RepoError;
use super::list::{ids, texts};
use super::statement::{Tx, delete_in, json, select_either, upsert};

/// A Location entity: the newest version that is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocationEntity {
    pub(crate) entity_ref: String,
    /// The location that declares it.
    pub(crate) declared_by: LocationId,
    /// As declared, canonical JSON without the catalog's annotations.
    pub(crate) document: String,
    pub(crate) digest: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Where it says what it points at; empty if that was not known when it was read.
    pub(crate) target_places: TargetPlaces,
    /// Where it stands, `type:target`.
    pub(crate) own: String,
    /// The root it was found from, `type:target`.
    pub(crate) origin: String,
    /// Whether the catalog shows it. One that stands for something optional is shown only while
    /// something is there.
    pub(crate) is_published: bool,
}

#[derive(Serialize, sqlx::FromRow)]
struct LocationEntityRow {
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    entity_ref: String,
    #[sqlx(try_from = "i64")]
    declared_by: LocationId,
    document: String,
    digest: String,
    line: i64,
    column_number: i64,
    target_places: String,
    own: String,
    origin: String,
    is_published: i64,
}

impl From<LocationEntityRow> for LocationEntity {
    fn from(row: LocationEntityRow) -> Self {
        Self {
            entity_ref: row.entity_ref,
            declared_by: row.declared_by,
            document: row.document,
            digest: row.digest,
            // A position only helps people, so a strange one must not make the entity unreadable.
            line: u32::try_from(row.line).unwrap_or_default(),
            column: u32::try_from(row.column_number).unwrap_or_default(),
            target_places: serde_json::from_str(&row.target_places).unwrap_or_default(),
            own: row.own,
            origin: row.origin,
            is_published: row.is_published != 0,
        }
    }
}

impl From<&LocationEntity> for LocationEntityRow {
    fn from(entity: &LocationEntity) -> Self {
        Self {
            entity_ref: entity.entity_ref.clone(),
            declared_by: entity.declared_by,
            document: entity.document.clone(),
            digest: entity.digest.clone(),
            line: i64::from(entity.line),
            column_number: i64::from(entity.column),
            target_places: json(&entity.target_places),
            own: entity.own.clone(),
            origin: entity.origin.clone(),
            is_published: i64::from(entity.is_published),
        }
    }
}

fn entities_from_rows(rows: Vec<LocationEntityRow>) -> Vec<LocationEntity> {
    rows.into_iter().map(LocationEntity::from).collect()
}

/// The table, for the statements that name all of its columns.
macro_rules! location_entity_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "location_entity",
            key: ["ref"],
            kept: [],
            written: [
                "declared_by", "document", "digest", "line", "column_number",
                "target_places", "own", "origin", "is_published"
            ];
            $($rest)*
        )
    };
}

impl Tx {
    /// The Location entities these locations declare, and those with these refs.
    pub(crate) async fn location_entities_of(
        &mut self,
        location_ids: &[LocationId],
        refs: &[&str],
    ) -> Result<Vec<LocationEntity>, RepoError> {
        location_entity_table!(
            select_either: self, LocationEntityRow, "read Location entities",
            sqlite: [
                "declared_by in (select value from jsonb_each($1))",
                "ref in (select value from jsonb_each($2))"
            ],
            postgres: ["declared_by = any($1::bigint[])", "ref = any($2::text[])"],
            ids(location_ids),
            texts(refs),
        )
        .map(entities_from_rows)
    }

    /// Writes Location entities whole, new or known.
    pub(crate) async fn put_location_entities(
        &mut self,
        entities: &[LocationEntity],
    ) -> Result<(), RepoError> {
        let rows: Vec<LocationEntityRow> = entities.iter().map(LocationEntityRow::from).collect();
        location_entity_table!(upsert: self, "write Location entities", &rows)
    }

    /// Forgets Location entities nobody declares any more.
    pub(crate) async fn remove_location_entities(
        &mut self,
        refs: &[String],
    ) -> Result<(), RepoError> {
        delete_in!(self, "remove Location entities", "location_entity", "ref" in "text", texts(refs))
    }
}
