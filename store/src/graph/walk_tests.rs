use super::tests::Declaring;
use super::*;

/// Relations written as `from type>reverse to`.
fn graph_of(relations: &[&str]) -> RelationGraph<Declaring> {
    let mut declared: std::collections::BTreeMap<EntityRef, Vec<RelationDeclaration>> =
        std::collections::BTreeMap::new();
    for relation in relations {
        let mut words = relation.split(' ');
        let (from, types, to) = (words.next(), words.next(), words.next());
        let (forward, reverse) = types.and_then(|it| it.split_once('>')).expect("two types");
        let target = EntityRef::parse(to.expect("a target")).expect("a ref");
        declared.entry(target.clone()).or_default();
        let from = EntityRef::parse(from.expect("a start")).expect("a ref");
        declared.entry(from).or_default().push(RelationDeclaration {
            forward: forward.into(),
            reverse: Some(reverse.into()),
            target,
        });
    }
    let mut graph = RelationGraph::default();
    for (entity_ref, relations) in declared {
        graph.insert(&entity_ref, Declaring(relations));
    }
    graph
}

fn entity_ref(text: &str) -> EntityRef {
    EntityRef::parse(text).expect("a ref")
}

const ALL: WalkLimits = WalkLimits {
    depth: 100,
    refs: 100,
};

fn chain() -> RelationGraph<Declaring> {
    graph_of(&[
        "component:d/a dependsOn>dependencyOf component:d/b",
        "component:d/b dependsOn>dependencyOf component:d/c",
        "component:d/x dependsOn>dependencyOf component:d/c",
        "component:d/a ownedBy>ownerOf group:d/g",
    ])
}

#[track_caller]
fn check_walk(start: &str, types: &[&str], limits: WalkLimits, expected: &str) {
    let along = Along::types(types.iter().copied());
    let walked = chain().walk_from(&entity_ref(start), &along, limits);
    let met = walked.met.iter();
    let mut met: Vec<String> = met
        .map(|it| format!("{}{}", it.distance, it.entity_ref.name()))
        .collect();
    if walked.is_cut {
        met.push("...".to_owned());
    }
    assert_eq!(met.join(" "), expected);
}

#[test]
fn what_depends_on_something_is_met_nearest_first() {
    check_walk("component:d/c", &["dependencyOf"], ALL, "1b 1x 2a");
    check_walk("component:d/a", &["DEPENDSON"], ALL, "1b 2c");
    check_walk("component:d/a", &["dependsOn", "ownedBy"], ALL, "1b 1g 2c");
    check_walk("component:d/none", &["dependsOn"], ALL, "");
}

#[test]
fn a_walk_ends_at_its_limits_and_says_so() {
    let near = WalkLimits { depth: 1, ..ALL };
    check_walk("component:d/c", &["dependencyOf"], near, "1b 1x ...");
    check_walk(
        "component:d/a",
        &["dependsOn", "ownedBy"],
        WalkLimits { depth: 2, ..ALL },
        "1b 1g 2c",
    );
    let few = WalkLimits { refs: 2, ..ALL };
    check_walk("component:d/c", &["dependencyOf"], few, "1b 1x ...");
}

#[test]
fn all_shortest_ways_are_found_and_no_longer_one() {
    let graph = graph_of(&[
        "component:d/a dependsOn>dependencyOf component:d/b1",
        "component:d/a dependsOn>dependencyOf component:d/b2",
        "component:d/b1 dependsOn>dependencyOf component:d/c",
        "component:d/b2 dependsOn>dependencyOf component:d/c",
        "component:d/a dependsOn>dependencyOf component:d/l",
        "component:d/l dependsOn>dependencyOf component:d/m",
        "component:d/m dependsOn>dependencyOf component:d/c",
    ]);
    let (from, to) = (entity_ref("component:d/a"), entity_ref("component:d/c"));
    let along = Along::types(["dependsOn"]);
    let shown = |most| {
        let paths = graph.find_paths((&from, &to), Some(&along), ALL, most);
        let paths = paths.iter().map(|path| {
            let steps = path.iter().map(|step| step.entity_ref.name().to_owned());
            steps.collect::<Vec<_>>().join(">")
        });
        paths.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(20), "b1>c b2>c");
    assert_eq!(shown(1).split(' ').count(), 1);
    let back = graph.find_paths((&to, &from), Some(&along), ALL, 20);
    assert_eq!(back, Vec::<Vec<Met>>::new());
    // Whatever the relation, there is a way back.
    assert_eq!(graph.find_paths((&to, &from), None, ALL, 20).len(), 2);
}

#[test]
fn cycles_are_found_by_their_relation() {
    let graph = graph_of(&[
        "component:d/a dependsOn>dependencyOf component:d/b",
        "component:d/b dependsOn>dependencyOf component:d/c",
        "component:d/c dependsOn>dependencyOf component:d/a",
        "component:d/s dependsOn>dependencyOf component:d/s",
        "component:d/o ownedBy>ownerOf component:d/p",
        "component:d/p ownedBy>ownerOf component:d/o",
        "component:d/c dependsOn>dependencyOf component:d/tail",
    ]);
    let shown = |relation| {
        let cycles = graph.find_cycles(&Along::types([relation]));
        let cycles = cycles.iter().map(|refs| {
            let names: Vec<&str> = refs.iter().map(|it| it.name()).collect();
            names.join("-")
        });
        cycles.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown("dependsOn"), "a-b-c s");
    assert_eq!(shown("ownedBy"), "o-p");
    assert_eq!(shown("partOf"), "");
}

#[test]
fn a_person_owns_what_his_groups_own_and_a_group_what_is_below_it() {
    let graph = graph_of(&[
        "user:d/jane memberOf>hasMember group:d/team",
        "group:d/team childOf>parentOf group:d/department",
        "group:d/other childOf>parentOf group:d/department",
    ]);
    let owners = |of: &str| {
        let owners = graph.roll_up_owners(&entity_ref(of));
        owners
            .iter()
            .map(|it| it.name().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(owners("user:d/jane"), "jane team department");
    assert_eq!(owners("group:d/department"), "department other team jane");
    assert_eq!(owners("group:d/nobody"), "nobody");
}
