//! Which relations entities gain and lose when some of them change. Pure.
//!
//! A relation is shown at both ends whoever declares it, and once even if both do. So an end is
//! compared as it is shown, before and after, and not as it is declared.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use freshet_model::{EntityRef, RelationDeclaration};
use freshet_proto::message::change::{RelationChanges, RelationInfo};

use crate::apply::entities::claims::Fate;
use crate::view::State;

/// The refs that change, each with the source that caused it.
pub(crate) type Fates = BTreeMap<EntityRef, (Fate, i64)>;

/// What one entity gains and loses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    gained: BTreeSet<RelationInfo>,
    lost: BTreeSet<RelationInfo>,
    /// The source that caused it first.
    pub(crate) cause: i64,
}

impl Shift {
    pub(crate) fn changes(&self) -> RelationChanges {
        RelationChanges {
            added: self.gained.iter().cloned().collect(),
            removed: self.lost.iter().cloned().collect(),
        }
    }
}

/// A moment relative to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Moment {
    Before,
    After,
}

/// What every entity that exists before or after gains and loses.
pub(crate) fn shifts(fates: &Fates, state: &State) -> BTreeMap<EntityRef, Shift> {
    let both = Both {
        fates,
        state,
        indexes: RefCell::default(),
    };
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

/// Declarations that are looked through one by one; longer lists are indexed once.
const SHORT_LIST: usize = 16;

/// One side of the declarations of an entity: (type, target), without order.
type Index<'a> = HashSet<(&'a str, &'a EntityRef)>;

/// Which relation type of a declaration is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Side {
    Forward,
    Reverse,
}

impl Side {
    fn relation_type(self, relation: &RelationDeclaration) -> Option<&str> {
        match self {
            Self::Forward => Some(&relation.forward),
            Self::Reverse => relation.reverse.as_deref(),
        }
    }
}

struct Both<'a> {
    fates: &'a Fates,
    state: &'a State,
    /// Of entities that declare much, such as a group with thousands of members.
    indexes: RefCell<HashMap<(Moment, Side, EntityRef), Index<'a>>>,
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

    /// Whether an entity declares a relation that has this type on this side.
    fn declares(
        &self,
        moment: Moment,
        side: Side,
        declaring: &EntityRef,
        relation_type: &str,
        target: &EntityRef,
    ) -> bool {
        let declared = self.declared(moment, declaring);
        if declared.len() <= SHORT_LIST {
            return declared.iter().any(|relation| {
                relation.target == *target && side.relation_type(relation) == Some(relation_type)
            });
        }
        self.indexes
            .borrow_mut()
            .entry((moment, side, declaring.clone()))
            .or_insert_with(|| {
                declared
                    .iter()
                    .filter_map(|relation| Some((side.relation_type(relation)?, &relation.target)))
                    .collect()
            })
            .contains(&(relation_type, target))
    }

    /// Whether the catalog shows this relation at this end.
    fn is_shown(
        &self,
        moment: Moment,
        end: &EntityRef,
        relation_type: &str,
        other: &EntityRef,
    ) -> bool {
        self.exists(moment, end)
            && (self.declares(moment, Side::Forward, end, relation_type, other)
                || self.declares(moment, Side::Reverse, other, relation_type, end))
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
