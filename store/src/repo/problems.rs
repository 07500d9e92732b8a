//! Problems: what owners of files must fix.

use serde::Serialize;

use super::RepoError;
use super::statement::{Tx, execute, fetch_all, json};

/// A problem as stored; where it is follows from its location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct ProblemState {
    pub(crate) id: i64,
    pub(crate) location_id: i64,
    pub(crate) source_id: i64,
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) line: i64,
    pub(crate) column_number: i64,
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
    /// Backstage's class of the error.
    pub(crate) class: String,
    /// 1 if it spoils the whole file.
    pub(crate) is_file: i64,
    /// `error` or `warning`.
    pub(crate) level: String,
    /// JSON: refs of the entities whose status shows it.
    pub(crate) status_of: String,
    /// `spec.owner` as the document says; empty if it does not.
    pub(crate) owner: String,
}

impl Tx {
    /// The problems of these locations.
    pub(crate) async fn problems_of(
        &mut self,
        location_ids: &[i64],
    ) -> Result<Vec<ProblemState>, RepoError> {
        fetch_all!(
            self, ProblemState, "read problems",
            sqlite: "select * from problem \
                where location_id in (select value from json_each($1)) \
                order by id",
            postgres: "select * from problem \
                where location_id in (select json_array_elements_text($1::json)::bigint) \
                order by id",
            json(location_ids),
        )
    }

    /// Writes problems whole, new or known.
    pub(crate) async fn put_problems(&mut self, rows: &[ProblemState]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        execute!(
            self, "write problems",
            sqlite: "insert into problem (id, location_id, source_id, rule, message, hint, line, column_number, ref, \
                    first_seen, last_seen, class, is_file, level, status_of, owner) \
                select value->>'id', value->>'location_id', value->>'source_id', value->>'rule', \
                    value->>'message', value->>'hint', value->>'line', value->>'column_number', \
                    value->>'ref', value->>'first_seen', value->>'last_seen', value->>'class', \
                    value->>'is_file', value->>'level', value->>'status_of', value->>'owner' \
                from json_each($1) \
                where true \
                on conflict (id) do update set \
                    message = excluded.message, \
                    hint = excluded.hint, \
                    line = excluded.line, \
                    column_number = excluded.column_number, \
                    last_seen = excluded.last_seen, \
                    class = excluded.class, \
                    is_file = excluded.is_file, \
                    level = excluded.level, \
                    status_of = excluded.status_of, \
                    owner = excluded.owner",
            postgres: "insert into problem (id, location_id, source_id, rule, message, hint, line, column_number, ref, \
                    first_seen, last_seen, class, is_file, level, status_of, owner) \
                select id, location_id, source_id, rule, message, hint, line, column_number, ref, \
                    first_seen, last_seen, class, is_file, level, status_of, owner \
                from json_populate_recordset(null::problem, $1::json) \
                on conflict (id) do update set \
                    message = excluded.message, \
                    hint = excluded.hint, \
                    line = excluded.line, \
                    column_number = excluded.column_number, \
                    last_seen = excluded.last_seen, \
                    class = excluded.class, \
                    is_file = excluded.is_file, \
                    level = excluded.level, \
                    status_of = excluded.status_of, \
                    owner = excluded.owner",
            json(rows),
        )
        .map(drop)
    }

    /// Removes problems that are solved.
    pub(crate) async fn remove_problems(&mut self, ids: &[i64]) -> Result<(), RepoError> {
        if ids.is_empty() {
            return Ok(());
        }
        execute!(
            self, "remove problems",
            sqlite: "delete from problem where id in (select value from json_each($1))",
            postgres: "delete from problem \
                where id in (select json_array_elements_text($1::json)::bigint)",
            json(ids),
        )
        .map(drop)
    }
}
