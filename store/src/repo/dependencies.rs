//! Dependencies: the files that entities are made from besides the one that declares them.

use freshet_model::{GitRef, LocationId, RepositoryName, SourceId};
use serde::Serialize;

use super::error::RepoError;
use super::list::ids;
use super::statement::{Tx, delete_in, from_row, json, select_either_from, select_in, upsert};
use super::stored::{git_ref_if_any, git_ref_text, write_git_ref};

/// A file that a location's entities are made from, besides the location itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DependencyRow {
    pub(crate) location_id: LocationId,
    /// Of a repository, in lower case like owner and name; empty for a URL.
    pub(crate) host: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    /// None for a URL.
    #[serde(serialize_with = "write_git_ref")]
    pub(crate) git_ref: Option<GitRef>,
    pub(crate) path: String,
    /// What was read; empty if there was nothing.
    pub(crate) blob_oid: String,
    pub(crate) url: String,
}

from_row!(DependencyRow, row => Self {
    location_id: LocationId::new(row.try_get("location_id")?),
    host: row.try_get("host")?,
    owner: row.try_get("owner")?,
    name: row.try_get("name")?,
    git_ref: git_ref_if_any(row.try_get("git_ref")?),
    path: row.try_get("path")?,
    blob_oid: row.try_get("blob_oid")?,
    url: row.try_get("url")?,
});

impl DependencyRow {
    /// The repository it is in; all parts are empty if it is a plain URL.
    pub(crate) fn repository(&self) -> RepositoryName {
        RepositoryName::new(&self.host, &self.owner, &self.name)
    }

    /// Its git ref as messages hold it; empty for a URL.
    pub(crate) fn git_ref_text(&self) -> &str {
        git_ref_text(self.git_ref.as_ref())
    }
}

/// A location that depends on something, with its source.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Dependent {
    #[sqlx(flatten)]
    pub(crate) dependency: DependencyRow,
    /// The source of the location.
    #[sqlx(try_from = "i64")]
    pub(crate) source_id: SourceId,
}

/// The table, for the statements that name all of its columns.
macro_rules! dependency_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "dependency",
            key: ["location_id", "host", "owner", "name", "git_ref", "path", "url"],
            kept: [],
            written: ["blob_oid"];
            $($rest)*
        )
    };
}

pub(super) use dependency_table;

impl Tx {
    /// What these locations depend on.
    pub(crate) async fn dependencies_of(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<Vec<DependencyRow>, RepoError> {
        dependency_table!(
            select_in: self, DependencyRow, "read dependencies", "location_id" in "bigint",
            order: "location_id, host, owner, name, git_ref, path, url", ids(location_ids)
        )
    }

    /// What the locations of these sources depend on, and what depends on files of these repositories.
    pub(crate) async fn dependencies_around(
        &mut self,
        source_ids: &[SourceId],
        repositories: &[RepositoryName],
    ) -> Result<Vec<Dependent>, RepoError> {
        if source_ids.is_empty() && repositories.is_empty() {
            return Ok(Vec::new());
        }
        let named: Vec<[&str; 3]> = repositories
            .iter()
            .map(|it| [it.host(), it.owner(), it.name()])
            .collect();
        // Both at once, as most pushes are to repositories that nothing depends on.
        dependency_table!(
            select_either_from: self, Dependent, "find what depends on what", "source_id",
            sqlite: [
                "(select id, source_id from location \
                        where source_id in (select value from jsonb_each($1))) as l \
                    join dependency on location_id = l.id",
                "(select value->>0 as k_host, value->>1 as k_owner, value->>2 as k_name \
                        from jsonb_each($2)) as k \
                    join dependency on host = k_host and owner = k_owner and name = k_name \
                    join (select id, source_id from location) as l on l.id = location_id"
            ],
            postgres: [
                "(select id, source_id from location where source_id = any($1::bigint[]) offset 0) as l \
                    cross join lateral ( \
                        select * from dependency where location_id = l.id offset 0) as dependency",
                "(select value->>0 as k_host, value->>1 as k_owner, value->>2 as k_name \
                        from json_array_elements($2::json)) as k \
                    cross join lateral (select * from dependency \
                        where host = k_host and owner = k_owner and name = k_name offset 0) as dependency \
                    cross join lateral ( \
                        select source_id from location where id = location_id offset 0) as l"
            ],
            ids(source_ids),
            json(&named),
        )
    }

    /// Replaces everything these locations depend on.
    pub(crate) async fn replace_dependencies(
        &mut self,
        location_ids: &[LocationId],
        rows: &[DependencyRow],
    ) -> Result<(), RepoError> {
        // Replaced as a whole: what is not read any more must not cause another reading.
        delete_in!(
            self, "forget dependencies", "dependency", "location_id" in "bigint", ids(location_ids)
        )?;
        self.put_dependencies(rows).await
    }

    /// Writes dependencies.
    pub(crate) async fn put_dependencies(
        &mut self,
        rows: &[DependencyRow],
    ) -> Result<(), RepoError> {
        dependency_table!(upsert: self, "write dependencies", rows)
    }
}
