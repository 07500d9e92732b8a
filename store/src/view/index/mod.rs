//! The search index: key → value → entities, so that filters, facets, counts, orders and pages are set operations.
//!
//! It follows the view and is brought up to date by whoever asks first, or by a task beside: what a transaction
//! changes is only noted while it is folded, because reading a document takes far longer than folding it. Keys and
//! values are those of Backstage's index; see [`terms`]. Entities are numbered by their place in the graph.

mod block;
mod build;
mod entity_set;
mod key_index;
mod notes;
mod pending;
mod terms;
mod value_table;

use std::collections::HashMap;

use roaring::RoaringBitmap;

pub(super) use build::build_index;
pub(crate) use entity_set::Slot;
pub(crate) use key_index::{KeyIndex, ValueCount};
pub(super) use pending::PendingTerms;
pub(crate) use terms::{collect_terms, relation_key};
pub(crate) use value_table::{Direction, fold_case};

use key_index::Presence;
use terms::Term;

/// What can be searched in all entities.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchIndex {
    keys: HashMap<Box<str>, KeyIndex>,
    all: RoaringBitmap,
}

impl SearchIndex {
    /// What is known of a key, given in lower case; `None` if no entity has it.
    pub(crate) fn key(&self, folded: &str) -> Option<&KeyIndex> {
        self.keys.get(folded)
    }

    /// All entities.
    pub(crate) fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    /// Puts the terms of an entity in place of those it had; both in the order they are collected in.
    fn replace_terms(&mut self, slot: Slot, before: &[Term], after: &[Term]) {
        let same = |a: &[Term], b: &[Term]| a == b;
        let after_of = |key: &str| terms_of_key(after, key);
        for group in before.chunk_by(|a, b| a.key == b.key) {
            let key = &group[0].key;
            let now = after_of(key);
            if !same(group, now) {
                self.replace_of_key(slot, key, group, now);
            }
        }
        for group in after.chunk_by(|a, b| a.key == b.key) {
            let key = &group[0].key;
            if terms_of_key(before, key).is_empty() {
                self.replace_of_key(slot, key, &[], group);
            }
        }
    }

    fn replace_of_key(&mut self, slot: Slot, key: &str, before: &[Term], after: &[Term]) {
        let index = ensure_key(&mut self.keys, key);
        for term in before.iter().filter(|term| !after.contains(term)) {
            if let Some(folded) = term.folded() {
                index.remove_value(folded, slot);
            }
        }
        for term in after.iter().filter(|term| !before.contains(term)) {
            if let Some(text) = &term.text {
                index.insert_value(text, slot);
            }
        }
        let has_null = after.iter().any(|term| term.text.is_none());
        let has_value = after.iter().any(|term| term.text.is_some());
        index.mark(
            slot,
            Presence {
                has_value,
                has_null,
            },
        );
        if index.is_empty() {
            self.keys.remove(key);
        }
    }

    /// Says that an entity has these relations of one type, at least one.
    fn add_relations<'a>(&mut self, slot: Slot, key: &str, targets: impl Iterator<Item = &'a str>) {
        let index = ensure_key(&mut self.keys, key);
        for target in targets {
            index.insert_value(target, slot);
        }
        index.mark(slot, Presence::of_value(true));
    }

    /// Says whether an entity has this relation, and whether it has any of that type.
    fn set_relation(&mut self, slot: Slot, key: &str, target: &str, shown: RelationShown) {
        let index = ensure_key(&mut self.keys, key);
        match shown {
            RelationShown::Yes => index.insert_value(target, slot),
            RelationShown::OthersOnly | RelationShown::NoneOfType => {
                index.remove_value(target, slot);
            }
        }
        index.mark(slot, Presence::of_value(shown != RelationShown::NoneOfType));
        if index.is_empty() {
            self.keys.remove(key);
        }
    }
}

/// Whether an entity shows a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RelationShown {
    /// It does.
    Yes,
    /// It does not, but others of the type.
    OthersOnly,
    /// It shows none of the type.
    NoneOfType,
}

fn ensure_key<'a>(keys: &'a mut HashMap<Box<str>, KeyIndex>, key: &str) -> &'a mut KeyIndex {
    if !keys.contains_key(key) {
        keys.insert(Box::from(key), KeyIndex::default());
    }
    keys.get_mut(key).expect("it was put in")
}

/// Terms are in the order of their keys.
fn terms_of_key<'a>(terms: &'a [Term], key: &str) -> &'a [Term] {
    let start = terms.partition_point(|term| term.key.as_str() < key);
    let end = terms.partition_point(|term| term.key.as_str() <= key);
    &terms[start..end]
}

#[cfg(test)]
mod tests;
