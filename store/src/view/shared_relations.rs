//! Relations in memory, with the texts that others hold already: an entity has many of them, and they name the same few things.

use std::collections::HashSet;
use std::sync::Arc;

use freshet_model::{RelationDeclaration, RelationType};

use crate::graph::{Declares, RelationGraph};

/// The names of relations that are in use.
#[derive(Debug, Default)]
pub(super) struct SharedRelationTypes(HashSet<RelationType>);

impl SharedRelationTypes {
    /// The same relations; their targets are those of the graph, as far as it knows them.
    pub(super) fn share<E: Declares>(
        &mut self,
        relations: &[RelationDeclaration],
        graph: &RelationGraph<E>,
    ) -> Arc<[RelationDeclaration]> {
        let shared = relations.iter().map(|relation| {
            let target = graph.known_ref(&relation.target);
            RelationDeclaration {
                forward: self.share_type(&relation.forward),
                reverse: relation.reverse.as_ref().map(|it| self.share_type(it)),
                target: target.unwrap_or(&relation.target).clone(),
            }
        });
        shared.collect()
    }

    fn share_type(&mut self, name: &RelationType) -> RelationType {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        self.0.insert(name.clone());
        name.clone()
    }
}
