//! Links: what Location entities point at.

use serde::Serialize;

use super::RepoError;
use super::statement::{Tx, execute, fetch_all, json};

/// A Location entity points at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct LinkRow {
    pub(crate) parent_ref: String,
    pub(crate) location_id: i64,
    /// The pattern that matched the location; 0 if it is named itself.
    pub(crate) via: i64,
    pub(crate) ordinal: i64,
    /// How the Location entity names it.
    pub(crate) url: String,
    pub(crate) is_required: i64,
    /// 1 if the version in effect points at it.
    pub(crate) is_current: i64,
    /// 1 if the newest version points at it.
    pub(crate) is_next: i64,
    pub(crate) since: i64,
}

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
