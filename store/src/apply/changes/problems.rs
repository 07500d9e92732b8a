//! From the problems a file has now to what opened, changed and was solved. Pure.

use std::collections::{HashMap, HashSet};

use crate::apply::entities::claims::Settled;
use crate::apply::entities::declarations::{CONFLICT, Face, Found, conflict};
use crate::apply::entities::load::Stored;
use crate::apply::locations::{Review, Scope};
use crate::change::Op;
use crate::repo::ProblemState;

/// The level of what keeps something out.
const ERROR: &str = "error";
/// The level of what is only worth knowing.
const WARNING: &str = "warning";

/// One transition. A problem that opens gets its id with its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) op: Op,
    pub(crate) state: ProblemState,
    /// The source whose reading caused it.
    pub(crate) cause: i64,
}

/// Problems are the same if they break the same rule for the same entity; of several, by order.
type Key<'a> = (&'a str, &'a str, usize);

/// Compares what the files have now with what is stored.
pub(crate) fn transitions(
    faces: &[Face],
    reviews: &[Review],
    settled: &Settled,
    stored: &Stored,
    now: i64,
) -> Vec<Transition> {
    let reviews: Vec<Review> = faces
        .iter()
        .filter_map(|face| of_file(face, settled))
        .chain(reviews.iter().cloned())
        .collect();
    let left: HashSet<i64> = reviews
        .iter()
        .filter(|review| review.scope == Scope::All)
        .map(|review| review.location_id)
        .collect();
    let mut held: HashMap<i64, Vec<&ProblemState>> = HashMap::new();
    for problem in &stored.problems {
        held.entry(problem.location_id).or_default().push(problem);
    }
    let mut all = Vec::new();
    let mut read = left.clone();
    for review in &reviews {
        if review.scope == Scope::File {
            read.insert(review.location_id);
        }
        if review.scope != Scope::All && left.contains(&review.location_id) {
            continue;
        }
        let held = held.get(&review.location_id).map_or(&[][..], Vec::as_slice);
        compare(review, held, stored, now, &mut all);
    }
    // A location that was read has been compared above.
    for won in settled
        .won
        .iter()
        .filter(|won| !read.contains(&won.location_id))
    {
        let solved = stored.problems.iter().filter(|problem| {
            problem.location_id == won.location_id
                && problem.rule == CONFLICT
                && problem.entity_ref == won.entity_ref.as_str()
        });
        all.extend(solved.map(|state| Transition {
            op: Op::ProblemResolved,
            state: state.clone(),
            cause: won.cause,
        }));
    }
    all
}

/// What was found in a file that was read, and which of its claims lost.
fn of_file(face: &Face, settled: &Settled) -> Option<Review> {
    let mut found = face.problems.clone()?;
    found.extend(
        settled
            .lost
            .iter()
            .filter(|(location_id, _, _)| *location_id == face.location_id)
            .map(|(_, entity_ref, line)| conflict(entity_ref, *line)),
    );
    Some(Review {
        location_id: face.location_id,
        cause: face.cause,
        scope: Scope::File,
        found,
    })
}

fn compare(
    review: &Review,
    held: &[&ProblemState],
    stored: &Stored,
    now: i64,
    all: &mut Vec<Transition>,
) {
    let held: Vec<&ProblemState> = held
        .iter()
        .copied()
        .filter(|problem| review.scope.covers(problem))
        .collect();
    let mut by_key: HashMap<Key<'_>, &ProblemState> = keyed(&held, |problem| {
        (&problem.rule, problem.entity_ref.as_str())
    })
    .into_iter()
    .map(|(key, problem)| (key, *problem))
    .collect();
    let found = keyed(&review.found, |found| {
        let entity_ref = found.entity_ref.as_ref().map_or("", |it| it.as_str());
        (&found.rule, entity_ref)
    });
    let source_id = stored
        .locations
        .get(&review.location_id)
        .map_or(0, |location| location.source_id);
    for (key, found) in found {
        let known = by_key.remove(&key);
        let op = match known {
            None => Op::ProblemOpened,
            Some(known) if reads_alike(known, found) => continue,
            Some(_) => Op::ProblemUpdated,
        };
        all.push(Transition {
            op,
            state: state((review.location_id, source_id), found, known, now),
            cause: review.cause,
        });
    }
    let mut solved: Vec<&ProblemState> = by_key.into_values().collect();
    solved.sort_by_key(|problem| problem.id);
    all.extend(solved.into_iter().map(|problem| Transition {
        op: Op::ProblemResolved,
        state: problem.clone(),
        cause: review.cause,
    }));
}

fn keyed<'a, T>(
    items: &'a [T],
    name: impl Fn(&'a T) -> (&'a str, &'a str),
) -> Vec<(Key<'a>, &'a T)> {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    items
        .iter()
        .map(|item| {
            let (rule, entity_ref) = name(item);
            let count = counts.entry((rule, entity_ref)).or_default();
            *count += 1;
            ((rule, entity_ref, *count), item)
        })
        .collect()
}

fn reads_alike(known: &ProblemState, found: &Found) -> bool {
    known.message == found.message
        && known.hint == found.hint
        && known.line == i64::from(found.line)
        && known.column_number == i64::from(found.column)
        && known.class == found.class
        && known.is_file == i64::from(found.is_file)
        && known.level == level(found)
        && known.status_of == status_of(found)
        && known.owner == found.owner
}

fn level(found: &Found) -> &'static str {
    if found.is_warning { WARNING } else { ERROR }
}

fn status_of(found: &Found) -> String {
    serde_json::to_string(&found.status_of).expect("refs are text")
}

fn state(
    (location_id, source_id): (i64, i64),
    found: &Found,
    known: Option<&ProblemState>,
    now: i64,
) -> ProblemState {
    ProblemState {
        id: known.map_or(0, |known| known.id),
        location_id,
        source_id,
        rule: found.rule.clone(),
        message: found.message.clone(),
        hint: found.hint.clone(),
        line: i64::from(found.line),
        column_number: i64::from(found.column),
        entity_ref: found
            .entity_ref
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        first_seen: known.map_or(now, |known| known.first_seen),
        last_seen: now,
        class: found.class.clone(),
        is_file: i64::from(found.is_file),
        level: level(found).to_owned(),
        status_of: status_of(found),
        owner: found.owner.clone(),
    }
}
