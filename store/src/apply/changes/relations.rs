//! Which relations entities gain and lose when some of them change. Pure.
//!
//! A relation is shown at both ends whoever declares it, and once even if both do. So an end is
//! compared as it is shown, before and after, and not as it is declared.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use freshet_model::{EntityRef, RelationDeclaration, SourceId};
use freshet_proto::message::change::{RelationChanges, RelationInfo};

use crate::apply::entities::claims::{EntityChange, ResolvedChange};
use crate::view::CatalogState;

/// The refs that change.
type ResolvedChanges = BTreeMap<EntityRef, ResolvedChange>;

/// What one entity gains and loses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RelationDelta {
    gained: BTreeSet<RelationInfo>,
    lost: BTreeSet<RelationInfo>,
    /// The source whose reading caused it first.
    pub(crate) triggered_by: SourceId,
}

impl RelationDelta {
    pub(crate) fn into_changes(self) -> RelationChanges {
        RelationChanges {
            added: self.gained.into_iter().collect(),
            removed: self.lost.into_iter().collect(),
        }
    }
}

/// One of the two states of the catalog that a transaction lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum BeforeOrAfter {
    Before,
    After,
}

/// What every entity that exists before or after gains and loses.
pub(crate) fn relation_deltas(
    changes: &ResolvedChanges,
    state: &CatalogState,
) -> BTreeMap<EntityRef, RelationDelta> {
    let mut comparison = RelationComparison {
        catalog: BothStates {
            changes,
            state,
            indexes: RefCell::default(),
        },
        deltas: BTreeMap::new(),
    };
    for (entity_ref, resolved) in changes {
        comparison.compare_entity(entity_ref, resolved.triggered_by);
    }
    comparison.deltas
}

/// Declarations of the first list that the second has not.
fn declared_only_in<'a>(
    these: &'a [RelationDeclaration],
    those: &'a [RelationDeclaration],
) -> impl Iterator<Item = &'a RelationDeclaration> {
    let those: BTreeSet<&RelationDeclaration> = those.iter().collect();
    these
        .iter()
        .filter(move |relation| !those.contains(relation))
}

/// Declarations that are looked through one by one; longer lists are indexed once.
// Each relation that differs of a group with 10,000 members would otherwise look through all of them.
const SHORT_LIST: usize = 16;

/// One side of the declarations of an entity: (type, target), without order.
type DeclarationIndex<'a> = HashSet<(&'a str, &'a EntityRef)>;

/// Which relation type of a declaration is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum DeclaredType {
    Forward,
    Reverse,
}

impl DeclaredType {
    fn of(self, relation: &RelationDeclaration) -> Option<&str> {
        match self {
            Self::Forward => Some(&relation.forward),
            Self::Reverse => relation.reverse.as_deref(),
        }
    }
}

/// The catalog before and after.
struct BothStates<'a> {
    changes: &'a ResolvedChanges,
    state: &'a CatalogState,
    /// Of entities that declare much, such as a group with thousands of members.
    indexes: RefCell<HashMap<(BeforeOrAfter, DeclaredType, &'a EntityRef), DeclarationIndex<'a>>>,
}

impl<'a> BothStates<'a> {
    fn exists(&self, at: BeforeOrAfter, entity_ref: &EntityRef) -> bool {
        match (at, self.changes.get(entity_ref)) {
            (BeforeOrAfter::After, Some(resolved)) => {
                matches!(resolved.change, EntityChange::Upsert(_))
            }
            (BeforeOrAfter::Before, _) | (BeforeOrAfter::After, None) => {
                self.state.entity(entity_ref).is_some()
            }
        }
    }

    fn declared_by(&self, at: BeforeOrAfter, entity_ref: &EntityRef) -> &'a [RelationDeclaration] {
        match (at, self.changes.get(entity_ref)) {
            (BeforeOrAfter::After, Some(resolved)) => match &resolved.change {
                EntityChange::Upsert(content) => &content.relations,
                EntityChange::Delete => &[],
            },
            (BeforeOrAfter::Before, _) | (BeforeOrAfter::After, None) => self
                .state
                .entity(entity_ref)
                .map_or(&[], |record| &record.relations),
        }
    }

    /// Whether an entity declares a relation that has this type at this end.
    fn declares(
        &self,
        at: BeforeOrAfter,
        declared_type: DeclaredType,
        declaring: &'a EntityRef,
        relation_type: &str,
        target: &EntityRef,
    ) -> bool {
        let declared = self.declared_by(at, declaring);
        if declared.len() <= SHORT_LIST {
            return declared.iter().any(|relation| {
                relation.target == *target && declared_type.of(relation) == Some(relation_type)
            });
        }
        self.indexes
            .borrow_mut()
            .entry((at, declared_type, declaring))
            .or_insert_with(|| index_of(declared, declared_type))
            .contains(&(relation_type, target))
    }

    /// Whether the catalog shows this relation at this end.
    fn is_shown(
        &self,
        at: BeforeOrAfter,
        end: &'a EntityRef,
        relation_type: &str,
        other: &'a EntityRef,
    ) -> bool {
        self.exists(at, end)
            && (self.declares(at, DeclaredType::Forward, end, relation_type, other)
                || self.declares(at, DeclaredType::Reverse, other, relation_type, end))
    }
}

fn index_of(declared: &[RelationDeclaration], declared_type: DeclaredType) -> DeclarationIndex<'_> {
    declared
        .iter()
        .filter_map(|relation| Some((declared_type.of(relation)?, &relation.target)))
        .collect()
}

/// The deltas while they are put together.
struct RelationComparison<'a> {
    catalog: BothStates<'a>,
    deltas: BTreeMap<EntityRef, RelationDelta>,
}

impl<'a> RelationComparison<'a> {
    fn compare_entity(&mut self, entity_ref: &'a EntityRef, triggered_by: SourceId) {
        let before = self.catalog.declared_by(BeforeOrAfter::Before, entity_ref);
        let after = self.catalog.declared_by(BeforeOrAfter::After, entity_ref);
        let differing = declared_only_in(before, after).chain(declared_only_in(after, before));
        for relation in differing {
            let RelationDeclaration {
                forward, target, ..
            } = relation;
            self.compare_relation(entity_ref, forward, target, triggered_by);
            if let Some(reverse) = &relation.reverse {
                self.compare_relation(target, reverse, entity_ref, triggered_by);
            }
        }
        let exists = |at| self.catalog.exists(at, entity_ref);
        if exists(BeforeOrAfter::Before) != exists(BeforeOrAfter::After) {
            self.compare_incoming(entity_ref, triggered_by);
        }
    }

    fn compare_relation(
        &mut self,
        end: &'a EntityRef,
        relation_type: &str,
        other: &'a EntityRef,
        triggered_by: SourceId,
    ) {
        // The other end may declare it as well, and then it is shown as before.
        let is_shown = |at| self.catalog.is_shown(at, end, relation_type, other);
        let (before, after) = (
            is_shown(BeforeOrAfter::Before),
            is_shown(BeforeOrAfter::After),
        );
        if before == after {
            return;
        }
        let delta = self.deltas.entry(end.clone());
        // Several may have caused it in one transaction; an event names one.
        let delta = delta.or_insert_with(|| RelationDelta {
            triggered_by,
            ..RelationDelta::default()
        });
        let relations = if after {
            &mut delta.gained
        } else {
            &mut delta.lost
        };
        relations.insert(RelationInfo {
            relation_type: relation_type.to_owned(),
            target_ref: other.clone(),
        });
    }

    /// Others may have declared relations to an entity long before it came.
    fn compare_incoming(&mut self, entity_ref: &'a EntityRef, triggered_by: SourceId) {
        // Only their reverse types concern it: their own relations are shown whether it exists or not.
        let state = self.catalog.state;
        for (other, relation) in state.incoming(entity_ref) {
            if let Some(reverse) = &relation.reverse {
                self.compare_relation(entity_ref, reverse, other, triggered_by);
            }
        }
    }
}
