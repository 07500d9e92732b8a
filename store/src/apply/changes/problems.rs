//! From the problems a file has now to what opened, changed and was resolved. Pure.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use freshet_model::{EntityRef, LocationId, Problem, RuleId, SourceId};

use crate::apply::entities::claims::{PromotedClaim, ResolvedClaims};
use crate::apply::entities::declarations::{FileDeclarations, FoundProblem, conflict_problem};
use crate::apply::entities::load::StoredEntities;
use crate::apply::locations::problems::{ProblemReview, ReviewScope};
use crate::change::Op;
use crate::repo::StoredProblem;

/// What happens to one problem.
pub(crate) struct ProblemTransition<'a> {
    pub(crate) location_id: LocationId,
    /// The source whose reading caused it.
    pub(crate) triggered_by: SourceId,
    pub(crate) change: ProblemChange<'a>,
}

pub(crate) enum ProblemChange<'a> {
    Opened(Cow<'a, FoundProblem>),
    /// It is the same problem and reads differently.
    Updated {
        known: &'a StoredProblem,
        found: Cow<'a, FoundProblem>,
    },
    Resolved(&'a StoredProblem),
}

impl ProblemChange<'_> {
    pub(crate) fn op(&self) -> Op {
        match self {
            Self::Opened(_) => Op::ProblemOpened,
            Self::Updated { .. } => Op::ProblemUpdated,
            Self::Resolved(_) => Op::ProblemResolved,
        }
    }
}

/// Problems are the same if they break the same rule for the same entity; of several, by order.
// Neither the line nor the message is part of it: a file that gets a comment at its top must not
// resolve every problem and open it again.
#[derive(PartialEq, Eq, Hash)]
struct ProblemKey<'a> {
    rule: RuleId,
    entity_ref: Option<&'a EntityRef>,
    ordinal: usize,
}

/// What one location has now, within a scope.
struct Comparison<'a> {
    location_id: LocationId,
    triggered_by: SourceId,
    scope: &'a ReviewScope,
    found: Vec<Cow<'a, FoundProblem>>,
}

/// Compares what the files have now with what is stored.
pub(crate) fn compare_problems<'a>(
    files: &'a [FileDeclarations],
    reviews: &'a [ProblemReview],
    resolved: &ResolvedClaims,
    stored: &'a StoredEntities<'a>,
) -> Vec<ProblemTransition<'a>> {
    let comparisons: Vec<Comparison<'a>> = files
        .iter()
        .filter_map(|file| comparison_of_file(file, resolved))
        .chain(reviews.iter().map(comparison_of_review))
        .collect();
    let removed = locations_in(&comparisons, &ReviewScope::All);
    let read = locations_in(&comparisons, &ReviewScope::File);
    let known = group_by_location(&stored.problems);
    // A location that is removed loses all its problems once, whatever else is said of it.
    let counting = comparisons.into_iter().filter(|comparison| {
        *comparison.scope == ReviewScope::All || !removed.contains(&comparison.location_id)
    });
    let compared = counting.flat_map(|comparison| {
        let known = known.get(&comparison.location_id);
        compare_location(comparison, known.map_or(&[], Vec::as_slice))
    });
    // Those of a location that was read have just been compared.
    let promoted = resolved.promoted.iter().filter(|promoted| {
        !removed.contains(&promoted.location_id) && !read.contains(&promoted.location_id)
    });
    compared
        .chain(promoted.flat_map(|promoted| resolve_conflicts(promoted, stored)))
        .collect()
}

fn group_by_location(problems: &[StoredProblem]) -> HashMap<LocationId, Vec<&StoredProblem>> {
    let mut grouped: HashMap<LocationId, Vec<&StoredProblem>> = HashMap::new();
    for problem in problems {
        grouped
            .entry(problem.location_id)
            .or_default()
            .push(problem);
    }
    grouped
}

fn locations_in(comparisons: &[Comparison<'_>], scope: &ReviewScope) -> HashSet<LocationId> {
    comparisons
        .iter()
        .filter(|comparison| comparison.scope == scope)
        .map(|comparison| comparison.location_id)
        .collect()
}

/// What was found in a file that was read, and which of its claims lost.
fn comparison_of_file<'a>(
    file: &'a FileDeclarations,
    resolved: &ResolvedClaims,
) -> Option<Comparison<'a>> {
    // A file that was not read has the problems it had.
    let mut found: Vec<_> = file.problems.as_ref()?.iter().map(Cow::Borrowed).collect();
    let losing = resolved.losing.get(&file.location_id).into_iter().flatten();
    found.extend(losing.map(|it| Cow::Owned(conflict_problem(&it.entity_ref, it.line))));
    Some(Comparison {
        location_id: file.location_id,
        triggered_by: file.triggered_by,
        scope: &ReviewScope::File,
        found,
    })
}

fn comparison_of_review(review: &ProblemReview) -> Comparison<'_> {
    Comparison {
        location_id: review.location_id,
        triggered_by: review.triggered_by,
        scope: &review.scope,
        found: review.found.iter().map(Cow::Borrowed).collect(),
    }
}

fn compare_location<'a>(
    comparison: Comparison<'a>,
    known: &[&'a StoredProblem],
) -> Vec<ProblemTransition<'a>> {
    let mut open: HashMap<ProblemKey<'_>, &StoredProblem> = open_by_key(comparison.scope, known);
    let keys = keys_of(comparison.found.iter().map(|it| &it.problem));
    let matches: Vec<Option<&StoredProblem>> = keys.iter().map(|key| open.remove(key)).collect();
    // The log must not depend on how a map is ordered.
    let mut resolved: Vec<&StoredProblem> = open.into_values().collect();
    resolved.sort_by_key(|problem| problem.id);
    // What opens is told before what is resolved: a file whose mistake gives way to another one is
    // not without a problem in between.
    let found = matches.into_iter().zip(comparison.found);
    let changed = found.filter_map(|(known, found)| match known {
        None => Some(ProblemChange::Opened(found)),
        Some(known) if reads_alike(known, &found) => None,
        Some(known) => Some(ProblemChange::Updated { known, found }),
    });
    changed
        .chain(resolved.into_iter().map(ProblemChange::Resolved))
        .map(|change| ProblemTransition {
            location_id: comparison.location_id,
            triggered_by: comparison.triggered_by,
            change,
        })
        .collect()
}

fn open_by_key<'a>(
    scope: &ReviewScope,
    known: &[&'a StoredProblem],
) -> HashMap<ProblemKey<'a>, &'a StoredProblem> {
    let is_covered = |problem: &Problem| scope.covers(problem.rule, problem.entity_ref.as_ref());
    let known = known.iter().copied();
    let covered: Vec<&StoredProblem> = known.filter(|it| is_covered(&it.problem)).collect();
    let keys = keys_of(covered.iter().map(|it| &it.problem));
    keys.into_iter().zip(covered).collect()
}

fn keys_of<'a>(problems: impl Iterator<Item = &'a Problem>) -> Vec<ProblemKey<'a>> {
    let mut counts: HashMap<(RuleId, Option<&EntityRef>), usize> = HashMap::new();
    problems
        .map(|problem| {
            let entity_ref = problem.entity_ref.as_ref();
            let ordinal = counts.entry((problem.rule, entity_ref)).or_default();
            *ordinal += 1;
            ProblemKey {
                rule: problem.rule,
                entity_ref,
                ordinal: *ordinal,
            }
        })
        .collect()
}

fn reads_alike(known: &StoredProblem, found: &FoundProblem) -> bool {
    // When it was last seen is left out: a file read again with the same mistake says nothing new.
    known.problem == found.problem && known.status_of == found.shown_by()
}

/// What was wrong with a claim that has won, in a file that was not read.
fn resolve_conflicts<'a>(
    promoted: &PromotedClaim,
    stored: &'a StoredEntities<'a>,
) -> impl Iterator<Item = ProblemTransition<'a>> {
    stored
        .problems
        .iter()
        .filter(|known| {
            known.location_id == promoted.location_id
                && known.problem.rule == RuleId::ClaimConflict
                && known.problem.entity_ref.as_ref() == Some(&promoted.entity_ref)
        })
        .map(|known| ProblemTransition {
            location_id: promoted.location_id,
            triggered_by: promoted.triggered_by,
            change: ProblemChange::Resolved(known),
        })
}
