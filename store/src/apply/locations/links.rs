//! The links of a Location entity to what it points at: found anew with each version of it, and what a new
//! link makes necessary. Pure.

use std::collections::{BTreeMap, HashMap};

use freshet_model::{LocationId, SourceId};

use super::evaluation::Evaluation;
use super::graph::TargetKey;
use super::naming::matched_url;
use super::target::{EntityTargets, read_targets};
use crate::repo::{LinkKey, LocationEntity, LocationLink, LocationState};

impl<'a> Evaluation<'a> {
    /// Gives a Location entity the links of its newest version.
    pub(super) fn retarget(&mut self, entity_ref: &str, triggered_by: SourceId) {
        let Some(entity) = self.entity(entity_ref).cloned() else {
            return;
        };
        // Its status is told anew even if its links stay: a target may have failed or recovered.
        self.reviewed.insert(entity_ref.to_owned(), triggered_by);
        let targets = read_targets(&entity, &self.inputs.forges.hosts);
        if targets.refusal.is_some() {
            // The version is no good, so the last good one stays, and everything that points to.
            self.held_back.insert(entity_ref.to_owned());
            return;
        }
        // What it points at carries its origin, and is judged by it, although the links are the same.
        let stored = self.graph.entities.get(entity_ref);
        let is_moved = stored.is_some_and(|stored| stored.origin != entity.origin);
        let listed = self.list_links(&entity, &targets);
        let mut left: BTreeMap<LinkKey, LocationLink> = self
            .links_from(entity_ref)
            .into_iter()
            .map(|link| (link.key(), link.clone()))
            .collect();
        for link in listed {
            let known = left.remove(&link.key());
            let location_id = link.location_id;
            self.put_link(link, known.as_ref(), triggered_by);
            if is_moved {
                self.touched.entry(location_id).or_insert(triggered_by);
                self.activatable.entry(location_id).or_insert(triggered_by);
            }
        }
        self.drop_links(entity_ref, left, triggered_by);
    }

    fn put_link(
        &mut self,
        link: LocationLink,
        known: Option<&LocationLink>,
        triggered_by: SourceId,
    ) {
        // Since when it points there decides whose spelling a file carries, so a new version must
        // not make it look younger.
        let location_id = link.location_id;
        let link = LocationLink {
            since: known.map_or(self.inputs.now, |known| known.since),
            ..link
        };
        // An unchanged link costs nothing, however many siblings it has.
        if known == Some(&link) {
            return;
        }
        if known.is_none() {
            self.request_unread(location_id, triggered_by);
        }
        self.touched.entry(location_id).or_insert(triggered_by);
        self.activatable.entry(location_id).or_insert(triggered_by);
        self.links.put(link);
    }

    /// Removes the links that the newest version does not list, as soon as each of its targets was looked
    /// at: a file that is renamed together with its target is not on the reading list yet, and its
    /// entities would come back with another uid.
    fn drop_links(
        &mut self,
        entity_ref: &str,
        left: BTreeMap<LinkKey, LocationLink>,
        triggered_by: SourceId,
    ) {
        if left.is_empty() {
            return;
        }
        let links = self.links.of_parent(entity_ref);
        let mut listed = links
            .iter()
            .filter(|link| !left.contains_key(&link.key()))
            .map(|link| self.location(link.location_id));
        let is_unread = listed.any(|location| {
            location.is_some_and(|location| location.state == LocationState::Unread)
        });
        for (key, link) in left {
            if is_unread {
                self.links.put(LocationLink {
                    is_listed: false,
                    ..link
                });
            } else {
                self.unlink(&key, triggered_by);
            }
        }
    }

    fn list_links(
        &mut self,
        entity: &LocationEntity,
        targets: &EntityTargets,
    ) -> Vec<LocationLink> {
        let known = self.known_targets(&entity.entity_ref);
        let mut links: BTreeMap<(LocationId, Option<LocationId>), LocationLink> = BTreeMap::new();
        for (number, resolved) in &targets.targets {
            // One that is linked already is not looked up again: a Location entity with ten
            // thousand targets would ask the database for all of them because one has recovered.
            let named = known.get(&(None, resolved.spelling.as_str())).copied();
            let key = || TargetKey::Target(resolved.target.clone());
            let Some(location_id) = named.or_else(|| self.find_target(key())) else {
                continue;
            };
            let link = LocationLink {
                parent_ref: entity.entity_ref.clone(),
                location_id,
                via: None,
                ordinal: i64::try_from(*number).unwrap_or(i64::MAX),
                url: resolved.spelling.clone(),
                is_required: targets.is_required,
                is_listed: true,
                since: 0,
            };
            let matched = self.list_matched_links(&link, &known);
            // The pattern itself is a link as well: only so is it read again, and told if nothing
            // matches. The first of two targets that name one place counts, as its place among them
            // is the smaller.
            for link in matched.into_iter().chain([link]) {
                links.entry((link.location_id, link.via)).or_insert(link);
            }
        }
        links.into_values().collect()
    }

    /// The locations a Location entity points at, by pattern and spelling. Those of a new version are
    /// resolved anew, for a branch may be known now that was not then.
    fn known_targets(
        &mut self,
        entity_ref: &str,
    ) -> HashMap<(Option<LocationId>, &'a str), LocationId> {
        // That its links are lacking is noted.
        let _loaded = self.links_from(entity_ref);
        if self.new_versions.contains(entity_ref) {
            return HashMap::new();
        }
        let stored = self.graph.links.of_parent(entity_ref);
        stored
            .into_iter()
            // One that is not listed any more may have been resolved in another way.
            .filter(|link| link.is_listed)
            .map(|link| ((link.via, link.url.as_str()), link.location_id))
            .collect()
    }

    /// The links to what a pattern matches.
    fn list_matched_links(
        &mut self,
        link: &LocationLink,
        known: &HashMap<(Option<LocationId>, &str), LocationId>,
    ) -> Vec<LocationLink> {
        let Some(pattern) = self.location(link.location_id).filter(|it| it.is_pattern) else {
            return Vec::new();
        };
        let (via, source_id) = (Some(pattern.id), pattern.source_id);
        let matched: Vec<(String, String)> = pattern
            .matched_paths()
            .iter()
            .map(|path| (path.clone(), matched_url(&link.url, &pattern.path, path)))
            .collect();
        let mut links = Vec::with_capacity(matched.len());
        for (path, url) in matched {
            let named = known.get(&(via, url.as_str())).copied();
            let key = || TargetKey::Place { source_id, path };
            if let Some(location_id) = named.or_else(|| self.find_target(key())) {
                links.push(LocationLink {
                    location_id,
                    via,
                    url,
                    ..link.clone()
                });
            }
        }
        links
    }

    fn find_target(&mut self, key: TargetKey) -> Option<LocationId> {
        let found = self.graph.targets.get(&key).copied();
        if found.is_none() {
            self.lacking.targets.insert(key);
        }
        found
    }

    /// A location that nobody could read or apply so far is read now.
    fn request_unread(&mut self, location_id: LocationId, triggered_by: SourceId) {
        let Some(location) = self.location(location_id) else {
            return;
        };
        let is_unknown = match &location.state {
            // What is wrong with a broken file must be told to whoever points at it now, too.
            LocationState::Unread
            | LocationState::Failed { .. }
            | LocationState::Invalid { .. } => true,
            LocationState::Valid { .. }
            | LocationState::Absent { .. }
            | LocationState::Matched { .. } => false,
        };
        let source_id = location.source_id;
        if is_unknown {
            self.refresh_requests
                .entry(source_id)
                .or_insert(triggered_by);
        }
    }
}
