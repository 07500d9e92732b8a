//! Stories of the graph of locations.

mod world;

use freshet_model::rules::Rule;
use freshet_model::{EntityRef, ErrorClass, SourceId, TextPosition};
use serde_json::json;
use world::{
    BASE, File, REPOSITORY, ROOT, World, broken_rules, file, file_with, messages, points,
    points_with_spec, published,
};

use super::naming::generated_ref;
use crate::apply::entities::declarations::Undeclared;
use crate::apply::observed::evidence::LocationEvidence;
use crate::repo::ClaimRow;

#[test]
fn a_configured_root_stands_at_once_and_asks_for_its_file() {
    let mut world = World::new();
    let diff = world.add_root();
    assert_eq!(published(&diff), [generated_ref(ROOT)]);
    let requests: Vec<SourceId> = diff.refresh_requests.keys().copied().collect();
    assert_eq!(requests, [REPOSITORY]);
    world.read("root.yaml", file("r1"));
    assert_eq!(world.active(), "root.yaml@r1");
    let location = world.location("root.yaml");
    assert_eq!(location.url(), format!("{BASE}/root.yaml"));
    assert_eq!(location.origin(), ROOT);
}

#[test]
fn a_discovered_root_stands_while_there_is_something_it_stands_for() {
    let mut world = World::new();
    let root = world.sees_root(Some("optional"));
    let diff = world.apply(vec![root]);
    assert!(published(&diff).is_empty(), "nothing was looked at");
    let broken = File {
        is_invalid: true,
        ..file("r1")
    };
    let diff = world.read("root.yaml", broken);
    assert_eq!(
        published(&diff),
        [generated_ref(ROOT)],
        "to say what is wrong"
    );
    let absent = world.sees_no("root.yaml");
    let diff = world.apply(vec![absent]);
    let unpublished: Vec<&String> = diff.unpublished.values().flat_map(|it| &it.refs).collect();
    assert_eq!(unpublished, [&generated_ref(ROOT)]);
}

#[test]
fn one_broken_file_holds_back_neither_its_siblings_nor_the_location_entity() {
    let mut world = World::with_siblings();
    let broken = File {
        is_invalid: true,
        ..file("a2")
    };
    let (a, b) = (
        world.sees("a.yaml", broken),
        world.sees("b.yaml", file("b2")),
    );
    let root = world.sees(
        "root.yaml",
        file_with("r2", points("p", "2", &["./a.yaml", "./b.yaml"])),
    );
    let diff = world.apply(vec![root, a, b]);
    assert_eq!(world.active(), "!a.yaml@a1 b.yaml@b2 root.yaml@r2");
    assert_eq!(published(&diff), ["location:default/p"]);
    let parents = &diff.parents[&world.ids["a.yaml"]];
    assert_eq!(parents, &["location:default/p"]);
    let diff = world.read("a.yaml", file("a3"));
    assert_eq!(world.active(), "a.yaml@a3 b.yaml@b2 root.yaml@r2");
    assert!(diff.refresh_requests.is_empty(), "nothing was held back");
}

#[test]
fn a_required_file_that_is_absent_keeps_what_it_declared_and_is_told() {
    let mut world = World::with_siblings();
    let absent = world.sees_no("a.yaml");
    let diff = world.apply(vec![absent]);
    assert_eq!(world.active(), "!a.yaml@a1 b.yaml@b1 root.yaml@r1");
    let told = (
        "location.target-missing",
        vec!["location:default/p".to_owned()],
    );
    assert_eq!(broken_rules(&diff), [told]);
    assert!(diff.removed.is_empty());
    let diff = world.read("a.yaml", file("a1"));
    assert!(broken_rules(&diff).is_empty());
}

#[test]
fn an_optional_file_that_is_absent_leaves() {
    let mut world = World::with_siblings();
    let targets = ["./a.yaml", "./b.yaml"];
    let optional = points_with_spec("p", "2", &targets, json!({"presence": "optional"}));
    let root = world.sees("root.yaml", file_with("r2", optional));
    let absent = world.sees_no("a.yaml");
    let diff = world.apply(vec![root, absent]);
    assert!(diff.activated.contains_key(&world.ids["a.yaml"]));
    assert_eq!(world.active(), "!a.yaml@ b.yaml@b1 root.yaml@r2");
}

#[test]
fn a_target_that_is_not_listed_any_more_is_removed_when_the_others_were_looked_at() {
    let mut world = World::with_siblings();
    let a = world.ids["a.yaml"];
    let newest = points("p", "2", &["./b.yaml", "./c.yaml"]);
    let diff = world.read("root.yaml", file_with("r2", newest));
    assert_eq!(published(&diff), ["location:default/p"], "it does not wait");
    assert!(world.active().contains("a.yaml@a1"));
    let diff = world.read("c.yaml", file("c1"));
    assert_eq!(diff.removed.keys().copied().collect::<Vec<_>>(), [a]);
    assert_eq!(world.active(), "b.yaml@b1 c.yaml@c1 root.yaml@r2");
}

#[test]
fn a_file_with_two_parents_is_named_as_the_first_one_does_while_that_one_points_at_it() {
    let mut world = World::with_siblings();
    let both = File {
        locations: vec![
            points("p", "1", &["./a.yaml", "./b.yaml"]),
            points("q", "1", &["./b.yaml"]),
        ],
        ..file("r2")
    };
    world.read("root.yaml", both);
    assert_eq!(
        world.location("b.yaml").parent_ref(),
        Some("location:default/p")
    );
    let only_q = File {
        locations: vec![
            points("p", "2", &["./a.yaml"]),
            points("q", "1", &["./b.yaml"]),
        ],
        ..file("r3")
    };
    let diff = world.read("root.yaml", only_q);
    assert!(diff.removed.is_empty());
    assert_eq!(
        world.location("b.yaml").parent_ref(),
        Some("location:default/q")
    );
}

#[test]
fn a_location_that_lists_itself_is_no_problem_and_no_reason_to_stay() {
    let mut world = World::new();
    world.add_root();
    let top = points("p", "1", &["./root.yaml", "./a.yaml"]);
    world.read("root.yaml", file_with("r1", top));
    world.read(
        "a.yaml",
        file_with("a1", points("q", "1", &["./root.yaml"])),
    );
    assert_eq!(world.active(), "a.yaml@a1 root.yaml@r1");
    let gone = world.sees_no(ROOT);
    let diff = world.apply(vec![gone]);
    assert_eq!(diff.removed.len(), 3, "the root, and the circle below it");
    assert_eq!(diff.entities_removed.len(), 3);
    assert_eq!(world.graph.links.iter().count(), 0);
}

#[test]
fn a_location_entity_that_moves_between_files_stays() {
    let mut world = World::with_siblings();
    let q = || points("q", "1", &["./c.yaml"]);
    world.read("a.yaml", file_with("a2", q()));
    world.read("c.yaml", file("c1"));
    let a = world.sees("a.yaml", file("a3"));
    let b = world.sees("b.yaml", file_with("b2", q()));
    let diff = world.apply(vec![a, b]);
    assert!(diff.removed.is_empty() && diff.entities_removed.is_empty());
    let entity = world.entity("q").expect("it stays");
    assert_eq!(entity.declared_by, world.ids["b.yaml"]);
    assert!(entity.is_published);
    assert_eq!(world.active(), "a.yaml@a3 b.yaml@b2 c.yaml@c1 root.yaml@r1");
}

#[test]
fn rules_decide_about_what_a_file_emits_by_the_origin_of_who_points_at_it() {
    let mut world = World::with_siblings();
    let group = || File {
        kinds: vec!["Component", "Group"],
        ..file("a2")
    };
    let (a, b) = (
        world.sees("a.yaml", group()),
        world.sees("b.yaml", file("b2")),
    );
    let diff = world.apply(vec![a, b]);
    assert_eq!(world.active(), "!a.yaml@a1 b.yaml@b2 root.yaml@r1");
    let told = ("rules.not-allowed", vec!["location:default/p".to_owned()]);
    assert_eq!(broken_rules(&diff), [told]);
    let told = messages(&diff);
    assert!(
        told.iter()
            .any(|it| it.contains(&format!(" at url:{BASE}/a.yaml is not"))),
        "{told:?}"
    );
    world.rules.push(Rule::everywhere(&["Group"]));
    world.read("a.yaml", group());
    assert_eq!(world.active(), "a.yaml@a2 b.yaml@b2 root.yaml@r1");
}

#[test]
fn a_pattern_gains_and_loses_files() {
    let mut world = World::new();
    world.add_root();
    world.read(
        "root.yaml",
        file_with("r1", points("p", "1", &["./sub/*.yaml"])),
    );
    let none = world.sees_matches("/sub/*.yaml", &[]);
    let diff = world.apply(vec![none]);
    assert_eq!(broken_rules(&diff).len(), 1, "nothing matches");
    let both = world.sees_matches("/sub/*.yaml", &["sub/x.yaml", "sub/y.yaml"]);
    let x = world.sees("sub/x.yaml", file("x1"));
    let y = world.sees("sub/y.yaml", file("y1"));
    world.apply(vec![both, x, y]);
    assert_eq!(world.active(), "root.yaml@r1 sub/x.yaml@x1 sub/y.yaml@y1");
    assert_eq!(
        world.location("sub/x.yaml").url(),
        format!("{BASE}/sub/x.yaml")
    );
    let one = world.sees_matches("/sub/*.yaml", &["sub/y.yaml"]);
    let diff = world.apply(vec![one]);
    assert_eq!(diff.removed.len(), 1);
    assert_eq!(world.active(), "root.yaml@r1 sub/y.yaml@y1");
}

#[test]
fn a_location_entity_of_a_type_that_is_not_allowed_is_told_and_never_shown() {
    let mut world = World::new();
    world.add_root();
    let local = || points_with_spec("p", "1", &["/etc/x.yaml"], json!({"type": "file"}));
    let diff = world.read("root.yaml", file_with("r1", local()));
    assert!(published(&diff).is_empty());
    let told = (
        "location.type-not-allowed",
        vec!["location:default/p".to_owned()],
    );
    assert_eq!(broken_rules(&diff), [told]);
    assert!(messages(&diff)[0].ends_with("it must be \"url\""));
    assert_eq!(world.active(), "root.yaml@r1", "its file is in order");
    let diff = world.read("root.yaml", file_with("r2", local()));
    assert!(
        diff.held_back.contains("location:default/p"),
        "it is still not"
    );
}

#[test]
fn what_is_wrong_with_a_target_is_told_where_it_stands() {
    let mut world = World::new();
    world.add_root();
    let mut declared = points(
        "p",
        "1",
        &["https://github.com/acme", "./a.yaml", "./b.yaml"],
    );
    declared.target_places.targets = [(7, 5), (8, 5), (9, 5)].map(TextPosition::from).into();
    world.read("root.yaml", file_with("r1", declared));
    let (a, b) = (world.sees("a.yaml", file("a1")), world.sees_no("b.yaml"));
    let diff = world.apply(vec![a, b]);
    let found = diff.reviews.iter().flat_map(|review| &review.found);
    let mut places: Vec<(u32, u32)> = found
        .map(|found| (found.problem.line, found.problem.column))
        .collect();
    places.sort_unstable();
    assert_eq!(places, [(7, 5), (9, 5)]);
}

#[test]
fn a_location_entity_whose_newest_version_is_invalid_keeps_what_it_points_at() {
    let mut world = World::with_siblings();
    let entity_ref = EntityRef::parse("location:default/p").expect("a valid ref");
    let top = File {
        undeclared: Undeclared::KeptIfNamed([entity_ref].into()),
        ..file("r2")
    };
    let (root, a) = (
        world.sees("root.yaml", top),
        world.sees("a.yaml", file("a2")),
    );
    let diff = world.apply(vec![root, a]);
    assert!(diff.removed.is_empty());
    assert_eq!(world.active(), "a.yaml@a2 b.yaml@b1 root.yaml@r2");
}

#[test]
fn what_cannot_be_read_is_told_and_removes_nothing_of_its_own() {
    let mut world = World::with_siblings();
    let id = world.id("a.yaml");
    let failed = LocationEvidence::Failed {
        class: ErrorClass::NotFoundError,
        message: "not visible: o/r".to_owned(),
    };
    let diff = world.apply(vec![(id, failed)]);
    assert_eq!(broken_rules(&diff)[0].0, "location.target-missing");
    assert!(diff.removed.is_empty());
    assert_eq!(world.active(), "!a.yaml@a1 b.yaml@b1 root.yaml@r1");
}

#[test]
fn what_cannot_be_seen_and_is_optional_hides_neither_its_siblings_nor_the_location_entity() {
    let mut world = World::new();
    world.add_root();
    let targets = ["./a.yaml", "./b.yaml"];
    let optional = points_with_spec("p", "1", &targets, json!({"presence": "optional"}));
    let diff = world.read("root.yaml", file_with("r1", optional));
    assert_eq!(published(&diff), ["location:default/p"]);
    let hidden = |world: &mut World| {
        let failed = LocationEvidence::Failed {
            class: ErrorClass::NotFoundError,
            message: "not visible: o/r".to_owned(),
        };
        (world.id("a.yaml"), failed)
    };
    let (a, b) = (hidden(&mut world), world.sees("b.yaml", file("b1")));
    let diff = world.apply(vec![a, b]);
    assert!(broken_rules(&diff).is_empty(), "it need not be there");
    assert!(diff.unpublished.is_empty());
    assert_eq!(world.active(), "!a.yaml@ b.yaml@b1 root.yaml@r1");
    world.read("a.yaml", file("a1"));
    let a = hidden(&mut world);
    world.apply(vec![a]);
    assert_eq!(
        world.active(),
        "!a.yaml@a1 b.yaml@b1 root.yaml@r1",
        "nothing proves that it is gone"
    );
}

#[test]
fn a_claim_that_lost_is_promoted_when_its_holder_lets_go() {
    let mut world = World::with_siblings();
    let q = || points("q", "1", &["./c.yaml"]);
    world.read("a.yaml", file_with("a2", q()));
    let b = world.sees("b.yaml", file_with("b2", q()));
    let c = world.sees("c.yaml", file("c1"));
    world.apply(vec![b, c]);
    let (a, b) = (world.ids["a.yaml"], world.ids["b.yaml"]);
    let document = json!({
        "kind": "Location",
        "metadata": {"name": "q", "annotations": {
            "backstage.io/managed-by-location": format!("url:{BASE}/b.yaml"),
            "backstage.io/managed-by-origin-location": ROOT,
        }},
        "spec": {"targets": ["./c.yaml"]},
    });
    world.claims.push(ClaimRow {
        location_id: b,
        entity_ref: "location:default/q".to_owned(),
        claimed_at: 1,
        document: document.to_string(),
        relations: "[]".to_owned(),
        digest: "1".to_owned(),
        line: 1,
    });
    let holder = |world: &World| world.entity("q").map(|it| it.declared_by);
    assert_eq!(holder(&world), Some(a));
    let diff = world.read("a.yaml", file("a3"));
    assert_eq!(holder(&world), Some(b));
    assert!(diff.removed.is_empty());
}

#[test]
fn what_a_location_entity_points_at_is_told_when_its_root_is_another_one() {
    let mut world = World::with_siblings();
    let other = "url:https://github.com/o/r/blob/main/other.yaml";
    let list = |version| file_with(version, points("p", version, &["./a.yaml", "./b.yaml"]));
    let root = world.sees_other_root(other, "root.yaml");
    world.apply(vec![root]);
    let gone = world.sees_no(ROOT);
    world.apply(vec![gone]);
    let diff = world.read("root.yaml", list("r2"));
    assert_eq!(world.entity("p").expect("it stays").origin, other);
    assert_eq!(world.location("a.yaml").origin(), other);
    assert!(
        diff.refresh_requests.contains_key(&REPOSITORY),
        "its entities carry the old one"
    );
}
