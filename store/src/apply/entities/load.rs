//! What the database knows about the files of a batch. One query per table, however large the batch.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use freshet_model::{EntityRef, LocationId, SourceId};

use crate::apply::entities::declarations::FileDeclarations;
use crate::apply::error::ApplyError;
use crate::apply::locations::diff::LocationDiff;
use crate::apply::locations::graph::LocationGraph;
use crate::repo::stored::stored_ref;
use crate::repo::{ClaimRow, EntityRow, Location, SourceRow, StoredProblem, Tx};
use crate::view::CatalogState;

/// Rows as they stand under the log's lock.
#[derive(Debug, Default)]
pub(crate) struct StoredEntities<'a> {
    // Most are those of the batch, which are borrowed.
    pub(crate) sources: HashMap<SourceId, Cow<'a, SourceRow>>,
    pub(crate) locations: HashMap<LocationId, Cow<'a, Location>>,
    /// Live entities and tombstones.
    pub(crate) entities: HashMap<EntityRef, EntityRow>,
    /// Claims that lost.
    pub(crate) claims: Vec<ClaimRow>,
    pub(crate) problems: Vec<StoredProblem>,
    /// Locations whose problems are compared although their files were not read.
    pub(crate) reviewed: HashSet<LocationId>,
}

impl<'a> StoredEntities<'a> {
    /// What is known without the database: the graph, and what the batch makes of it.
    pub(crate) fn new(graph: &'a LocationGraph, diff: &'a LocationDiff) -> Self {
        let sources = graph.sources.values();
        let locations = graph.locations.values().chain(diff.locations.values());
        Self {
            sources: sources.map(|it| (it.id, Cow::Borrowed(it))).collect(),
            locations: locations.map(|it| (it.id, Cow::Borrowed(it))).collect(),
            reviewed: diff.reviews.iter().map(|it| it.location_id).collect(),
            ..Self::default()
        }
    }

    /// Adds everything the files touch: what they held, who holds what they declare, and every other
    /// claim on those refs.
    pub(crate) async fn load(
        &mut self,
        tx: &mut Tx,
        files: &[FileDeclarations],
    ) -> Result<(), ApplyError> {
        let read: BTreeSet<LocationId> = files.iter().map(|file| file.location_id).collect();
        if read.is_empty() {
            return Ok(());
        }
        let read: Vec<LocationId> = read.into_iter().collect();
        let declared: Vec<&str> = declared_refs(files).into_iter().collect();
        self.add_entities(tx.entities_of(&read, &declared).await?)?;
        self.load_claims(tx, &read, &declared).await
    }

    /// Adds who holds these refs, or held them.
    pub(crate) async fn load_entities(
        &mut self,
        tx: &mut Tx,
        refs: &[&str],
    ) -> Result<(), ApplyError> {
        self.add_entities(tx.entities_of(&[], refs).await?)
    }

    /// Adds the problems of the files, and of everything else whose problems are compared, as the view has them.
    pub(crate) fn copy_problems(&mut self, files: &[FileDeclarations], state: &CatalogState) {
        // The view is at the revision at which the transaction began, and every problem is a row of the log: it
        // has the problems the database had then.
        let concerned = self.find_concerned(files).into_iter();
        let problems = concerned.flat_map(|id| state.problems_of(id));
        self.problems = problems.map(StoredProblem::from).collect();
    }

    /// The same, as the transaction has them.
    pub(crate) async fn load_problems(
        &mut self,
        tx: &mut Tx,
        files: &[FileDeclarations],
    ) -> Result<(), ApplyError> {
        let concerned: Vec<LocationId> = self.find_concerned(files).into_iter().collect();
        self.problems = tx.problems_of(&concerned).await?;
        Ok(())
    }

    fn find_concerned(&self, files: &[FileDeclarations]) -> BTreeSet<LocationId> {
        let read = files.iter().map(|file| file.location_id);
        // A claim that is promoted resolves the conflict of a file that was not read.
        let claimed = self.claims.iter().map(|claim| claim.location_id);
        read.chain(claimed)
            .chain(self.reviewed.iter().copied())
            .collect()
    }

    /// Claims on everything that these files declare or hold.
    async fn load_claims(
        &mut self,
        tx: &mut Tx,
        read: &[LocationId],
        declared: &[&str],
    ) -> Result<(), ApplyError> {
        // What these files hold may be freed, and then goes to whoever else claims it.
        let held = self.entities.keys().map(EntityRef::as_str);
        let refs: BTreeSet<&str> = declared.iter().copied().chain(held).collect();
        let refs: Vec<&str> = refs.into_iter().collect();
        self.claims = tx.claims_of(read, &refs).await?;
        // The ordinary case: a claim is stored only where two files declare the same ref.
        if self.claims.is_empty() {
            return Ok(());
        }
        self.load_holders(tx).await?;
        self.load_claimants(tx).await
    }

    /// A claim of a file that was read may be on a ref that it does not declare any more, so that we do
    /// not have the row of its holder.
    async fn load_holders(&mut self, tx: &mut Tx) -> Result<(), ApplyError> {
        let claimed = self.claims.iter().map(|claim| claim.entity_ref.as_str());
        let unknown: Vec<&str> = claimed
            .filter(|claimed| stored_ref(claimed).is_ok_and(|it| !self.entities.contains_key(&it)))
            .collect();
        let holders = tx.entities_of(&[], &unknown).await?;
        self.add_entities(holders)
    }

    /// Where the claims were made, which decides between those of the same age.
    async fn load_claimants(&mut self, tx: &mut Tx) -> Result<(), ApplyError> {
        let claimants = self.claims.iter().map(|claim| claim.location_id);
        let unknown: Vec<LocationId> = claimants
            .filter(|id| !self.locations.contains_key(id))
            .collect();
        for location in tx.locations(&unknown).await? {
            self.locations.insert(location.id, Cow::Owned(location));
        }
        let sources = self.locations.values().map(|location| location.source_id);
        let unknown: BTreeSet<SourceId> = sources
            .filter(|id| !self.sources.contains_key(id))
            .collect();
        let unknown: Vec<SourceId> = unknown.into_iter().collect();
        for source in tx.sources(&unknown).await? {
            self.sources.insert(source.id, Cow::Owned(source));
        }
        Ok(())
    }

    fn add_entities(&mut self, rows: Vec<EntityRow>) -> Result<(), ApplyError> {
        for row in rows {
            let entity_ref = stored_ref(&row.entity_ref)
                .map_err(|error| ApplyError::unreadable("a stored ref", error))?;
            self.entities.insert(entity_ref, row);
        }
        Ok(())
    }
}

fn declared_refs(files: &[FileDeclarations]) -> BTreeSet<&str> {
    files
        .iter()
        .flat_map(|file| &file.declared)
        .map(|declared| declared.entity_ref.as_str())
        .collect()
}
