//! Entities that nothing declares any more and that stay, because the configuration says so. Pure.
//!
//! They carry a mark until somebody declares them again: their own file, or another one, which
//! then takes over: `find_winner` in `claims.rs`. What a root brought goes with it all the same.
//! Whether anything is kept is asked by `write.rs`, the only caller.

use std::collections::HashMap;
use std::sync::Arc;

use freshet_model::{EntityRef, LocationId, SourceId};

use crate::apply::entities::annotate::mark_orphan;
use crate::apply::entities::declarations::{DeclaredEntity, FileDeclarations};
use crate::apply::entities::load::StoredEntities;
use crate::apply::error::ApplyError;
use crate::change::EntityRecord;
use crate::repo::{EntityRow, SourceKind};
use crate::view::CatalogState;

/// Keeps what these files would remove, with its mark.
pub(crate) fn keep_orphans(
    files: &mut [FileDeclarations],
    stored: &StoredEntities<'_>,
    state: &CatalogState,
) -> Result<(), ApplyError> {
    let mut files: HashMap<LocationId, &mut FileDeclarations> = files
        .iter_mut()
        .map(|file| (file.location_id, file))
        .collect();
    for (entity_ref, row) in stored.entities.iter().filter(|(_, row)| row.is_live()) {
        if let Some(file) = files.get_mut(&row.location_id)
            && is_orphaned(file, entity_ref, stored)
            && let Some(record) = state.entity(entity_ref)
        {
            // As a declaration it takes part in the contest for its ref, so any file may adopt it.
            file.declared.push(orphan_of(record, row)?);
        }
    }
    Ok(())
}

/// Whether the file leaves the entity behind. What a root brought, or stands for one, is removed
/// with the root: somebody asked for that, and nothing could ever adopt it.
fn is_orphaned(
    file: &FileDeclarations,
    entity_ref: &EntityRef,
    stored: &StoredEntities<'_>,
) -> bool {
    let is_of_roots = |source_id: SourceId| {
        let source = stored.sources.get(&source_id);
        source.is_some_and(|source| source.kind == SourceKind::Roots)
    };
    file.removes(entity_ref) && !is_of_roots(file.triggered_by) && !is_of_roots(file.source_id)
}

fn orphan_of(record: &EntityRecord, row: &EntityRow) -> Result<DeclaredEntity, ApplyError> {
    let orphan = DeclaredEntity {
        entity_ref: record.entity_ref.clone(),
        document: Arc::clone(&record.document),
        relations: Arc::clone(&record.relations),
        digest: row.digest.clone(),
        line: 0,
        is_orphan: true,
    };
    if row.is_orphan {
        // Marked again, it would be another document after each reading.
        return Ok(orphan);
    }
    let document = mark_orphan(&record.document)
        .map_err(|error| ApplyError::unreadable("a document", error))?;
    Ok(DeclaredEntity {
        document: Arc::from(document),
        // Another document needs another digest, or the file that declares it again would seem to
        // change nothing. Releases before `is_orphan` know orphans by exactly this digest.
        digest: format!("orphan:{}", row.digest),
        ..orphan
    })
}
