//! The tree of locations: Location entities and what they point at.

use serde::Serialize;

use super::statement::{Tx, execute, fetch_all, json};
use super::{LinkRow, LocationEntityRow, RepoError};

/// Names one link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct LinkKey {
    pub(crate) parent_ref: String,
    pub(crate) location_id: i64,
    pub(crate) via: i64,
}

impl LinkRow {
    /// What names it.
    pub(crate) fn key(&self) -> LinkKey {
        LinkKey {
            parent_ref: self.parent_ref.clone(),
            location_id: self.location_id,
            via: self.via,
        }
    }
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

    /// Everything these Location entities point at.
    pub(crate) async fn links_of_parents(
        &mut self,
        refs: &[&str],
    ) -> Result<Vec<LinkRow>, RepoError> {
        if refs.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, LinkRow, "read what Location entities point at",
            sqlite: "select * from link \
                where parent_ref in (select value from json_each($1)) \
                order by parent_ref, location_id, via",
            postgres: "select * from link \
                where parent_ref in (select json_array_elements_text($1::json)) \
                order by parent_ref, location_id, via",
            json(refs),
        )
    }

    /// Everything that points at these locations.
    pub(crate) async fn links_of_locations(
        &mut self,
        location_ids: &[i64],
    ) -> Result<Vec<LinkRow>, RepoError> {
        if location_ids.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, LinkRow, "read what points at locations",
            sqlite: "select * from link \
                where location_id in (select value from json_each($1)) \
                order by parent_ref, location_id, via",
            postgres: "select * from link \
                where location_id in (select json_array_elements_text($1::json)::bigint) \
                order by parent_ref, location_id, via",
            json(location_ids),
        )
    }

    /// Writes links whole, new or known.
    pub(crate) async fn put_links(&mut self, rows: &[LinkRow]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write links",
            sqlite: "insert into link (parent_ref, location_id, via, ordinal, url, is_required, is_current, is_next, \
                    since) \
                select value->>'parent_ref', value->>'location_id', value->>'via', value->>'ordinal', \
                    value->>'url', value->>'is_required', value->>'is_current', value->>'is_next', \
                    value->>'since' \
                from json_each($1) \
                where true \
                on conflict (parent_ref, location_id, via) do update set \
                    ordinal = excluded.ordinal, \
                    url = excluded.url, \
                    is_required = excluded.is_required, \
                    is_current = excluded.is_current, \
                    is_next = excluded.is_next, \
                    since = excluded.since",
            postgres: "insert into link (parent_ref, location_id, via, ordinal, url, is_required, is_current, is_next, \
                    since) \
                select parent_ref, location_id, via, ordinal, url, is_required, is_current, is_next, \
                    since \
                from json_populate_recordset(null::link, $1::json) \
                on conflict (parent_ref, location_id, via) do update set \
                    ordinal = excluded.ordinal, \
                    url = excluded.url, \
                    is_required = excluded.is_required, \
                    is_current = excluded.is_current, \
                    is_next = excluded.is_next, \
                    since = excluded.since",
            json(rows),
        )
        .map(drop)
    }

    /// Removes links.
    pub(crate) async fn remove_links(&mut self, keys: &[LinkKey]) -> Result<(), RepoError> {
        if keys.is_empty() {
            return Ok(());
        }
        execute!(
            self, "remove links",
            sqlite: "delete from link \
                where (parent_ref, location_id, via) in \
                    (select value->>'parent_ref', value->>'location_id', value->>'via' \
                    from json_each($1))",
            postgres: "delete from link \
                where (parent_ref, location_id, via) in \
                    (select k.parent_ref, k.location_id, k.via \
                    from json_to_recordset($1::json) \
                        as k(parent_ref text, location_id bigint, via bigint))",
            json(keys),
        )
        .map(drop)
    }
}
