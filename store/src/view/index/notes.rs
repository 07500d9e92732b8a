//! What a change of one record lets the search index look at: itself, and who shows relations to it.

use std::sync::Arc;

use freshet_model::{EntityRef, RelationDeclaration, RelationType};

use super::entity_set::Slot;
use super::pending::PendingTerms;
use crate::change::EntityRecord;
use crate::graph::{Declares, RelationGraph};

impl PendingTerms {
    /// A record has come, in place of another or of none, and the graph knows it.
    pub(in crate::view) fn note_put<E: Declares>(
        &mut self,
        graph: &RelationGraph<E>,
        (slot, now): (Slot, &EntityRecord),
        before: Option<Arc<EntityRecord>>,
    ) {
        let Some(before) = before else {
            // All it shows is new, also what others have always declared about it.
            self.note_all_relations(slot);
            self.note_declared(graph, &now.entity_ref, now.relations.iter());
            self.note_record(slot, None);
            return;
        };
        if before.relations != now.relations {
            let declared = before.relations.iter().chain(now.relations.iter());
            for own in declared.clone() {
                self.note_relation(slot, &own.forward, &own.target);
            }
            self.note_declared(graph, &now.entity_ref, declared);
        }
        if before.document != now.document || before.uid != now.uid {
            self.note_record(slot, Some(before));
        }
    }

    /// Notes all that an entity shows, before it leaves.
    pub(in crate::view) fn note_shown<E: Declares>(
        &mut self,
        graph: &RelationGraph<E>,
        slot: Slot,
        entity_ref: &EntityRef,
    ) {
        for (relation, target) in graph.served_relations(entity_ref) {
            self.note_relation(slot, &RelationType::from(relation), target);
        }
    }

    /// A record has left, and the graph knows it no more.
    pub(in crate::view) fn note_removed<E: Declares>(
        &mut self,
        graph: &RelationGraph<E>,
        slot: Slot,
        before: Arc<EntityRecord>,
    ) {
        self.note_declared(graph, &before.entity_ref, before.relations.iter());
        self.note_record(slot, Some(before));
    }

    /// Notes what the targets of relations show of whoever declares them.
    fn note_declared<'a, E: Declares>(
        &mut self,
        graph: &RelationGraph<E>,
        declaring: &EntityRef,
        relations: impl IntoIterator<Item = &'a RelationDeclaration>,
    ) {
        for declared in relations {
            let target = graph.slot_of(&declared.target);
            if let (Some(reverse), Some(target)) = (&declared.reverse, target) {
                self.note_relation(target, reverse, declaring);
            }
        }
    }
}
