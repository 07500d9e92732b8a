//! The index of a whole catalog, made in one go when a process starts.
//!
//! Entities are read by several threads, each for a part of them; then what they found is put in order by as many, each key by
//! one of them. One by one it would take several times as long: every value would be looked for among those before it.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

use roaring::RoaringBitmap;

use super::SearchIndex;
use super::entity_set::Slot;
use super::key_index::{FoundValue, KeyIndex};
use super::terms::{Term, collect_terms, relation_key};
use crate::view::CatalogState;

/// Threads that read entities at most: each may find the same values, and they are merged.
const THREADS_MAX: usize = 8;

/// What one thread found: for each key who has which value, as it is spelled.
#[derive(Default)]
struct FoundTerms {
    values: HashMap<String, HashMap<String, Vec<Slot>>>,
    valueless: HashMap<String, Vec<Slot>>,
}

/// The index of everything in `state`.
pub(in crate::view) fn build_index(state: &CatalogState) -> SearchIndex {
    let slots: Vec<Slot> = state.slots().collect();
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(THREADS_MAX);
    let part = slots.len().div_ceil(threads).max(1);
    let found = thread::scope(|scope| {
        let parts = slots.chunks(part);
        let reading: Vec<_> = parts
            .map(|part| scope.spawn(|| find_terms(state, part)))
            .collect();
        join_all(reading)
    });
    put_together(found, slots.into_iter().collect(), threads)
}

fn join_all<T>(threads: Vec<thread::ScopedJoinHandle<'_, T>>) -> Vec<T> {
    let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
    ended
        .map(|found| found.expect("making an index does not panic"))
        .collect()
}

fn find_terms(state: &CatalogState, slots: &[Slot]) -> FoundTerms {
    let mut found = FoundTerms::default();
    for slot in slots {
        if let Some(record) = state.record_at(*slot) {
            for term in collect_terms(record) {
                found.add(term, *slot);
            }
        }
        for (relation, target) in state.relations_at(*slot) {
            let term = Term::new(relation_key(relation), target.as_str().to_owned());
            found.add(term, *slot);
        }
    }
    found
}

impl FoundTerms {
    fn add(&mut self, term: Term, slot: Slot) {
        match term.text {
            None => self.valueless.entry(term.key).or_default().push(slot),
            Some(text) => {
                let slots = self.values.entry(term.key).or_default();
                slots.entry(text).or_default().push(slot);
            }
        }
    }
}

fn put_together(parts: Vec<FoundTerms>, all: RoaringBitmap, threads: usize) -> SearchIndex {
    let mut values: HashMap<String, Vec<FoundValue>> = HashMap::new();
    let mut valueless: Vec<(String, Vec<Slot>)> = Vec::new();
    for part in parts {
        for (key, found) in part.values {
            let found = found.into_iter().map(|(spelled, slots)| FoundValue {
                spelled: Box::from(spelled),
                slots,
            });
            values.entry(key).or_default().extend(found);
        }
        valueless.extend(part.valueless);
    }
    let mut index = SearchIndex {
        keys: order_values(values, threads),
        all,
    };
    for (key, slots) in valueless {
        let known = index.keys.entry(Box::from(key)).or_default();
        known.add_valueless(&slots);
    }
    index
}

/// The index of each key.
fn order_values(
    values: HashMap<String, Vec<FoundValue>>,
    threads: usize,
) -> HashMap<Box<str>, KeyIndex> {
    let mut left: Vec<(String, Vec<FoundValue>)> = values.into_iter().collect();
    // Keys are taken from the end, the longest first: the last ones begun must not be those that take the longest.
    left.sort_by_key(|(_, values)| values.len());
    let left = Mutex::new(left);
    let take = || left.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let order = || {
        let mut ordered = Vec::new();
        while let Some((key, values)) = take() {
            ordered.push((Box::from(key), KeyIndex::from_values(values)));
        }
        ordered
    };
    let ordered = thread::scope(|scope| {
        let ordering = (0..threads).map(|_| scope.spawn(order)).collect();
        join_all(ordering)
    });
    ordered.into_iter().flatten().collect()
}
