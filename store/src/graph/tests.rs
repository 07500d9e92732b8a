use super::*;

/// An entity that is nothing but its declarations.
pub(super) struct Declaring(pub(super) Vec<RelationDeclaration>);

impl Declares for Declaring {
    fn relations(&self) -> &[RelationDeclaration] {
        &self.0
    }
}

fn name(text: &str) -> EntityRef {
    EntityRef::parse(&format!("component:default/{text}")).expect("a valid ref")
}

fn owned_by(target: &str) -> RelationDeclaration {
    RelationDeclaration {
        forward: "ownedBy".into(),
        reverse: Some("ownerOf".into()),
        target: name(target),
    }
}

/// Runs `a>b` (a declares that b owns it), `a` (declares nothing) and `-a` (leaves), then compares the
/// relations shown for `of`.
#[track_caller]
fn check(history: &str, of: &str, expected: &str) {
    let mut graph = RelationGraph::default();
    for step in history.split_whitespace() {
        if let Some(left) = step.strip_prefix('-') {
            graph.remove(&name(left));
        } else if let Some((from, targets)) = step.split_once('>') {
            graph.insert(
                &name(from),
                Declaring(targets.split(',').map(owned_by).collect()),
            );
        } else {
            graph.insert(&name(step), Declaring(Vec::new()));
        }
    }
    let shown: Vec<String> = graph
        .served_relations(&name(of))
        .into_iter()
        .map(|(relation, target)| format!("{relation}:{}", target.name()))
        .collect();
    assert_eq!(shown.join(" "), expected, "{history}");
}

#[test]
fn a_relation_shows_at_both_ends() {
    check("a>b b", "a", "ownedBy:b");
    check("a>b b", "b", "ownerOf:a");
}

#[test]
fn a_relation_waits_for_its_target() {
    check("a>b", "a", "ownedBy:b");
    check("a>b b", "b", "ownerOf:a");
}

#[test]
fn a_target_that_left_is_still_declared_by_others() {
    check("a>b b -b", "a", "ownedBy:b");
    check("a>b b -b b", "b", "ownerOf:a");
}

#[test]
fn an_entity_that_left_declares_nothing() {
    check("a>b b -a", "b", "");
}

#[test]
fn a_new_declaration_replaces_the_old_one() {
    check("a>b a>c b c", "b", "");
    check("a>b a>c b c", "c", "ownerOf:a");
}

#[test]
fn relations_are_distinct_and_sorted() {
    check("a>c,b,c", "a", "ownedBy:b ownedBy:c");
    check("b>a c>a a", "a", "ownerOf:b ownerOf:c");
}

#[test]
fn an_entity_may_declare_something_about_itself() {
    check("a>a", "a", "ownedBy:a ownerOf:a");
    check("a>a -a a", "a", "");
}

#[test]
fn refs_nobody_uses_are_forgotten() {
    let mut graph = RelationGraph::default();
    graph.insert(&name("a"), Declaring(vec![owned_by("b")]));
    graph.insert(&name("a"), Declaring(vec![owned_by("c")]));
    assert_eq!(graph.nodes.len(), 2);
    graph.remove(&name("a"));
    assert_eq!(
        (graph.nodes.len(), graph.graph.node_count(), graph.len()),
        (0, 0, 0)
    );
}
