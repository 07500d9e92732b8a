//! Locations: the files we want of a source.

use serde::{Deserialize, Serialize};

use super::RepoError;
use super::statement::{Tx, bounded, execute, fetch_all, json};
use super::stored::UnknownWord;

/// How a location was last found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LocationOutcome {
    /// Not looked at yet.
    Unread,
    /// Read, and its content is applied.
    Content,
    /// Read, and an error in it kept all of it out.
    Poisoned,
    /// Proved absent.
    Gone,
    /// A pattern whose matches are known.
    Matched,
    /// Not readable, and never read before.
    Failed,
}

impl TryFrom<String> for LocationOutcome {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "unread" => Ok(Self::Unread),
            "content" => Ok(Self::Content),
            "poisoned" => Ok(Self::Poisoned),
            "gone" => Ok(Self::Gone),
            "matched" => Ok(Self::Matched),
            "failed" => Ok(Self::Failed),
            _ => Err(UnknownWord {
                what: "location outcome",
                word,
            }),
        }
    }
}

/// One file, or pattern of files, of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct LocationRow {
    pub(crate) id: i64,
    pub(crate) source_id: i64,
    pub(crate) path: String,
    /// 1 if `path` is a pattern.
    pub(crate) is_glob: i64,
    /// Blob whose content is applied.
    pub(crate) blob_oid: String,
    /// Blob that was seen last.
    pub(crate) seen_oid: String,
    #[sqlx(try_from = "String")]
    pub(crate) outcome: LocationOutcome,
    /// `<class>: <message>` of a failure.
    pub(crate) failure: String,
    /// JSON: what the rules judge of a file, what a pattern matches.
    pub(crate) emitted: String,
    /// The Location entity under whose name its content is applied; empty if none.
    pub(crate) parent_ref: String,
    /// How that one names it.
    pub(crate) url: String,
    /// Root of the tree it was found in, `type:target`.
    pub(crate) origin: String,
}

impl LocationRow {
    /// A file nobody has looked at yet.
    pub(crate) fn new(id: i64, source_id: i64, path: &str) -> Self {
        Self {
            id,
            source_id,
            path: path.to_owned(),
            is_glob: 0,
            blob_oid: String::new(),
            seen_oid: String::new(),
            outcome: LocationOutcome::Unread,
            failure: String::new(),
            emitted: String::new(),
            parent_ref: String::new(),
            url: String::new(),
            origin: String::new(),
        }
    }

    /// Whether it holds anything of the source.
    pub(crate) fn holds_content(&self) -> bool {
        match self.outcome {
            LocationOutcome::Content | LocationOutcome::Poisoned => true,
            LocationOutcome::Unread
            | LocationOutcome::Gone
            | LocationOutcome::Matched
            | LocationOutcome::Failed => false,
        }
    }
}

impl Tx {
    /// Every location of these sources.
    pub(crate) async fn locations_of(
        &mut self,
        source_ids: &[i64],
    ) -> Result<Vec<LocationRow>, RepoError> {
        fetch_all!(
            self, LocationRow, "read locations",
            sqlite: "select * from location \
                where source_id in (select value from json_each($1)) \
                order by id",
            postgres: "select * from location \
                where source_id in (select json_array_elements_text($1::json)::bigint) \
                order by id",
            json(source_ids),
        )
    }

    /// The locations with these ids.
    pub(crate) async fn locations(&mut self, ids: &[i64]) -> Result<Vec<LocationRow>, RepoError> {
        fetch_all!(
            self, LocationRow, "read locations by id",
            sqlite: "select * from location where id in (select value from json_each($1)) order by id",
            postgres: "select * from location \
                where id in (select json_array_elements_text($1::json)::bigint) \
                order by id",
            json(ids),
        )
    }

    /// Ids for locations that are about to be written.
    pub(crate) async fn new_location_ids(&mut self, count: usize) -> Result<Vec<i64>, RepoError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let ids: Vec<(i64,)> = fetch_all!(
            self, (i64,), "take ids for locations",
            sqlite: "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
                select coalesce((select seq from sqlite_sequence where name = 'location'), 0) + i \
                from n",
            postgres: "select nextval('location_ids') from generate_series(1, $1)",
            bounded(count),
        )?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// The locations at these places: (source, path).
    pub(crate) async fn locations_at(
        &mut self,
        places: &[(i64, &str)],
    ) -> Result<Vec<LocationRow>, RepoError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, LocationRow, "read locations by their place",
            sqlite: "select l.* \
                from json_each($1) as k \
                join location l on l.source_id = k.value->>0 and l.path = k.value->>1 \
                order by l.id",
            postgres: "select l.* \
                from json_array_elements($1::json) as k \
                join location l on l.source_id = (k->>0)::bigint and l.path = k->>1 \
                order by l.id",
            json(places),
        )
    }

    /// Writes locations whole, new or known.
    pub(crate) async fn put_locations(&mut self, rows: &[LocationRow]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write locations",
            sqlite: "insert into location (id, source_id, path, is_glob, blob_oid, seen_oid, outcome, failure, emitted, \
                    parent_ref, url, origin) \
                select value->>'id', value->>'source_id', value->>'path', value->>'is_glob', \
                    value->>'blob_oid', value->>'seen_oid', value->>'outcome', value->>'failure', \
                    value->>'emitted', value->>'parent_ref', value->>'url', value->>'origin' \
                from json_each($1) \
                where true \
                on conflict (id) do update set \
                    source_id = excluded.source_id, \
                    path = excluded.path, \
                    is_glob = excluded.is_glob, \
                    blob_oid = excluded.blob_oid, \
                    seen_oid = excluded.seen_oid, \
                    outcome = excluded.outcome, \
                    failure = excluded.failure, \
                    emitted = excluded.emitted, \
                    parent_ref = excluded.parent_ref, \
                    url = excluded.url, \
                    origin = excluded.origin",
            postgres: "insert into location (id, source_id, path, is_glob, blob_oid, seen_oid, outcome, failure, emitted, \
                    parent_ref, url, origin) \
                select id, source_id, path, is_glob, blob_oid, seen_oid, outcome, failure, emitted, \
                    parent_ref, url, origin \
                from json_populate_recordset(null::location, $1::json) \
                on conflict (id) do update set \
                    source_id = excluded.source_id, \
                    path = excluded.path, \
                    is_glob = excluded.is_glob, \
                    blob_oid = excluded.blob_oid, \
                    seen_oid = excluded.seen_oid, \
                    outcome = excluded.outcome, \
                    failure = excluded.failure, \
                    emitted = excluded.emitted, \
                    parent_ref = excluded.parent_ref, \
                    url = excluded.url, \
                    origin = excluded.origin",
            json(rows),
        )
        .map(drop)
    }

    /// Forgets locations nothing points at any more, with what they depend on.
    pub(crate) async fn remove_locations(&mut self, ids: &[i64]) -> Result<(), RepoError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.replace_dependencies(ids, &[]).await?;
        execute!(
            self, "remove locations",
            sqlite: "delete from location where id in (select value from json_each($1))",
            postgres: "delete from location \
                where id in (select json_array_elements_text($1::json)::bigint)",
            json(ids),
        )
        .map(drop)
    }
}
