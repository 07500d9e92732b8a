//! Sources, read and locked by id, identity, name or what is due.

use freshet_model::{RepositoryName, SourceId};

use super::row::{SourceKey, SourceRow};
use crate::repo::error::RepoError;
use crate::repo::list::ids;
use crate::repo::statement::{Tx, json, select, select_in};

/// Between which times a source has a job, or waits for its turn; microseconds UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnqueueTimes {
    pub(crate) now: i64,
    /// Nothing that failed waits for longer than this.
    pub(crate) due_max: i64,
    /// What was enqueued since has its job still.
    pub(crate) enqueued_before: i64,
    /// Nothing was enqueued later than this.
    pub(crate) enqueued_max: i64,
}

impl Tx {
    /// The sources with these ids, locked in the order of their ids.
    pub(crate) async fn lock_sources(
        &mut self,
        source_ids: &[SourceId],
    ) -> Result<Vec<SourceRow>, RepoError> {
        // In the order of their ids, whoever locks them: two transactions that lock in the same
        // order cannot wait for each other.
        source_table!(
            select: self, SourceRow, "lock sources",
            sqlite: "from source where id in (select value from jsonb_each($1)) order by id",
            postgres: "from source \
                where id = any($1::bigint[]) \
                order by id \
                for update",
            ids(source_ids),
        )
    }

    /// The sources with these ids, as they are.
    pub(crate) async fn sources(
        &mut self,
        source_ids: &[SourceId],
    ) -> Result<Vec<SourceRow>, RepoError> {
        source_table!(
            select_in: self, SourceRow, "read sources",
            "id" in "bigint", order: "id", ids(source_ids)
        )
    }

    /// The sources the world outside names so, locked in the order of their ids.
    pub(crate) async fn lock_sources_by_key(
        &mut self,
        keys: &[SourceKey],
    ) -> Result<Vec<SourceRow>, RepoError> {
        source_table!(
            select: self, SourceRow, "lock sources by their identity",
            sqlite: "from (select value->>'kind' as k_kind, value->>'host' as k_host, \
                    value->>'external_id' as k_external_id, value->>'git_ref' as k_git_ref \
                    from jsonb_each($1)) as k \
                join source on kind = k_kind and host = k_host \
                    and external_id = k_external_id and git_ref = k_git_ref \
                order by id",
            postgres: "from source \
                where id = any(array(select s.id \
                    from json_to_recordset($1::json) \
                        as k(kind text, host text, external_id text, git_ref text) \
                    cross join lateral (select id from source \
                        where kind = k.kind and host = k.host and external_id = k.external_id \
                            and git_ref = k.git_ref offset 0) as s)) \
                order by id \
                for update",
            json(keys),
        )
    }

    /// The repositories of one account, locked in the order of their ids.
    pub(crate) async fn lock_repositories_of(
        &mut self,
        host: &str,
        owner: &str,
    ) -> Result<Vec<SourceRow>, RepoError> {
        // GitHub's account names have no case, and a hook may spell one unlike the row.
        source_table!(
            select: self, SourceRow, "lock the repositories of an account",
            sqlite: "from source \
                where kind = 'repository' and host = $1 and lower(owner) = lower($2) \
                order by id",
            postgres: "from source \
                where kind = 'repository' and host = $1 and lower(owner) = lower($2) \
                order by id \
                for update",
            host,
            owner,
        )
    }

    /// Every branch of these repositories.
    pub(crate) async fn sources_named(
        &mut self,
        names: &[&RepositoryName],
    ) -> Result<Vec<SourceRow>, RepoError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let parts = names.iter().map(|it| [it.host(), it.owner(), it.name()]);
        let parts: Vec<[&str; 3]> = parts.collect();
        source_table!(
            select: self, SourceRow, "find repositories by name",
            sqlite: "from (select value->>0 as k_host, value->>1 as k_owner, value->>2 as k_name \
                    from jsonb_each($1)) as k \
                join source on kind = 'repository' and host = k_host \
                    and lower(owner) = k_owner and lower(name) = k_name \
                order by id",
            postgres: "from (select value->>0 as k_host, value->>1 as k_owner, value->>2 as k_name \
                    from json_array_elements($1::json)) as k \
                cross join lateral (select * from source \
                    where kind = 'repository' and host = k_host \
                        and lower(owner) = k_owner and lower(name) = k_name offset 0) as source \
                order by id",
            json(&parts),
        )
    }

    /// Sources that no listing sweeps and that were not looked at for long.
    pub(crate) async fn sources_due(
        &mut self,
        now: i64,
        limit: i64,
    ) -> Result<Vec<SourceRow>, RepoError> {
        // The longest unproved come first, so that the limit keeps nobody waiting for ever. A
        // source without locations would cost a call and prove nothing.
        source_table!(
            select: self, SourceRow, "find sources that are due",
            sqlite: "from source \
                where recheck_every > 0 and wanted = done and done > 0 \
                    and verified_at + recheck_every <= $1 \
                    and exists (select 1 from location l where l.source_id = source.id) \
                order by verified_at, id \
                limit $2",
            postgres: "from source \
                where recheck_every > 0 and wanted = done and done > 0 \
                    and verified_at + recheck_every <= $1 \
                    and exists (select 1 from location l where l.source_id = source.id) \
                order by verified_at, id \
                limit $2",
            now,
            limit,
        )
    }

    /// The sources of roots.
    pub(crate) async fn roots_sources(&mut self) -> Result<Vec<SourceRow>, RepoError> {
        source_table!(
            select: self, SourceRow, "read the sources of roots",
            sqlite: "from source where kind = 'roots' order by id",
            postgres: "from source where kind = 'roots' order by id",
        )
    }

    /// Sources whose job may have been lost: outstanding, due, and not enqueued lately.
    pub(crate) async fn sources_to_enqueue(
        &mut self,
        at: &EnqueueTimes,
        limit: i64,
    ) -> Result<Vec<SourceRow>, RepoError> {
        // Times that no clock could have told yet are of one that was put back since: nobody waits until
        // it is that late again. Only what asks for a removal may wait for long.
        // Pushes go before sweeps here too: an outage may leave thousands outstanding.
        source_table!(
            select: self, SourceRow, "find sources without a job",
            sqlite: "from source \
                where wanted > done \
                    and (next_due_at <= $1 or (next_due_at > $2 \
                        and not exists (select 1 from removal r where r.source_id = source.id))) \
                    and (enqueued_at <= $3 or enqueued_at > $4) \
                order by lane, enqueued_at, id \
                limit $5",
            postgres: "from source \
                where wanted > done \
                    and (next_due_at <= $1 or (next_due_at > $2 \
                        and not exists (select 1 from removal r where r.source_id = source.id))) \
                    and (enqueued_at <= $3 or enqueued_at > $4) \
                order by lane, enqueued_at, id \
                limit $5",
            at.now,
            at.due_max,
            at.enqueued_before,
            at.enqueued_max,
            limit,
        )
    }
}
