//! Entities that lead back to themselves.

use freshet_model::EntityRef;
use petgraph::algo::tarjan_scc;
use petgraph::visit::{EdgeFiltered, EdgeRef as _};

use super::walk::Along;
use super::{Declares, RelationGraph};

impl<E: Declares> RelationGraph<E> {
    /// Groups of refs each of which leads to every other of its group along declared relations of these types; by ref, the largest
    /// group first. A ref that points at itself is a group.
    pub(crate) fn find_cycles(&self, along: &Along) -> Vec<Vec<&EntityRef>> {
        let filtered = EdgeFiltered::from_fn(&self.graph, |edge| {
            self.relation_of(edge.source(), *edge.weight())
                .is_some_and(|relation| along.takes(&relation.forward))
        });
        let mut cycles: Vec<Vec<&EntityRef>> = tarjan_scc(&filtered)
            .into_iter()
            .filter(|nodes| {
                nodes.len() > 1
                    || self.graph.edges_connecting(nodes[0], nodes[0]).any(|edge| {
                        self.relation_of(edge.source(), *edge.weight())
                            .is_some_and(|relation| along.takes(&relation.forward))
                    })
            })
            .map(|nodes| {
                let refs = nodes.into_iter().map(|node| &self.graph[node].entity_ref);
                let mut refs: Vec<&EntityRef> = refs.collect();
                refs.sort_unstable();
                refs
            })
            .collect();
        cycles.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        cycles
    }
}
