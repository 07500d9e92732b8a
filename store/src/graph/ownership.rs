//! Whose things somebody may call his own: ownership rolled up through groups.

use freshet_model::EntityRef;

use super::walk::{Along, WalkLimits};
use super::{Declares, RelationGraph};

/// Refs that count as one owner at most.
const OWNERS_MAX: usize = 10_000;
/// A tree of groups is not deeper.
const DEPTH_MAX: usize = 100;

/// A person is of his groups, and they of theirs.
const UPWARD: [&str; 2] = ["memberOf", "childOf"];
/// A group owns what its parts and its people own.
const DOWNWARD: [&str; 2] = ["parentOf", "hasMember"];

impl<E: Declares> RelationGraph<E> {
    /// Everybody whose things belong to a person or a group: for a person all groups that he is in by any chain, for a group all
    /// groups and people below it; and itself.
    pub(crate) fn roll_up_owners(&self, owner: &EntityRef) -> Vec<EntityRef> {
        let along = match owner.kind() {
            "group" => Along::types(DOWNWARD),
            _ => Along::types(UPWARD),
        };
        let limits = WalkLimits {
            depth: DEPTH_MAX,
            refs: OWNERS_MAX,
        };
        let walked = self.walk_from(owner, &along, limits);
        let others = walked.met.into_iter().map(|met| met.entity_ref);
        std::iter::once(owner.clone()).chain(others).collect()
    }
}
