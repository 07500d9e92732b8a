//! Entities that nothing declares any more and that stay, because the configuration says so. Pure.
//!
//! They carry a mark until somebody declares them again: their own file, or another one, which
//! then takes over. What a root brought goes with it all the same.

use std::collections::HashMap;
use std::sync::Arc;

use freshet_model::EntityRef;

use crate::apply::ApplyError;
use crate::apply::entities::annotate::orphaned;
use crate::apply::entities::declarations::{Declared, Face};
use crate::apply::entities::load::Stored;
use crate::repo::SourceKind;
use crate::view::State;

/// What the digests of orphans begin with.
const ORPHAN: &str = "orphan:";

/// Whether the version of an entity with this digest is one that nothing declares.
pub(crate) fn is_orphan(digest: &str) -> bool {
    digest.starts_with(ORPHAN)
}

/// Keeps what these faces would take away, with its mark.
pub(crate) fn keep(faces: &mut [Face], stored: &Stored, state: &State) -> Result<(), ApplyError> {
    let places: HashMap<i64, usize> = faces
        .iter()
        .enumerate()
        .map(|(place, face)| (face.location_id, place))
        .collect();
    for (entity_ref, row) in &stored.entities {
        let Some(place) = places.get(&row.location_id).filter(|_| row.is_live()) else {
            continue;
        };
        let face = &mut faces[*place];
        if !takes_away(face, entity_ref) || is_of_a_root(face, stored) {
            continue;
        }
        let Some(record) = state.entity(entity_ref) else {
            continue;
        };
        let (document, digest) = if is_orphan(&row.digest) {
            (Arc::clone(&record.document), row.digest.clone())
        } else {
            let document = orphaned(&record.document)
                .map_err(|error| ApplyError::unreadable("a document", error))?;
            (Arc::from(document), format!("{ORPHAN}{}", row.digest))
        };
        face.declared.push(Declared {
            entity_ref: entity_ref.clone(),
            document,
            relations: Arc::clone(&record.relations),
            digest,
            line: 0,
        });
    }
    Ok(())
}

fn takes_away(face: &Face, entity_ref: &EntityRef) -> bool {
    let is_declared = face
        .declared
        .iter()
        .any(|one| one.entity_ref == *entity_ref);
    !is_declared && !face.missing.keeps(entity_ref)
}

/// Whether it goes because a root goes, or stands for one.
fn is_of_a_root(face: &Face, stored: &Stored) -> bool {
    let is_roots = |id: i64| {
        stored
            .sources
            .get(&id)
            .is_some_and(|source| source.kind == SourceKind::Roots)
    };
    is_roots(face.cause) || is_roots(face.source_id)
}
