//! Problems: what owners of files must fix.

use freshet_model::{EntityRef, ErrorClass, Level, LocationId, Problem, RuleId, SourceId};
use serde_json::Value;

use super::error::RepoError;
use super::list::ids;
use super::statement::{Tx, delete_in, json, select_in, upsert};
use super::stored::{refs_from_text, stored_ref};
use crate::change::ProblemRow;

/// A problem as stored; where it is follows from its location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredProblem {
    /// The revision that opened it.
    pub(crate) id: i64,
    pub(crate) location_id: LocationId,
    pub(crate) source_id: SourceId,
    pub(crate) problem: Problem,
    /// Microseconds UTC, as is `last_seen`.
    pub(crate) first_seen: i64,
    /// When it last opened or changed.
    pub(crate) last_seen: i64,
    /// Refs of the entities whose status shows it.
    pub(crate) status_of: Vec<EntityRef>,
}

/// Where a problem is, as people name it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ProblemPlace {
    /// Which integration reads the source.
    pub(crate) provider: String,
    /// `owner/name` as last seen.
    pub(crate) repository: String,
    /// Path inside the repository.
    pub(crate) path: String,
}

impl From<&ProblemRow> for StoredProblem {
    fn from(row: &ProblemRow) -> Self {
        Self {
            id: row.id,
            location_id: row.location_id,
            source_id: row.source_id,
            problem: row.problem.clone(),
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            status_of: row.status_of.clone(),
        }
    }
}

impl StoredProblem {
    /// The problem as the log and the view have it, who do not know its location.
    pub(crate) fn into_row(self, place: ProblemPlace) -> ProblemRow {
        ProblemRow {
            id: self.id,
            location_id: self.location_id,
            source_id: self.source_id,
            provider: place.provider,
            repository: place.repository,
            path: place.path,
            problem: self.problem,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            status_of: self.status_of,
        }
    }
}

/// A row of the table.
#[derive(sqlx::FromRow)]
pub(super) struct ProblemRecord {
    id: i64,
    #[sqlx(try_from = "i64")]
    location_id: LocationId,
    #[sqlx(try_from = "i64")]
    source_id: SourceId,
    rule: String,
    message: String,
    hint: String,
    line: i64,
    column_number: i64,
    #[sqlx(rename = "ref")]
    entity_ref: String,
    first_seen: i64,
    last_seen: i64,
    class: String,
    is_file: i64,
    level: String,
    status_of: String,
    owner: String,
}

impl From<ProblemRecord> for StoredProblem {
    fn from(record: ProblemRecord) -> Self {
        Self {
            id: record.id,
            location_id: record.location_id,
            source_id: record.source_id,
            // Another release may have written what this one does not know.
            problem: Problem {
                rule: RuleId::parse_lenient(&record.rule),
                level: Level::parse_lenient(&record.level),
                class: ErrorClass::parse_lenient(&record.class),
                message: record.message,
                hint: record.hint,
                line: u32::try_from(record.line).unwrap_or_default(),
                column: u32::try_from(record.column_number).unwrap_or_default(),
                entity_ref: stored_ref(&record.entity_ref).ok(),
                is_file: record.is_file != 0,
                owner: Some(record.owner).filter(|owner| !owner.is_empty()),
            },
            first_seen: record.first_seen,
            last_seen: record.last_seen,
            status_of: refs_from_text(&record.status_of),
        }
    }
}

/// The columns of one row, as the statement that writes problems unpacks them.
fn columns_of(stored: &StoredProblem) -> Value {
    let problem = &stored.problem;
    serde_json::json!({
        "id": stored.id,
        "location_id": stored.location_id,
        "source_id": stored.source_id,
        "rule": problem.rule,
        "message": problem.message,
        "hint": problem.hint,
        "line": problem.line,
        "column_number": problem.column,
        "ref": problem.entity_ref.as_ref().map_or("", EntityRef::as_str),
        "first_seen": stored.first_seen,
        "last_seen": stored.last_seen,
        "class": problem.class,
        "is_file": i64::from(problem.is_file),
        "level": problem.level,
        "status_of": json(&stored.status_of),
        "owner": problem.owner.as_deref().unwrap_or_default(),
    })
}

/// The table, for the statements that name all of its columns.
macro_rules! problem_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "problem",
            key: ["id"],
            kept: ["location_id", "source_id", "rule", "ref", "first_seen"],
            written: [
                "message", "hint", "line", "column_number", "last_seen", "class", "is_file",
                "level", "status_of", "owner"
            ];
            $($rest)*
        )
    };
}

impl Tx {
    /// The problems of these locations.
    pub(crate) async fn problems_of(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<Vec<StoredProblem>, RepoError> {
        let records: Vec<ProblemRecord> = problem_table!(
            select_in: self, ProblemRecord, "read problems",
            "location_id" in "bigint", order: "id", ids(location_ids)
        )?;
        Ok(records.into_iter().map(StoredProblem::from).collect())
    }

    /// Writes problems whole, new or known.
    pub(crate) async fn put_problems(
        &mut self,
        problems: &[StoredProblem],
    ) -> Result<(), RepoError> {
        let rows: Vec<Value> = problems.iter().map(columns_of).collect();
        // First seen stays: an owner is told how long it has been broken, not when it was last
        // read.
        problem_table!(upsert: self, "write problems", &rows)
    }

    /// Removes problems that are solved.
    pub(crate) async fn remove_problems(&mut self, problem_ids: &[i64]) -> Result<(), RepoError> {
        delete_in!(self, "remove problems", "problem", "id" in "bigint", ids(problem_ids))
    }
}
