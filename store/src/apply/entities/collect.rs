//! What the files of a batch declare now, after the judgement of the tree. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use freshet_model::EntityRef;
use freshet_proto::message::Content;

use crate::apply::ApplyError;
use crate::apply::entities::annotate::{Forges, Place};
use crate::apply::entities::declarations::{Declared, Entry, Face, Missing, content_face};
use crate::apply::locations::{Verdict, location_type};
use crate::repo::stored::stored_ref;
use crate::repo::{LocationEntityRow, LocationOutcome, LocationRow, SourceRow};

/// What the faces are made from.
pub(crate) struct Material<'a> {
    pub(crate) verdict: &'a Verdict,
    pub(crate) sources: &'a HashMap<i64, SourceRow>,
    pub(crate) locations: &'a HashMap<i64, LocationRow>,
    pub(crate) forges: &'a Forges,
}

/// The face of each file that was read, or of which something comes into effect or leaves.
pub(crate) fn faces(
    material: &Material<'_>,
    contents: HashMap<i64, Content>,
) -> Result<Vec<Face>, ApplyError> {
    let mut faces: BTreeMap<i64, Face> = BTreeMap::new();
    for (location_id, content) in contents {
        if let Some(location) = material.location(location_id) {
            faces.insert(location_id, material.content(location, content)?);
        }
    }
    for (location_id, cause) in &material.verdict.withdrawn {
        if let Some(location) = material.location(*location_id) {
            faces.insert(*location_id, Face::gone(location, *cause));
        }
    }
    material.gone(&mut faces);
    material.served(&mut faces)?;
    material.hidden(&mut faces);
    Ok(faces.into_values().collect())
}

impl Material<'_> {
    fn location(&self, id: i64) -> Option<&LocationRow> {
        self.verdict
            .locations
            .get(&id)
            .or_else(|| self.locations.get(&id))
    }

    fn content(&self, location: &LocationRow, content: Content) -> Result<Face, ApplyError> {
        let kind = self.sources.get(&location.source_id).map(|it| it.kind);
        let place = Place::new(
            kind.map_or("url", location_type),
            &location.url,
            &location.origin,
            self.forges,
        );
        let parents = self.verdict.parents.get(&location.id);
        content_face(
            location,
            content,
            &Entry {
                place: &place,
                is_admitted: self.verdict.admitted.contains(&location.id),
                is_frozen: &|entity_ref| self.verdict.frozen.contains(entity_ref.as_str()),
                parents: parents.map_or(&[], Vec::as_slice),
            },
        )
    }

    /// Files whose absence counts now, whether it was seen now or before.
    fn gone(&self, faces: &mut BTreeMap<i64, Face>) {
        for location_id in &self.verdict.admitted {
            if let Some(location) = self.location(*location_id)
                && location.outcome == LocationOutcome::Gone
            {
                let face = Face::gone(location, location.source_id);
                faces.entry(*location_id).or_insert(face);
            }
        }
    }

    /// Location entities that come into effect although their files were not read.
    fn served(&self, faces: &mut BTreeMap<i64, Face>) -> Result<(), ApplyError> {
        for (location_id, served) in &self.verdict.served {
            let Some(location) = self.location(*location_id) else {
                continue;
            };
            for serving in served {
                let face = faces
                    .entry(*location_id)
                    .or_insert_with(|| Face::unread(location, serving.cause));
                let declared = self.declared(&serving.row)?;
                let is_there = face
                    .declared
                    .iter()
                    .any(|one| one.entity_ref == declared.entity_ref);
                if !is_there {
                    face.declared.push(declared);
                }
            }
        }
        Ok(())
    }

    fn declared(&self, row: &LocationEntityRow) -> Result<Declared, ApplyError> {
        let (location_type, target) = row.own.split_once(':').unwrap_or(("url", &row.own));
        let place = Place::new(location_type, target, &row.origin, self.forges);
        let document = place
            .annotate(&row.document)
            .map_err(|error| ApplyError::unreadable("a Location entity", error))?;
        Ok(Declared {
            entity_ref: stored_ref(&row.entity_ref)
                .map_err(|error| ApplyError::unreadable("a stored ref", error))?,
            document: Arc::from(document),
            relations: Arc::from([]),
            digest: row.digest.clone(),
            line: u32::try_from(row.line).unwrap_or_default(),
        })
    }

    /// Location entities that stand for something that is not there.
    fn hidden(&self, faces: &mut BTreeMap<i64, Face>) {
        for (location_id, (cause, refs)) in &self.verdict.hidden {
            let Some(location) = self.location(*location_id) else {
                continue;
            };
            let refs: HashSet<EntityRef> =
                refs.iter().filter_map(|it| stored_ref(it).ok()).collect();
            let face = faces
                .entry(*location_id)
                .or_insert_with(|| Face::unread(location, *cause));
            if face.missing == Missing::Kept {
                face.missing = Missing::KeptUnlessNamed(refs);
            }
        }
    }
}
