//! What somebody owns by any chain of groups, as a key of filters: `freshet.ownedBy=user:default/jane`.
//!
//! It is no key of the index. Before a predicate is answered it becomes one: the owners that roll up are found in the graph, and
//! `relations.ownedBy` is one of them.

use std::borrow::Cow;

use freshet_model::EntityRef;

use super::predicate::{EntityPredicate, KeyCondition};
use crate::view::CatalogState;

/// The key, in lower case.
const OWNED_BY: &str = "freshet.ownedby";
const RELATION: &str = "relations.ownedBy";

/// The predicate over keys of the index alone.
pub(crate) fn expand_owners<'a>(
    state: &CatalogState,
    predicate: &'a EntityPredicate,
) -> Cow<'a, EntityPredicate> {
    if names_owner(predicate) {
        Cow::Owned(expand(state, predicate))
    } else {
        Cow::Borrowed(predicate)
    }
}

/// What is owned by somebody, by any chain.
pub(crate) fn owned_by(owners: &[EntityRef]) -> EntityPredicate {
    EntityPredicate::is_in(RELATION, owners.iter().map(EntityRef::as_str))
}

fn names_owner(predicate: &EntityPredicate) -> bool {
    match predicate {
        EntityPredicate::All(parts) | EntityPredicate::Any(parts) => parts.iter().any(names_owner),
        EntityPredicate::Not(part) => names_owner(part),
        EntityPredicate::Key { key, .. } => key == OWNED_BY,
    }
}

fn expand(state: &CatalogState, predicate: &EntityPredicate) -> EntityPredicate {
    let expand_all = |parts: &[EntityPredicate]| parts.iter().map(|it| expand(state, it)).collect();
    match predicate {
        EntityPredicate::All(parts) => EntityPredicate::All(expand_all(parts)),
        EntityPredicate::Any(parts) => EntityPredicate::Any(expand_all(parts)),
        EntityPredicate::Not(part) => EntityPredicate::Not(Box::new(expand(state, part))),
        EntityPredicate::Key { key, condition } if key == OWNED_BY => match condition {
            KeyCondition::Exists => EntityPredicate::exists(RELATION),
            KeyCondition::In(owners) => {
                let owners = owners.iter().filter_map(|it| EntityRef::parse(it).ok());
                let owners: Vec<EntityRef> = owners
                    .flat_map(|owner| state.graph().roll_up_owners(&owner))
                    .collect();
                owned_by(&owners)
            }
            // Nobody has half a name.
            KeyCondition::Prefix(_) => EntityPredicate::Any(Vec::new()),
        },
        EntityPredicate::Key { .. } => predicate.clone(),
    }
}
