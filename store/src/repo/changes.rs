//! The change log: appended by apply, read by everybody else.
//!
//! A row holds a run of changes under the revision of the last one. Rows that an earlier version wrote
//! hold one change each, in columns; they stay, and are read beside the others.

use freshet_model::Revision;
use futures::{Stream, TryStreamExt};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;

use super::change_run::{ChangeRun, LoggedChange, text_length, unpack_changes};
use super::database::Repo;
use super::error::RepoError;
use super::statement::Tx;
use crate::change::ChangeRow;

const OPERATION: &str = "read changes";

/// The verb of a row that holds a run. A version that knows no runs takes it for a verb it does not know,
/// and stops.
const RUN_VERB: &str = "run";

/// A row of the log.
#[derive(sqlx::FromRow)]
struct StoredChange {
    revision: i64,
    verb: String,
    #[sqlx(rename = "ref")]
    entity_ref: Option<String>,
    version: i64,
    uid: Option<String>,
    location_id: i64,
    source_id: i64,
    document: Option<String>,
    relations: Option<String>,
    digest: Option<String>,
    problem: Option<String>,
    data: String,
    committed_at: i64,
    fact_at: i64,
    packed: Option<Vec<u8>>,
}

impl StoredChange {
    /// The changes it holds, in order.
    fn unpack(self) -> Result<Vec<LoggedChange>, RepoError> {
        match &self.packed {
            Some(packed) => unpack_changes(packed),
            None => Ok(vec![self.into_change()]),
        }
    }

    fn into_change(self) -> LoggedChange {
        LoggedChange {
            revision: self.revision,
            verb: self.verb,
            entity_ref: self.entity_ref,
            version: self.version,
            uid: self.uid,
            location_id: self.location_id,
            source_id: self.source_id,
            document: self.document,
            relations: self.relations,
            digest: self.digest,
            problem: self.problem,
            data: self.data,
            committed_at: self.committed_at,
            fact_at: self.fact_at,
        }
    }
}

impl Repo {
    /// Up to `limit` changes after `revision`, in order; fewer if they are large or end within a run, at
    /// least one if there is one.
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
    /// Up to `limit` changes after `revision`, in order; fewer if they are large or end within a run, at
    /// least one if there is one.
    pub(crate) async fn changes_after(
        &mut self,
        revision: Revision,
        limit: i64,
    ) -> Result<Vec<ChangeRow>, RepoError> {
        // A run has the revision of its last change. So the row that begins after `revision` or holds it
        // is the first one above it, and those below it and `limit` hold enough. Counting rows would
        // fetch a hundred times too much where they are runs.
        const SQL: &str = "select revision, verb, ref, version, uid, location_id, source_id, \
                document, relations, digest, problem, data, committed_at, fact_at, packed \
            from change \
            where revision > $1 \
            and revision < (select min(revision) from change where revision > $1) + $2 \
            order by revision";
        match self {
            Self::Sqlite(tx) => {
                let rows = sqlx::query_as(SQL).bind(revision.get()).bind(limit);
                page(rows.fetch(&mut **tx), revision, limit).await
            }
            Self::Postgres(tx) => {
                let rows = sqlx::query_as(SQL).bind(revision.get()).bind(limit);
                page(rows.fetch(&mut **tx), revision, limit).await
            }
        }
    }

    /// Appends changes, whose revisions the caller took under the log's lock.
    pub(crate) async fn append_changes(&mut self, runs: &[ChangeRun]) -> Result<(), RepoError> {
        if runs.is_empty() {
            return Ok(());
        }
        match self {
            Self::Sqlite(tx) => append_sqlite(tx, runs).await,
            Self::Postgres(tx) => bind_runs::<(i64,)>(append_postgres!(), runs)
                .fetch_all(&mut **tx)
                .await
                .map(drop),
        }
        .map_err(RepoError::of("append changes"))
    }
}

/// A page takes no further row once its texts are this long together.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Reads rows until there are enough changes after `revision`.
async fn page(
    mut rows: impl Stream<Item = Result<StoredChange, sqlx::Error>> + Unpin,
    revision: Revision,
    limit: i64,
) -> Result<Vec<ChangeRow>, RepoError> {
    let limit = usize::try_from(limit).unwrap_or_default();
    let mut page = Vec::new();
    let mut bytes = 0;
    // The size is known only when the row is here, so the last one may go over it. Without it a
    // page of a thousand documents of a megabyte each would not fit into memory.
    while bytes < PAGE_BYTES_MAX
        && page.len() < limit
        && let Some(row) = rows.try_next().await.map_err(RepoError::of(OPERATION))?
    {
        for change in row.unpack()? {
            // A reader goes on within a run as well.
            if change.revision > revision.get() && page.len() < limit {
                let change = change.read()?;
                bytes += text_length(&change);
                page.push(change);
            }
        }
    }
    Ok(page)
}

async fn append_sqlite(
    connection: &mut sqlx::SqliteConnection,
    runs: &[ChangeRun],
) -> Result<(), sqlx::Error> {
    for run in runs {
        sqlx::query(
            "insert into change (revision, verb, version, location_id, source_id, data, \
                committed_at, fact_at, packed) \
            values ($1, $2, 0, 0, 0, '', $3, 0, $4)",
        )
        .bind(run.revision.get())
        .bind(RUN_VERB)
        .bind(run.committed_at)
        .bind(run.packed.as_slice())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

// One array per column, not JSON, which has no bytes.
macro_rules! append_postgres {
    () => {
        "insert into change (revision, verb, version, location_id, source_id, data, \
            committed_at, fact_at, packed) \
        select revision, $2, 0, 0, 0, '', committed_at, 0, packed \
        from unnest($1::bigint[], $3::bigint[], $4::bytea[]) \
            as added(revision, committed_at, packed)"
    };
}

pub(super) use append_postgres;

/// A statement that begins with [`append_postgres`], and its first four parameters.
pub(super) fn bind_runs<'q, T>(
    statement: &'static str,
    runs: &'q [ChangeRun],
) -> QueryAs<'q, Postgres, T, PgArguments>
where
    T: for<'r> sqlx::FromRow<'r, PgRow>,
{
    let revisions: Vec<i64> = runs.iter().map(|run| run.revision.get()).collect();
    let times: Vec<i64> = runs.iter().map(|run| run.committed_at).collect();
    let packed: Vec<&'q [u8]> = runs.iter().map(|run| run.packed.as_slice()).collect();
    sqlx::query_as(statement)
        .bind(revisions)
        .bind(RUN_VERB)
        .bind(times)
        .bind(packed)
}

#[cfg(test)]
mod tests {
    use super::super::change_run::pack_changes;
    use super::*;

    fn stored(revision: i64, bytes: usize) -> StoredChange {
        StoredChange {
            revision,
            verb: "related".to_owned(),
            entity_ref: None,
            version: 1,
            uid: None,
            location_id: 1,
            source_id: 1,
            document: None,
            relations: None,
            digest: None,
            problem: None,
            data: "x".repeat(bytes),
            committed_at: 0,
            fact_at: 0,
            packed: None,
        }
    }

    /// Two rows of an earlier version, and a run of three.
    fn log(bytes: usize) -> Vec<StoredChange> {
        let rows = (3..=5).map(|revision| stored(revision, bytes).into_change().read());
        let rows: Vec<ChangeRow> = rows.collect::<Result<_, _>>().expect("rows");
        let run = pack_changes(&rows).into_iter().map(|run| StoredChange {
            packed: Some(run.packed),
            ..stored(run.revision.get(), 0)
        });
        [stored(1, bytes), stored(2, bytes)]
            .into_iter()
            .chain(run)
            .collect()
    }

    async fn read(rows: Vec<StoredChange>, revision: i64, limit: i64) -> Vec<i64> {
        let rows = futures::stream::iter(rows.into_iter().map(Ok));
        let page = page(rows, Revision::new(revision), limit).await;
        let page = page.expect("rows");
        page.iter().map(|row| row.revision.get()).collect()
    }

    #[tokio::test]
    async fn a_reader_goes_on_from_any_change_of_a_run() {
        assert_eq!(read(log(9), 0, 10).await, [1, 2, 3, 4, 5]);
        assert_eq!(read(log(9), 3, 10).await, [4, 5]);
        assert_eq!(read(log(9), 2, 1).await, [3]);
        assert_eq!(read(log(9), 0, 4).await, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn a_page_of_large_changes_ends_early_and_is_never_empty() {
        for (bytes, expected) in [(10, 3), (PAGE_BYTES_MAX / 2, 2), (PAGE_BYTES_MAX, 1)] {
            let rows = (1..=3).map(|revision| stored(revision, bytes)).collect();
            assert_eq!(read(rows, 0, 10).await.len(), expected, "{bytes}");
        }
    }
}
