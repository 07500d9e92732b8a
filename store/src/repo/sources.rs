//! Sources: read and locked by id or identity, written whole.

use serde::Serialize;

use super::statement::{Tx, execute, fetch_all, json};
use super::{Repo, RepoError, SourceRow, SourceStatus};

/// How the world outside names a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct SourceKey {
    pub(crate) kind: super::SourceKind,
    pub(crate) host: String,
    pub(crate) external_id: String,
    pub(crate) git_ref: String,
}

impl SourceRow {
    /// How the world outside names it.
    pub(crate) fn key(&self) -> SourceKey {
        SourceKey {
            kind: self.kind,
            host: self.host.clone(),
            external_id: self.external_id.clone(),
            git_ref: self.git_ref.clone(),
        }
    }
}

impl Repo {
    /// How every source stands.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn source_statuses(&self) -> Result<Vec<SourceStatus>, RepoError> {
        const SQL: &str = "select id, kind, host, \
            case when kind = 'listing' then owner else owner || '/' || name end as name, \
            url, wanted, done, verified_at, changed_at, mechanism, fail_count, last_error, recheck_every \
            from source \
            where kind <> 'roots' \
            order by id";
        let mut tx = self.read().await?;
        let statuses = fetch_all!(
            &mut tx, SourceStatus, "read how the sources stand",
            sqlite: SQL,
            postgres: SQL,
        )?;
        tx.commit().await?;
        Ok(statuses)
    }
}

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

    /// Notes that jobs of these sources were published.
    pub(crate) async fn set_enqueued(&mut self, ids: &[i64], now: i64) -> Result<(), RepoError> {
        execute!(
            self, "note published jobs",
            sqlite: "update source set enqueued_at = $2 \
                where id in (select value from json_each($1))",
            postgres: "update source set enqueued_at = $2 \
                where id in (select json_array_elements_text($1::json)::bigint)",
            json(ids),
            now,
        )
        .map(drop)
    }

    /// Ends these generations (source, generation), which nobody wants any more, without a proof.
    pub(crate) async fn abandon_generations(
        &mut self,
        generations: &[(i64, i64)],
    ) -> Result<(), RepoError> {
        execute!(
            self, "abandon generations",
            sqlite: "update source \
                set done = g.generation \
                from (select value->>0 as source_id, value->>1 as generation from json_each($1)) as g \
                where source.id = g.source_id and source.done < g.generation",
            postgres: "update source \
                set done = g.generation \
                from (select (pair->>0)::bigint as source_id, (pair->>1)::bigint as generation \
                    from json_array_elements($1::json) as pair) as g \
                where source.id = g.source_id and source.done < g.generation",
            json(generations),
        )
        .map(drop)
    }

    /// Asks again for every repository that was read with another fingerprint and waits for nothing.
    pub(crate) async fn want_other_fingerprints(
        &mut self,
        fingerprint: &str,
        cause: String,
    ) -> Result<u64, RepoError> {
        const SQL: &str = "update source \
            set wanted = wanted + 1, lane = 2, cause = $2, next_due_at = 0, enqueued_at = 0 \
            where kind in ('repository', 'url', 'file') and wanted = done and done > 0 and fingerprint <> $1";
        execute!(
            self, "ask for sources read in another way",
            sqlite: SQL,
            postgres: SQL,
            fingerprint,
            cause,
        )
    }

    /// Ids for sources that are about to be written.
    pub(crate) async fn new_source_ids(&mut self, count: usize) -> Result<Vec<i64>, RepoError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let ids: Vec<(i64,)> = fetch_all!(
            self, (i64,), "take ids for sources",
            // The only writer; sources are never deleted.
            sqlite: "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
                select (select coalesce(max(id), 0) from source) + i from n",
            postgres: "select nextval('source_ids') from generate_series(1, $1)",
            bounded(count),
        )?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// Writes sources whole, new or known.
    pub(crate) async fn put_sources(&mut self, rows: &[SourceRow]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write sources",
            sqlite: include_str!("put_sources.sqlite.sql"),
            postgres: include_str!("put_sources.postgres.sql"),
            json(rows),
        )
        .map(drop)
    }
}

/// A count as SQL takes it.
pub(super) fn bounded(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
