//! Sources, written whole or in one respect.

use freshet_model::SourceId;
use freshet_proto::message::Cause;

use super::row::{SourceGeneration, SourceRow};
use super::trigger::trigger_to_text;
use crate::repo::error::RepoError;
use crate::repo::list::ids;
use crate::repo::statement::{Tx, bounded, execute, fetch_all, json, upsert};

impl Tx {
    /// Notes that jobs of these sources were published.
    pub(crate) async fn set_enqueued(
        &mut self,
        source_ids: &[SourceId],
        now: i64,
    ) -> Result<(), RepoError> {
        execute!(
            // Not under the lock of the rows: if it is overtaken, a job is offered once more and
            // refused.
            self, "note published jobs",
            sqlite: "update source set enqueued_at = $2 \
                where id in (select value from jsonb_each($1))",
            postgres: "update source set enqueued_at = $2 \
                where id = any($1::bigint[])",
            ids(source_ids),
            now,
        )
        .map(drop)
    }

    /// Ends these generations, which nobody wants any more, without a proof.
    pub(crate) async fn abandon_generations(
        &mut self,
        generations: &[SourceGeneration],
    ) -> Result<(), RepoError> {
        // A newer generation may have been proved meanwhile, so `done` never goes back.
        execute!(
            self, "abandon generations",
            sqlite: "update source \
                set done = g.generation \
                from (select value->>'source_id' as source_id, value->>'generation' as generation \
                    from jsonb_each($1)) as g \
                where source.id = g.source_id and source.done < g.generation",
            postgres: "update source \
                set done = g.generation \
                from json_to_recordset($1::json) as g(source_id bigint, generation bigint) \
                where source.id = any(array(select source_id \
                        from json_to_recordset($1::json) as s(source_id bigint))) \
                    and source.id = g.source_id and source.done < g.generation",
            json(generations),
        )
        .map(drop)
    }

    /// Asks again for every repository that was read with another fingerprint and waits for nothing.
    pub(crate) async fn request_other_fingerprints(
        &mut self,
        fingerprint: &str,
        trigger: &Cause,
    ) -> Result<u64, RepoError> {
        // In the lane of sweeps: an upgrade of ours must not stand before anybody's push. What is
        // outstanding already will be read in the new way without being asked for again.
        const SQL: &str = "update source \
            set wanted = wanted + 1, lane = 2, cause = $2, next_due_at = 0, enqueued_at = 0 \
            where kind in ('repository', 'url', 'file') and wanted = done and done > 0 \
                and fingerprint <> $1";
        execute!(
            self, "ask for sources read in another way",
            sqlite: SQL,
            postgres: SQL,
            fingerprint,
            trigger_to_text(trigger),
        )
    }

    /// Ids for sources that are about to be written.
    pub(crate) async fn new_source_ids(
        &mut self,
        count: usize,
    ) -> Result<Vec<SourceId>, RepoError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let taken: Vec<(i64,)> = fetch_all!(
            self, (i64,), "take ids for sources",
            // The only writer; sources are never deleted.
            sqlite: "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
                select (select coalesce(max(id), 0) from source) + i from n",
            postgres: "select nextval('source_ids') from generate_series(1, $1)",
            bounded(count),
        )?;
        Ok(taken.into_iter().map(|(id,)| SourceId::new(id)).collect())
    }

    /// Writes sources whole, new or known.
    pub(crate) async fn put_sources(&mut self, rows: &[SourceRow]) -> Result<(), RepoError> {
        source_table!(upsert: self, "write sources", rows)
    }
}
