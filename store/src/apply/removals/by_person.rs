//! What goes because somebody registered another target for a location. Pure.
//!
//! The links to the old target stay until the new one was looked at, so they go with a reading, long after the
//! person has asked for it; and still nobody has to be asked again.

use std::collections::HashSet;

use freshet_model::LocationId;

use crate::apply::locations::graph::LocationGraph;
use crate::apply::roots::is_of_registered;

/// Whether a location was below a target that somebody took out of a registered location.
pub(super) fn is_let_go_by_person(location_id: LocationId, graph: &LocationGraph) -> bool {
    let mut visited = HashSet::from([location_id]);
    let mut open = vec![location_id];
    while let Some(location_id) = open.pop() {
        for link in graph.links.of_location(location_id) {
            let Some(parent) = graph.entities.get(&link.parent_ref) else {
                continue;
            };
            if !link.is_listed && is_registered(parent.declared_by, graph) {
                return true;
            }
            if visited.insert(parent.declared_by) {
                open.push(parent.declared_by);
            }
        }
    }
    false
}

fn is_registered(location_id: LocationId, graph: &LocationGraph) -> bool {
    let location = graph.locations.get(&location_id);
    let source = location.and_then(|location| graph.sources.get(&location.source_id));
    source.is_some_and(is_of_registered)
}

#[cfg(test)]
mod tests {
    use freshet_model::SourceId;
    use freshet_model::location::TargetPlaces;

    use super::*;
    use crate::repo::{Location, LocationEntity, LocationLink, SourceKind, SourceRow};

    const ROOT: i64 = 1;
    const FILE: i64 = 2;
    const BELOW: i64 = 3;

    fn id(number: i64) -> LocationId {
        LocationId::new(number)
    }

    fn declare(graph: &mut LocationGraph, name: &str, declared_by: i64) {
        let entity_ref = format!("location:default/{name}");
        let entity = LocationEntity {
            entity_ref: entity_ref.clone(),
            declared_by: id(declared_by),
            document: "{}".to_owned(),
            digest: String::new(),
            line: 1,
            column: 1,
            target_places: TargetPlaces::default(),
            own: String::new(),
            origin: String::new(),
            is_published: true,
        };
        graph.entities.insert(entity_ref, entity);
    }

    fn link(graph: &mut LocationGraph, name: &str, location: i64, is_listed: bool) {
        graph.links.put(LocationLink {
            parent_ref: format!("location:default/{name}"),
            location_id: id(location),
            via: None,
            ordinal: 0,
            url: String::new(),
            is_required: true,
            is_listed,
            since: 0,
        });
    }

    /// Root `ROOT` of such a source points at `FILE`, which points at `BELOW`.
    #[track_caller]
    fn check(roots: &str, is_listed: bool, expected: bool) {
        let mut graph = LocationGraph::default();
        let source_id = SourceId::new(1);
        let source = SourceRow::new(source_id, SourceKind::Roots, "", roots);
        graph.sources.insert(source_id, source);
        let root = Location::new(id(ROOT), source_id, "url:https://example.com/a");
        graph.locations.insert(root.id, root);
        declare(&mut graph, "generated-a", ROOT);
        declare(&mut graph, "all", FILE);
        // Another one, which points back, so that the way up has a circle.
        declare(&mut graph, "back", BELOW);
        link(&mut graph, "generated-a", FILE, is_listed);
        link(&mut graph, "all", BELOW, true);
        link(&mut graph, "back", FILE, true);
        for location in [FILE, BELOW] {
            assert_eq!(is_let_go_by_person(id(location), &graph), expected);
        }
    }

    #[test]
    fn what_was_below_a_target_that_was_replaced_is_let_go() {
        check("registered", false, true);
    }

    #[test]
    fn what_files_and_the_configuration_let_go_is_not() {
        check("registered", true, false);
        check("config", false, false);
        check("github:acme", false, false);
    }
}
