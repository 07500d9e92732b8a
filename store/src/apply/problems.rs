//! From the problems a file has now to what opened, changed and was solved. Pure.

use std::collections::HashMap;

use super::claims::Settled;
use super::face::{CONFLICT, Face, Found, conflict};
use super::load::Stored;
use crate::change::Op;
use crate::repo::ProblemState;

/// One transition. A problem that opens gets its id with its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transition {
    pub(super) op: Op,
    pub(super) state: ProblemState,
    /// The source whose reading caused it.
    pub(super) cause: i64,
}

/// Problems are the same if they break the same rule for the same entity; of several, by order.
type Key<'a> = (&'a str, &'a str, usize);

/// Compares what the files have now with what is stored.
pub(super) fn transitions(
    faces: &[Face],
    settled: &Settled,
    stored: &Stored,
    now: i64,
) -> Vec<Transition> {
    let mut all = Vec::new();
    for face in faces {
        let mut wanted = face.problems.clone();
        wanted.extend(
            settled
                .lost
                .iter()
                .filter(|(location_id, _, _)| *location_id == face.location_id)
                .map(|(_, entity_ref, line)| conflict(entity_ref, *line)),
        );
        compare(face, &wanted, stored, now, &mut all);
    }
    // A location that was read has been compared above.
    for won in settled
        .won
        .iter()
        .filter(|won| !stored.is_read(won.location_id))
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

fn compare(face: &Face, wanted: &[Found], stored: &Stored, now: i64, all: &mut Vec<Transition>) {
    let held: Vec<&ProblemState> = stored
        .problems
        .iter()
        .filter(|problem| problem.location_id == face.location_id)
        .collect();
    let mut by_key: HashMap<Key<'_>, &ProblemState> = keyed(&held, |problem| {
        (&problem.rule, problem.entity_ref.as_str())
    })
    .into_iter()
    .map(|(key, problem)| (key, *problem))
    .collect();
    let found = keyed(wanted, |found| {
        let entity_ref = found.entity_ref.as_ref().map_or("", |it| it.as_str());
        (&found.rule, entity_ref)
    });
    for (key, found) in found {
        let known = by_key.remove(&key);
        let op = match known {
            None => Op::ProblemOpened,
            Some(known) if reads_alike(known, found) => continue,
            Some(_) => Op::ProblemUpdated,
        };
        all.push(Transition {
            op,
            state: state(face, found, known, now),
            cause: face.source_id,
        });
    }
    let mut solved: Vec<&ProblemState> = by_key.into_values().collect();
    solved.sort_by_key(|problem| problem.id);
    all.extend(solved.into_iter().map(|problem| Transition {
        op: Op::ProblemResolved,
        state: problem.clone(),
        cause: face.source_id,
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
}

fn state(face: &Face, found: &Found, known: Option<&ProblemState>, now: i64) -> ProblemState {
    ProblemState {
        id: known.map_or(0, |known| known.id),
        location_id: face.location_id,
        source_id: face.source_id,
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
    }
}
