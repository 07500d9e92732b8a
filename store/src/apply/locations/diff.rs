//! What an evaluation comes to: what is written, read again, published and removed.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::{LocationId, SourceId};

use super::evaluation::Evaluation;
use super::naming::is_generated;
use super::problems::{ProblemReview, ReviewScope, find_refusals, find_target_problems};
use super::target::read_targets;
use crate::apply::roots::is_of_registered;
use crate::repo::{LinkKey, Location, LocationEntity, LocationLink, LocationState, Naming};

/// How the graph differs from what is stored. Numbers are the sources whose reading caused it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LocationDiff {
    /// Every location that was looked at, as it is now.
    pub(crate) locations: BTreeMap<LocationId, Location>,
    pub(crate) locations_put: Vec<Location>,
    /// Locations that no root reaches any more.
    pub(crate) removed: BTreeMap<LocationId, SourceId>,
    pub(crate) entities_put: Vec<LocationEntity>,
    pub(crate) entities_removed: Vec<String>,
    pub(crate) links_put: Vec<LocationLink>,
    pub(crate) links_removed: Vec<LinkKey>,
    /// Sources nobody knew that something points at.
    pub(crate) new_sources: BTreeSet<SourceId>,
    /// Sources that must be read.
    pub(crate) refresh_requests: BTreeMap<SourceId, SourceId>,
    /// Locations whose newest content, or absence, counts from now on.
    pub(crate) activated: BTreeMap<LocationId, SourceId>,
    /// Location entities that the catalog shows in another version or place than before, by location.
    pub(crate) published: BTreeMap<LocationId, Vec<PublishedLocation>>,
    /// Location entities that are declared and not shown any more, by location.
    pub(crate) unpublished: BTreeMap<LocationId, UnpublishedLocations>,
    /// Location entities that stay as they are although their file declares another version.
    pub(crate) held_back: BTreeSet<String>,
    /// Who points at each location that was touched.
    pub(crate) parents: BTreeMap<LocationId, Vec<String>>,
    pub(crate) reviews: Vec<ProblemReview>,
}

/// A Location entity that the catalog shows from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedLocation {
    pub(crate) entity: LocationEntity,
    pub(crate) triggered_by: SourceId,
}

/// Location entities of one file that the catalog shows no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnpublishedLocations {
    pub(crate) refs: Vec<String>,
    pub(crate) triggered_by: SourceId,
}

impl Evaluation<'_> {
    /// A file whose entities carry another parent's spelling is read again.
    fn update_namings(&mut self) {
        for (location_id, triggered_by) in self.touched.clone() {
            if self.removed.contains_key(&location_id) {
                continue;
            }
            // Again, for the parent it was named by may have gone since.
            self.update_naming(location_id);
            let Some(location) = self.location(location_id) else {
                continue;
            };
            let carried = match self.activated_namings.get(&location_id) {
                Some(naming) => Some(naming),
                None => self.graph.locations.get(&location_id).map(|it| &it.naming),
            };
            let is_renamed = carried
                .is_some_and(|it| words_of(it.as_ref()) != words_of(location.naming.as_ref()));
            // The content is not at hand if it was not read in this batch. Without its blob the
            // next job brings it, although nothing of it has changed.
            if is_renamed && location.active_blob.is_some() {
                let location = Location {
                    active_blob: None,
                    ..location.clone()
                };
                self.put_location(location);
                self.reread.insert(location_id, triggered_by);
            }
        }
    }

    /// Shows and hides the Location entities that stand for something optional.
    fn update_publication(&mut self) {
        let reviewed: Vec<String> = self.reviewed.keys().cloned().collect();
        for entity_ref in reviewed {
            let is_published = self.is_publishable(&entity_ref);
            if let Some(entity) = self.entity(&entity_ref)
                && entity.is_published != is_published
            {
                let entity = LocationEntity {
                    is_published,
                    ..entity.clone()
                };
                self.put_entity(entity);
            }
        }
    }

    fn is_publishable(&mut self, entity_ref: &str) -> bool {
        let links: Vec<LocationId> = self
            .links_from(entity_ref)
            .into_iter()
            .map(|link| link.location_id)
            .collect();
        let Some(entity) = self.entity(entity_ref) else {
            return false;
        };
        // The last good version is shown if there was one.
        if self.held_back.contains(entity_ref) {
            return entity.is_published;
        }
        let targets = read_targets(entity, &self.inputs.forges.hosts);
        if targets.is_required || !is_generated(entity) || self.is_registered(entity) {
            return true;
        }
        let states = links
            .iter()
            .filter_map(|id| Some(&self.location(*id)?.state));
        // Of what may be absent, something must be there for it to stand for; what cannot be read
        // proves neither.
        states.fold(false, |is_there, state| match state {
            LocationState::Valid { .. } | LocationState::Invalid { .. } => true,
            LocationState::Unread | LocationState::Failed { .. } => is_there || entity.is_published,
            LocationState::Absent { .. } | LocationState::Matched { .. } => is_there,
        })
    }

    /// Whether somebody asked for just this Location entity, and so expects to see it.
    fn is_registered(&self, entity: &LocationEntity) -> bool {
        let location = self.location(entity.declared_by);
        let source = location.and_then(|it| self.graph.sources.get(&it.source_id));
        source.is_some_and(is_of_registered)
    }

    /// Compares the graph with what is stored, once each file is named and each Location entity shown or
    /// hidden as all of it asks for.
    pub(crate) fn compare_with_stored(&mut self) -> LocationDiff {
        self.update_namings();
        self.update_publication();
        let mut diff = LocationDiff {
            activated: std::mem::take(&mut self.activated),
            refresh_requests: std::mem::take(&mut self.refresh_requests),
            ..LocationDiff::default()
        };
        for (location_id, triggered_by) in &self.reread {
            if let Some(location) = self.location(*location_id)
                && !self.removed.contains_key(location_id)
            {
                let requests = &mut diff.refresh_requests;
                requests.entry(location.source_id).or_insert(*triggered_by);
            }
        }
        self.compare_entities(&mut diff);
        self.compare_links(&mut diff);
        self.compare_locations(&mut diff);
        self.review_problems(&mut diff);
        self.hold_back_unpublished();
        diff.held_back = std::mem::take(&mut self.held_back);
        diff.removed = std::mem::take(&mut self.removed);
        diff
    }

    fn compare_entities(&self, diff: &mut LocationDiff) {
        for (entity_ref, after) in &self.entities {
            let before = self.graph.entities.get(entity_ref);
            let Some(after) = after else {
                if before.is_some() {
                    diff.entities_removed.push(entity_ref.clone());
                }
                continue;
            };
            // Every entity that is put was given targets, and so was reviewed.
            let triggered_by = self.reviewed.get(entity_ref).copied().unwrap_or_default();
            let was_shown = before.and_then(shown_version);
            let is_shown = shown_version(after);
            if is_shown.is_none() && was_shown.is_some() {
                let unpublished = diff.unpublished.entry(after.declared_by).or_default();
                unpublished.refs.push(entity_ref.clone());
                unpublished.triggered_by = triggered_by;
            }
            // Held back, the version in the catalog is an older one, whose digest says nothing of
            // this.
            let is_held_back = self.held_back.contains(entity_ref);
            if is_shown.is_some() && is_shown != was_shown && !is_held_back {
                let published = diff.published.entry(after.declared_by).or_default();
                published.push(PublishedLocation {
                    entity: after.clone(),
                    triggered_by,
                });
            }
            if before != Some(after) {
                diff.entities_put.push(after.clone());
            }
        }
    }

    /// A Location entity that a file declares and that stands for nothing is not shown either.
    fn hold_back_unpublished(&mut self) {
        for entity_ref in std::mem::take(&mut self.reviewed).into_keys() {
            let entity = self.entity(&entity_ref);
            if entity.is_some_and(|entity| !entity.is_published) {
                self.held_back.insert(entity_ref);
            }
        }
    }

    fn compare_links(&self, diff: &mut LocationDiff) {
        let stored = &self.graph.links;
        diff.links_put = self
            .links
            .iter()
            .filter(|link| stored.get(&link.key()) != Some(link))
            .cloned()
            .collect();
        diff.links_removed = stored
            .iter()
            .map(LocationLink::key)
            .filter(|key| self.links.get(key).is_none())
            .collect();
    }

    fn compare_locations(&mut self, diff: &mut LocationDiff) {
        // A location that got an id and that nothing points at in the end was never there.
        let counts = |id: LocationId| {
            !self.graph.new_locations.contains(&id) || self.links.leads_to(id) || self.is_root(id)
        };
        let new = self.graph.new_locations.iter().copied();
        let looked_at: BTreeSet<LocationId> = new.chain(self.locations.keys().copied()).collect();
        for id in looked_at {
            let Some(location) = self.location(id) else {
                continue;
            };
            let is_new = self.graph.new_locations.contains(&id);
            let is_changed = is_new || self.graph.locations.get(&id) != Some(location);
            // A source that got an id for a target that was dropped again in this batch is not
            // written either.
            if counts(id) && !self.removed.contains_key(&id) {
                if self.graph.new_sources.contains(&location.source_id) {
                    diff.new_sources.insert(location.source_id);
                }
                if is_changed {
                    diff.locations_put.push(location.clone());
                }
            }
            diff.locations.insert(id, location.clone());
        }
    }

    fn review_problems(&mut self, diff: &mut LocationDiff) {
        for (entity_ref, triggered_by) in self.reviewed.clone() {
            diff.reviews
                .extend(self.review_targets(entity_ref, triggered_by));
        }
        // A file that no root reaches loses all of its problems by itself.
        for left in &self.left_files {
            if !self.removed.contains_key(&left.location_id) {
                diff.reviews.push(ProblemReview {
                    location_id: left.location_id,
                    triggered_by: left.triggered_by,
                    scope: ReviewScope::Targets(left.entity_ref.clone()),
                    found: Vec::new(),
                });
            }
        }
        for (location_id, triggered_by) in &self.removed {
            diff.reviews.push(ProblemReview {
                location_id: *location_id,
                triggered_by: *triggered_by,
                scope: ReviewScope::All,
                found: Vec::new(),
            });
        }
        for (location_id, triggered_by) in std::mem::take(&mut self.touched) {
            if self.removed.contains_key(&location_id) {
                continue;
            }
            let parents = self.parents_of(location_id);
            diff.reviews.push(ProblemReview {
                location_id,
                triggered_by,
                scope: ReviewScope::Rules,
                found: self.review_rules(location_id, &parents),
            });
            diff.parents.insert(location_id, parents);
        }
    }

    fn review_targets(
        &mut self,
        entity_ref: String,
        triggered_by: SourceId,
    ) -> Option<ProblemReview> {
        let links: Vec<LocationLink> = self
            .links_from(&entity_ref)
            .into_iter()
            .filter(|link| link.is_listed)
            .cloned()
            .collect();
        let entity = self.entity(&entity_ref)?;
        let targets = read_targets(entity, &self.inputs.forges.hosts);
        let links = links
            .iter()
            .filter_map(|link| Some((link, self.location(link.location_id)?)));
        Some(ProblemReview {
            location_id: entity.declared_by,
            triggered_by,
            found: find_target_problems(entity, targets.into_problems(), links),
            scope: ReviewScope::Targets(entity_ref),
        })
    }

    fn review_rules(
        &self,
        location_id: LocationId,
        parents: &[String],
    ) -> Vec<crate::apply::entities::declarations::FoundProblem> {
        let Some(location) = self.location(location_id) else {
            return Vec::new();
        };
        let parents: Vec<&LocationEntity> =
            parents.iter().filter_map(|it| self.entity(it)).collect();
        // A file of which nothing was taken over yet has no name but those.
        let links = self.links.of_location(location_id);
        find_refusals(location, &parents, &links, self.inputs.rules)
    }
}

/// What the entities of a file carry of the parent they are named by.
fn words_of(naming: Option<&Naming>) -> Option<(&str, &str)> {
    naming.map(|it| (it.url.as_str(), it.origin.as_str()))
}

/// The version of a Location entity that the catalog shows, and the file it is from.
fn shown_version(entity: &LocationEntity) -> Option<(&str, LocationId)> {
    let version = (entity.digest.as_str(), entity.declared_by);
    entity.is_published.then_some(version)
}
