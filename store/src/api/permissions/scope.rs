//! Which entities a principal may see or do something with, as a predicate over the view.

use freshet_model::EntityRef;

use super::ask::not_allowed;
use super::decision::Decision;
use super::permission::Permission;
use crate::api::Api;
use crate::api::auth::Principal;
use crate::api::error::ApiProblem;
use crate::query::{EntityPredicate, select_entities};
use crate::view::CatalogState;

impl Api {
    /// The entities that a principal may see. Whoever may see none asks about an empty catalog.
    pub(in crate::api) async fn visible_to(
        &self,
        principal: &Principal,
    ) -> Result<EntityPredicate, ApiProblem> {
        let decision = self.decide(principal, Permission::EntityRead).await?;
        Ok(to_predicate(decision))
    }

    /// Whether an entity is one of these.
    pub(in crate::api) fn is_among(
        &self,
        entity_ref: &EntityRef,
        predicate: &EntityPredicate,
    ) -> bool {
        // Nearly everybody may see everything.
        if *predicate == EntityPredicate::default() {
            return true;
        }
        self.view.search(|state, index| {
            let slot = state.slot_of(entity_ref);
            slot.is_some_and(|slot| select_entities(index, predicate).contains(slot))
        })
    }

    /// Whether a principal has a right for one entity.
    pub(in crate::api) async fn require_for(
        &self,
        principal: &Principal,
        permission: Permission,
        find: impl FnOnce(&CatalogState) -> Option<EntityRef>,
    ) -> Result<(), ApiProblem> {
        let decision = self.decide(principal, permission).await?;
        if decision == Decision::Everything {
            return Ok(());
        }
        // Of what is not there nobody says whose it would be.
        let found = self.view.read(find);
        let predicate = to_predicate(decision);
        let is_allowed = found.is_some_and(|found| self.is_among(&found, &predicate));
        if is_allowed {
            Ok(())
        } else {
            Err(not_allowed(permission))
        }
    }
}

fn to_predicate(decision: Decision) -> EntityPredicate {
    match decision {
        Decision::Everything => EntityPredicate::default(),
        Decision::Nothing => EntityPredicate::Any(Vec::new()),
        Decision::Matching(criteria) => criteria.to_predicate(),
    }
}
