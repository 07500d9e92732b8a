//! What the judgement comes to: what is written, read again, served and withdrawn.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::Judge;
use super::links::Key;
use super::problems::{NOT_ALLOWED, Review, Scope};
use super::run::refused;
use crate::apply::entities::declarations::Found;
use crate::repo::{LinkRow, LocationEntityRow, LocationOutcome, LocationRow, RunState};

/// What becomes of the tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// Every location that was looked at, as it is now.
    pub(crate) locations: BTreeMap<i64, LocationRow>,
    pub(crate) locations_put: Vec<LocationRow>,
    /// Locations that count no more, with the source whose reading withdrew them.
    pub(crate) withdrawn: BTreeMap<i64, i64>,
    pub(crate) entities_put: Vec<LocationEntityRow>,
    pub(crate) entities_removed: Vec<String>,
    pub(crate) links_put: Vec<LinkRow>,
    pub(crate) links_removed: Vec<Key>,
    /// New sources that something links.
    pub(crate) new_sources: BTreeSet<i64>,
    /// Sources that must be read, with the one whose reading asks for it.
    pub(crate) raised: BTreeMap<i64, i64>,
    /// Locations whose newest content counts, as far as it was seen.
    pub(crate) admitted: BTreeSet<i64>,
    /// Location entities that come into effect, by location.
    pub(crate) served: BTreeMap<i64, Vec<Serving>>,
    /// Location entities that stand and are not served, by location, with the source whose reading hid
    /// them.
    pub(crate) hidden: BTreeMap<i64, (i64, Vec<String>)>,
    /// Location entities that stay as they are although their file declares another version.
    pub(crate) frozen: BTreeSet<String>,
    /// Who links each location that was touched.
    pub(crate) parents: BTreeMap<i64, Vec<String>>,
    pub(crate) reviews: Vec<Review>,
}

/// A Location entity that comes into effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) row: LocationEntityRow,
    /// The source whose reading caused it.
    pub(crate) cause: i64,
}

impl Judge<'_> {
    /// Compares the tree with what is stored.
    pub(crate) fn finish(&mut self) -> Verdict {
        self.settle_parents();
        let mut verdict = Verdict {
            withdrawn: self.withdrawn.clone(),
            admitted: self.admitted.clone(),
            raised: self.wanted.clone(),
            ..Verdict::default()
        };
        for (location_id, cause) in self.reread.clone() {
            if let Some(location) = self.location(location_id)
                && !self.is_withdrawn(location_id)
            {
                verdict.raised.entry(location.source_id).or_insert(cause);
            }
        }
        self.finish_entities(&mut verdict);
        self.finish_links(&mut verdict);
        self.finish_locations(&mut verdict);
        self.finish_reviews(&mut verdict);
        verdict
    }

    /// A file whose entities carry another parent's spelling is read again.
    fn settle_parents(&mut self) {
        let concerned: BTreeMap<i64, i64> = self
            .touched
            .iter()
            .filter(|(id, _)| !self.withdrawn.contains_key(id))
            .map(|(id, cause)| (*id, *cause))
            .collect();
        for (location_id, cause) in concerned {
            self.choose_parent(location_id);
            let Some(mut row) = self.location(location_id) else {
                continue;
            };
            let carried = self.placed.get(&location_id).cloned().or_else(|| {
                let stored = self.facts.locations.get(&location_id)?;
                Some((stored.url.clone(), stored.origin.clone()))
            });
            let place = (row.url.clone(), row.origin.clone());
            if !row.blob_oid.is_empty() && carried.is_some_and(|carried| carried != place) {
                row.blob_oid.clear();
                self.locations.insert(location_id, row);
                self.reread.insert(location_id, cause);
            }
        }
    }

    fn finish_entities(&mut self, verdict: &mut Verdict) {
        for (entity_ref, row) in self.entities.clone() {
            let before = self.facts.entities.get(&entity_ref).cloned().flatten();
            let Some(row) = row else {
                if before.is_some() {
                    verdict.entities_removed.push(entity_ref);
                }
                continue;
            };
            let cause = self.judged.get(&entity_ref).map_or(0, |(cause, _)| *cause);
            let was = before
                .as_ref()
                .map(|before| (before.applied_digest.as_str(), before.declared_by))
                .filter(|(digest, _)| !digest.is_empty());
            let is = Some((row.applied_digest.as_str(), row.declared_by))
                .filter(|(digest, _)| !digest.is_empty());
            if is != was
                && let Some(location) = self.location(row.declared_by)
            {
                // Where it stands must be known.
                let _loaded = self.source_kind(location.source_id);
            }
            if is.is_none() && was.is_some() {
                let (_, hidden) = verdict
                    .hidden
                    .entry(row.declared_by)
                    .or_insert_with(|| (cause, Vec::new()));
                hidden.push(entity_ref.clone());
            }
            let is_in_effect = row.state == RunState::Ok && row.applied_digest == row.digest;
            if is_in_effect && is != was {
                verdict
                    .served
                    .entry(row.declared_by)
                    .or_default()
                    .push(Serving {
                        row: row.clone(),
                        cause,
                    });
            }
            if before.as_ref() != Some(&row) {
                verdict.entities_put.push(row);
            }
        }
        let declared: Vec<String> = self
            .admitted
            .iter()
            .filter_map(|id| match self.sights.get(id) {
                Some(super::seen::Seen::Content(content)) => Some(content),
                _ => None,
            })
            .flat_map(|content| &content.locations)
            .map(|listed| listed.entity_ref.to_string())
            .collect();
        for entity_ref in declared {
            let is_frozen = self.entity(&entity_ref).is_some_and(|row| {
                row.digest.is_empty()
                    || row.applied_digest != row.digest
                    || row.state != RunState::Ok
            });
            if is_frozen {
                verdict.frozen.insert(entity_ref);
            }
        }
    }

    fn finish_links(&mut self, verdict: &mut Verdict) {
        for (key, link) in self.links.rows() {
            if self.facts.links.get(key) != Some(link) {
                verdict.links_put.push(link.clone());
            }
        }
        verdict.links_removed = self
            .facts
            .links
            .keys()
            .filter(|key| !self.links.rows().contains_key(*key))
            .cloned()
            .collect();
    }

    fn finish_locations(&mut self, verdict: &mut Verdict) {
        let linked: BTreeSet<i64> = self.links.rows().keys().map(|key| key.1).collect();
        let fresh: Vec<i64> = self.facts.fresh_locations.iter().copied().collect();
        for id in fresh {
            if linked.contains(&id)
                && let Some(row) = self.location(id)
            {
                self.locations.entry(id).or_insert(row);
            }
        }
        for (id, row) in self.locations.clone() {
            let is_fresh = self.facts.fresh_locations.contains(&id);
            let counts = !is_fresh || linked.contains(&id) || self.is_root(id);
            if counts && !self.is_withdrawn(id) {
                if self.facts.fresh_sources.contains(&row.source_id) {
                    verdict.new_sources.insert(row.source_id);
                }
                if is_fresh || self.facts.locations.get(&id) != Some(&row) {
                    verdict.locations_put.push(row.clone());
                }
            }
            verdict.locations.insert(id, row);
        }
    }

    fn finish_reviews(&mut self, verdict: &mut Verdict) {
        for (entity_ref, (cause, found)) in self.judged.clone() {
            if let Some(row) = self.entity(&entity_ref) {
                if !found.is_empty()
                    && let Some(location) = self.location(row.declared_by)
                {
                    // Where a problem is must be known.
                    let _loaded = self.source_kind(location.source_id);
                }
                verdict.reviews.push(Review {
                    location_id: row.declared_by,
                    cause,
                    scope: Scope::Targets(entity_ref),
                    found,
                });
            }
        }
        for (location_id, entity_ref, cause) in self.forgotten.clone() {
            if !self.is_withdrawn(location_id) {
                verdict.reviews.push(Review {
                    location_id,
                    cause,
                    scope: Scope::Targets(entity_ref),
                    found: Vec::new(),
                });
            }
        }
        for (location_id, cause) in self.withdrawn.clone() {
            verdict.reviews.push(Review {
                location_id,
                cause,
                scope: Scope::All,
                found: Vec::new(),
            });
        }
        for (location_id, cause) in self.touched.clone() {
            if self.is_withdrawn(location_id) {
                continue;
            }
            let parents = self.parents_of(location_id);
            let found = self.refusals(location_id, &parents);
            verdict.parents.insert(location_id, parents);
            verdict.reviews.push(Review {
                location_id,
                cause,
                scope: Scope::Rules,
                found,
            });
        }
    }

    /// What the rules keep out of a file, for any of those who link it.
    fn refusals(&mut self, location_id: i64, parents: &[String]) -> Vec<Found> {
        let Some(row) = self.location(location_id) else {
            return Vec::new();
        };
        let mut found: Vec<Found> = Vec::new();
        if row.outcome != LocationOutcome::Content {
            return found;
        }
        for parent_ref in parents {
            let Some(parent) = self.entity(parent_ref) else {
                continue;
            };
            for mark in refused(&parent, &row, self.terms.rules) {
                let entity_ref = freshet_model::EntityRef::parse(&mark.2).ok();
                let message = format!(
                    "Entity {} at url:{} is not of an allowed kind for that location, whose origin is {}",
                    mark.2, row.url, parent.origin
                );
                match found
                    .iter_mut()
                    .find(|known| known.message == message && known.line == mark.3)
                {
                    Some(known) => known.status_of.push(parent_ref.clone()),
                    None => found.push(Found {
                        rule: NOT_ALLOWED.to_owned(),
                        message,
                        hint: "Remove it, or have its kind allowed in catalog.rules; until then nothing of this file is taken over.".to_owned(),
                        line: mark.3,
                        column: 1,
                        entity_ref,
                        class: "NotAllowedError".to_owned(),
                        is_file: true,
                        status_of: vec![parent_ref.clone()],
                        ..Found::default()
                    }),
                }
            }
        }
        found
    }
}
