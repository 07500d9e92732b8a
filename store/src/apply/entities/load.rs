//! What the database knows about the files of a batch. One query per table, however large the batch.

use std::collections::{BTreeSet, HashMap, HashSet};

use freshet_model::EntityRef;

use crate::apply::ApplyError;
use crate::apply::entities::claims::declared_refs;
use crate::apply::entities::declarations::Face;
use crate::repo::stored::stored_ref;
use crate::repo::{ClaimRow, EntityRow, LocationRow, ProblemState, SourceRow, Tx};

/// Rows as they stand under the log's lock.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) sources: HashMap<i64, SourceRow>,
    pub(crate) locations: HashMap<i64, LocationRow>,
    /// Live entities and tombstones.
    pub(crate) entities: HashMap<EntityRef, EntityRow>,
    pub(crate) claims: Vec<ClaimRow>,
    pub(crate) problems: Vec<ProblemState>,
    /// Locations that have a face in this batch.
    pub(crate) read: HashSet<i64>,
    /// Locations whose problems are compared.
    pub(crate) reviewed: HashSet<i64>,
}

impl Stored {
    /// Whether this batch has a face of the location.
    pub(crate) fn is_read(&self, location_id: i64) -> bool {
        self.read.contains(&location_id)
    }

    /// Order of claims of the same age: repository, branch, path.
    pub(crate) fn rank(&self, location_id: i64) -> (u64, String, String) {
        let location = self.locations.get(&location_id);
        let source = location.and_then(|location| self.sources.get(&location.source_id));
        (
            source.map_or(u64::MAX, SourceRow::repository_id),
            source.map_or_else(String::new, |source| source.git_ref.clone()),
            location.map_or_else(String::new, |location| location.path.clone()),
        )
    }

    /// Adds everything the faces touch: what they held, who holds what they declare, every other
    /// claim on those refs, and the problems of all of them.
    pub(crate) async fn load(&mut self, tx: &mut Tx, faces: &[Face]) -> Result<(), ApplyError> {
        self.read = faces.iter().map(|face| face.location_id).collect();
        if self.read.is_empty() {
            let reviewed: Vec<i64> = self.reviewed.iter().copied().collect();
            if !reviewed.is_empty() {
                self.problems = tx.problems_of(&reviewed).await?;
            }
            return Ok(());
        }
        let read: Vec<i64> = self.read.iter().copied().collect();
        let declared: Vec<&str> = declared_refs(faces).into_iter().collect();
        for row in tx.entities_of(&read, &declared).await? {
            let entity_ref = stored_ref(&row.entity_ref)
                .map_err(|error| ApplyError::unreadable("a stored ref", error))?;
            self.entities.insert(entity_ref, row);
        }
        let refs: BTreeSet<&str> = declared
            .into_iter()
            .chain(self.entities.keys().map(EntityRef::as_str))
            .collect();
        let refs: Vec<&str> = refs.into_iter().collect();
        self.claims = tx.claims_of(&read, &refs).await?;
        self.load_claimants(tx).await?;
        let concerned: Vec<i64> = self
            .claims
            .iter()
            .map(|claim| claim.location_id)
            .chain(read)
            .chain(self.reviewed.iter().copied())
            .collect::<BTreeSet<i64>>()
            .into_iter()
            .collect();
        self.problems = tx.problems_of(&concerned).await?;
        Ok(())
    }

    /// A claim of a location that was not read may concern a ref of which we do not hold the row.
    async fn load_claimants(&mut self, tx: &mut Tx) -> Result<(), ApplyError> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let unknown: Vec<&str> = self
            .claims
            .iter()
            .map(|claim| claim.entity_ref.as_str())
            .filter(|claimed| stored_ref(claimed).is_ok_and(|it| !self.entities.contains_key(&it)))
            .collect();
        let holders = tx.entities_of(&[], &unknown).await?;
        for row in holders {
            let entity_ref = stored_ref(&row.entity_ref)
                .map_err(|error| ApplyError::unreadable("a stored ref", error))?;
            self.entities.insert(entity_ref, row);
        }
        let locations: Vec<i64> = self
            .claims
            .iter()
            .map(|claim| claim.location_id)
            .filter(|id| !self.locations.contains_key(id))
            .collect();
        for location in tx.locations(&locations).await? {
            self.locations.insert(location.id, location);
        }
        let sources: BTreeSet<i64> = self
            .locations
            .values()
            .map(|location| location.source_id)
            .filter(|id| !self.sources.contains_key(id))
            .collect();
        let sources: Vec<i64> = sources.into_iter().collect();
        for source in tx.sources(&sources).await? {
            self.sources.insert(source.id, source);
        }
        Ok(())
    }
}
