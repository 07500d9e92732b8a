//! The change log: appended by apply, read by everybody else.

use std::sync::Arc;

use freshet_model::{EntityRef, LocationId, RelationDeclaration, Revision, SourceId};
use futures::{Stream, TryStreamExt};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use uuid::Uuid;

use super::database::Repo;
use super::error::RepoError;
use super::statement::{Tx, json};
use super::stored::stored_ref;
use crate::change::{ChangeRow, Op, ProblemRow};

const OPERATION: &str = "read changes";

macro_rules! columns {
    () => {
        "revision, verb, ref, version, uid, location_id, source_id, document, relations, digest, \
            problem, data, committed_at, fact_at"
    };
}

#[derive(sqlx::FromRow)]
struct StoredChange {
    #[sqlx(try_from = "i64")]
    revision: Revision,
    verb: String,
    #[sqlx(rename = "ref")]
    entity_ref: Option<String>,
    version: i64,
    uid: Option<String>,
    #[sqlx(try_from = "i64")]
    location_id: LocationId,
    #[sqlx(try_from = "i64")]
    source_id: SourceId,
    document: Option<String>,
    relations: Option<String>,
    digest: Option<String>,
    problem: Option<String>,
    data: String,
    committed_at: i64,
    fact_at: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("change {revision} has the verb \"{verb}\", which this version does not know")]
struct UnknownVerb {
    revision: Revision,
    verb: String,
}

impl StoredChange {
    fn text_length(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        // The other columns are short by their nature and do not decide how large a page is.
        self.data.len() + of(&self.document) + of(&self.relations)
    }

    fn read(self) -> Result<ChangeRow, RepoError> {
        // Leaving out an unknown verb would be a hole, and readers rely on a log that has none.
        let op = Op::parse(&self.verb).ok_or_else(|| {
            let error = UnknownVerb {
                revision: self.revision,
                verb: self.verb.clone(),
            };
            RepoError::unreadable(OPERATION, error)
        })?;
        let entity_ref = self
            .entity_ref
            .as_deref()
            .map(stored_ref)
            .transpose()
            .map_err(|error| RepoError::unreadable(OPERATION, error))?;
        let problem: Option<ProblemRow> = self
            .problem
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| RepoError::unreadable(OPERATION, error))?;
        Ok(ChangeRow {
            revision: self.revision,
            op,
            entity_ref,
            version: self.version,
            uid: self.uid.as_deref().map(read_uid).transpose()?,
            location_id: self.location_id,
            source_id: self.source_id,
            document: self.document.map(Arc::from),
            relations: self
                .relations
                .as_deref()
                .map(relations_from_text)
                .transpose()?,
            digest: self.digest,
            problem,
            data: self.data,
            committed_at: self.committed_at,
            fact_at: self.fact_at,
        })
    }
}

pub(super) fn read_uid(text: &str) -> Result<Uuid, RepoError> {
    Uuid::parse_str(text).map_err(|error| RepoError::unreadable("read a uid", error))
}

type CompactRelation<T> = (T, Option<T>, EntityRef);

/// Relations as compact JSON: `[[forward, reverse or null, target], …]`.
pub(crate) fn relations_to_text(relations: &[RelationDeclaration]) -> String {
    // The log holds the relations of every version, so field names would be a large part of it.
    let compact: Vec<(&str, Option<&str>, &EntityRef)> = relations
        .iter()
        .map(|relation| {
            (
                relation.forward.as_str(),
                relation.reverse.as_deref(),
                &relation.target,
            )
        })
        .collect();
    json(&compact)
}

/// Reads what [`relations_to_text`] wrote.
pub(crate) fn relations_from_text(text: &str) -> Result<Arc<[RelationDeclaration]>, RepoError> {
    let compact: Vec<CompactRelation<String>> = serde_json::from_str(text)
        .map_err(|error| RepoError::unreadable("read relations", error))?;
    Ok(compact
        .into_iter()
        .map(|(forward, reverse, target)| RelationDeclaration {
            forward,
            reverse,
            target,
        })
        .collect())
}

struct NewChange<'a> {
    revision: Revision,
    verb: &'static str,
    entity_ref: Option<&'a str>,
    version: i64,
    uid: Option<String>,
    location_id: LocationId,
    source_id: SourceId,
    document: Option<&'a str>,
    relations: Option<String>,
    digest: Option<&'a str>,
    problem: Option<String>,
    data: &'a str,
    committed_at: i64,
    fact_at: i64,
}

impl<'a> NewChange<'a> {
    fn of(row: &'a ChangeRow) -> Self {
        Self {
            revision: row.revision,
            // As text, so that a newer version may add a verb without a migration.
            verb: row.op.as_str(),
            entity_ref: row.entity_ref.as_ref().map(EntityRef::as_str),
            version: row.version,
            uid: row.uid.map(|uid| uid.to_string()),
            location_id: row.location_id,
            source_id: row.source_id,
            document: row.document.as_deref(),
            relations: row.relations.as_deref().map(relations_to_text),
            digest: row.digest.as_deref(),
            problem: row.problem.as_ref().map(json),
            data: &row.data,
            committed_at: row.committed_at,
            fact_at: row.fact_at,
        }
    }
}

impl Repo {
    /// Up to `limit` changes after `revision`, in order; fewer if they are large, at least one if
    /// there is one.
    ///
    /// # Errors
    ///
    /// If the database does not answer, or holds what this version cannot read.
    pub async fn changes_after(
        &self,
        revision: Revision,
        limit: i64,
    ) -> Result<Vec<ChangeRow>, RepoError> {
        let mut tx = self.read_once().await?;
        let rows = tx.changes_after(revision, limit).await?;
        tx.commit().await?;
        Ok(rows)
    }
}

impl Tx {
    /// Up to `limit` changes after `revision`, in order; fewer if they are large, at least one if there is one.
    pub(crate) async fn changes_after(
        &mut self,
        revision: Revision,
        limit: i64,
    ) -> Result<Vec<ChangeRow>, RepoError> {
        const SQL: &str = concat!(
            "select ",
            columns!(),
            " from change where revision > $1 order by revision limit $2"
        );
        match self {
            Self::Sqlite(tx) => {
                page(
                    sqlx::query_as(SQL)
                        .bind(revision.get())
                        .bind(limit)
                        .fetch(&mut **tx),
                )
                .await
            }
            Self::Postgres(tx) => {
                page(
                    sqlx::query_as(SQL)
                        .bind(revision.get())
                        .bind(limit)
                        .fetch(&mut **tx),
                )
                .await
            }
        }
    }

    /// Appends changes, whose revisions the caller took under the log's lock.
    pub(crate) async fn append_changes(&mut self, rows: &[ChangeRow]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        match self {
            Self::Sqlite(tx) => {
                let new: Vec<NewChange<'_>> = rows.iter().map(NewChange::of).collect();
                append_sqlite(tx, &new).await
            }
            Self::Postgres(tx) => bind_changes::<(i64,)>(append_postgres!(), rows)
                .fetch_all(&mut **tx)
                .await
                .map(drop),
        }
        .map_err(RepoError::of("append changes"))
    }
}

/// A page takes no further row once its texts are this long together.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Reads rows until there is enough of them.
async fn page(
    mut rows: impl Stream<Item = Result<StoredChange, sqlx::Error>> + Unpin,
) -> Result<Vec<ChangeRow>, RepoError> {
    let mut page = Vec::new();
    let mut bytes = 0;
    // The size is known only when the row is here, so the last one may go over it. Without it a
    // page of a thousand documents of a megabyte each would not fit into memory.
    while bytes < PAGE_BYTES_MAX
        && let Some(row) = rows.try_next().await.map_err(RepoError::of(OPERATION))?
    {
        bytes += row.text_length();
        page.push(row.read()?);
    }
    Ok(page)
}

/// Rows of one statement, largest first. Each count is a statement of its own, which is kept prepared,
/// so there are few; their parameters stay below SQLite's 32,766.
const SQLITE_ROWS: [usize; 4] = [512, 64, 8, 1];

/// All rows in order, in pieces of those sizes.
fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SQLITE_ROWS.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

// The log is most of what is written, and JSON would be escaped, parsed and unescaped on the way.
// Parameters cost half of that; the placeholders are all that is generated.
async fn append_sqlite(
    connection: &mut sqlx::SqliteConnection,
    rows: &[NewChange<'_>],
) -> Result<(), sqlx::Error> {
    for piece in pieces(rows) {
        let mut statement = sqlx::QueryBuilder::<sqlx::Sqlite>::new(concat!(
            "insert into change (",
            columns!(),
            ") "
        ));
        statement.push_values(piece, |mut values, row| {
            values
                .push_bind(row.revision.get())
                .push_bind(row.verb)
                .push_bind(row.entity_ref)
                .push_bind(row.version)
                .push_bind(row.uid.clone())
                .push_bind(row.location_id.get())
                .push_bind(row.source_id.get())
                .push_bind(row.document)
                .push_bind(row.relations.clone())
                .push_bind(row.digest)
                .push_bind(row.problem.clone())
                .push_bind(row.data)
                .push_bind(row.committed_at)
                .push_bind(row.fact_at);
        });
        statement.build().execute(&mut *connection).await?;
    }
    Ok(())
}

// One array per column: nothing is parsed but the lengths.
macro_rules! append_postgres {
    () => {
        concat!(
            "insert into change (",
            columns!(),
            ") select ",
            columns!(),
            " from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], \
                $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], \
                $12::text[], $13::bigint[], $14::bigint[]) as added(",
            columns!(),
            ")"
        )
    };
}

pub(super) use {append_postgres, columns};

/// A statement that begins with [`append_postgres`], and its first fourteen parameters.
pub(super) fn bind_changes<'q, T>(
    statement: &'static str,
    rows: &'q [ChangeRow],
) -> QueryAs<'q, Postgres, T, PgArguments>
where
    T: for<'r> sqlx::FromRow<'r, PgRow>,
{
    let rows: Vec<NewChange<'q>> = rows.iter().map(NewChange::of).collect();
    let rows = rows.as_slice();
    sqlx::query_as(statement)
        .bind(column(rows, |row| row.revision.get()))
        .bind(column(rows, |row| row.verb))
        .bind(column(rows, |row| row.entity_ref))
        .bind(column(rows, |row| row.version))
        .bind(column(rows, |row| row.uid.clone()))
        .bind(column(rows, |row| row.location_id.get()))
        .bind(column(rows, |row| row.source_id.get()))
        .bind(column(rows, |row| row.document))
        .bind(column(rows, |row| row.relations.clone()))
        .bind(column(rows, |row| row.digest))
        .bind(column(rows, |row| row.problem.clone()))
        .bind(column(rows, |row| row.data))
        .bind(column(rows, |row| row.committed_at))
        .bind(column(rows, |row| row.fact_at))
}

fn column<'q, T>(rows: &[NewChange<'q>], take: impl Fn(&NewChange<'q>) -> T) -> Vec<T> {
    rows.iter().map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: usize, expected: &[usize]) {
        let rows: Vec<usize> = (0..rows).collect();
        let sizes: Vec<usize> = pieces(&rows).map(<[usize]>::len).collect();
        assert_eq!(sizes, expected);
        assert_eq!(pieces(&rows).collect::<Vec<_>>().concat(), rows);
    }

    #[test]
    fn any_number_of_rows_is_written_with_a_handful_of_statements() {
        check(0, &[]);
        check(1, &[1]);
        check(10, &[8, 1, 1]);
        check(600, &[512, 64, 8, 8, 8]);
        check(1_024, &[512, 512]);
    }

    fn stored(revision: i64, bytes: usize) -> Result<StoredChange, sqlx::Error> {
        Ok(StoredChange {
            revision: Revision::new(revision),
            verb: "updated".to_owned(),
            entity_ref: None,
            version: 1,
            uid: None,
            location_id: LocationId::new(1),
            source_id: SourceId::new(1),
            document: None,
            relations: None,
            digest: None,
            problem: None,
            data: "x".repeat(bytes),
            committed_at: 0,
            fact_at: 0,
        })
    }

    #[tokio::test]
    async fn a_page_of_large_changes_ends_early_and_is_never_empty() {
        for (bytes, expected) in [(10, 3), (PAGE_BYTES_MAX / 2, 2), (PAGE_BYTES_MAX, 1)] {
            let rows = (1..=3).map(|revision| stored(revision, bytes));
            let page = page(futures::stream::iter(rows)).await.expect("rows");
            assert_eq!(page.len(), expected, "{bytes}");
        }
    }
}
