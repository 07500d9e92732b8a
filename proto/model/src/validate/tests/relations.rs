use super::*;

#[track_caller]
fn check_owner(owner: &str, expected: &str) {
    let checked = accepts(&with(base(), "/spec/owner", json!(owner)));
    assert_eq!(arrows(&checked), [format!("ownedBy {expected}")]);
}

#[test]
fn an_owner_is_a_group_unless_it_says_otherwise() {
    check_owner("Team A", "group:default/team a");
    check_owner("a@b.com", "group:default/a@b.com");
    check_owner("a/b/c", "group:a/b/c");
    check_owner("component:foo", "component:default/foo");
    for owner in ["user:", ":x", "/x", "x/"] {
        let document = with(base(), "/spec/owner", json!(owner));
        refuses(&document, "/spec/owner", "relation.target.format");
    }
}

#[test]
fn depends_on_needs_a_kind() {
    let document = with(base(), "/spec/dependsOn", json!(["component:a", "foo"]));
    refuses(&document, "/spec/dependsOn/1", "relation.target.kind");
    let found = violations(&document);
    assert_eq!(
        found[0].hint,
        "Put the kind in front, such as component:foo."
    );
}

#[test]
fn every_relation_of_a_component() {
    let document = with(
        metadata("namespace", json!("myns")),
        "/spec",
        json!({
            "type": "service", "lifecycle": "prod", "owner": "t", "system": "s", "subcomponentOf": "c2",
            "providesApis": ["b", "a"], "consumesApis": ["x:y/z"],
            "dependsOn": ["resource:r", "Component:NS/Foo"], "dependencyOf": ["component:q"],
        }),
    );
    let checked = accepts(&document);
    let both: Vec<String> = checked
        .relations
        .iter()
        .map(|relation| {
            let reverse = relation
                .reverse
                .as_deref()
                .expect("all of Backstage have one");
            format!("{} {} {reverse}", relation.forward, relation.target)
        })
        .collect();
    assert_eq!(
        both,
        [
            "consumesApi x:y/z apiConsumedBy",
            "dependencyOf component:myns/q dependsOn",
            "dependsOn component:ns/foo dependencyOf",
            "dependsOn resource:myns/r dependencyOf",
            "ownedBy group:myns/t ownerOf",
            "partOf component:myns/c2 hasPart",
            "partOf system:myns/s hasPart",
            "providesApi api:myns/a apiProvidedBy",
            "providesApi api:myns/b apiProvidedBy",
        ]
    );
    let spec = &checked.entity.document()["spec"];
    assert_eq!(spec["providesApis"], json!(["a", "b"]));
    assert_eq!(spec["dependsOn"], json!(["Component:NS/Foo", "resource:r"]));
}

#[test]
fn the_same_target_written_three_ways_is_one_relation() {
    let targets = json!(["component:a", "Component:A", "component:default/a"]);
    let checked = accepts(&with(base(), "/spec/dependsOn", targets));
    assert_eq!(
        arrows(&checked),
        [
            "dependsOn component:default/a",
            "ownedBy group:default/team"
        ]
    );
}

#[test]
fn dependency_of_has_no_schema() {
    for value in [
        json!("component:foo"),
        json!({"kind": "Component", "name": "Foo"}),
        json!([{"kind": "Component", "namespace": null, "name": "foo"}]),
    ] {
        let checked = accepts(&with(base(), "/spec/dependencyOf", value));
        assert_eq!(arrows(&checked)[0], "dependencyOf component:default/foo");
    }
    for value in [json!(""), Value::Null, json!(0), json!(false), json!([])] {
        let checked = accepts(&with(base(), "/spec/dependencyOf", value));
        assert_eq!(arrows(&checked), ["ownedBy group:default/team"]);
    }
    let refuses = |value: Value, at: &str, rule: &str| {
        refuses(
            &with(base(), "/spec/dependencyOf", value),
            &format!("/spec/dependencyOf{at}"),
            rule,
        );
    };
    refuses(json!(5), "", "relation.target.type");
    refuses(json!([""]), "/0", "relation.target.format");
    refuses(
        json!({"kind": "", "name": "x"}),
        "",
        "relation.target.format",
    );
    refuses(json!({"name": "x"}), "", "relation.target.kind");
    refuses(json!({"kind": "K"}), "", "relation.target.format");
    refuses(json!([["component:a"]]), "/0", "relation.target.type");
}

#[test]
fn fields_of_other_kinds_declare_nothing() {
    let api = json!({
        "type": "openapi", "lifecycle": "prod", "owner": "t", "definition": "x", "dependsOn": ["x"],
    });
    assert_eq!(
        arrows(&accepts(&of_kind("API", api))),
        ["ownedBy group:default/t"]
    );
    for (kind, spec) in [
        (
            "Group",
            json!({"type": "team", "children": [], "owner": "t"}),
        ),
        ("User", json!({"memberOf": [], "owner": "t"})),
        ("Location", json!({"owner": "t"})),
    ] {
        let checked = accepts(&of_kind(kind, spec));
        assert_eq!(arrows(&checked), [""; 0]);
        assert_eq!(checked.entity.owner(), None);
    }
}

#[test]
fn groups_users_systems_and_domains() {
    let group = json!({
        "type": "team", "parent": "p", "children": ["b", "a"], "members": ["u2", "u1"],
    });
    assert_eq!(
        arrows(&accepts(&of_kind("Group", group))),
        [
            "childOf group:default/p",
            "hasMember user:default/u1",
            "hasMember user:default/u2",
            "parentOf group:default/a",
            "parentOf group:default/b",
        ]
    );
    let user = json!({"memberOf": ["b", "group:ns/a"]});
    assert_eq!(
        arrows(&accepts(&of_kind("User", user))),
        ["memberOf group:default/b", "memberOf group:ns/a"]
    );
    for (kind, field) in [("System", "domain"), ("Domain", "subdomainOf")] {
        let checked = accepts(&of_kind(kind, json!({"owner": "t", field: "d"})));
        assert_eq!(
            arrows(&checked),
            ["ownedBy group:default/t", "partOf domain:default/d"]
        );
    }
}

#[test]
fn an_entity_may_depend_on_itself() {
    let checked = accepts(&with(base(), "/spec/dependsOn", json!(["component:n"])));
    assert_eq!(arrows(&checked)[0], "dependsOn component:default/n");
}

#[test]
fn a_target_too_long_is_reported() {
    let target = format!("component:{}", "x".repeat(250));
    let document = with(base(), "/spec/dependsOn", json!([target]));
    refuses(&document, "/spec/dependsOn/0", "relation.target.length");
}

#[test]
fn relation_lists_are_sorted_by_utf16_code_units() {
    let children = json!(["b", "B", "\u{ffff}", "\u{10000}", "a"]);
    let checked = accepts(&of_kind(
        "Group",
        json!({"type": "team", "children": children}),
    ));
    let sorted = json!(["B", "a", "b", "\u{10000}", "\u{ffff}"]);
    assert_eq!(checked.entity.document()["spec"]["children"], sorted);
}

#[test]
fn a_bad_reference_is_placed_where_the_author_wrote_it() {
    let document = with(base(), "/spec/providesApis", json!(["z", "x/", "a"]));
    refuses(&document, "/spec/providesApis/1", "relation.target.format");
}

#[test]
fn a_reference_may_be_written_in_parts() {
    let at = |parts: Value| with(base(), "/spec/dependencyOf", parts);
    refuses(
        &at(json!({"kind": "", "name": "x"})),
        "/spec/dependencyOf",
        "relation.target.format",
    );
    let checked = accepts(&at(json!({"kind": "K", "namespace": null, "name": "x"})));
    assert_eq!(arrows(&checked)[0], "dependencyOf k:default/x");
}

#[test]
fn relations_are_ordered_by_name_and_target() {
    let spec = json!({
        "type": "service", "lifecycle": "prod", "owner": "t", "system": "s",
        "subcomponentOf": "c", "dependsOn": ["resource:z", "resource:a"],
    });
    assert_eq!(
        arrows(&accepts(&of_kind("Component", spec))),
        [
            "dependsOn resource:default/a",
            "dependsOn resource:default/z",
            "ownedBy group:default/t",
            "partOf component:default/c",
            "partOf system:default/s",
        ]
    );
}
