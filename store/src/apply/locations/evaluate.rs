//! The decision over the graph of locations: its working copy, and the order in which what follows from
//! what is worked off. Pure.
//!
//! Evidence changes locations; what enters declares Location entities; these gain and lose targets.
//! What nobody declares any more is decided only when all declarations are known, so that a Location
//! entity may move between files; what lost a link is looked at last, for another link may be new.

use std::collections::{BTreeMap, HashMap};

use freshet_model::{LocationId, SourceId};

use super::diff::LocationDiff;
use super::evaluation::{Evaluation, EvaluationInputs};
use super::graph::{GraphRequest, LocationGraph, TargetKey};
use super::naming::matched_url;
use super::target::{EntityTargets, read_targets};
use crate::apply::observed::evidence::{LocationEvidence, is_as_in_catalog};
use crate::repo::{LinkKey, Location, LocationEntity, LocationLink, LocationState};

/// What an evaluation comes to.
#[derive(Debug)]
pub(crate) enum Evaluated {
    /// Everything it needed was loaded.
    Decided(Box<LocationDiff>),
    /// A part of the graph is lacking that nobody could know before.
    Incomplete(Box<GraphRequest>),
}

/// Decides what the evidence makes of the graph.
pub(crate) fn evaluate(
    graph: &LocationGraph,
    evidence: &BTreeMap<LocationId, LocationEvidence>,
    inputs: EvaluationInputs<'_>,
) -> Evaluated {
    let mut evaluation = Evaluation::new(graph, evidence, inputs);
    evaluation.take_over_evidence();
    evaluation.work_off();
    let diff = evaluation.compare_with_stored();
    if evaluation.lacking.is_empty() {
        Evaluated::Decided(Box::new(diff))
    } else {
        Evaluated::Incomplete(Box::new(evaluation.lacking))
    }
}

impl<'a> Evaluation<'a> {
    fn take_over_evidence(&mut self) {
        let evidence = self.evidence;
        for (id, proved) in evidence {
            if let Some(before) = self.location(*id).cloned() {
                self.take_over(&before, proved);
            }
        }
    }

    fn take_over(&mut self, before: &Location, proved: &LocationEvidence) {
        let (id, source_id) = (before.id, before.source_id);
        let mut after = before.clone();
        match proved.state() {
            Some(state) => after.state = state,
            None if is_as_in_catalog(before) => return,
            // What is known besides the content is of another one: read it once more.
            None => {
                after.active_blob = None;
                self.reread.insert(id, source_id);
            }
        }
        let is_pattern = matches!(after.state, LocationState::Matched { .. });
        let reads_alike = reads_alike(&before.state, &after.state);
        // Touched even if nothing enters: whoever points here may have another problem to show.
        self.touched.insert(id, source_id);
        self.put_location(after);
        if self.is_root(id) {
            return self.take_over_root(id, proved, source_id);
        }
        // Whether it may enter depends on who points at it, which this very batch may change; so it
        // is tried when all targets are known, and again whenever it gains a link.
        self.activatable.insert(id, source_id);
        if is_pattern || !reads_alike {
            for parent_ref in self.parents_of(id) {
                // The links of a parent follow from what its patterns match, and those it does not list
                // any more go once nothing it lists is unread.
                self.retargeted.insert(parent_ref, source_id);
            }
        }
    }

    fn take_over_root(&mut self, id: LocationId, proved: &LocationEvidence, source_id: SourceId) {
        match proved {
            LocationEvidence::Content(_) => {
                self.activatable.insert(id, source_id);
            }
            // A root is there because somebody names it. No link can hold it up, so nothing has to
            // be searched.
            LocationEvidence::Absent { .. } => {
                self.removed.insert(id, source_id);
                for entity_ref in self.declared_by(id) {
                    self.undeclared.insert(entity_ref, source_id);
                }
            }
            LocationEvidence::Unchanged
            // Roots are never looked at, so nothing else can be proved of them.
            | LocationEvidence::Matched(_)
            | LocationEvidence::Failed { .. } => {}
        }
    }

    fn work_off(&mut self) {
        loop {
            // The order matters. Links first: what enters may be let in by one that is new. Then
            // what enters: it may declare what another file has just let go. Only then is somebody
            // found to take over what nobody declares, and last what nothing leads to any more
            // goes, for only now are all links known.
            if let Some((entity_ref, triggered_by)) = self.retargeted.pop_first() {
                self.retarget(&entity_ref, triggered_by);
            } else if let Some((location_id, triggered_by)) = self.activatable.pop_first() {
                self.activate(location_id, triggered_by);
            } else if !self.undeclared.is_empty() {
                self.reassign_undeclared();
            } else if !self.unlinked.is_empty() {
                self.prune_unlinked();
            } else {
                return;
            }
        }
    }

    /// Gives a Location entity the links of its newest version.
    fn retarget(&mut self, entity_ref: &str, triggered_by: SourceId) {
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
        for (ordinal, resolved) in (0_i64..).zip(&targets.targets) {
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
                ordinal,
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

/// Whether a Location entity says the same of a target in both states.
fn reads_alike(before: &LocationState, after: &LocationState) -> bool {
    match (before, after) {
        (LocationState::Valid { .. }, LocationState::Valid { .. }) => true,
        _ => before == after,
    }
}
