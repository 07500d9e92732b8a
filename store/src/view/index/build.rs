//! The index of a whole catalog, made in one go when a process starts.
//!
//! Entities are read by several threads, each for a part of them, and put together key by key. One by one it would take
//! several times as long: every value would be looked for among those before it.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::thread;

use roaring::RoaringBitmap;

use super::SearchIndex;
use super::entity_set::Slot;
use super::key_index::{KeyIndex, Spellings};
use super::terms::{Term, collect_terms, relation_key};
use super::value_table::fold_case;
use crate::view::CatalogState;

/// Threads that read entities at most: what they find must be put together by one.
const READERS_MAX: usize = 8;

/// What one thread found: for each key who has which value, as it is spelled.
#[derive(Default)]
struct FoundTerms {
    values: HashMap<String, HashMap<String, Vec<Slot>>>,
    valueless: HashMap<String, Vec<Slot>>,
}

/// The index of everything in `state`.
pub(in crate::view) fn build_index(state: &CatalogState) -> SearchIndex {
    let slots: Vec<Slot> = state.slots().collect();
    let readers = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(READERS_MAX);
    let part = slots.len().div_ceil(readers).max(1);
    let found = thread::scope(|scope| {
        let parts = slots.chunks(part);
        let reading: Vec<_> = parts
            .map(|part| scope.spawn(|| find_terms(state, part)))
            .collect();
        let found = reading.into_iter().map(thread::ScopedJoinHandle::join);
        found
            .map(|part| part.expect("reading terms does not panic"))
            .collect()
    });
    put_together(found, slots.into_iter().collect())
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

fn put_together(mut parts: Vec<FoundTerms>, all: RoaringBitmap) -> SearchIndex {
    let mut index = SearchIndex {
        all,
        ..SearchIndex::default()
    };
    let keys: Vec<String> = parts
        .iter()
        .flat_map(|part| part.values.keys())
        .cloned()
        .collect();
    for key in keys {
        // Two parts may have the key; it is made with the first of them.
        let of_key = parts.iter_mut().filter_map(|part| part.values.remove(&key));
        let values = merge_values(of_key);
        if !values.is_empty() {
            index
                .keys
                .insert(Box::from(key), KeyIndex::from_values(values));
        }
    }
    for part in parts {
        for (key, slots) in part.valueless {
            let known = index.keys.entry(Box::from(key)).or_default();
            known.add_valueless(&slots);
        }
    }
    index
}

fn merge_values(
    parts: impl Iterator<Item = HashMap<String, Vec<Slot>>>,
) -> BTreeMap<Box<str>, Spellings> {
    let mut merged: BTreeMap<Box<str>, Spellings> = BTreeMap::new();
    for (spelled, slots) in parts.flatten() {
        let folded = Box::from(&*fold_case(&spelled));
        let spellings = merged.entry(folded).or_default();
        match spellings.iter_mut().find(|(known, _)| **known == *spelled) {
            Some((_, known)) => known.extend(slots),
            None => spellings.push((Box::from(spelled), slots)),
        }
    }
    merged
}
