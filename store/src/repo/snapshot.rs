//! The whole catalog at one revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use freshet_model::{LocationId, Revision, SourceId};
use freshet_runtime::progress::{Total, Work};
use futures::{Stream, TryStreamExt as _};

use super::change_run::{LoggedDocument, read_uid, unpack_documents};
use super::database::Repo;
use super::error::RepoError;
use super::problems::{ProblemPlace, ProblemRecord, StoredProblem};
use super::relation_text::relations_from_text;
use super::statement::{Tx, fetch_all};
use super::stored::stored_ref;
use crate::change::{EntityRecord, ProblemRow, Snapshot};

const OPERATION: &str = "read the catalog";

/// An entity without its document.
#[derive(sqlx::FromRow)]
struct StoredRecord {
    #[sqlx(rename = "ref")]
    entity_ref: String,
    uid: String,
    version: i64,
    #[sqlx(try_from = "i64")]
    revision: Revision,
    document_revision: i64,
    digest: String,
    #[sqlx(try_from = "i64")]
    location_id: LocationId,
    #[sqlx(try_from = "i64")]
    source_id: SourceId,
    changed_at: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("the log has no document of {entity_ref} at revision {revision}")]
struct NoDocument {
    entity_ref: String,
    revision: i64,
}

impl StoredRecord {
    fn read(self, logged: LoggedDocument) -> Result<EntityRecord, RepoError> {
        let LoggedDocument {
            document: Some(document),
            relations: Some(relations),
            ..
        } = logged
        else {
            return Err(self.without_document());
        };
        Ok(EntityRecord {
            entity_ref: stored_ref(&self.entity_ref)
                .map_err(|error| RepoError::unreadable(OPERATION, error))?,
            uid: read_uid(&self.uid)?,
            version: self.version,
            revision: self.revision,
            digest: self.digest,
            document: Arc::from(document),
            relations: relations_from_text(&relations)?,
            location_id: self.location_id,
            source_id: self.source_id,
            changed_at: self.changed_at,
        })
    }

    fn without_document(self) -> RepoError {
        let (entity_ref, revision) = (self.entity_ref, self.document_revision);
        let error = NoDocument {
            entity_ref,
            revision,
        };
        RepoError::unreadable(OPERATION, error)
    }
}

/// A row of the log, as far as documents go.
#[derive(sqlx::FromRow)]
struct StoredDocuments {
    revision: i64,
    document: Option<String>,
    relations: Option<String>,
    packed: Option<Vec<u8>>,
}

impl StoredDocuments {
    fn unpack(self) -> Result<Vec<LoggedDocument>, RepoError> {
        match self.packed {
            Some(packed) => unpack_documents(&packed),
            None => Ok(vec![LoggedDocument {
                revision: self.revision,
                document: self.document,
                relations: self.relations,
            }]),
        }
    }
}

#[derive(sqlx::FromRow)]
struct PlacedProblem {
    #[sqlx(flatten)]
    problem: ProblemRecord,
    #[sqlx(flatten)]
    place: ProblemPlace,
}

impl PlacedProblem {
    fn read(self) -> ProblemRow {
        StoredProblem::from(self.problem).into_row(self.place)
    }
}

impl Repo {
    /// Everything, as of one revision.
    ///
    /// # Errors
    ///
    /// If the database does not answer, or holds what this version cannot read.
    pub async fn snapshot(&self) -> Result<Snapshot, RepoError> {
        self.snapshot_counted(&Work::untold()).await
    }

    /// The same, counting the entities that are read.
    ///
    /// # Errors
    ///
    /// As [`Self::snapshot`].
    pub async fn snapshot_counted(&self, work: &Work) -> Result<Snapshot, RepoError> {
        const PROBLEMS: &str = "select p.id, p.location_id, p.source_id, s.provider, \
                case when s.owner = '' then s.name else s.owner || '/' || s.name end as repository, \
                l.path, p.rule, p.message, p.hint, \
                p.line, p.column_number, p.ref, p.first_seen, p.last_seen, \
                p.class, p.is_file, p.level, p.status_of, p.owner \
            from problem p \
            join location l on l.id = p.location_id \
            join source s on s.id = p.source_id \
            order by p.id";
        // One transaction: entities, problems and revision must be of the same moment, or the fold
        // that follows would skip or repeat changes.
        let mut tx = self.read_all().await?;
        let meta = tx.meta().await?;
        let entities = tx.living_entities(work).await?;
        let problems = fetch_all!(
            &mut tx, PlacedProblem, "read all problems",
            sqlite: PROBLEMS,
            postgres: PROBLEMS,
        )?;
        tx.commit().await?;
        Ok(Snapshot {
            epoch: meta.epoch,
            revision: meta.revision,
            entities,
            problems: problems.into_iter().map(PlacedProblem::read).collect(),
        })
    }
}

impl Tx {
    /// All entities with their documents, in the order of the log, so that it is read from front to back.
    async fn living_entities(&mut self, work: &Work) -> Result<Vec<EntityRecord>, RepoError> {
        const ENTITIES: &str = "select ref, uid, version, revision, document_revision, digest, \
                location_id, source_id, changed_at \
            from entity \
            where document_revision > 0";
        // The row that holds a change is the first one that does not end before it. Each is read once,
        // however many of its documents are still in use.
        const DOCUMENTS: &str = "select revision, document, relations, packed \
            from change \
            where revision in ( \
                select (select min(c.revision) from change c where c.revision >= e.document_revision) \
                from entity e \
                where e.document_revision > 0 \
            ) \
            order by revision";
        let records = fetch_all!(
            self, StoredRecord, "read the catalog",
            sqlite: ENTITIES,
            postgres: ENTITIES,
        )?;
        work.set_total(Total::Exactly(
            u64::try_from(records.len()).unwrap_or(u64::MAX),
        ));
        let wanted = records.into_iter().map(|it| (it.document_revision, it));
        let wanted: BTreeMap<i64, StoredRecord> = wanted.collect();
        match self {
            Self::Sqlite(tx) => {
                add_documents(sqlx::query_as(DOCUMENTS).fetch(&mut **tx), wanted, work).await
            }
            Self::Postgres(tx) => {
                add_documents(sqlx::query_as(DOCUMENTS).fetch(&mut **tx), wanted, work).await
            }
        }
    }
}

/// Gives each entity its document, of which each revision has one at most.
async fn add_documents(
    mut rows: impl Stream<Item = Result<StoredDocuments, sqlx::Error>> + Unpin,
    mut wanted: BTreeMap<i64, StoredRecord>,
    work: &Work,
) -> Result<Vec<EntityRecord>, RepoError> {
    let mut records = Vec::with_capacity(wanted.len());
    // As a stream: all the rows at once would be the log a second time in memory.
    while let Some(row) = rows.try_next().await.map_err(RepoError::of(OPERATION))? {
        for document in row.unpack()? {
            if let Some(record) = wanted.remove(&document.revision) {
                records.push(record.read(document)?);
                work.add_done(1);
            }
        }
    }
    // Leaving one out would make it new again with the next push, under another uid.
    match wanted.into_values().next() {
        Some(record) => Err(record.without_document()),
        None => Ok(records),
    }
}
