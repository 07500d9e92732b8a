//! Stories of the tree.

mod world;

use freshet_model::EntityRef;
use freshet_model::rules::Rule;
use serde_json::json;

use super::*;
use crate::apply::entities::declarations::Missing;
use crate::repo::RunState;
use world::{BASE, File, REPOSITORY, ROOT, World, file, points, rules_broken, served, typed};

#[test]
fn a_root_waits_for_its_file_and_then_stands_with_it() {
    let mut world = World::new();
    let root = world.root(ROOT);
    let verdict = world.apply(vec![root]);
    assert_eq!(world.root_state(), Some(RunState::Waiting));
    assert!(served(&verdict).is_empty());
    assert_eq!(
        verdict.raised.keys().copied().collect::<Vec<_>>(),
        [REPOSITORY]
    );
    let read = world.has("root.yaml", file("r1"));
    let verdict = world.apply(vec![read]);
    assert_eq!(served(&verdict), [generated_ref(ROOT)]);
    assert_eq!(world.applied(), "root.yaml@r1");
    let row = &world.facts.locations[&world.ids["root.yaml"]];
    assert_eq!(
        (row.url.as_str(), row.origin.as_str()),
        (&*format!("{BASE}/root.yaml"), ROOT)
    );
}

#[test]
fn one_broken_sibling_freezes_all_and_its_healing_applies_what_was_held() {
    let mut world = World::with_siblings();
    let broken = File {
        poisoned: true,
        ..file("a2")
    };
    let (a, b) = (world.has("a.yaml", broken), world.has("b.yaml", file("b2")));
    let verdict = world.apply(vec![a, b]);
    assert_eq!(world.state("p"), Some(RunState::Broken));
    assert_eq!(world.applied(), "!a.yaml@a1 !b.yaml@b1 root.yaml@r1");
    let parents = &verdict.parents[&world.ids["a.yaml"]];
    assert_eq!(parents, &["location:default/p"]);
    let healed = world.has("a.yaml", file("a3"));
    let verdict = world.apply(vec![healed]);
    assert_eq!(world.state("p"), Some(RunState::Ok));
    assert_eq!(world.applied(), "!b.yaml@b1 a.yaml@a3 root.yaml@r1");
    assert!(verdict.raised.contains_key(&REPOSITORY), "b is read again");
    let held = world.has("b.yaml", file("b2"));
    world.apply(vec![held]);
    assert_eq!(world.applied(), "a.yaml@a3 b.yaml@b2 root.yaml@r1");
}

#[test]
fn a_required_file_that_is_gone_keeps_everything_and_is_told() {
    let mut world = World::with_siblings();
    let gone = world.gone("a.yaml");
    let verdict = world.apply(vec![gone]);
    assert_eq!(world.applied(), "!a.yaml@a1 b.yaml@b1 root.yaml@r1");
    assert_eq!(
        rules_broken(&verdict),
        [(
            "location.target-missing",
            vec!["location:default/p".to_owned()]
        )]
    );
    assert!(verdict.withdrawn.is_empty());
    let back = world.has("a.yaml", file("a1"));
    let verdict = world.apply(vec![back]);
    assert_eq!(world.state("p"), Some(RunState::Ok));
    assert!(rules_broken(&verdict).is_empty());
}

#[test]
fn an_optional_file_that_is_gone_leaves() {
    let mut world = World::with_siblings();
    let optional = typed(
        "p",
        "2",
        &["./a.yaml", "./b.yaml"],
        json!({"presence": "optional"}),
    );
    let top = File {
        locations: vec![optional],
        ..file("r2")
    };
    let (root, gone) = (world.has("root.yaml", top), world.gone("a.yaml"));
    let verdict = world.apply(vec![root, gone]);
    assert_eq!(world.state("p"), Some(RunState::Ok));
    assert!(verdict.admitted.contains(&world.ids["a.yaml"]));
    assert_eq!(world.applied(), "!a.yaml@ b.yaml@b1 root.yaml@r2");
}

#[test]
fn a_target_that_is_dropped_is_withdrawn_only_when_the_new_version_is_in_effect() {
    let mut world = World::with_siblings();
    let top = File {
        locations: vec![points("p", "2", &["./b.yaml", "./c.yaml"])],
        ..file("r2")
    };
    let root = world.has("root.yaml", top);
    let verdict = world.apply(vec![root]);
    assert_eq!(world.state("p"), Some(RunState::Waiting));
    assert!(verdict.frozen.contains("location:default/p"));
    assert!(world.applied().contains("a.yaml@a1"));
    let a = world.ids["a.yaml"];
    let read = world.has("c.yaml", file("c1"));
    let verdict = world.apply(vec![read]);
    assert_eq!(served(&verdict), ["location:default/p"]);
    assert_eq!(verdict.withdrawn.keys().copied().collect::<Vec<_>>(), [a]);
    assert_eq!(world.applied(), "b.yaml@b1 c.yaml@c1 root.yaml@r2");
}

#[test]
fn a_file_with_two_parents_lives_by_the_one_that_is_ok() {
    let mut world = World::with_siblings();
    let other = points("q", "1", &["./b.yaml"]);
    let both = points("p", "1", &["./a.yaml", "./b.yaml"]);
    let top = File {
        locations: vec![both, other],
        ..file("r2")
    };
    let root = world.has("root.yaml", top);
    world.apply(vec![root]);
    assert_eq!(world.state("q"), Some(RunState::Ok));
    let (a, b) = (world.gone("a.yaml"), world.has("b.yaml", file("b2")));
    world.apply(vec![a, b]);
    assert_eq!(
        (world.state("p"), world.state("q")),
        (Some(RunState::Broken), Some(RunState::Ok))
    );
    assert_eq!(world.applied(), "!a.yaml@a1 b.yaml@b2 root.yaml@r2");
    let row = &world.facts.locations[&world.ids["b.yaml"]];
    assert_eq!(
        row.parent_ref, "location:default/p",
        "the present one is kept while it lives"
    );
}

#[test]
fn a_location_that_lists_itself_is_no_problem_and_no_reason_to_stay() {
    let mut world = World::new();
    let root = world.root(ROOT);
    world.apply(vec![root]);
    let top = || File {
        locations: vec![points("p", "1", &["./root.yaml", "./a.yaml"])],
        ..file("r1")
    };
    let read = world.has("root.yaml", top());
    world.apply(vec![read]);
    let back = File {
        locations: vec![points("q", "1", &["./root.yaml"])],
        ..file("a1")
    };
    let a = world.has("a.yaml", back);
    world.apply(vec![a]);
    assert_eq!(world.applied(), "a.yaml@a1 root.yaml@r1");
    assert_eq!(
        (world.state("p"), world.state("q")),
        (Some(RunState::Ok), Some(RunState::Ok))
    );
    let gone = world.gone(ROOT);
    let verdict = world.apply(vec![gone]);
    assert_eq!(
        verdict.withdrawn.len(),
        3,
        "the root, and the cycle below it"
    );
    assert_eq!(verdict.entities_removed.len(), 3);
    assert!(world.facts.links.is_empty());
}

#[test]
fn a_location_that_moves_between_files_stays() {
    let mut world = World::with_siblings();
    let c = || points("q", "1", &["./c.yaml"]);
    let a = File {
        locations: vec![c()],
        ..file("a2")
    };
    let a = world.has("a.yaml", a);
    world.apply(vec![a]);
    let read = world.has("c.yaml", file("c1"));
    world.apply(vec![read]);
    let b = File {
        locations: vec![c()],
        ..file("b2")
    };
    let (a, b) = (world.has("a.yaml", file("a3")), world.has("b.yaml", b));
    let verdict = world.apply(vec![a, b]);
    assert!(verdict.withdrawn.is_empty() && verdict.entities_removed.is_empty());
    let row = world.facts.entities["location:default/q"]
        .as_ref()
        .expect("it stays");
    assert_eq!(
        (row.declared_by, row.state),
        (world.ids["b.yaml"], RunState::Ok)
    );
    assert_eq!(
        world.applied(),
        "a.yaml@a3 b.yaml@b2 c.yaml@c1 root.yaml@r1"
    );
}

#[test]
fn rules_judge_what_a_file_emits_by_the_origin_of_who_points_to_it() {
    let mut world = World::with_siblings();
    let group = File {
        kinds: vec!["Component", "Group"],
        ..file("a2")
    };
    let a = world.has("a.yaml", group);
    let verdict = world.apply(vec![a]);
    assert_eq!(world.applied(), "!a.yaml@a1 b.yaml@b1 root.yaml@r1");
    assert_eq!(
        rules_broken(&verdict),
        [("rules.not-allowed", vec!["location:default/p".to_owned()])]
    );
    world.rules.push(Rule::everywhere(&["Group"]));
    let again = File {
        kinds: vec!["Component", "Group"],
        ..file("a2")
    };
    let again = world.has("a.yaml", again);
    world.apply(vec![again]);
    assert_eq!(world.applied(), "a.yaml@a2 b.yaml@b1 root.yaml@r1");
}

#[test]
fn a_pattern_gains_and_loses_files() {
    let mut world = World::new();
    let root = world.root(ROOT);
    world.apply(vec![root]);
    let top = File {
        locations: vec![points("p", "1", &["./sub/*.yaml"])],
        ..file("r1")
    };
    let read = world.has("root.yaml", top);
    world.apply(vec![read]);
    let none = world.matched("sub/*.yaml", &[]);
    let verdict = world.apply(vec![none]);
    assert_eq!(rules_broken(&verdict).len(), 1, "nothing matches");
    let both = world.matched("sub/*.yaml", &["sub/x.yaml", "sub/y.yaml"]);
    let (x, y) = (
        world.has("sub/x.yaml", file("x1")),
        world.has("sub/y.yaml", file("y1")),
    );
    world.apply(vec![both, x, y]);
    assert_eq!(world.applied(), "root.yaml@r1 sub/x.yaml@x1 sub/y.yaml@y1");
    let row = &world.facts.locations[&world.ids["sub/x.yaml"]];
    assert_eq!(row.url, format!("{BASE}/sub/x.yaml"));
    let one = world.matched("sub/*.yaml", &["sub/y.yaml"]);
    let verdict = world.apply(vec![one]);
    assert_eq!(verdict.withdrawn.len(), 1);
    assert_eq!(world.applied(), "root.yaml@r1 sub/y.yaml@y1");
}

#[test]
fn a_location_of_a_type_that_is_not_allowed_is_broken_and_never_served() {
    let mut world = World::new();
    let root = world.root(ROOT);
    world.apply(vec![root]);
    let top = File {
        locations: vec![typed("p", "1", &["/etc/x.yaml"], json!({"type": "file"}))],
        ..file("r1")
    };
    let read = world.has("root.yaml", top);
    let verdict = world.apply(vec![read]);
    assert_eq!(world.state("p"), Some(RunState::Broken));
    assert_eq!(served(&verdict), [generated_ref(ROOT)]);
    assert_eq!(
        rules_broken(&verdict),
        [(
            "location.type-not-allowed",
            vec!["location:default/p".to_owned()]
        )]
    );
    assert_eq!(world.applied(), "root.yaml@r1", "its file is in order");
}

#[test]
fn a_location_whose_newest_version_is_invalid_keeps_what_it_points_to() {
    let mut world = World::with_siblings();
    let entity_ref = EntityRef::parse("location:default/p").expect("a valid ref");
    let top = File {
        missing: Missing::KeptIfNamed([entity_ref].into()),
        ..file("r2")
    };
    let (root, a) = (world.has("root.yaml", top), world.has("a.yaml", file("a2")));
    let verdict = world.apply(vec![root, a]);
    assert!(verdict.withdrawn.is_empty());
    assert_eq!(world.state("p"), Some(RunState::Broken));
    assert_eq!(world.applied(), "!a.yaml@a1 b.yaml@b1 root.yaml@r2");
}

#[test]
fn what_cannot_be_read_breaks_its_parent_and_removes_nothing() {
    let mut world = World::with_siblings();
    let top = File {
        locations: vec![points("p", "2", &["./a.yaml", "./c.yaml"])],
        ..file("r2")
    };
    let root = world.has("root.yaml", top);
    world.apply(vec![root]);
    let seen = Seen::Failed {
        class: "NotFoundError",
        message: "not visible: o/r".to_owned(),
    };
    let id = world.id("c.yaml");
    let verdict = world.apply(vec![(id, seen)]);
    assert_eq!(world.state("p"), Some(RunState::Broken));
    assert_eq!(rules_broken(&verdict)[0].0, "location.target-missing");
    assert!(verdict.withdrawn.is_empty());
    assert!(
        world.applied().contains("b.yaml@b1"),
        "the version in effect points to it"
    );
}

#[test]
fn a_claim_that_lost_is_promoted_when_its_holder_lets_go() {
    let mut world = World::with_siblings();
    let q = || points("q", "1", &["./c.yaml"]);
    let declares = |blob, listed| File {
        locations: vec![listed],
        ..file(blob)
    };
    let a = world.has("a.yaml", declares("a2", q()));
    world.apply(vec![a]);
    let (b, c) = (
        world.has("b.yaml", declares("b2", q())),
        world.has("c.yaml", file("c1")),
    );
    world.apply(vec![b, c]);
    let (a, b) = (world.ids["a.yaml"], world.ids["b.yaml"]);
    let place = |url: &str| format!("url:{BASE}/{url}");
    let document = json!({
        "kind": "Location",
        "metadata": {"name": "q", "annotations": {
            "backstage.io/managed-by-location": place("b.yaml"),
            "backstage.io/managed-by-origin-location": ROOT,
        }},
        "spec": {"targets": ["./c.yaml"]},
    });
    world.facts.claims.insert(
        "location:default/q".to_owned(),
        vec![crate::repo::ClaimRow {
            location_id: b,
            entity_ref: "location:default/q".to_owned(),
            claimed_at: 1,
            document: document.to_string(),
            relations: "[]".to_owned(),
            digest: "1".to_owned(),
            line: 1,
        }],
    );
    let holder = |world: &World| {
        let row = world.facts.entities["location:default/q"].as_ref();
        row.map(|row| row.declared_by)
    };
    assert_eq!(holder(&world), Some(a));
    let read = world.has("a.yaml", file("a3"));
    let verdict = world.apply(vec![read]);
    assert_eq!(holder(&world), Some(b));
    assert!(verdict.withdrawn.is_empty());
    assert_eq!(world.state("q"), Some(RunState::Ok));
}
