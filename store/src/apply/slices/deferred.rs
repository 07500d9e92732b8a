//! Files that take something away, and in which steps they may do so. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use freshet_model::{EntityRef, LocationId};
use freshet_proto::message::{Content, LocationObserved, location_observed::Outcome};

use crate::apply::entities::declarations::undeclared_of;
use crate::apply::locations::problems::is_required;
use crate::repo::{EntityRow, LocationEntity, LocationLink};

/// Most entities that one step takes away, unless one file has more.
const REMOVED_MAX: usize = 500;

/// What is stored of the files of a slice.
#[derive(Debug, Default)]
pub(super) struct StoredFiles {
    held: HashMap<LocationId, BTreeSet<String>>,
    with_locations: BTreeSet<LocationId>,
    may_be_absent: BTreeSet<LocationId>,
}

impl StoredFiles {
    /// What the files hold, the Location entities they declare, and who points at those that are gone.
    pub(super) fn new(
        entities: Vec<EntityRow>,
        location_entities: &[LocationEntity],
        links: &[LocationLink],
    ) -> Self {
        let mut held: HashMap<LocationId, BTreeSet<String>> = HashMap::new();
        for row in entities.into_iter().filter(EntityRow::is_live) {
            let of_file = held.entry(row.location_id).or_default();
            of_file.insert(row.entity_ref);
        }
        // What is listed and missing stays, with its problem.
        let optional = links.iter().filter(|link| !is_required(link));
        Self {
            held,
            with_locations: location_entities.iter().map(|it| it.declared_by).collect(),
            may_be_absent: optional.map(|link| link.location_id).collect(),
        }
    }
}

/// A file that is put aside until all others are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeferredFile {
    pub(super) location_id: LocationId,
    /// Where in the observation it is.
    pub(super) span: Range<u64>,
    /// What it held and does not declare any more.
    pub(super) dropped: Vec<String>,
    /// What it declares and did not hold.
    pub(super) gained: Vec<String>,
}

impl DeferredFile {
    /// Puts a file aside if it takes something away or moves links; `None` if it may be applied at once.
    pub(super) fn of(
        location_id: LocationId,
        span: &Range<u64>,
        observed: &LocationObserved,
        stored: &StoredFiles,
    ) -> Option<Self> {
        let nothing = BTreeSet::new();
        let held = stored.held.get(&location_id).unwrap_or(&nothing);
        let (dropped, gained) = match &observed.outcome {
            Some(Outcome::Content(content)) if !content.invalid => compare(content, held),
            Some(Outcome::Gone(_)) if stored.may_be_absent.contains(&location_id) => {
                (held.iter().cloned().collect(), Vec::new())
            }
            Some(
                Outcome::Content(_)
                | Outcome::Gone(_)
                | Outcome::Unchanged(_)
                | Outcome::Matched(_)
                | Outcome::Failed(_),
            )
            | None => return None,
        };
        // A Location entity that has changed may let go of what it pointed at.
        let moves_links = stored.with_locations.contains(&location_id);
        (moves_links || !dropped.is_empty()).then(|| Self {
            location_id,
            span: span.clone(),
            dropped,
            gained,
        })
    }
}

/// What a content drops of what its file held, and what it adds.
fn compare(content: &Content, held: &BTreeSet<String>) -> (Vec<String>, Vec<String>) {
    let entities = content.entities.iter();
    let declared: BTreeSet<&str> = entities.map(|it| it.r#ref.as_str()).collect();
    let undeclared = undeclared_of(content);
    let is_kept = |entity_ref: &str| {
        EntityRef::parse(entity_ref).is_ok_and(|entity_ref| undeclared.keeps(&entity_ref))
    };
    let dropped = held
        .iter()
        .filter(|it| !declared.contains(it.as_str()) && !is_kept(it));
    let gained = declared.iter().filter(|it| !held.contains(**it));
    (
        dropped.cloned().collect(),
        gained.map(|it| (*it).to_owned()).collect(),
    )
}

/// The files as steps of bounded size, by their place in the list. Files between which a ref goes from one to
/// the other are in one step, however large that is: applied one after the other, what the first lets go would be
/// removed and come back as another entity.
pub(super) fn group_files(files: &[DeferredFile], bytes_max: u64) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut sets = DisjointSets::new(files.len());
    let mut by_ref: HashMap<&str, usize> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        for entity_ref in file.dropped.iter().chain(&file.gained) {
            let first = *by_ref.entry(entity_ref).or_insert(index);
            sets.join(first, index);
        }
    }
    for index in 0..files.len() {
        groups.entry(sets.find(index)).or_default().push(index);
    }
    let mut steps: Vec<Vec<usize>> = Vec::new();
    let mut room = (0, 0);
    for group in groups.into_values() {
        let bytes: u64 = group.iter().map(|it| span_bytes(&files[*it])).sum();
        let removed: usize = group.iter().map(|it| files[*it].dropped.len()).sum();
        let fits = bytes <= room.0 && removed <= room.1;
        match steps.last_mut().filter(|_| fits) {
            Some(step) => step.extend(group),
            None => {
                steps.push(group);
                room = (bytes_max, REMOVED_MAX);
            }
        }
        room = (room.0.saturating_sub(bytes), room.1.saturating_sub(removed));
    }
    steps
}

fn span_bytes(file: &DeferredFile) -> u64 {
    file.span.end - file.span.start
}

/// Which of some things belong together.
struct DisjointSets {
    parents: Vec<usize>,
}

impl DisjointSets {
    fn new(size: usize) -> Self {
        Self {
            parents: (0..size).collect(),
        }
    }

    /// The smallest of those that belong together with one.
    fn find(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        self.parents[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of 10 bytes, `-x` what it drops and `+x` what it gains.
    fn file(words: &str) -> DeferredFile {
        let starting = |sign: char| {
            let words = words.split_whitespace();
            let words = words.filter_map(|word| word.strip_prefix(sign));
            words.map(str::to_owned).collect()
        };
        DeferredFile {
            location_id: LocationId::new(1),
            span: 0..10,
            dropped: starting('-'),
            gained: starting('+'),
        }
    }

    #[track_caller]
    fn check(files: &[&str], bytes_max: u64, expected: &[&[usize]]) {
        let files: Vec<DeferredFile> = files.iter().map(|words| file(words)).collect();
        assert_eq!(group_files(&files, bytes_max), expected);
    }

    #[test]
    fn steps_are_bounded_and_what_hands_refs_over_is_one() {
        check(&[], 20, &[]);
        check(&["-a", "-b", "-c"], 20, &[&[0, 1], &[2]]);
        check(&["-a", "-b", "-c"], 5, &[&[0], &[1], &[2]]);
        check(&["-a +b", "-c", "-b +a"], 20, &[&[0, 2], &[1]]);
        check(&["-a", "-b", "-c +a", "+b -d"], 40, &[&[0, 2, 1, 3]]);
        check(&["-a", "+a -b", "+b -c", "-x"], 10, &[&[0, 1, 2], &[3]]);
    }

    #[test]
    fn a_step_takes_no_more_away_than_it_may() {
        let words: Vec<String> = (0..REMOVED_MAX).map(|it| format!("-e{it}")).collect();
        let all = words.join(" ");
        check(&[&all, "-x", "-y"], 1_000, &[&[0], &[1, 2]]);
    }
}
