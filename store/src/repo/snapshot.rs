//! The whole catalog at one revision.

use std::sync::Arc;

use freshet_model::{LocationId, Revision, SourceId};

use super::changes::{read_uid, relations_from_text};
use super::database::Repo;
use super::error::RepoError;
use super::problems::{ProblemPlace, ProblemRecord, StoredProblem};
use super::statement::fetch_all;
use super::stored::stored_ref;
use crate::change::{EntityRecord, ProblemRow, Snapshot};

const OPERATION: &str = "read the catalog";

#[derive(sqlx::FromRow)]
struct StoredRecord {
    #[sqlx(rename = "ref")]
    entity_ref: String,
    uid: String,
    version: i64,
    #[sqlx(try_from = "i64")]
    revision: Revision,
    digest: String,
    document: String,
    relations: String,
    #[sqlx(try_from = "i64")]
    location_id: LocationId,
    #[sqlx(try_from = "i64")]
    source_id: SourceId,
    changed_at: i64,
}

impl StoredRecord {
    fn read(self) -> Result<EntityRecord, RepoError> {
        Ok(EntityRecord {
            entity_ref: stored_ref(&self.entity_ref)
                .map_err(|error| RepoError::unreadable(OPERATION, error))?,
            uid: read_uid(&self.uid)?,
            version: self.version,
            revision: self.revision,
            digest: self.digest,
            document: Arc::from(self.document),
            relations: relations_from_text(&self.relations)?,
            location_id: self.location_id,
            source_id: self.source_id,
            changed_at: self.changed_at,
        })
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
        // In the order of the log, so that the documents are read from front to back.
        const ENTITIES: &str = "select e.ref, e.uid, e.version, e.revision, e.digest, \
                c.document, c.relations, e.location_id, e.source_id, e.changed_at \
            from entity e \
            join change c on c.revision = e.document_revision \
            where e.document_revision > 0 \
            order by e.document_revision";
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
        let entities = fetch_all!(
            &mut tx, StoredRecord, "read the catalog",
            sqlite: ENTITIES,
            postgres: ENTITIES,
        )?;
        let problems = fetch_all!(
            &mut tx, PlacedProblem, "read all problems",
            sqlite: PROBLEMS,
            postgres: PROBLEMS,
        )?;
        tx.commit().await?;
        Ok(Snapshot {
            epoch: meta.epoch,
            revision: meta.revision,
            entities: entities
                .into_iter()
                .map(StoredRecord::read)
                .collect::<Result<_, _>>()?,
            problems: problems.into_iter().map(PlacedProblem::read).collect(),
        })
    }
}
