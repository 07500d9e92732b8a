//! How many there are of what, kept with every change: a scrape must not cost what the catalog is large.

use std::collections::{BTreeMap, HashMap};

use freshet_model::SourceId;

use crate::change::{EntityRecord, ProblemRow};

/// Entities and problems, counted.
#[derive(Debug, Default)]
pub(super) struct CatalogCounts {
    by_kind: BTreeMap<String, usize>,
    by_source: HashMap<SourceId, usize>,
    problems: ProblemCounts,
}

/// Open problems by level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProblemCounts {
    /// Those that are errors.
    pub errors: usize,
    /// Those that are warnings.
    pub warnings: usize,
}

impl CatalogCounts {
    pub(super) fn add_entity(&mut self, record: &EntityRecord) {
        match self.by_kind.get_mut(record.entity_ref.kind()) {
            Some(entities) => *entities += 1,
            None => {
                let kind = record.entity_ref.kind().to_owned();
                self.by_kind.insert(kind, 1);
            }
        }
        *self.by_source.entry(record.source_id).or_default() += 1;
    }

    pub(super) fn remove_entity(&mut self, record: &EntityRecord) {
        if let Some(entities) = self.by_kind.get_mut(record.entity_ref.kind()) {
            // The kind stays with 0: a gauge that vanishes keeps its last value on a dashboard.
            *entities = entities.saturating_sub(1);
        }
        if let Some(entities) = self.by_source.get_mut(&record.source_id) {
            *entities = entities.saturating_sub(1);
            // Sources come and go, and no label is made of one.
            if *entities == 0 {
                self.by_source.remove(&record.source_id);
            }
        }
    }

    pub(super) fn add_problem(&mut self, problem: &ProblemRow) {
        *self.problems.of_level(problem) += 1;
    }

    pub(super) fn remove_problem(&mut self, problem: &ProblemRow) {
        let count = self.problems.of_level(problem);
        *count = count.saturating_sub(1);
    }

    pub(super) fn by_kind(&self) -> impl Iterator<Item = (&str, usize)> {
        self.by_kind
            .iter()
            .map(|(kind, entities)| (kind.as_str(), *entities))
    }

    pub(super) fn by_source(&self) -> impl Iterator<Item = (SourceId, usize)> {
        self.by_source.iter().map(|(id, entities)| (*id, *entities))
    }

    pub(super) fn problems(&self) -> ProblemCounts {
        self.problems
    }
}

impl ProblemCounts {
    fn of_level(&mut self, problem: &ProblemRow) -> &mut usize {
        if problem.problem.is_error() {
            &mut self.errors
        } else {
            &mut self.warnings
        }
    }
}
