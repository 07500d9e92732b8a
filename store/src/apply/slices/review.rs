//! Patterns and Location entities: what a pattern matches is linked before the files are applied, and let go
//! afterwards; a Location entity is told once what became of its targets, however many slices they were in.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use freshet_model::LocationId;
use freshet_proto::message::{LocationObserved, Matched, location_observed::Outcome};

use super::run::{SlicedRun, Stage, StepError};
use super::write::{Slice, SliceTransaction};
use crate::apply::applier::Applier;
use crate::apply::error::ApplyError;
use crate::apply::locations::evaluation::ParentReviews;
use crate::repo::Location;

/// Most files that a pattern gains or loses in one transaction.
const MATCHES_MAX: usize = 500;
/// Most targets of the Location entities that are told in one transaction, unless one has more.
const TARGETS_MAX: usize = 500;
/// Locations whose parents are looked up at once.
const CHILDREN_MAX: usize = 2_000;

/// How what a pattern matches becomes what it is observed to match.
#[derive(Debug, PartialEq, Eq)]
struct PatternStep {
    /// What it matches after this step.
    paths: Vec<String>,
    /// Whether more has to follow.
    is_last: bool,
}

/// The next files a pattern gains, besides all it has; `None` if it has all of them.
fn extend(stored: &[String], observed: &[String]) -> Option<PatternStep> {
    let known: HashSet<&String> = stored.iter().collect();
    let mut new = observed
        .iter()
        .filter(|path| !known.contains(path))
        .peekable();
    new.peek()?;
    let gained: Vec<&String> = new.by_ref().take(MATCHES_MAX).collect();
    let is_last = new.peek().is_none();
    let paths: BTreeSet<&String> = stored.iter().chain(gained).collect();
    Some(PatternStep {
        paths: paths.into_iter().cloned().collect(),
        is_last,
    })
}

/// The next files a pattern loses; in the last step it has those that are observed.
fn shrink(stored: &[String], observed: &[String]) -> PatternStep {
    let kept: HashSet<&String> = observed.iter().collect();
    let lost: BTreeSet<&String> = stored.iter().filter(|path| !kept.contains(path)).collect();
    if lost.len() <= MATCHES_MAX {
        return PatternStep {
            paths: observed.to_vec(),
            is_last: true,
        };
    }
    let lost: HashSet<&String> = lost.into_iter().take(MATCHES_MAX).collect();
    let paths = stored.iter().filter(|path| !lost.contains(path));
    PatternStep {
        paths: paths.cloned().collect(),
        is_last: false,
    }
}

impl Applier {
    /// Links some files more that a pattern matches.
    pub(super) async fn extend_pattern(
        &self,
        run: &mut SlicedRun,
        next: usize,
    ) -> Result<(), StepError> {
        let Some((path, observed)) = pattern_at(run, next) else {
            run.rewind();
            run.stage = Stage::Contents;
            return Ok(());
        };
        let (transaction, locations) = self.begin_pattern(run).await?;
        // What nobody wants any more gains nothing.
        let stored = find_location(&locations, &path).map(Location::matched_paths);
        let Some(step) = stored.and_then(|stored| extend(stored, &observed)) else {
            run.stage = Stage::Patterns(next + 1);
            return Ok(());
        };
        let is_last = step.is_last;
        // The files it has not seen yet are in this observation, and about to be applied.
        let slice = Slice {
            is_answered: true,
            ..slice_of_pattern(path, step, locations)
        };
        self.apply_slice(run, transaction, slice).await?;
        if is_last || run.progress.is_withheld {
            run.stage = Stage::Patterns(next + 1);
        }
        Ok(())
    }

    /// Lets go of some files that a pattern does not match any more.
    pub(super) async fn shrink_pattern(
        &self,
        run: &mut SlicedRun,
        next: usize,
    ) -> Result<(), StepError> {
        let Some((path, observed)) = pattern_at(run, next) else {
            run.stage = Stage::FindParents;
            return Ok(());
        };
        let (transaction, locations) = self.begin_pattern(run).await?;
        let stored = find_location(&locations, &path).map_or(&[][..], Location::matched_paths);
        let step = shrink(stored, &observed);
        let is_last = step.is_last;
        let slice = slice_of_pattern(path, step, locations);
        self.apply_slice(run, transaction, slice).await?;
        // What is withheld would be tried for ever.
        if is_last || run.progress.is_withheld {
            run.stage = Stage::Shrink(next + 1);
        }
        Ok(())
    }

    async fn begin_pattern(
        &self,
        run: &SlicedRun,
    ) -> Result<(SliceTransaction, Vec<Location>), StepError> {
        let mut transaction = self.begin_slice(run).await?;
        let locations = transaction.work.tx.locations_of(&[run.source_id()]).await;
        Ok((transaction, locations.map_err(ApplyError::from)?))
    }

    /// Finds out who points at what was applied.
    pub(super) async fn find_parents(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        let touched: Vec<LocationId> = run.touched.iter().copied().collect();
        let mut targets: BTreeMap<String, usize> = BTreeMap::new();
        let mut tx = self.repo.read().await.map_err(ApplyError::from)?;
        for ids in touched.chunks(CHILDREN_MAX) {
            let links = tx.links_of_locations(ids).await;
            for link in links.map_err(ApplyError::from)? {
                *targets.entry(link.parent_ref).or_default() += 1;
            }
        }
        run.reviews = group_parents(targets);
        run.stage = Stage::Review(0);
        Ok(())
    }

    /// Tells some Location entities what became of their targets.
    pub(super) async fn review_parents(
        &self,
        run: &mut SlicedRun,
        next: usize,
    ) -> Result<(), StepError> {
        let Some(refs) = run.reviews.get(next) else {
            run.stage = Stage::Conclude;
            return Ok(());
        };
        let reviews = refs.iter().map(|it| (it.clone(), run.source_id()));
        let slice = Slice {
            reviews: ParentReviews::Of(reviews.collect()),
            ..Slice::default()
        };
        let transaction = self.begin_slice(run).await?;
        self.apply_slice(run, transaction, slice).await?;
        run.stage = Stage::Review(next + 1);
        Ok(())
    }
}

fn slice_of_pattern(path: String, step: PatternStep, locations: Vec<Location>) -> Slice {
    let matched = Matched { paths: step.paths };
    Slice {
        observed: vec![LocationObserved {
            path,
            outcome: Some(Outcome::Matched(matched)),
        }],
        locations,
        reviews: ParentReviews::AtOnce,
        is_answered: false,
    }
}

fn pattern_at(run: &SlicedRun, index: usize) -> Option<(String, Vec<String>)> {
    let pattern = run.survey.patterns.get(index)?;
    match &pattern.outcome {
        Some(Outcome::Matched(matched)) => Some((pattern.path.clone(), matched.paths.clone())),
        _ => None,
    }
}

fn find_location<'a>(locations: &'a [Location], path: &str) -> Option<&'a Location> {
    locations.iter().find(|location| location.path == path)
}

/// Location entities in steps, by how many of their targets were applied.
fn group_parents(targets: BTreeMap<String, usize>) -> Vec<Vec<String>> {
    let mut steps: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for (parent_ref, targets) in targets {
        match steps.last_mut().filter(|_| targets <= room) {
            Some(step) => step.push(parent_ref),
            None => {
                steps.push(vec![parent_ref]);
                room = TARGETS_MAX;
            }
        }
        room = room.saturating_sub(targets);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|number| format!("{number:05}.yaml")).collect()
    }

    #[test]
    fn a_pattern_gains_in_steps_and_loses_nothing_meanwhile() {
        let (stored, observed) = (paths(0..10), paths(5..MATCHES_MAX + 20));
        assert_eq!(extend(&observed, &paths(7..9)), None);
        let first = extend(&stored, &observed).expect("there are new ones");
        assert_eq!(first.paths, paths(0..MATCHES_MAX + 10));
        assert!(!first.is_last);
        let second = extend(&first.paths, &observed).expect("there are more");
        assert_eq!(second.paths, paths(0..MATCHES_MAX + 20));
        assert!(second.is_last);
        assert_eq!(extend(&second.paths, &observed), None);
    }

    #[test]
    fn a_pattern_loses_in_steps() {
        let (stored, observed) = (
            paths(0..MATCHES_MAX + 20),
            paths(MATCHES_MAX + 10..MATCHES_MAX + 20),
        );
        let first = shrink(&stored, &observed);
        assert_eq!(first.paths, paths(MATCHES_MAX..MATCHES_MAX + 20));
        assert!(!first.is_last);
        let second = shrink(&first.paths, &observed);
        assert_eq!(second.paths, observed);
        assert!(second.is_last);
    }

    #[test]
    fn location_entities_are_told_in_steps() {
        let targets = [("a", 300), ("b", 200), ("c", 1), ("d", 9_000), ("e", 1)];
        let targets = targets.map(|(name, count)| (name.to_owned(), count));
        let steps = group_parents(targets.into());
        assert_eq!(steps, [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"]]);
    }
}
