//! Location entities: the newest version that is declared, and the one in effect.

use serde::{Deserialize, Serialize};

use super::RepoError;
use super::statement::{Tx, execute, fetch_all, json};
use super::stored::UnknownWord;

/// How the run of a Location entity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunState {
    /// A target was not looked at yet.
    Waiting,
    /// Everything it points at is in order.
    Ok,
    /// Something it points at is broken, and all of it stays as it is.
    Broken,
}

impl TryFrom<String> for RunState {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "waiting" => Ok(Self::Waiting),
            "ok" => Ok(Self::Ok),
            "broken" => Ok(Self::Broken),
            _ => Err(UnknownWord {
                what: "run state",
                word,
            }),
        }
    }
}

/// A Location entity: the newest version that is declared, and how its run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct LocationEntityRow {
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    /// The location that declares it.
    pub(crate) declared_by: i64,
    /// As declared, canonical JSON without the catalog's annotations.
    pub(crate) document: String,
    pub(crate) digest: String,
    pub(crate) line: i64,
    pub(crate) column_number: i64,
    /// Where it stands, `type:target`.
    pub(crate) own: String,
    /// Root of the tree it was found in, `type:target`.
    pub(crate) origin: String,
    #[sqlx(try_from = "String")]
    pub(crate) state: RunState,
    /// Digest of the version in effect; empty if none is.
    pub(crate) applied_digest: String,
    pub(crate) since: i64,
}

impl Tx {
    /// The Location entities with these refs.
    pub(crate) async fn location_entities(
        &mut self,
        refs: &[&str],
    ) -> Result<Vec<LocationEntityRow>, RepoError> {
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
    }

    /// The Location entities these locations declare.
    pub(crate) async fn location_entities_of(
        &mut self,
        location_ids: &[i64],
    ) -> Result<Vec<LocationEntityRow>, RepoError> {
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
    }

    /// Writes Location entities whole, new or known.
    pub(crate) async fn put_location_entities(
        &mut self,
        rows: &[LocationEntityRow],
    ) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write Location entities",
            sqlite: "insert into location_entity (ref, declared_by, document, digest, line, column_number, own, origin, state, \
                    applied_digest, since) \
                select value->>'ref', value->>'declared_by', value->>'document', value->>'digest', \
                    value->>'line', value->>'column_number', value->>'own', value->>'origin', \
                    value->>'state', value->>'applied_digest', value->>'since' \
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
                    state = excluded.state, \
                    applied_digest = excluded.applied_digest, \
                    since = excluded.since",
            postgres: "insert into location_entity (ref, declared_by, document, digest, line, column_number, own, origin, state, \
                    applied_digest, since) \
                select ref, declared_by, document, digest, line, column_number, own, origin, state, \
                    applied_digest, since \
                from json_populate_recordset(null::location_entity, $1::json) \
                on conflict (ref) do update set \
                    declared_by = excluded.declared_by, \
                    document = excluded.document, \
                    digest = excluded.digest, \
                    line = excluded.line, \
                    column_number = excluded.column_number, \
                    own = excluded.own, \
                    origin = excluded.origin, \
                    state = excluded.state, \
                    applied_digest = excluded.applied_digest, \
                    since = excluded.since",
            json(rows),
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
