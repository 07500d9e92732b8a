//! Which locations are removed: those that lost a link and that no root reaches any more. Pure.
//!
//! What a removed location declared goes to whoever else claims it: `succession.rs`, for Location entities, and
//! `entities/claims.rs` for all others.

use std::collections::HashSet;

use freshet_model::LocationId;

use super::evaluation::Evaluation;

impl Evaluation<'_> {
    /// Removes the locations that lost a link and that no chain of links reaches from a root any more.
    pub(crate) fn prune_unlinked(&mut self) {
        for (location_id, triggered_by) in std::mem::take(&mut self.unlinked) {
            if !self.graph.loaded.subtrees.contains(&location_id) {
                self.lacking.subtrees.insert(location_id);
                continue;
            }
            if self.removed.contains_key(&location_id) || self.is_reachable(location_id) {
                continue;
            }
            self.removed.insert(location_id, triggered_by);
            for entity_ref in self.declared_by(location_id) {
                self.undeclared.insert(entity_ref, triggered_by);
            }
            // In a circle, those who still point at it hang in the air as well.
            for parent_ref in self.parents_of(location_id) {
                if let Some(parent) = self.entity(&parent_ref) {
                    let declared_by = parent.declared_by;
                    // They have not lost a link themselves, so nobody else would look at them.
                    self.unlinked.insert(declared_by, triggered_by);
                }
            }
        }
    }

    /// Whether a chain of links leads from a root to a location. Circles do not hold themselves up.
    fn is_reachable(&mut self, location_id: LocationId) -> bool {
        // Upwards and not from the roots down: a location has few parents, a root may have a
        // million below it.
        let mut visited = HashSet::from([location_id]);
        let mut open = vec![location_id];
        while let Some(location_id) = open.pop() {
            if self.is_root(location_id) {
                return true;
            }
            for parent_ref in self.parents_of(location_id) {
                let Some(parent) = self.entity(&parent_ref) else {
                    continue;
                };
                let declared_by = parent.declared_by;
                if visited.insert(declared_by) {
                    open.push(declared_by);
                }
            }
        }
        false
    }
}
