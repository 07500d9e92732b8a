//! The problems that are open, by the file they are in and by the entities whose status shows them.

use std::collections::{BTreeMap, HashMap};

use freshet_model::{EntityRef, LocationId};

use crate::change::ProblemRow;

/// Open problems.
#[derive(Debug, Default)]
pub(super) struct OpenProblems {
    by_location: HashMap<LocationId, BTreeMap<i64, ProblemRow>>,
    /// Problems that the status of an entity shows: their ids, with their locations.
    shown_by: HashMap<EntityRef, BTreeMap<i64, LocationId>>,
}

impl OpenProblems {
    /// Those of one location, oldest first.
    pub(super) fn of_location(&self, location_id: LocationId) -> impl Iterator<Item = &ProblemRow> {
        let problems = self.by_location.get(&location_id);
        problems.into_iter().flat_map(BTreeMap::values)
    }

    /// All of them, in no particular order.
    pub(super) fn all(&self) -> impl Iterator<Item = &ProblemRow> {
        self.by_location.values().flat_map(BTreeMap::values)
    }

    /// Errors that name an entity as one whose status shows them, oldest first.
    pub(super) fn naming(&self, entity_ref: &EntityRef) -> impl Iterator<Item = &ProblemRow> {
        let shown = self.shown_by.get(entity_ref).into_iter().flatten();
        shown.filter_map(|(id, location_id)| self.by_location.get(location_id)?.get(id))
    }

    /// Puts a problem in, or in place of what it was; answers with that.
    pub(super) fn open(&mut self, problem: ProblemRow) -> Option<ProblemRow> {
        // It may have been open, and shown by others.
        let before = self.resolve(&problem);
        // Backstage has no status of an entity that is in order, so a warning shows in the list of
        // problems only.
        if problem.problem.is_error() {
            for entity_ref in &problem.status_of {
                let shown = self.shown_by.entry(entity_ref.clone()).or_default();
                shown.insert(problem.id, problem.location_id);
            }
        }
        let problems = self.by_location.entry(problem.location_id).or_default();
        problems.insert(problem.id, problem);
        before
    }

    /// Takes a problem out, and answers with what it was.
    pub(super) fn resolve(&mut self, problem: &ProblemRow) -> Option<ProblemRow> {
        let problems = self.by_location.get_mut(&problem.location_id)?;
        let before = problems.remove(&problem.id);
        if problems.is_empty() {
            self.by_location.remove(&problem.location_id);
        }
        for entity_ref in before.iter().flat_map(|before| &before.status_of) {
            if let Some(shown) = self.shown_by.get_mut(entity_ref) {
                shown.remove(&problem.id);
                if shown.is_empty() {
                    self.shown_by.remove(entity_ref);
                }
            }
        }
        before
    }
}
