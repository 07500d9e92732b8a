//! Links: what Location entities point at.

use freshet_model::LocationId;
use serde::Serialize;

use super::error::RepoError;
use super::list::{ids, texts};
use super::statement::{Tx, execute, fetch_all, json, select_in, upsert};

/// The edge between a Location entity and a location it points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocationLink {
    pub(crate) parent_ref: String,
    pub(crate) location_id: LocationId,
    /// The pattern that matched the location; none if it is named itself.
    pub(crate) via: Option<LocationId>,
    /// Place among the targets.
    pub(crate) ordinal: i64,
    /// How the Location entity names it.
    pub(crate) url: String,
    pub(crate) is_required: bool,
    /// Whether the newest version lists it. One it does not list any more stays until each of its
    /// other targets was looked at, so that a file which is renamed together with its target keeps
    /// its entities.
    pub(crate) is_listed: bool,
    /// Since when it is there.
    pub(crate) since: i64,
}

/// Names one link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkKey {
    pub(crate) parent_ref: String,
    pub(crate) location_id: LocationId,
    pub(crate) via: Option<LocationId>,
}

impl LocationLink {
    /// What names it.
    pub(crate) fn key(&self) -> LinkKey {
        LinkKey {
            parent_ref: self.parent_ref.clone(),
            location_id: self.location_id,
            via: self.via,
        }
    }
}

/// A row of the table; `via` is 0 for a location that is named itself.
#[derive(Serialize, sqlx::FromRow)]
struct LinkRow {
    parent_ref: String,
    #[sqlx(try_from = "i64")]
    location_id: LocationId,
    via: i64,
    ordinal: i64,
    url: String,
    is_required: i64,
    is_listed: i64,
    since: i64,
}

/// The key as the statement that removes links unpacks it.
#[derive(Serialize)]
struct LinkKeyRow<'a> {
    parent_ref: &'a str,
    location_id: LocationId,
    via: i64,
}

impl From<LinkRow> for LocationLink {
    fn from(row: LinkRow) -> Self {
        Self {
            parent_ref: row.parent_ref,
            location_id: row.location_id,
            via: (row.via != 0).then(|| LocationId::new(row.via)),
            ordinal: row.ordinal,
            url: row.url,
            is_required: row.is_required != 0,
            is_listed: row.is_listed != 0,
            since: row.since,
        }
    }
}

impl From<&LocationLink> for LinkRow {
    fn from(link: &LocationLink) -> Self {
        Self {
            parent_ref: link.parent_ref.clone(),
            location_id: link.location_id,
            // Zero and not null, because two nulls in a key would be two links.
            via: link.via.unwrap_or_default().get(),
            ordinal: link.ordinal,
            url: link.url.clone(),
            is_required: i64::from(link.is_required),
            is_listed: i64::from(link.is_listed),
            since: link.since,
        }
    }
}

fn links_from_rows(rows: Vec<LinkRow>) -> Vec<LocationLink> {
    rows.into_iter().map(LocationLink::from).collect()
}

/// The table, for the statements that name all of its columns.
macro_rules! link_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "link",
            key: ["parent_ref", "location_id", "via"],
            kept: [],
            written: ["ordinal", "url", "is_required", "is_listed", "since"];
            $($rest)*
        )
    };
}

impl Tx {
    /// Everything these Location entities point at.
    pub(crate) async fn links_of_parents(
        &mut self,
        refs: &[&str],
    ) -> Result<Vec<LocationLink>, RepoError> {
        link_table!(
            select_in: self, LinkRow, "read what Location entities point at",
            "parent_ref" in "text", order: "parent_ref, location_id, via", texts(refs)
        )
        .map(links_from_rows)
    }

    /// Everything that points at these locations.
    pub(crate) async fn links_of_locations(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<Vec<LocationLink>, RepoError> {
        link_table!(
            select_in: self, LinkRow, "read what points at locations",
            "location_id" in "bigint", order: "parent_ref, location_id, via", ids(location_ids)
        )
        .map(links_from_rows)
    }

    /// Writes links whole, new or known.
    pub(crate) async fn put_links(&mut self, links: &[LocationLink]) -> Result<(), RepoError> {
        let rows: Vec<LinkRow> = links.iter().map(LinkRow::from).collect();
        link_table!(upsert: self, "write links", &rows)
    }

    /// Removes links.
    pub(crate) async fn remove_links(&mut self, keys: &[LinkKey]) -> Result<(), RepoError> {
        if keys.is_empty() {
            return Ok(());
        }
        // A link has no number of its own: its three columns name it.
        let keys: Vec<LinkKeyRow<'_>> = keys
            .iter()
            .map(|key| LinkKeyRow {
                parent_ref: &key.parent_ref,
                location_id: key.location_id,
                via: key.via.unwrap_or_default().get(),
            })
            .collect();
        execute!(
            self, "remove links",
            sqlite: "delete from link \
                where (parent_ref, location_id, via) in \
                    (select value->>'parent_ref', value->>'location_id', value->>'via' \
                    from jsonb_each($1))",
            postgres: "delete from link \
                using json_to_recordset($1::json) \
                    as k(parent_ref text, location_id bigint, via bigint) \
                where link.location_id = any(array(select location_id \
                        from json_to_recordset($1::json) as l(location_id bigint))) \
                    and link.parent_ref = k.parent_ref and link.location_id = k.location_id \
                    and link.via = k.via",
            json(&keys),
        )
        .map(drop)
    }

    /// These locations and every one that a chain of links leads to from them.
    pub(crate) async fn locations_below(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<Vec<LocationId>, RepoError> {
        let found: Vec<(i64,)> = fetch_all!(
            // Location entities may form a circle; `union` drops what was seen, so this ends.
            self, (i64,), "follow links down",
            sqlite: "with recursive below(id) as ( \
                    select value from jsonb_each($1) \
                    union \
                    select l.location_id \
                    from below b \
                    join location_entity e on e.declared_by = b.id \
                    join link l on l.parent_ref = e.ref) \
                select id from below order by id",
            postgres: "with recursive below(id) as ( \
                    select unnest($1::bigint[]) \
                    union \
                    select l.location_id \
                    from below b \
                    cross join lateral ( \
                        select ref from location_entity where declared_by = b.id offset 0) as e \
                    cross join lateral ( \
                        select location_id from link where parent_ref = e.ref offset 0) as l) \
                select id from below order by id",
            ids(location_ids),
        )?;
        Ok(found.into_iter().map(|(id,)| LocationId::new(id)).collect())
    }

    /// These locations and every one from which a chain of links leads to them.
    pub(crate) async fn locations_above(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<Vec<LocationId>, RepoError> {
        let found: Vec<(i64,)> = fetch_all!(
            self, (i64,), "follow links up",
            sqlite: "with recursive above(id) as ( \
                    select value from jsonb_each($1) \
                    union \
                    select e.declared_by \
                    from above a \
                    join link l on l.location_id = a.id \
                    join location_entity e on e.ref = l.parent_ref) \
                select id from above order by id",
            postgres: "with recursive above(id) as ( \
                    select unnest($1::bigint[]) \
                    union \
                    select e.declared_by \
                    from above a \
                    cross join lateral ( \
                        select parent_ref from link where location_id = a.id offset 0) as l \
                    cross join lateral ( \
                        select declared_by from location_entity where ref = l.parent_ref offset 0) as e) \
                select id from above order by id",
            ids(location_ids),
        )?;
        Ok(found.into_iter().map(|(id,)| LocationId::new(id)).collect())
    }
}
