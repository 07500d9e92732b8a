//! What changed since the search index last looked.

use std::collections::HashMap;
use std::sync::Arc;

use freshet_model::{EntityRef, RelationType};

use super::entity_set::Slot;
use super::terms::{collect_terms, relation_key};
use super::{RelationShown, SearchIndex};
use crate::change::EntityRecord;
use crate::view::CatalogState;

/// Relations of one entity above this many are not looked up one by one.
const LOOKED_UP_MAX: usize = 16;

/// Entities and relations that the index has yet to take in. Only says where to look: what is there is read off the
/// state when the index does, so that whatever happened in between costs once.
#[derive(Debug, Default)]
pub(in crate::view) struct PendingTerms {
    /// The records that the index knows, of slots whose record is another now.
    records: HashMap<Slot, Option<Arc<EntityRecord>>>,
    /// Relations that may have come or gone, by the entity that shows them.
    relations: HashMap<Slot, NotedRelations>,
}

/// What of the relations of one entity is to be looked at.
#[derive(Debug, Default)]
struct NotedRelations {
    /// All that it shows by then: it is new.
    is_new: bool,
    /// These, shown or not. What is new may have some too: those of an entity that had its slot before.
    named: Vec<(RelationType, EntityRef)>,
}

impl PendingTerms {
    /// A slot has another record than `before`.
    pub(super) fn note_record(&mut self, slot: Slot, before: Option<Arc<EntityRecord>>) {
        // The index knows the oldest of them.
        self.records.entry(slot).or_insert(before);
    }

    /// An entity may show a relation that it did not, or the other way round.
    pub(super) fn note_relation(
        &mut self,
        slot: Slot,
        relation: &RelationType,
        target: &EntityRef,
    ) {
        let noted = self.relations.entry(slot).or_default();
        // Whatever is shown of what is new is found without being named.
        if !noted.is_new {
            noted.named.push((relation.clone(), target.clone()));
        }
    }

    /// An entity is new: all that it shows.
    pub(super) fn note_all_relations(&mut self, slot: Slot) {
        self.relations.entry(slot).or_default().is_new = true;
    }

    /// How many entities have something to be taken in.
    pub(in crate::view) fn len(&self) -> usize {
        self.records.len() + self.relations.len()
    }

    /// Brings the index up to date in about `most` entities.
    pub(in crate::view) fn take_in(
        &mut self,
        state: &CatalogState,
        index: &mut SearchIndex,
        most: usize,
    ) {
        let slots: Vec<Slot> = self.records.keys().copied().take(most).collect();
        for slot in &slots {
            let before = self.records.remove(slot).flatten();
            take_in_record(state, index, *slot, before.as_deref());
        }
        let left = most.saturating_sub(slots.len());
        let slots: Vec<Slot> = self.relations.keys().copied().take(left).collect();
        for slot in slots {
            let noted = self.relations.remove(&slot).unwrap_or_default();
            take_in_relations(state, index, slot, &noted);
        }
    }
}

fn take_in_record(
    state: &CatalogState,
    index: &mut SearchIndex,
    slot: Slot,
    before: Option<&EntityRecord>,
) {
    let now = state.record_at(slot);
    let before = before.map(collect_terms).unwrap_or_default();
    let after = now.map(collect_terms).unwrap_or_default();
    index.replace_terms(slot, &before, &after);
    if now.is_some() {
        index.all.insert(slot);
    } else {
        index.all.remove(slot);
    }
}

fn take_in_relations(
    state: &CatalogState,
    index: &mut SearchIndex,
    slot: Slot,
    noted: &NotedRelations,
) {
    let listed =
        (noted.is_new || noted.named.len() > LOOKED_UP_MAX).then(|| state.relations_at(slot));
    for (relation, target) in &noted.named {
        let shown = match &listed {
            Some(relations) => find_shown(relations, relation, target),
            None => look_up_shown(state, slot, relation, target),
        };
        index.set_relation(slot, &relation_key(relation), target.as_str(), shown);
    }
    if noted.is_new {
        let all = listed.unwrap_or_default();
        for of_type in all.chunk_by(|(one, _), (other, _)| one == other) {
            let targets = of_type.iter().map(|(_, target)| target.as_str());
            index.add_relations(slot, &relation_key(of_type[0].0), targets);
        }
    }
}

/// Off a list of all that is shown, which is sorted.
fn find_shown(
    relations: &[(&str, &EntityRef)],
    relation: &str,
    target: &EntityRef,
) -> RelationShown {
    if relations.binary_search(&(relation, target)).is_ok() {
        return RelationShown::Yes;
    }
    let first = relations.partition_point(|(other, _)| *other < relation);
    match relations.get(first) {
        Some((other, _)) if *other == relation => RelationShown::OthersOnly,
        Some(_) | None => RelationShown::NoneOfType,
    }
}

/// Off the graph, which is cheap for a few.
fn look_up_shown(
    state: &CatalogState,
    slot: Slot,
    relation: &str,
    target: &EntityRef,
) -> RelationShown {
    if state.shows_relation(slot, relation, target) {
        RelationShown::Yes
    } else if state.shows_relation_of_type(slot, relation) {
        RelationShown::OthersOnly
    } else {
        RelationShown::NoneOfType
    }
}
