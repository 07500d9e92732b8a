//! What enters the catalog: the newest content of a location, and the Location entities it declares.

use freshet_model::{EntityRef, LocationId, SourceId};

use super::evaluation::{Evaluation, Rival, is_valid};
use super::naming::{location_type, split_location};
use super::problems::{find_refused, is_required};
use super::target::read_targets;
use crate::apply::entities::annotate::Place;
use crate::apply::observed::evidence::{ContentEvidence, DeclaredLocation, LocationEvidence};
use crate::repo::{Location, LocationEntity, LocationState, Naming, SourceKind};

impl Evaluation<'_> {
    /// Lets the newest content of a location enter, or its absence count.
    pub(crate) fn activate(&mut self, location_id: LocationId, triggered_by: SourceId) {
        // Tried whenever a link is new, so it is made to be asked twice.
        if self.removed.contains_key(&location_id) || self.activated.contains_key(&location_id) {
            return;
        }
        // Its entities are annotated with the spelling of the parent, so that has to be settled
        // first.
        self.update_naming(location_id);
        let Some(location) = self.location(location_id).cloned() else {
            return;
        };
        match &location.state {
            LocationState::Valid { .. } if self.may_enter(&location) => {
                self.activate_content(location, triggered_by);
            }
            LocationState::Absent { .. } if self.may_be_absent(location_id) => {
                self.activate_absence(location, triggered_by);
            }
            LocationState::Valid { .. }
            | LocationState::Absent { .. }
            | LocationState::Unread
            | LocationState::Invalid { .. }
            | LocationState::Matched { .. }
            | LocationState::Failed { .. } => {}
        }
    }

    /// Whether the rules let all of a file in for at least one of those who point at it.
    fn may_enter(&mut self, location: &Location) -> bool {
        if self.is_root(location.id) {
            return true;
        }
        // One root that allows it is enough: it would be in the catalog if that were the only one.
        let parents = self.parents_of(location.id);
        let mut parents = parents.iter().filter_map(|parent| self.entity(parent));
        parents.any(|parent| {
            let mut refused = find_refused(parent, location, self.inputs.rules);
            refused.next().is_none()
        })
    }

    /// Whether somebody who points at a location allows for it not to be there. What a required target
    /// declared stays with its problem: a file that is listed and missing is a mistake, not a removal.
    fn may_be_absent(&mut self, location_id: LocationId) -> bool {
        // A file nobody points at is pruned, not absent, so an empty list allows nothing.
        let links = self.links_to(location_id);
        links.into_iter().any(|link| !is_required(link))
    }

    fn activate_content(&mut self, mut location: Location, triggered_by: SourceId) {
        let evidence = self.evidence;
        let seen = location.seen_blob().map(str::to_owned);
        match evidence.get(&location.id) {
            Some(LocationEvidence::Content(content)) => {
                self.activated.insert(location.id, triggered_by);
                // What the entities of this content carry; if another parent takes over later in
                // this batch, they are read again.
                self.activated_namings
                    .insert(location.id, location.naming.clone());
                location.active_blob = seen;
                self.put_location(location.clone());
                self.declare_locations(&location, content, triggered_by);
            }
            // It was held back when it was read, and is not at hand now.
            _ if location.active_blob != seen => {
                self.reread.insert(location.id, triggered_by);
            }
            _ => {}
        }
    }

    fn activate_absence(&mut self, mut location: Location, triggered_by: SourceId) {
        self.activated.insert(location.id, triggered_by);
        // They do not go at once: a file that moved declares them elsewhere in this batch.
        for entity_ref in self.declared_by(location.id) {
            self.undeclared.insert(entity_ref, triggered_by);
        }
        if location.active_blob.take().is_some() {
            self.put_location(location);
        }
    }

    fn declare_locations(
        &mut self,
        location: &Location,
        content: &ContentEvidence,
        triggered_by: SourceId,
    ) {
        for declared in &content.location_entities {
            self.declare_location(location, declared, triggered_by);
        }
        for entity_ref in self.declared_by(location.id) {
            let is_declared = content
                .location_entities
                .iter()
                .any(|declared| declared.entity_ref.as_str() == entity_ref.as_str());
            // Of an invalid document the last good version stays as it is.
            let is_kept = EntityRef::parse(&entity_ref)
                .is_ok_and(|entity_ref| content.undeclared.keeps(&entity_ref));
            if !is_declared && !is_kept {
                self.undeclared.insert(entity_ref, triggered_by);
            }
        }
    }

    fn declare_location(
        &mut self,
        location: &Location,
        declared: &DeclaredLocation,
        triggered_by: SourceId,
    ) {
        let entity_ref = declared.entity_ref.as_str();
        // Whether somebody else holds the ref is not known from the links.
        if !self.graph.loaded.entities.contains(entity_ref) {
            self.lacking.entities.insert(entity_ref.to_owned());
        }
        let newest = self.newest_version(location, declared);
        let is_mine = self
            .entity(entity_ref)
            .is_none_or(|known| known.declared_by == location.id);
        if is_mine
            && read_targets(&newest, &self.inputs.forges.hosts)
                .refusal
                .is_some()
        {
            self.held_back.insert(entity_ref.to_owned());
        }
        match self.entity(entity_ref) {
            None => self.put_new_version(newest, triggered_by),
            Some(known) if known.declared_by == location.id => {
                let newest = LocationEntity {
                    is_published: known.is_published,
                    ..newest
                };
                // Also if only its place has moved, by which its problems are told.
                if *known != newest {
                    self.put_new_version(newest, triggered_by);
                }
            }
            // The holder keeps it. If that one lets go in this batch, the rival takes over without
            // a gap.
            Some(_) => self
                .rivals
                .entry(entity_ref.to_owned())
                .or_default()
                .push(Rival {
                    claimed_at: self.inputs.now,
                    entity: newest,
                }),
        }
    }

    fn newest_version(&self, location: &Location, declared: &DeclaredLocation) -> LocationEntity {
        let kind = self.graph.source_kind(location);
        // Relative targets of a generated Location entity start from the location itself, which is
        // spelled as the configuration does and not as a file of a source.
        let own = if kind == Some(SourceKind::Roots) {
            location.origin().to_owned()
        } else {
            let own_type = kind.map_or("url", location_type);
            format!("{own_type}:{}", location.url())
        };
        let (own_type, own_target) = split_location(&own);
        let place = Place::new(own_type, own_target, location.origin(), self.inputs.forges);
        LocationEntity {
            entity_ref: declared.entity_ref.to_string(),
            declared_by: location.id,
            document: declared.document.clone(),
            // With the place in it: the same document found from elsewhere is another version.
            digest: place.digest(&declared.digest),
            line: declared.line,
            column: declared.column,
            target_places: declared.target_places.clone(),
            origin: location.origin().to_owned(),
            own,
            is_published: false,
        }
    }

    /// Chooses whose spelling the entities of a file carry: that of the present parent while it points at
    /// the file, else that of the one which has done so longest, of those who may let it in if there are
    /// any.
    pub(crate) fn update_naming(&mut self, location_id: LocationId) {
        // That they are lacking is noted.
        let _loaded = self.links_to(location_id);
        let Some(location) = self.location(location_id) else {
            return;
        };
        if self.graph.source_kind(location) == Some(SourceKind::Roots) {
            return;
        }
        let Some(naming) = self.choose_naming(location) else {
            return;
        };
        if location.naming.as_ref() != Some(&naming) {
            let source_id = location.source_id;
            let named = Location {
                naming: Some(naming),
                ..location.clone()
            };
            // Its entities carry the old spelling, or the old root, until they are read again.
            self.touched.entry(location_id).or_insert(source_id);
            self.put_location(named);
        }
    }

    fn choose_naming(&self, location: &Location) -> Option<Naming> {
        let links = self.links.of_location(location.id);
        let candidates: Vec<(&LocationEntity, &str)> = links
            .into_iter()
            .filter_map(|link| Some((self.entity(&link.parent_ref)?, link.url.as_str())))
            .collect();
        let present = location.parent_ref();
        let is_present = |parent: &LocationEntity| present == Some(parent.entity_ref.as_str());
        let lets_in = |parent: &LocationEntity| {
            let mut refused = find_refused(parent, location, self.inputs.rules);
            !is_valid(location) || refused.next().is_none()
        };
        let find = |accept: &dyn Fn(&LocationEntity) -> bool| {
            candidates.iter().find(|(parent, _)| accept(parent))
        };
        let (parent, url) = find(&is_present)
            .or_else(|| find(&lets_in))
            .or_else(|| candidates.first())?;
        Some(Naming {
            parent_ref: Some(parent.entity_ref.clone()),
            url: (*url).to_owned(),
            origin: parent.origin.clone(),
        })
    }
}
