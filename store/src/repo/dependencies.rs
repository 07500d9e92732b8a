//! Dependencies: the files that entities are made from besides the one that declares them.

use serde::Serialize;

use super::RepoError;
use super::statement::{Tx, execute, fetch_all, json};

/// A file that a location's entities are made from, besides the location itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct DependencyRow {
    pub(crate) location_id: i64,
    /// Of a repository, in lower case like owner and name; empty for a URL.
    pub(crate) host: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) git_ref: String,
    pub(crate) path: String,
    /// What was read; empty if there was nothing.
    pub(crate) blob_oid: String,
    pub(crate) url: String,
}

/// A location that depends on something, with its source.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Dependent {
    #[sqlx(flatten)]
    pub(crate) dependency: DependencyRow,
    /// The source of the location.
    pub(crate) source_id: i64,
}

impl Tx {
    /// What these locations depend on.
    pub(crate) async fn dependencies_of(
        &mut self,
        location_ids: &[i64],
    ) -> Result<Vec<DependencyRow>, RepoError> {
        if location_ids.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, DependencyRow, "read dependencies",
            sqlite: "select * from dependency \
                where location_id in (select value from json_each($1)) \
                order by location_id, host, owner, name, git_ref, path, url",
            postgres: "select * from dependency \
                where location_id in (select json_array_elements_text($1::json)::bigint) \
                order by location_id, host, owner, name, git_ref, path, url",
            json(location_ids),
        )
    }

    /// What depends on files of these repositories: (host, owner, name), in lower case.
    pub(crate) async fn dependents_of(
        &mut self,
        repositories: &[(String, String, String)],
    ) -> Result<Vec<Dependent>, RepoError> {
        if repositories.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, Dependent, "find what depends on repositories",
            sqlite: "select d.*, l.source_id \
                from json_each($1) as k \
                join dependency d on d.host = k.value->>0 and d.owner = k.value->>1 \
                    and d.name = k.value->>2 \
                join location l on l.id = d.location_id \
                order by d.location_id, d.git_ref, d.path",
            postgres: "select d.*, l.source_id \
                from json_array_elements($1::json) as k \
                join dependency d on d.host = k->>0 and d.owner = k->>1 and d.name = k->>2 \
                join location l on l.id = d.location_id \
                order by d.location_id, d.git_ref, d.path",
            json(repositories),
        )
    }

    /// Replaces everything these locations depend on.
    pub(crate) async fn replace_dependencies(
        &mut self,
        location_ids: &[i64],
        rows: &[DependencyRow],
    ) -> Result<(), RepoError> {
        if !location_ids.is_empty() {
            execute!(
                self, "forget dependencies",
                sqlite: "delete from dependency \
                    where location_id in (select value from json_each($1))",
                postgres: "delete from dependency \
                    where location_id in (select json_array_elements_text($1::json)::bigint)",
                json(location_ids),
            )?;
        }
        self.put_dependencies(rows).await
    }

    /// Writes dependencies.
    pub(crate) async fn put_dependencies(
        &mut self,
        rows: &[DependencyRow],
    ) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write dependencies",
            sqlite: "insert into dependency (location_id, host, owner, name, git_ref, path, blob_oid, url) \
                select value->>'location_id', value->>'host', value->>'owner', value->>'name', \
                    value->>'git_ref', value->>'path', value->>'blob_oid', value->>'url' \
                from json_each($1) \
                where true \
                on conflict (location_id, host, owner, name, git_ref, path, url) do update set \
                    blob_oid = excluded.blob_oid",
            postgres: "insert into dependency (location_id, host, owner, name, git_ref, path, blob_oid, url) \
                select location_id, host, owner, name, git_ref, path, blob_oid, url \
                from json_populate_recordset(null::dependency, $1::json) \
                on conflict (location_id, host, owner, name, git_ref, path, url) do update set \
                    blob_oid = excluded.blob_oid",
            json(rows),
        )
        .map(drop)
    }
}
