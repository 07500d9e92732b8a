//! Which relations entities gain and lose when some of them change. Pure.
//!
//! A relation is shown at both ends whoever declares it, and once even if both do. So an end is
//! compared as it is shown, before and after, and not as it is declared.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::{EntityRef, RelationDeclaration};
use freshet_proto::message::change::{RelationChanges, RelationInfo};

use super::claims::Fate;
use crate::view::State;

/// The refs that change, each with the source that caused it.
pub(super) type Fates = BTreeMap<EntityRef, (Fate, i64)>;

/// What one entity gains and loses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    gained: BTreeSet<RelationInfo>,
    lost: BTreeSet<RelationInfo>,
    /// The source that caused it first.
    pub(super) cause: i64,
}

impl Shift {
    pub(super) fn changes(&self) -> RelationChanges {
        RelationChanges {
            added: self.gained.iter().cloned().collect(),
            removed: self.lost.iter().cloned().collect(),
        }
    }
}

/// A moment relative to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Before,
    After,
}

/// What every entity that exists before or after gains and loses.
pub(super) fn shifts(fates: &Fates, state: &State) -> BTreeMap<EntityRef, Shift> {
    let both = Both { fates, state };
    let mut shifts = BTreeMap::new();
    for (entity_ref, (_, cause)) in fates {
        let before = both.declared(Moment::Before, entity_ref);
        let after = both.declared(Moment::After, entity_ref);
        let touched = differing(before, after).chain(differing(after, before));
        for relation in touched {
            both.note(
                &mut shifts,
                entity_ref,
                &relation.forward,
                &relation.target,
                *cause,
            );
            if let Some(reverse) = &relation.reverse {
                both.note(&mut shifts, &relation.target, reverse, entity_ref, *cause);
            }
        }
        if both.exists(Moment::Before, entity_ref) != both.exists(Moment::After, entity_ref) {
            both.note_incoming(&mut shifts, entity_ref, *cause);
        }
    }
    shifts
}

/// Declarations of the first list that the second has not.
fn differing<'a>(
    these: &'a [RelationDeclaration],
    those: &'a [RelationDeclaration],
) -> impl Iterator<Item = &'a RelationDeclaration> {
    let those: BTreeSet<&RelationDeclaration> = those.iter().collect();
    these
        .iter()
        .filter(move |relation| !those.contains(relation))
}

struct Both<'a> {
    fates: &'a Fates,
    state: &'a State,
}

impl<'a> Both<'a> {
    fn exists(&self, moment: Moment, entity_ref: &EntityRef) -> bool {
        match (moment, self.fates.get(entity_ref)) {
            (Moment::After, Some((fate, _))) => matches!(fate, Fate::Becomes(_)),
            (Moment::Before, _) | (Moment::After, None) => self.state.entity(entity_ref).is_some(),
        }
    }

    fn declared(&self, moment: Moment, entity_ref: &EntityRef) -> &'a [RelationDeclaration] {
        match (moment, self.fates.get(entity_ref)) {
            (Moment::After, Some((Fate::Becomes(content), _))) => &content.relations,
            (Moment::After, Some((Fate::Leaves, _))) => &[],
            (Moment::Before, _) | (Moment::After, None) => self
                .state
                .entity(entity_ref)
                .map_or(&[], |record| &record.relations),
        }
    }

    /// Whether the catalog shows this relation at this end.
    fn is_shown(
        &self,
        moment: Moment,
        end: &EntityRef,
        relation_type: &str,
        other: &EntityRef,
    ) -> bool {
        let declares = || {
            self.declared(moment, end)
                .iter()
                .any(|it| it.forward == relation_type && it.target == *other)
        };
        let is_declared = || {
            self.declared(moment, other)
                .iter()
                .any(|it| it.reverse.as_deref() == Some(relation_type) && it.target == *end)
        };
        self.exists(moment, end) && (declares() || is_declared())
    }

    fn note(
        &self,
        shifts: &mut BTreeMap<EntityRef, Shift>,
        end: &EntityRef,
        relation_type: &str,
        other: &EntityRef,
        cause: i64,
    ) {
        let before = self.is_shown(Moment::Before, end, relation_type, other);
        let after = self.is_shown(Moment::After, end, relation_type, other);
        if before == after {
            return;
        }
        let shift = shifts.entry(end.clone()).or_insert_with(|| Shift {
            cause,
            ..Shift::default()
        });
        let relation = RelationInfo {
            relation_type: relation_type.to_owned(),
            target_ref: other.clone(),
        };
        if after {
            shift.gained.insert(relation);
        } else {
            shift.lost.insert(relation);
        }
    }

    /// Others may have declared relations to an entity long before it came.
    fn note_incoming(
        &self,
        shifts: &mut BTreeMap<EntityRef, Shift>,
        entity_ref: &EntityRef,
        cause: i64,
    ) {
        for (other, relation) in self.state.incoming(entity_ref) {
            if let Some(reverse) = &relation.reverse {
                self.note(shifts, entity_ref, reverse, other, cause);
            }
        }
    }
}
