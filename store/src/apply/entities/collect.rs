//! What the files of a batch declare, after the decision about their locations. Pure.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use freshet_model::{EntityRef, LocationId};
use freshet_proto::message::Content;

use super::annotate::{Forges, Place};
use super::declarations::{
    DeclaredEntity, EntryConditions, FileDeclarations, Undeclared, declarations_of_content,
};
use crate::apply::error::ApplyError;
use crate::apply::locations::diff::LocationDiff;
use crate::apply::locations::graph::LocationGraph;
use crate::apply::locations::naming::{location_type, split_location};
use crate::repo::stored::stored_ref;
use crate::repo::{Location, LocationEntity, LocationState};

/// For fewer contents another thread would cost more than it saves.
const CONTENTS_PER_CORE_MIN: usize = 16;

/// What the declarations are made from.
pub(crate) struct DeclarationInputs<'a> {
    pub(crate) diff: &'a LocationDiff,
    pub(crate) graph: &'a LocationGraph,
    pub(crate) forges: &'a Forges,
}

/// The declarations of each file that was read, or of which something is published or removed.
pub(crate) fn collect_declarations<'a>(
    inputs: &DeclarationInputs<'_>,
    contents: impl Iterator<Item = (&'a LocationId, &'a Content)>,
) -> Result<Vec<FileDeclarations>, ApplyError> {
    let contents = contents.filter_map(|(id, content)| Some((inputs.location(*id)?, content)));
    let mut files = inputs.read_contents(&contents.collect::<Vec<_>>())?;
    // After the contents: a file that was read and that no root reaches any more declares nothing.
    for (location_id, triggered_by) in &inputs.diff.removed {
        if let Some(location) = inputs.location(*location_id) {
            let removed = FileDeclarations::absent(location, *triggered_by);
            files.insert(*location_id, removed);
        }
    }
    inputs.add_absent(&mut files);
    inputs.add_published(&mut files)?;
    inputs.add_unpublished(&mut files);
    Ok(files.into_values().collect())
}

impl DeclarationInputs<'_> {
    fn location(&self, id: LocationId) -> Option<&Location> {
        let changed = self.diff.locations.get(&id);
        changed.or_else(|| self.graph.locations.get(&id))
    }

    /// Reads the contents on every core: this is most of what planning a large batch costs, and the
    /// database waits for it.
    fn read_contents(
        &self,
        contents: &[(&Location, &Content)],
    ) -> Result<BTreeMap<LocationId, FileDeclarations>, ApplyError> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let size = contents.len().div_ceil(cores).max(CONTENTS_PER_CORE_MIN);
        let mut shares = contents.chunks(size);
        let mine = shares.next().unwrap_or_default();
        thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|share| {
                    let builder = thread::Builder::new();
                    (
                        share,
                        builder.spawn_scoped(scope, || self.read_share(share)),
                    )
                })
                .collect();
            let mut files = self.read_share(mine)?;
            for (share, other) in others {
                let read = match other {
                    Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
                    // No thread to be had is no fault of a message: it only takes longer.
                    Err(_) => self.read_share(share),
                };
                files.append(&mut read?);
            }
            Ok(files)
        })
    }

    fn read_share(
        &self,
        contents: &[(&Location, &Content)],
    ) -> Result<BTreeMap<LocationId, FileDeclarations>, ApplyError> {
        let files = contents.iter();
        files
            .map(|(location, content)| Ok((location.id, self.read_content(location, content)?)))
            .collect()
    }

    fn read_content(
        &self,
        location: &Location,
        content: &Content,
    ) -> Result<FileDeclarations, ApplyError> {
        let own_type = self
            .graph
            .source_kind(location)
            .map_or("url", location_type);
        let place = Place::new(own_type, location.url(), location.origin(), self.forges);
        let parents = self.diff.parents.get(&location.id);
        declarations_of_content(
            location,
            content,
            &EntryConditions {
                naming: &place,
                is_active: self.diff.activated.contains_key(&location.id),
                is_held_back: &|entity_ref| self.diff.held_back.contains(entity_ref.as_str()),
                parents: parents.map_or(&[], Vec::as_slice),
            },
        )
    }

    /// Files whose absence counts now, whether it was seen now or before.
    fn add_absent(&self, files: &mut BTreeMap<LocationId, FileDeclarations>) {
        for (location_id, triggered_by) in &self.diff.activated {
            if let Some(location) = self.location(*location_id)
                && matches!(location.state, LocationState::Absent { .. })
            {
                let absent = FileDeclarations::absent(location, *triggered_by);
                files.entry(*location_id).or_insert(absent);
            }
        }
    }

    /// Location entities that are shown from now on although their files were not read.
    fn add_published(
        &self,
        files: &mut BTreeMap<LocationId, FileDeclarations>,
    ) -> Result<(), ApplyError> {
        for (location_id, published) in &self.diff.published {
            let Some(location) = self.location(*location_id) else {
                continue;
            };
            for published in published {
                let file = files
                    .entry(*location_id)
                    .or_insert_with(|| FileDeclarations::unread(location, published.triggered_by));
                let entity = self.declare(&published.entity)?;
                let mut declared = file.declared.iter();
                if !declared.any(|it| it.entity_ref == entity.entity_ref) {
                    file.declared.push(entity);
                }
            }
        }
        Ok(())
    }

    fn declare(&self, entity: &LocationEntity) -> Result<DeclaredEntity, ApplyError> {
        let (own_type, target) = split_location(&entity.own);
        let place = Place::new(own_type, target, &entity.origin, self.forges);
        let document = place
            .annotate(&entity.document)
            .map_err(|error| ApplyError::unreadable("a Location entity", error))?;
        Ok(DeclaredEntity {
            entity_ref: stored_ref(&entity.entity_ref)
                .map_err(|error| ApplyError::unreadable("a stored ref", error))?,
            document: Arc::from(document),
            relations: Arc::from([]),
            digest: entity.digest.clone(),
            line: entity.line,
            is_orphan: false,
        })
    }

    /// Location entities that stand for something that is not there.
    fn add_unpublished(&self, files: &mut BTreeMap<LocationId, FileDeclarations>) {
        for (location_id, unpublished) in &self.diff.unpublished {
            let Some(location) = self.location(*location_id) else {
                continue;
            };
            let refs = unpublished.refs.iter();
            let refs: HashSet<EntityRef> = refs.filter_map(|it| stored_ref(it).ok()).collect();
            let file = files
                .entry(*location_id)
                .or_insert_with(|| FileDeclarations::unread(location, unpublished.triggered_by));
            // A file that was read has said for itself what it does not declare.
            if file.undeclared == Undeclared::Kept {
                file.undeclared = Undeclared::KeptUnlessNamed(refs);
            }
        }
    }
}
