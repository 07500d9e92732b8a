//! What an ok run admits: the newest content of every file it links, and what that declares.

use super::generated::{location_type, parts};
use super::seen::{Listed, Seen, SeenContent};
use super::evaluate::Judge;
use super::prune::Contender;
use crate::apply::entities::annotate::Place;
use crate::repo::{LinkRow, LocationEntityRow, LocationOutcome, LocationRow, RunState};

impl Judge<'_> {
    /// Makes the newest links of a Location entity those in effect.
    pub(crate) fn bring_into_effect(&mut self, entity_ref: &str, cause: i64) {
        let links = self.links_from(entity_ref);
        for link in &links {
            if link.is_next == 0 {
                self.unlink(&super::key_of(link), cause);
            } else if link.is_current == 0 {
                self.touched.entry(link.location_id).or_insert(cause);
                self.links.put(LinkRow {
                    is_current: 1,
                    ..link.clone()
                });
            }
        }
        for link in links.iter().filter(|link| link.is_next != 0) {
            self.admit(link.location_id, cause);
        }
    }

    /// Admits the newest content of a location.
    pub(crate) fn admit(&mut self, location_id: i64, cause: i64) {
        if self.is_withdrawn(location_id) || !self.admitted.insert(location_id) {
            return;
        }
        self.choose_parent(location_id);
        let Some(mut row) = self.location(location_id) else {
            return;
        };
        let sights = self.sights;
        match sights.get(&location_id) {
            Some(Seen::Content(content)) if !content.poisoned => {
                row.blob_oid.clone_from(&row.seen_oid);
                self.placed
                    .insert(location_id, (row.url.clone(), row.origin.clone()));
                self.put_location(row.clone());
                self.declare(&row, content, cause);
            }
            _ if row.outcome == LocationOutcome::Gone => {
                if !row.blob_oid.is_empty() {
                    row.blob_oid.clear();
                    self.put_location(row);
                }
                for entity_ref in self.declared_by(location_id) {
                    self.dropped.insert(entity_ref, cause);
                }
            }
            _ if row.outcome == LocationOutcome::Content && row.blob_oid != row.seen_oid => {
                self.reread.insert(location_id, cause);
            }
            _ => {}
        }
    }

    fn declare(&mut self, row: &LocationRow, content: &SeenContent, cause: i64) {
        for listed in &content.locations {
            self.declare_one(row, listed, cause);
        }
        for entity_ref in self.declared_by(row.id) {
            let is_listed = content
                .locations
                .iter()
                .any(|listed| listed.entity_ref.as_str() == entity_ref);
            if is_listed {
                continue;
            }
            let is_kept = freshet_model::EntityRef::parse(&entity_ref)
                .is_ok_and(|entity_ref| content.missing.keeps(&entity_ref));
            if is_kept {
                self.spoil(&entity_ref, cause);
            } else {
                self.dropped.insert(entity_ref, cause);
            }
        }
    }

    /// The newest version of a Location entity is invalid.
    fn spoil(&mut self, entity_ref: &str, cause: i64) {
        if let Some(mut row) = self.entity(entity_ref) {
            row.document.clear();
            row.digest.clear();
            self.put_entity(row);
            self.queue.insert(entity_ref.to_owned(), cause);
        }
    }

    fn declare_one(&mut self, location: &LocationRow, listed: &Listed, cause: i64) {
        let entity_ref = listed.entity_ref.as_str();
        let newest = self.newest(location, listed);
        match self.entity(entity_ref) {
            None => self.renew(newest, cause),
            Some(known) if known.declared_by == location.id => {
                let is_same = known.digest == newest.digest;
                let newest = LocationEntityRow {
                    state: known.state,
                    applied_digest: known.applied_digest.clone(),
                    since: known.since,
                    ..newest
                };
                if !is_same {
                    self.renew(newest, cause);
                } else if newest != known {
                    self.put_entity(newest);
                    self.queue.insert(entity_ref.to_owned(), cause);
                }
            }
            Some(_) => {
                let contender = Contender {
                    claimed_at: self.terms.now,
                    row: newest,
                };
                self.contenders
                    .entry(entity_ref.to_owned())
                    .or_default()
                    .push(contender);
            }
        }
    }

    pub(crate) fn renew(&mut self, row: LocationEntityRow, cause: i64) {
        self.retargeted.insert(row.entity_ref.clone());
        self.queue.insert(row.entity_ref.clone(), cause);
        self.put_entity(row);
    }

    fn newest(&mut self, location: &LocationRow, listed: &Listed) -> LocationEntityRow {
        let kind = self.source_kind(location.source_id);
        let location_type = kind.map_or("url", location_type);
        let is_root = kind == Some(crate::repo::SourceKind::Roots);
        let own = if is_root {
            location.origin.clone()
        } else {
            format!("{location_type}:{}", location.url)
        };
        let (own_type, own_target) = parts(&own);
        let place = Place::new(own_type, own_target, &location.origin, self.terms.forges);
        LocationEntityRow {
            entity_ref: listed.entity_ref.to_string(),
            declared_by: location.id,
            document: listed.document.clone(),
            digest: place.digest(&listed.digest),
            line: listed.line,
            column_number: listed.column,
            own,
            origin: location.origin.clone(),
            state: RunState::Waiting,
            applied_digest: String::new(),
            since: self.terms.now,
        }
    }

    /// Chooses whose spelling the entities of a file carry: the present parent while it links the file, else
    /// the one in effect that has linked it longest.
    pub(crate) fn choose_parent(&mut self, location_id: i64) {
        let Some(row) = self.location(location_id) else {
            return;
        };
        if self.source_kind(row.source_id) == Some(crate::repo::SourceKind::Roots) {
            return;
        }
        let links: Vec<LinkRow> = self
            .links_to(location_id)
            .into_iter()
            .filter(|link| link.is_current != 0)
            .collect();
        let mut chosen = None;
        for link in &links {
            let Some(parent) = self.entity(&link.parent_ref) else {
                continue;
            };
            if link.parent_ref == row.parent_ref {
                chosen = Some((link, parent));
                break;
            }
            if chosen.is_none() && parent.state == RunState::Ok {
                chosen = Some((link, parent));
            }
        }
        let Some((link, parent)) = chosen else {
            return;
        };
        let after = LocationRow {
            parent_ref: link.parent_ref.clone(),
            url: link.url.clone(),
            origin: parent.origin,
            ..row.clone()
        };
        if after != row {
            // Its entities carry the old spelling, or the old root, until they are read again.
            self.touched.entry(location_id).or_insert(row.source_id);
            self.put_location(after);
        }
    }
}
