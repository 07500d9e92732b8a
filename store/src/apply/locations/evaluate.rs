//! The judgement: its working copy of the tree, and the order in which it is worked off.
//!
//! Runs are judged from the roots down: an ok run admits contents, those declare Location
//! entities, and these have runs. What was dropped meanwhile is settled only when all of it is
//! known, so that a Location entity may move between files.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::rules::Rule;

use super::target::{Aims, aims_of, matched_url};
use super::graph::{Aim, Facts, Need};
use super::links::Links;
use super::generated::is_generated;
use super::run::{Run, run_of};
use super::seen::{Seen, Sights, emitted_text, paths_of};
use super::diff::Verdict;
use crate::apply::entities::annotate::Forges;
use crate::apply::entities::declarations::Found;
use crate::repo::{LinkRow, LocationEntityRow, LocationOutcome, LocationRow, RunState, SourceKind};

/// What the configuration says.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) rules: &'a [Rule],
    /// What is known about the forges.
    pub(crate) forges: &'a Forges,
    pub(crate) now: i64,
}

/// Judges what was seen.
///
/// # Errors
/// If something is needed that is not loaded.
pub(crate) fn judge(
    facts: &Facts,
    sights: &Sights,
    terms: Terms<'_>,
) -> Result<Verdict, Box<Need>> {
    let mut judge = Judge {
        facts,
        terms,
        sights,
        need: Need::default(),
        locations: BTreeMap::new(),
        entities: BTreeMap::new(),
        links: Links::new(&facts.links),
        queue: BTreeMap::new(),
        retargeted: BTreeSet::new(),
        admitted: BTreeSet::new(),
        placed: BTreeMap::new(),
        reread: BTreeMap::new(),
        dropped: BTreeMap::new(),
        contenders: BTreeMap::new(),
        candidates: BTreeMap::new(),
        withdrawn: BTreeMap::new(),
        touched: BTreeMap::new(),
        judged: BTreeMap::new(),
        forgotten: Vec::new(),
        wanted: BTreeMap::new(),
    };
    judge.see();
    judge.work_off();
    let verdict = judge.finish();
    if judge.need.is_empty() {
        Ok(verdict)
    } else {
        Err(Box::new(judge.need))
    }
}

/// The tree while it is judged. Numbers beside a location or Location entity are the source whose
/// reading made something of it.
pub(crate) struct Judge<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) terms: Terms<'a>,
    pub(crate) sights: &'a Sights,
    pub(crate) need: Need,
    pub(crate) locations: BTreeMap<i64, LocationRow>,
    pub(crate) entities: BTreeMap<String, Option<LocationEntityRow>>,
    pub(crate) links: Links,
    pub(crate) queue: BTreeMap<String, i64>,
    pub(crate) retargeted: BTreeSet<String>,
    pub(crate) admitted: BTreeSet<i64>,
    /// The place each content that was admitted got.
    pub(crate) placed: BTreeMap<i64, (String, String)>,
    pub(crate) reread: BTreeMap<i64, i64>,
    pub(crate) dropped: BTreeMap<String, i64>,
    pub(crate) contenders: BTreeMap<String, Vec<super::prune::Contender>>,
    pub(crate) candidates: BTreeMap<i64, i64>,
    pub(crate) withdrawn: BTreeMap<i64, i64>,
    pub(crate) touched: BTreeMap<i64, i64>,
    /// Problems of every Location entity that was judged.
    pub(crate) judged: BTreeMap<String, (i64, Vec<Found>)>,
    /// Location entities that left: where, which, and why.
    pub(crate) forgotten: Vec<(i64, String, i64)>,
    /// Sources that must be read.
    pub(crate) wanted: BTreeMap<i64, i64>,
}

impl Judge<'_> {
    /// A location as it is now.
    pub(crate) fn location(&mut self, id: i64) -> Option<LocationRow> {
        let found = self
            .locations
            .get(&id)
            .or_else(|| self.facts.locations.get(&id));
        if found.is_none() {
            self.need.locations.insert(id);
        }
        found.cloned()
    }

    /// A Location entity as it is now.
    pub(crate) fn entity(&mut self, entity_ref: &str) -> Option<LocationEntityRow> {
        if let Some(row) = self.entities.get(entity_ref) {
            return row.clone();
        }
        match self.facts.entities.get(entity_ref) {
            Some(row) => row.clone(),
            None => {
                self.need.entities.insert(entity_ref.to_owned());
                None
            }
        }
    }

    pub(crate) fn source_kind(&mut self, id: i64) -> Option<SourceKind> {
        let kind = self.facts.sources.get(&id).map(|source| source.kind);
        if kind.is_none() {
            self.need.sources.insert(id);
        }
        kind
    }

    /// Refs of the Location entities a location declares now.
    pub(crate) fn declared_by(&mut self, location_id: i64) -> Vec<String> {
        let facts = self.facts;
        let stored = facts.declared.get(&location_id);
        if stored.is_none() && !facts.fresh_locations.contains(&location_id) {
            self.need.declared.insert(location_id);
        }
        let kept = stored
            .into_iter()
            .flatten()
            .filter(|entity_ref| !self.entities.contains_key(*entity_ref));
        let changed = self.entities.iter().filter_map(|(entity_ref, row)| {
            row.as_ref()
                .filter(|row| row.declared_by == location_id)
                .map(|_| entity_ref)
        });
        kept.chain(changed).cloned().collect()
    }

    /// Everybody who links a location, in either version, the oldest first.
    pub(crate) fn parents_of(&mut self, location_id: i64) -> Vec<String> {
        let mut parents: Vec<String> = Vec::new();
        for link in self.links_to(location_id) {
            if !parents.contains(&link.parent_ref) {
                parents.push(link.parent_ref);
            }
        }
        parents
    }

    pub(crate) fn links_to(&mut self, location_id: i64) -> Vec<LinkRow> {
        let facts = self.facts;
        if !facts.linked.contains(&location_id) && !facts.fresh_locations.contains(&location_id) {
            self.need.linked.insert(location_id);
        }
        self.links
            .of_location(location_id)
            .into_iter()
            .cloned()
            .collect()
    }

    pub(crate) fn links_from(&mut self, entity_ref: &str) -> Vec<LinkRow> {
        let facts = self.facts;
        let is_new = matches!(facts.entities.get(entity_ref), Some(None));
        if !is_new && !facts.linking.contains(entity_ref) {
            self.need.linking.insert(entity_ref.to_owned());
        }
        self.links.of_parent(entity_ref)
    }

    pub(crate) fn located(&mut self, aim: &Aim) -> Option<i64> {
        let found = self.facts.located.get(aim).copied();
        if found.is_none() {
            self.need.aims.insert(aim.clone());
        }
        found
    }

    pub(crate) fn is_withdrawn(&self, location_id: i64) -> bool {
        self.withdrawn.contains_key(&location_id)
    }

    pub(crate) fn put_entity(&mut self, row: LocationEntityRow) {
        self.entities.insert(row.entity_ref.clone(), Some(row));
    }

    pub(crate) fn put_location(&mut self, row: LocationRow) {
        self.locations.insert(row.id, row);
    }

    /// Takes over what was seen, and asks for the run of everybody whom it concerns.
    pub(crate) fn see(&mut self) {
        let sights = self.sights;
        for (id, seen) in sights {
            let Some(row) = self.location(*id) else {
                continue;
            };
            let cause = row.source_id;
            let after = self.seen(row.clone(), seen);
            if *seen == Seen::Unchanged && after == row {
                continue;
            }
            self.put_location(after);
            self.touched.insert(*id, cause);
            if self.source_kind(cause) == Some(SourceKind::Roots) {
                self.see_root(*id, seen, cause);
                continue;
            }
            for link in self.links_to(*id).iter().filter(|link| link.is_next != 0) {
                self.queue.insert(link.parent_ref.clone(), cause);
                if matches!(seen, Seen::Matched(_)) {
                    self.retargeted.insert(link.parent_ref.clone());
                }
            }
        }
    }

    pub(crate) fn see_root(&mut self, id: i64, seen: &Seen, cause: i64) {
        match seen {
            Seen::Content(_) => self.admit(id, cause),
            Seen::Gone => {
                self.withdrawn.insert(id, cause);
                for entity_ref in self.declared_by(id) {
                    self.dropped.insert(entity_ref, cause);
                }
            }
            Seen::Unchanged | Seen::Matched(_) | Seen::Failed { .. } => {}
        }
    }

    pub(crate) fn seen(&mut self, mut row: LocationRow, seen: &Seen) -> LocationRow {
        match seen {
            Seen::Content(content) => {
                row.seen_oid.clone_from(&content.blob);
                row.outcome = if content.poisoned {
                    LocationOutcome::Poisoned
                } else {
                    LocationOutcome::Content
                };
                row.emitted = emitted_text(&content.emitted);
                row.failure.clear();
            }
            // What is known besides the content is of another one: read it once more.
            Seen::Unchanged => {
                let is_known =
                    row.outcome == LocationOutcome::Content && row.seen_oid == row.blob_oid;
                if !is_known {
                    row.blob_oid.clear();
                    self.reread.insert(row.id, row.source_id);
                }
            }
            Seen::Gone => {
                row.outcome = LocationOutcome::Gone;
                row.seen_oid.clear();
                row.emitted.clear();
                row.failure.clear();
            }
            Seen::Matched(paths) => {
                row.outcome = LocationOutcome::Matched;
                row.emitted = serde_json::to_string(paths).expect("paths are text");
                row.failure.clear();
            }
            Seen::Failed { class, message } => {
                row.outcome = LocationOutcome::Failed;
                row.failure = format!("{class}: {message}");
            }
        }
        row
    }

    pub(crate) fn work_off(&mut self) {
        loop {
            if let Some((entity_ref, cause)) = self.queue.pop_first() {
                self.judge(&entity_ref, cause);
            } else if !self.dropped.is_empty() {
                self.settle_dropped();
            } else if !self.candidates.is_empty() {
                self.withdraw();
            } else {
                return;
            }
        }
    }

    /// Judges the run of one Location entity, and brings it into effect if it is ok.
    pub(crate) fn judge(&mut self, entity_ref: &str, cause: i64) {
        let Some(before) = self.entity(entity_ref) else {
            return;
        };
        let aims = aims_of(&before, &self.terms.forges.hosts);
        if self.retargeted.remove(entity_ref) && !before.document.is_empty() {
            self.retarget(&before, &aims, cause);
        }
        let mut next = Vec::new();
        for link in self.links_from(entity_ref) {
            if link.is_next != 0
                && let Some(location) = self.location(link.location_id)
            {
                next.push((link, location));
            }
        }
        let run = run_of(&before, &aims, &next, self.terms.rules);
        let mut after = before.clone();
        after.state = match &run {
            Run::Waiting => RunState::Waiting,
            Run::Broken(_) => RunState::Broken,
            Run::Ok { is_present } => {
                // Of what may be absent, something must be there for it to stand for.
                let is_served = aims.is_required || *is_present || !is_generated(&before);
                after.applied_digest = if is_served {
                    before.digest.clone()
                } else {
                    String::new()
                };
                RunState::Ok
            }
        };
        if after.state != before.state {
            after.since = self.terms.now;
        }
        if after != before {
            self.put_entity(after);
        }
        let (is_ok, problems) = match run {
            Run::Broken(problems) => (false, problems),
            Run::Waiting => (false, Vec::new()),
            Run::Ok { .. } => (true, Vec::new()),
        };
        self.judged.insert(entity_ref.to_owned(), (cause, problems));
        if is_ok {
            self.bring_into_effect(entity_ref, cause);
        }
    }

    /// Gives a Location entity the links of its newest version.
    pub(crate) fn retarget(&mut self, row: &LocationEntityRow, aims: &Aims, cause: i64) {
        let mut left: BTreeMap<(i64, i64), LinkRow> = self
            .links_from(&row.entity_ref)
            .into_iter()
            .map(|link| ((link.location_id, link.via), link))
            .collect();
        for link in self.newest_links(row, aims) {
            let known = left.remove(&(link.location_id, link.via));
            let link = LinkRow {
                since: known.as_ref().map_or(self.terms.now, |known| known.since),
                is_current: known.as_ref().map_or(0, |known| known.is_current),
                ..link
            };
            if known.is_none() {
                self.want_unread(link.location_id, cause);
            }
            if known.as_ref() != Some(&link) {
                self.touched.entry(link.location_id).or_insert(cause);
                self.links.put(link);
            }
        }
        for ((location_id, via), link) in left {
            if link.is_current != 0 {
                self.links.put(LinkRow { is_next: 0, ..link });
            } else {
                self.unlink(&(row.entity_ref.clone(), location_id, via), cause);
            }
        }
    }

    pub(crate) fn newest_links(&mut self, row: &LocationEntityRow, aims: &Aims) -> Vec<LinkRow> {
        let mut links: Vec<LinkRow> = Vec::new();
        let mut known = BTreeSet::new();
        for (ordinal, aimed) in (0_i64..).zip(&aims.targets) {
            let Some(location_id) = self.located(&aimed.aim) else {
                continue;
            };
            let link = LinkRow {
                parent_ref: row.entity_ref.clone(),
                location_id,
                via: 0,
                ordinal,
                url: aimed.url.clone(),
                is_required: i64::from(aims.is_required),
                is_current: 0,
                is_next: 1,
                since: 0,
            };
            for matched in self.matched_links(&link) {
                if known.insert((matched.location_id, matched.via)) {
                    links.push(matched);
                }
            }
            if known.insert((location_id, 0)) {
                links.push(link);
            }
        }
        links
    }

    /// The links to what a pattern matches.
    pub(crate) fn matched_links(&mut self, link: &LinkRow) -> Vec<LinkRow> {
        let Some(pattern) = self.location(link.location_id).filter(|it| it.is_glob != 0) else {
            return Vec::new();
        };
        let mut links = Vec::new();
        for path in paths_of(&pattern) {
            let url = matched_url(&link.url, &pattern.path, &path);
            let aim = Aim::At {
                source_id: pattern.source_id,
                path,
            };
            if let Some(location_id) = self.located(&aim) {
                links.push(LinkRow {
                    location_id,
                    via: pattern.id,
                    url,
                    ..link.clone()
                });
            }
        }
        links
    }

    /// A location that nobody could read or apply so far is read now.
    pub(crate) fn want_unread(&mut self, location_id: i64, cause: i64) {
        let Some(location) = self.location(location_id) else {
            return;
        };
        // What is wrong with a broken file must be told to whoever points at it now, too.
        let is_unknown = matches!(
            location.outcome,
            LocationOutcome::Unread | LocationOutcome::Failed | LocationOutcome::Poisoned
        );
        if is_unknown {
            self.wanted.entry(location.source_id).or_insert(cause);
        }
    }
}
