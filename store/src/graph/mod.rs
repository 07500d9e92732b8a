//! The graph of relations: who declares what about whom.
//!
//! A node is a ref. It may have no entity: a relation may point to what does not exist (yet), and
//! shows as soon as it does. An edge is one declaration, kept with the entity that made it and
//! replaced with it, so taking an entity in or out costs its own declarations and nobody else's.
//! Reverse relations are not stored: they are read off the incoming edges.

mod cycles;
mod ownership;
mod walk;

use std::collections::HashMap;

use freshet_model::{EntityRef, RelationDeclaration};
use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef as _;

pub(crate) use walk::{Along, Met, WalkLimits, Walked};

/// A relation as the catalog API shows it: its type and its target.
pub(crate) type ServedRelation<'a> = (&'a str, &'a EntityRef);

#[derive(Clone, Debug)]
struct RelationNode<E> {
    entity_ref: EntityRef,
    entity: Option<E>,
}

/// Entities of type `E` by ref, and the relations among them.
#[derive(Clone, Debug)]
pub(crate) struct RelationGraph<E> {
    /// An edge's weight is the place of its declaration in the list of the declaring entity.
    graph: StableDiGraph<RelationNode<E>, u32, u32>,
    nodes: HashMap<EntityRef, NodeIndex>,
    entities: usize,
}

/// What a graph must know about an entity.
pub(crate) trait Declares {
    /// The relations it declares.
    fn relations(&self) -> &[RelationDeclaration];
}

impl<E> Default for RelationGraph<E> {
    fn default() -> Self {
        Self {
            graph: StableDiGraph::default(),
            nodes: HashMap::new(),
            entities: 0,
        }
    }
}

impl<E: Declares> RelationGraph<E> {
    /// How many entities there are; refs that are only pointed to do not count.
    pub(crate) fn len(&self) -> usize {
        self.entities
    }

    /// The entity with this ref.
    pub(crate) fn get(&self, entity_ref: &EntityRef) -> Option<&E> {
        let node = *self.nodes.get(entity_ref)?;
        self.graph[node].entity.as_ref()
    }

    /// The number of an entity's ref; it keeps it for as long as anything is known of it.
    pub(crate) fn slot_of(&self, entity_ref: &EntityRef) -> Option<u32> {
        let node = self.nodes.get(entity_ref)?;
        u32::try_from(node.index()).ok()
    }

    /// The entity with this number.
    pub(crate) fn at(&self, slot: u32) -> Option<&E> {
        self.graph
            .node_weight(NodeIndex::from(slot))?
            .entity
            .as_ref()
    }

    /// A ref as it is kept here, if it is known.
    pub(crate) fn known_ref(&self, entity_ref: &EntityRef) -> Option<&EntityRef> {
        self.nodes.get_key_value(entity_ref).map(|(known, _)| known)
    }

    /// Numbers of all entities, ascending.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        let nodes = self.graph.node_indices();
        let entities = nodes.filter(|node| self.graph[*node].entity.is_some());
        entities.filter_map(|node| u32::try_from(node.index()).ok())
    }

    /// The entity with this ref, to change anything but its relations.
    pub(crate) fn get_mut(&mut self, entity_ref: &EntityRef) -> Option<&mut E> {
        let node = *self.nodes.get(entity_ref)?;
        self.graph[node].entity.as_mut()
    }

    /// All entities, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&EntityRef, &E)> {
        self.graph
            .node_weights()
            .filter_map(|node| Some((&node.entity_ref, node.entity.as_ref()?)))
    }

    /// Puts an entity in place of what its ref held, and returns that.
    pub(crate) fn insert(&mut self, entity_ref: &EntityRef, entity: E) -> Option<E> {
        let node = self.ensure_node(entity_ref);
        // Taking an edge out walks the list of all edges to its target, which is long for a hub, and
        // most changes leave the relations as they are.
        if let Some(held) = &mut self.graph[node].entity
            && held.relations() == entity.relations()
        {
            return Some(std::mem::replace(held, entity));
        }
        self.forget_declarations(node);
        for (index, relation) in (0_u32..).zip(entity.relations()) {
            let target = self.ensure_node(&relation.target);
            self.graph.add_edge(node, target, index);
        }
        let before = self.graph[node].entity.replace(entity);
        self.entities += usize::from(before.is_none());
        before
    }

    /// Takes an entity out. Relations that others declare to it stay theirs.
    pub(crate) fn remove(&mut self, entity_ref: &EntityRef) -> Option<E> {
        let node = *self.nodes.get(entity_ref)?;
        let before = self.graph[node].entity.take()?;
        self.entities -= 1;
        self.forget_declarations(node);
        // A catalog in which names come and go must not grow for ever.
        self.forget_if_unused(node);
        Some(before)
    }

    /// Who declares what about this ref, whether or not it exists.
    pub(crate) fn incoming(
        &self,
        entity_ref: &EntityRef,
    ) -> impl Iterator<Item = (&EntityRef, &RelationDeclaration)> {
        let node = self.nodes.get(entity_ref).copied();
        node.into_iter()
            .flat_map(|node| self.graph.edges_directed(node, Direction::Incoming))
            .filter_map(|edge| {
                let declaring = &self.graph[edge.source()];
                let relation = self.relation_of(edge.source(), *edge.weight())?;
                Some((&declaring.entity_ref, relation))
            })
    }

    /// Refs that are pointed at and have no entity, in no particular order.
    pub(crate) fn dangling_refs(&self) -> impl Iterator<Item = &EntityRef> {
        self.graph
            .node_weights()
            .filter(|node| node.entity.is_none())
            .map(|node| &node.entity_ref)
    }

    /// Relations of an entity as the API shows them: its own and the reverse of others', distinct,
    /// sorted by type, then target.
    pub(crate) fn served_relations(&self, entity_ref: &EntityRef) -> Vec<ServedRelation<'_>> {
        let own = self.get(entity_ref).map_or(&[][..], Declares::relations);
        let mut shown: Vec<ServedRelation<'_>> = own
            .iter()
            .map(|relation| (relation.forward.as_str(), &relation.target))
            .collect();
        shown.extend(
            self.incoming(entity_ref)
                .filter_map(|(from, relation)| Some((relation.reverse.as_deref()?, from))),
        );
        shown.sort_unstable();
        // Two declarations may say the same, one from each end.
        shown.dedup();
        shown
    }

    /// Whether an entity shows a relation: it declares it, or the other one its reverse.
    pub(crate) fn shows(&self, entity_ref: &EntityRef, relation: &str, target: &EntityRef) -> bool {
        let node = |it| self.nodes.get(it).copied();
        let (Some(from), Some(to)) = (node(entity_ref), node(target)) else {
            return false;
        };
        self.declares(from, to, |own| own.forward.as_str() == relation)
            || self.declares(to, from, |other| other.reverse.as_deref() == Some(relation))
    }

    /// Whether an entity shows any relation of this type.
    pub(crate) fn shows_type(&self, entity_ref: &EntityRef, relation: &str) -> bool {
        let own = self.get(entity_ref).map_or(&[][..], Declares::relations);
        own.iter().any(|own| own.forward.as_str() == relation)
            || self
                .incoming(entity_ref)
                .any(|(_, other)| other.reverse.as_deref() == Some(relation))
    }

    /// Whether one node declares about another what `is_meant`. Looks from both ends in turn: one of them may be a hub with
    /// thousands of edges, and then the other seldom is.
    fn declares(
        &self,
        from: NodeIndex,
        to: NodeIndex,
        is_meant: impl Fn(&RelationDeclaration) -> bool,
    ) -> bool {
        let mut outgoing = self.graph.edges_directed(from, Direction::Outgoing);
        let mut incoming = self.graph.edges_directed(to, Direction::Incoming);
        loop {
            let (Some(out), Some(into)) = (outgoing.next(), incoming.next()) else {
                return false;
            };
            let between = [out, into]
                .into_iter()
                .filter(|edge| edge.source() == from && edge.target() == to);
            if between
                .filter_map(|edge| self.relation_of(from, *edge.weight()))
                .any(&is_meant)
            {
                return true;
            }
        }
    }

    /// The declaration that an edge from a node stands for.
    fn relation_of(&self, from: NodeIndex, weight: u32) -> Option<&RelationDeclaration> {
        let entity = self.graph[from].entity.as_ref()?;
        entity.relations().get(usize::try_from(weight).ok()?)
    }

    fn ensure_node(&mut self, entity_ref: &EntityRef) -> NodeIndex {
        if let Some(node) = self.nodes.get(entity_ref) {
            return *node;
        }
        let node = self.graph.add_node(RelationNode {
            entity_ref: entity_ref.clone(),
            // It exists as the target of a relation, and waits for its entity.
            entity: None,
        });
        self.nodes.insert(entity_ref.clone(), node);
        node
    }

    fn forget_declarations(&mut self, node: NodeIndex) {
        let mut edges = self.graph.neighbors(node).detach();
        let mut targets = Vec::new();
        while let Some((edge, target)) = edges.next(&self.graph) {
            self.graph.remove_edge(edge);
            targets.push(target);
        }
        for target in targets {
            if target != node {
                self.forget_if_unused(target);
            }
        }
    }

    /// A ref that has no entity and that nobody points to any more is no node.
    fn forget_if_unused(&mut self, node: NodeIndex) {
        let Some(weight) = self.graph.node_weight(node) else {
            return;
        };
        let is_used = weight.entity.is_some()
            || self
                .graph
                .neighbors_directed(node, Direction::Incoming)
                .next()
                .is_some();
        if !is_used && let Some(removed) = self.graph.remove_node(node) {
            self.nodes.remove(&removed.entity_ref);
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk_tests;
