use super::*;
use crate::{KindError, KindSpec};

#[track_caller]
fn refuses_spec(kind: &str, spec: Value, pointer: &str) {
    refuses(&of_kind(kind, spec), pointer, "spec.schema");
}

#[test]
fn kinds_are_known_under_their_api_versions_only() {
    accepts(&with(base(), "/apiVersion", json!("backstage.io/v1beta1")));
    for version in [
        "backstage.io/v1",
        "backstage.io/v1alpha2",
        "backstage.io/v1beta2",
        "v1alpha1",
        "my.company/v1",
    ] {
        let document = with(base(), "/apiVersion", json!(version));
        refuses(&document, "/apiVersion", "apiVersion.unknown");
    }
}

#[test]
fn a_kind_is_known_by_its_exact_name() {
    for kind in ["component", "COMPONENT", "Api", "Foo", "AiResource"] {
        refuses(&with(base(), "/kind", json!(kind)), "/kind", "kind.unknown");
    }
    let found = violations(&with(base(), "/kind", json!("component")));
    assert_eq!(found[0].hint, "Kinds are case-sensitive: write Component.");
}

#[test]
fn required_fields_of_a_component() {
    for key in ["type", "lifecycle", "owner"] {
        let pointer = format!("/spec/{key}");
        refuses(&without(base(), &pointer), "/spec", "spec.schema");
        for value in [json!(""), json!(1), Value::Null, json!(["a"])] {
            refuses(&with(base(), &pointer, value), &pointer, "spec.schema");
        }
    }
}

#[test]
fn other_fields_of_a_component() {
    for depends_on in [json!("component:foo"), Value::Null] {
        refuses(
            &with(base(), "/spec/dependsOn", depends_on),
            "/spec/dependsOn",
            "spec.schema",
        );
    }
    refuses(
        &with(base(), "/spec/dependsOn", json!([1])),
        "/spec/dependsOn/0",
        "spec.schema",
    );
    refuses(
        &with(base(), "/spec/system", Value::Null),
        "/spec/system",
        "spec.schema",
    );
    let checked = accepts(&with(base(), "/spec/foo", json!({"x": 1})));
    assert_eq!(checked.entity.document()["spec"]["foo"], json!({"x": 1}));
}

#[test]
fn the_definition_of_an_api() {
    let api = json!({"type": "openapi", "lifecycle": "prod", "owner": "t", "definition": "x"});
    accepts(&of_kind("API", api.clone()));
    for definition in [json!(""), json!({"$foo": "x"})] {
        let document = with(of_kind("API", api.clone()), "/spec/definition", definition);
        refuses(&document, "/spec/definition", "spec.schema");
    }
    refuses(
        &without(of_kind("API", api), "/spec/definition"),
        "/spec",
        "spec.schema",
    );
    let remotes = json!([{"type": "sse", "url": "https://a.b"}]);
    let server = json!({"type": "mcp-server", "lifecycle": "p", "owner": "t", "remotes": remotes});
    refuses_spec("API", server, "/spec");
}

#[test]
fn resources_systems_and_domains() {
    accepts(&of_kind("Resource", json!({"type": "db", "owner": "t"})));
    refuses_spec("Resource", json!({"owner": "t"}), "/spec");
    accepts(&of_kind("System", json!({"owner": "t"})));
    refuses_spec("System", json!({}), "/spec");
    refuses_spec("System", json!({"owner": "t", "type": ""}), "/spec/type");
    accepts(&of_kind("Domain", json!({"owner": "t"})));
    refuses(
        &without(of_kind("Domain", json!({})), "/spec"),
        "",
        "spec.schema",
    );
}

#[test]
fn groups_have_children_and_users_are_members() {
    accepts(&of_kind("Group", json!({"type": "team", "children": []})));
    refuses_spec("Group", json!({"type": "team"}), "/spec");
    refuses_spec(
        "Group",
        json!({"type": "team", "children": null}),
        "/spec/children",
    );
    let profile = |profile: Value| json!({"type": "team", "children": [], "profile": profile});
    refuses_spec("Group", profile(Value::Null), "/spec/profile");
    refuses_spec(
        "Group",
        profile(json!({"email": ""})),
        "/spec/profile/email",
    );
    accepts(&of_kind("Group", profile(json!({"more": 1}))));
    refuses_spec("User", json!({}), "/spec");
    assert_eq!(
        arrows(&accepts(&of_kind("User", json!({"memberOf": []})))),
        [""; 0]
    );
}

#[test]
fn a_location_has_targets_and_a_presence() {
    accepts(&of_kind("Location", json!({})));
    refuses_spec("Location", json!({"presence": "foo"}), "/spec/presence");
    refuses_spec("Location", json!({"targets": "x"}), "/spec/targets");
    refuses(
        &without(of_kind("Location", json!({})), "/spec"),
        "",
        "spec.schema",
    );
}

fn template(key: &str, value: Value) -> Value {
    let document = of_kind("Template", json!({"type": "service", "steps": []}));
    let document = with(
        document,
        "/apiVersion",
        json!("scaffolder.backstage.io/v1beta3"),
    );
    with(document, &format!("/spec/{key}"), value)
}

#[test]
fn a_template_has_steps_and_parameters() {
    assert_eq!(arrows(&accepts(&template("steps", json!([])))), [""; 0]);
    assert_eq!(
        arrows(&accepts(&template("owner", json!("t")))),
        ["ownedBy group:default/t"]
    );
    for version in [
        "backstage.io/v1beta2",
        "backstage.io/v1beta3",
        "backstage.io/v1alpha1",
    ] {
        let document = with(template("steps", json!([])), "/apiVersion", json!(version));
        refuses(&document, "/apiVersion", "apiVersion.unknown");
    }
    let refuses = |key: &str, value: Value, pointer: &str| {
        refuses(
            &template(key, value),
            &format!("/spec/{pointer}"),
            "spec.schema",
        );
    };
    refuses("steps", json!([{"id": "x"}]), "steps/0");
    refuses("steps", json!([{"action": "x", "if": 1}]), "steps/0/if");
    refuses(
        "steps",
        json!([{"action": "x", "input": "y"}]),
        "steps/0/input",
    );
    refuses("parameters", json!("x"), "parameters");
    refuses("parameters", json!([1]), "parameters");
    accepts(&template("parameters", json!([{}])));
    accepts(&template("parameters", json!({"title": "x"})));
    // A condition is one of a step; in the only form of an object it is a key like any other.
    refuses("parameters", json!([{"when": 1}]), "parameters");
    refuses("parameters", json!([{}, {"when": null}]), "parameters");
    accepts(&template(
        "parameters",
        json!([{"when": "x"}, {"when": true}]),
    ));
    accepts(&template("parameters", json!({"when": 1})));
    refuses("output", json!({"foo": 1}), "output/foo");
    refuses(
        "output",
        json!({"foo": "x", "links": [{"url": ""}]}),
        "output/links/0/url",
    );
}

#[test]
fn every_schema_violation_is_told_with_words_of_its_own() {
    let document = of_kind("Component", json!({"type": 1, "lifecycle": ""}));
    let found: Vec<String> = violations(&document)
        .into_iter()
        .map(|found| format!("{}; {}", found.message, found.hint))
        .collect();
    assert_eq!(
        found,
        [
            "spec.owner is missing; Add spec.owner.",
            "spec.type must not be a number; The schema of the kind wants a value of type string.",
            "spec.lifecycle must not be empty; Give it a value or remove it.",
        ]
    );
}

fn spec(json: Value) -> KindSpec {
    serde_json::from_value(json).expect("a well formed kind")
}

fn robot() -> KindSpec {
    spec(json!({
        "kind": "Robot",
        "apiVersions": ["acme.com/v1"],
        "schema": {"required": ["spec"], "properties": {"spec": {"required": ["serial"]}}},
        "relations": [
            {"field": "spec.tools", "defaultKind": "Resource", "forward": "uses", "reverse": "usedBy"},
            {"field": "spec.home.dock", "defaultKind": "Resource", "forward": "docksAt"},
        ],
    }))
}

#[test]
fn a_kind_is_added_without_code() {
    let kinds = Kinds::builtin().with([robot()]).expect("no contradiction");
    let document = json!({
        "apiVersion": "acme.com/v1", "kind": "Robot", "metadata": {"name": "r"},
        "spec": {"serial": 1, "tools": ["saw", "drill"], "home": {"dock": "d"}},
    });
    let checked = validate(document.clone(), &kinds).expect("valid");
    assert_eq!(
        arrows(&checked),
        [
            "docksAt resource:default/d",
            "uses resource:default/drill",
            "uses resource:default/saw"
        ]
    );
    let reverse: Vec<Option<&str>> = checked
        .relations
        .iter()
        .map(|relation| relation.reverse.as_deref())
        .collect();
    assert_eq!(reverse, [None, Some("usedBy"), Some("usedBy")]);
    assert_eq!(
        checked.entity.document()["spec"]["tools"],
        json!(["drill", "saw"])
    );
    let refused =
        validate(without(document, "/spec/serial"), &kinds).expect_err("serial is required");
    assert_eq!(refused[0].message, "spec.serial is missing");
    assert_ne!(kinds.digest(), Kinds::builtin().digest());
}

#[test]
fn a_relation_field_is_added_to_a_kind_that_exists() {
    let extension = spec(json!({
        "kind": "Component",
        "relations": [{"field": "metadata.runbook", "defaultKind": "Resource", "forward": "documentedBy"}],
    }));
    let kinds = Kinds::builtin()
        .with([extension])
        .expect("no contradiction");
    let checked = validate(metadata("runbook", json!("r")), &kinds).expect("valid");
    assert_eq!(
        arrows(&checked),
        [
            "documentedBy resource:default/r",
            "ownedBy group:default/team"
        ]
    );
    assert_ne!(kinds.digest(), Kinds::builtin().digest());
}

#[test]
fn an_added_list_of_relations_is_served_sorted_and_seen_from_both_sides() {
    let extension = spec(json!({
        "kind": "Component",
        "relations": [{"field": "spec.runsOn", "defaultKind": "Resource", "forward": "runsOn", "reverse": "runs"}],
    }));
    let kinds = Kinds::builtin()
        .with([extension])
        .expect("no contradiction");
    let document = with(base(), "/spec/runsOn", json!(["node-b", "node-a"]));
    let checked = validate(document, &kinds).expect("valid");
    assert_eq!(
        checked.entity.document()["spec"]["runsOn"],
        json!(["node-a", "node-b"])
    );
    let runs: Vec<&str> = checked
        .relations
        .iter()
        .filter(|relation| relation.reverse.as_deref() == Some("runs"))
        .map(|relation| relation.target.as_str())
        .collect();
    assert_eq!(runs, ["resource:default/node-a", "resource:default/node-b"]);
}

#[test]
fn a_relation_field_that_is_there_already_adds_nothing() {
    let extension = spec(json!({
        "kind": "System",
        "relations": [{"field": "spec.owner", "defaultKind": "Group", "forward": "ownedBy", "reverse": "ownerOf"}],
    }));
    let kinds = Kinds::builtin()
        .with([extension])
        .expect("no contradiction");
    assert_eq!(kinds.digest(), Kinds::builtin().digest());
}

#[test]
fn every_mistake_in_added_kinds_is_reported() {
    let specs = [
        json!({"kind": "Bad-Name", "apiVersions": ["a/v1"], "schema": {}}),
        json!({"kind": "NoVersion", "schema": {}}),
        json!({"kind": "Component", "apiVersions": ["backstage.io/v1beta1"], "schema": {}}),
        json!({"kind": "Broken", "apiVersions": ["a/v1"], "schema": {"type": 5}}),
        json!({"kind": "Nobody", "relations": []}),
        json!({"kind": "System", "relations": [{"field": "spec..x", "forward": "a"}]}),
        json!({"kind": "System", "relations": [{"field": "spec.x", "forward": "a b"}]}),
    ];
    let mistakes = Kinds::builtin()
        .with(specs.map(spec))
        .expect_err("all are wrong");
    let names: Vec<&str> = mistakes
        .iter()
        .map(|mistake| match mistake {
            KindError::Name { kind }
            | KindError::ApiVersion { kind, .. }
            | KindError::Duplicate { kind, .. }
            | KindError::Schema { kind, .. }
            | KindError::Relation { kind, .. }
            | KindError::NothingToExtend { kind } => kind.as_str(),
        })
        .collect();
    assert_eq!(
        names,
        [
            "Bad-Name",
            "NoVersion",
            "Component",
            "Broken",
            "Nobody",
            "System",
            "System"
        ]
    );
}

#[test]
fn the_digest_of_kinds_is_the_same_in_every_process() {
    assert_eq!(Kinds::builtin().digest(), Kinds::builtin().digest());
}
