//! What leaves: Location entities that nobody declares, and locations that nobody links.

use freshet_model::annotation::{MANAGED_BY_LOCATION, MANAGED_BY_ORIGIN_LOCATION};
use serde_json::Value;

use super::links::Key;
use super::seen::Seen;
use super::evaluate::Judge;
use crate::repo::{ClaimRow, LocationEntityRow, RunState};

/// Somebody else who declares a Location entity.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    pub(crate) claimed_at: i64,
    pub(crate) row: LocationEntityRow,
}

impl Judge<'_> {
    pub(crate) fn unlink(&mut self, key: &Key, cause: i64) {
        self.links.remove(key);
        self.candidates.insert(key.1, cause);
        self.touched.entry(key.1).or_insert(cause);
    }

    /// Each Location entity whose file declares it no more goes to whoever claims it, or leaves.
    pub(crate) fn settle_dropped(&mut self) {
        for (entity_ref, cause) in std::mem::take(&mut self.dropped) {
            let Some(row) = self.entity(&entity_ref) else {
                continue;
            };
            match self.successor(&row) {
                Some(successor) => {
                    // What was wrong with it there is wrong there no more.
                    self.forgotten
                        .push((row.declared_by, row.entity_ref.clone(), cause));
                    let successor = LocationEntityRow {
                        state: row.state,
                        applied_digest: row.applied_digest,
                        since: row.since,
                        ..successor
                    };
                    self.renew(successor, cause);
                }
                None => self.forget(&row, cause),
            }
        }
    }

    fn forget(&mut self, row: &LocationEntityRow, cause: i64) {
        for link in self.links_from(&row.entity_ref) {
            self.unlink(&super::key_of(&link), cause);
        }
        self.judged.remove(&row.entity_ref);
        self.queue.remove(&row.entity_ref);
        self.entities.insert(row.entity_ref.clone(), None);
        self.forgotten
            .push((row.declared_by, row.entity_ref.clone(), cause));
    }

    /// Who has claimed a Location entity longest, of those who still do.
    fn successor(&mut self, row: &LocationEntityRow) -> Option<LocationEntityRow> {
        let mut contenders = self
            .contenders
            .get(&row.entity_ref)
            .cloned()
            .unwrap_or_default();
        let facts = self.facts;
        match facts.claims.get(&row.entity_ref) {
            Some(claims) => contenders.extend(
                claims
                    .iter()
                    .filter(|claim| !is_read_anew(self.sights.get(&claim.location_id)))
                    .filter_map(|claim| claimed(row, claim)),
            ),
            None => {
                self.need.claims.insert(row.entity_ref.clone());
            }
        }
        contenders.retain(|contender| {
            contender.row.declared_by != row.declared_by
                && !self.is_withdrawn(contender.row.declared_by)
        });
        let mut ranked: Vec<_> = contenders
            .into_iter()
            .map(|contender| {
                let rank = self.rank(contender.row.declared_by);
                ((contender.claimed_at, rank), contender.row)
            })
            .collect();
        ranked.sort_by(|left, right| left.0.cmp(&right.0));
        ranked.into_iter().next().map(|(_, row)| row)
    }

    /// Order of claims of the same age, as that of all entities.
    fn rank(&mut self, location_id: i64) -> (u64, String, String) {
        let Some(location) = self.location(location_id) else {
            return (u64::MAX, String::new(), String::new());
        };
        let Some(source) = self.facts.sources.get(&location.source_id) else {
            self.need.sources.insert(location.source_id);
            return (u64::MAX, String::new(), location.path);
        };
        (
            source.repository_id(),
            source.git_ref.clone(),
            location.path,
        )
    }

    /// Locations that lost a link and have no chain to a root left are withdrawn.
    pub(crate) fn withdraw(&mut self) {
        for (location_id, cause) in std::mem::take(&mut self.candidates) {
            if self.is_withdrawn(location_id) || self.is_reachable(location_id) {
                continue;
            }
            self.withdrawn.insert(location_id, cause);
            for entity_ref in self.declared_by(location_id) {
                self.dropped.insert(entity_ref, cause);
            }
            // In a cycle, those who still link it hang in the air as well.
            for parent_ref in self.parents_of(location_id) {
                if let Some(parent) = self.entity(&parent_ref) {
                    self.candidates.insert(parent.declared_by, cause);
                }
            }
        }
    }
}

/// Whether this batch says what a location declares, so that older claims of it count no more.
fn is_read_anew(seen: Option<&Seen>) -> bool {
    match seen {
        Some(Seen::Content(content)) => !content.poisoned,
        Some(Seen::Gone) => true,
        Some(Seen::Unchanged | Seen::Matched(_) | Seen::Failed { .. }) | None => false,
    }
}

/// A claim that lost, as the Location entity it declares.
fn claimed(lost: &LocationEntityRow, claim: &ClaimRow) -> Option<Contender> {
    let document: Value = serde_json::from_str(&claim.document).ok()?;
    let annotation = |key: &str| {
        document["metadata"]["annotations"][key]
            .as_str()
            .map(str::to_owned)
    };
    let own = annotation(MANAGED_BY_LOCATION)?;
    let origin = annotation(MANAGED_BY_ORIGIN_LOCATION)?;
    Some(Contender {
        claimed_at: claim.claimed_at,
        row: LocationEntityRow {
            entity_ref: lost.entity_ref.clone(),
            declared_by: claim.location_id,
            document: claim.document.clone(),
            digest: claim.digest.clone(),
            line: claim.line,
            column_number: 1,
            own,
            origin,
            state: RunState::Waiting,
            applied_digest: String::new(),
            since: lost.since,
        },
    })
}
