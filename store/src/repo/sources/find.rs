//! Sources, read and locked by id, identity, name or what is due.

use super::{SourceKey, SourceRow};
use crate::repo::RepoError;
use crate::repo::statement::{Tx, fetch_all, json};

impl Tx {
    /// The sources with these ids, locked in the order of their ids.
    pub(crate) async fn lock_sources(&mut self, ids: &[i64]) -> Result<Vec<SourceRow>, RepoError> {
        fetch_all!(
            self, SourceRow, "lock sources",
            sqlite: "select * from source \
                where id in (select value from json_each($1)) \
                order by id",
            postgres: "select * from source \
                where id in (select json_array_elements_text($1::json)::bigint) \
                order by id \
                for update",
            json(ids),
        )
    }

    /// The sources with these ids, as they are.
    pub(crate) async fn sources(&mut self, ids: &[i64]) -> Result<Vec<SourceRow>, RepoError> {
        fetch_all!(
            self, SourceRow, "read sources",
            sqlite: "select * from source where id in (select value from json_each($1))",
            postgres: "select * from source \
                where id in (select json_array_elements_text($1::json)::bigint)",
            json(ids),
        )
    }

    /// The sources the world outside names so, locked in the order of their ids.
    pub(crate) async fn lock_sources_by_key(
        &mut self,
        keys: &[SourceKey],
    ) -> Result<Vec<SourceRow>, RepoError> {
        fetch_all!(
            self, SourceRow, "lock sources by their identity",
            sqlite: "select s.* \
                from json_each($1) as k \
                join source s on s.kind = k.value->>'kind' \
                    and s.host = k.value->>'host' \
                    and s.external_id = k.value->>'external_id' \
                    and s.git_ref = k.value->>'git_ref' \
                order by s.id",
            postgres: "select s.* \
                from json_to_recordset($1::json) as k(kind text, host text, external_id text, git_ref text) \
                join source s on s.kind = k.kind \
                    and s.host = k.host \
                    and s.external_id = k.external_id \
                    and s.git_ref = k.git_ref \
                order by s.id \
                for update of s",
            json(keys),
        )
    }

    /// The repositories of one account, locked in the order of their ids.
    pub(crate) async fn lock_repositories_of(
        &mut self,
        host: &str,
        owner: &str,
    ) -> Result<Vec<SourceRow>, RepoError> {
        fetch_all!(
            self, SourceRow, "lock the repositories of an account",
            sqlite: "select * from source \
                where kind = 'repository' and host = $1 and lower(owner) = lower($2) \
                order by id",
            postgres: "select * from source \
                where kind = 'repository' and host = $1 and lower(owner) = lower($2) \
                order by id \
                for update",
            host,
            owner,
        )
    }

    /// Every branch of these repositories, known by (owner, name) on one host.
    pub(crate) async fn sources_named(
        &mut self,
        names: &[(String, String, String)],
    ) -> Result<Vec<SourceRow>, RepoError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, SourceRow, "find repositories by name",
            sqlite: "select s.* \
                from json_each($1) as k \
                join source s on s.kind = 'repository' and s.host = k.value->>0 \
                    and lower(s.owner) = k.value->>1 and lower(s.name) = k.value->>2 \
                order by s.id",
            postgres: "select s.* \
                from json_array_elements($1::json) as k \
                join source s on s.kind = 'repository' and s.host = k->>0 \
                    and lower(s.owner) = k->>1 and lower(s.name) = k->>2 \
                order by s.id",
            json(names),
        )
    }

    /// Sources that no listing sweeps and that were not looked at for long.
    pub(crate) async fn sources_due(
        &mut self,
        now: i64,
        limit: i64,
    ) -> Result<Vec<SourceRow>, RepoError> {
        const SQL: &str = "select * from source \
            where recheck_every > 0 and wanted = done and done > 0 \
                and verified_at + recheck_every <= $1 \
                and exists (select 1 from location l where l.source_id = source.id) \
            order by verified_at, id \
            limit $2";
        fetch_all!(
            self, SourceRow, "find sources that are due",
            sqlite: SQL,
            postgres: SQL,
            now,
            limit,
        )
    }

    /// The sources of roots.
    pub(crate) async fn roots_sources(&mut self) -> Result<Vec<SourceRow>, RepoError> {
        const SQL: &str = "select * from source where kind = 'roots' order by id";
        fetch_all!(
            self, SourceRow, "read the sources of roots",
            sqlite: SQL,
            postgres: SQL,
        )
    }

    /// Sources whose job may have been lost: outstanding, due, and not enqueued since `enqueued_before`.
    pub(crate) async fn sources_to_enqueue(
        &mut self,
        now: i64,
        enqueued_before: i64,
        limit: i64,
    ) -> Result<Vec<SourceRow>, RepoError> {
        const SQL: &str = "select * from source \
            where wanted > done and next_due_at <= $1 and enqueued_at <= $2 \
            order by lane, enqueued_at, id \
            limit $3";
        fetch_all!(
            self, SourceRow, "find sources without a job",
            sqlite: SQL,
            postgres: SQL,
            now,
            enqueued_before,
            limit,
        )
    }
}
