//! Location entities: the newest version that is declared.

use serde::Serialize;

use super::RepoError;
use super::statement::{Tx, execute, fetch_all, json};

/// A Location entity: the newest version that is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocationEntity {
    pub(crate) entity_ref: String,
    /// The location that declares it.
    pub(crate) declared_by: i64,
    /// As declared, canonical JSON without the catalog's annotations.
    pub(crate) document: String,
    pub(crate) digest: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
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
    declared_by: i64,
    document: String,
    digest: String,
    line: i64,
    column_number: i64,
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
            line: u32::try_from(row.line).unwrap_or_default(),
            column: u32::try_from(row.column_number).unwrap_or_default(),
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
            own: entity.own.clone(),
            origin: entity.origin.clone(),
            is_published: i64::from(entity.is_published),
        }
    }
}

fn entities_from_rows(rows: Vec<LocationEntityRow>) -> Vec<LocationEntity> {
    rows.into_iter().map(LocationEntity::from).collect()
}

impl Tx {
    /// The Location entities with these refs.
    pub(crate) async fn location_entities(
        &mut self,
        refs: &[&str],
    ) -> Result<Vec<LocationEntity>, RepoError> {
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, LocationEntityRow, "read Location entities",
            sqlite: "select * from location_entity \
                where ref in (select value from json_each($1)) \
                order by ref",
            postgres: "select * from location_entity \
                where ref in (select json_array_elements_text($1::json)) \
                order by ref",
            json(refs),
        )
        .map(entities_from_rows)
    }

    /// The Location entities these locations declare.
    pub(crate) async fn location_entities_of(
        &mut self,
        location_ids: &[i64],
    ) -> Result<Vec<LocationEntity>, RepoError> {
        if location_ids.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, LocationEntityRow, "read the Location entities of locations",
            sqlite: "select * from location_entity \
                where declared_by in (select value from json_each($1)) \
                order by ref",
            postgres: "select * from location_entity \
                where declared_by in (select json_array_elements_text($1::json)::bigint) \
                order by ref",
            json(location_ids),
        )
        .map(entities_from_rows)
    }

    /// Writes Location entities whole, new or known.
    pub(crate) async fn put_location_entities(
        &mut self,
        entities: &[LocationEntity],
    ) -> Result<(), RepoError> {
        if entities.is_empty() {
            return Ok(());
        }
        let rows: Vec<LocationEntityRow> = entities.iter().map(LocationEntityRow::from).collect();
        execute!(
            self, "write Location entities",
            sqlite: "insert into location_entity (ref, declared_by, document, digest, line, column_number, own, origin, is_published) \
                select value->>'ref', value->>'declared_by', value->>'document', value->>'digest', \
                    value->>'line', value->>'column_number', value->>'own', value->>'origin', \
                    value->>'is_published' \
                from json_each($1) \
                where true \
                on conflict (ref) do update set \
                    declared_by = excluded.declared_by, \
                    document = excluded.document, \
                    digest = excluded.digest, \
                    line = excluded.line, \
                    column_number = excluded.column_number, \
                    own = excluded.own, \
                    origin = excluded.origin, \
                    is_published = excluded.is_published",
            postgres: "insert into location_entity (ref, declared_by, document, digest, line, column_number, own, origin, is_published) \
                select ref, declared_by, document, digest, line, column_number, own, origin, is_published \
                from json_populate_recordset(null::location_entity, $1::json) \
                on conflict (ref) do update set \
                    declared_by = excluded.declared_by, \
                    document = excluded.document, \
                    digest = excluded.digest, \
                    line = excluded.line, \
                    column_number = excluded.column_number, \
                    own = excluded.own, \
                    origin = excluded.origin, \
                    is_published = excluded.is_published",
            json(&rows),
        )
        .map(drop)
    }

    /// Forgets Location entities nobody declares any more.
    pub(crate) async fn remove_location_entities(
        &mut self,
        refs: &[String],
    ) -> Result<(), RepoError> {
        if refs.is_empty() {
            return Ok(());
        }
        execute!(
            self, "remove Location entities",
            sqlite: "delete from location_entity where ref in (select value from json_each($1))",
            postgres: "delete from location_entity \
                where ref in (select json_array_elements_text($1::json))",
            json(refs),
        )
        .map(drop)
    }
}
