//! Whether a chain of links leads from a root to a location.

use std::collections::HashSet;

use super::evaluate::Judge;
use crate::repo::SourceKind;

impl Judge<'_> {
    /// Whether a location counts. Cycles do not hold themselves up.
    pub(crate) fn is_reachable(&mut self, location_id: i64) -> bool {
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
                if visited.insert(parent.declared_by) {
                    open.push(parent.declared_by);
                }
            }
        }
        false
    }

    /// Whether a location is a root that counts.
    pub(crate) fn is_root(&mut self, location_id: i64) -> bool {
        if self.is_withdrawn(location_id) {
            return false;
        }
        let Some(location) = self.location(location_id) else {
            return false;
        };
        self.source_kind(location.source_id) == Some(SourceKind::Roots)
    }
}
