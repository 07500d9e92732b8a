use super::*;

#[test]
fn an_ordinary_component_is_accepted() {
    let checked = accepts(&base());
    assert_eq!(checked.entity.entity_ref().as_str(), "component:default/n");
    assert_eq!(
        checked.entity.document()["metadata"]["namespace"],
        "default"
    );
    assert_eq!(
        checked.entity.owner().expect("owned").as_str(),
        "group:default/team"
    );
    assert_eq!(arrows(&checked), ["ownedBy group:default/team"]);
    assert_eq!(checked.relations[0].reverse.as_deref(), Some("ownerOf"));
}

#[test]
fn a_broken_envelope_costs_the_file() {
    use ErrorClass::TypeError;
    poisons(
        &without(base(), "/apiVersion"),
        TypeError,
        "apiVersion.required",
    );
    poisons(
        &with(base(), "/apiVersion", json!(1)),
        TypeError,
        "apiVersion.type",
    );
    poisons(&with(base(), "/kind", json!("")), TypeError, "kind.empty");
    poisons(&without(base(), "/kind"), TypeError, "kind.required");
    poisons(
        &with(base(), "/metadata", json!([])),
        TypeError,
        "metadata.type",
    );
    poisons(
        &with(base(), "/metadata", Value::Null),
        TypeError,
        "metadata.type",
    );
    poisons(
        &without(base(), "/metadata"),
        TypeError,
        "metadata.required",
    );
    poisons(
        &metadata("name", json!(123)),
        TypeError,
        "metadata.name.type",
    );
    poisons(
        &metadata("name", json!(true)),
        TypeError,
        "metadata.name.type",
    );
    poisons(
        &metadata("name", Value::Null),
        TypeError,
        "metadata.name.type",
    );
    poisons(
        &metadata("name", json!("")),
        TypeError,
        "metadata.name.empty",
    );
    poisons(
        &without(base(), "/metadata/name"),
        TypeError,
        "metadata.name.required",
    );
    poisons(
        &metadata("namespace", Value::Null),
        TypeError,
        "metadata.namespace.type",
    );
    poisons(
        &metadata("namespace", json!("")),
        TypeError,
        "metadata.namespace.empty",
    );
}

#[test]
fn what_is_no_entity_costs_the_file() {
    poisons(&json!({}), ErrorClass::TypeError, "apiVersion.required");
    poisons(&json!([]), ErrorClass::Error, "document.type");
    poisons(&json!("x"), ErrorClass::Error, "document.type");
    poisons(&Value::Null, ErrorClass::Error, "document.type");
    poisons(
        &metadata("name", json!({"$text": "x"})),
        ErrorClass::TypeError,
        "metadata.name.type",
    );
}

#[test]
fn only_four_keys_may_stand_at_the_root() {
    refuses(
        &with(base(), "/foo", json!(1)),
        "/foo",
        "document.additional",
    );
    refuses(
        &with(base(), "/relations", json!([])),
        "/relations",
        "document.served",
    );
    refuses(
        &with(base(), "/status", json!({})),
        "/status",
        "document.served",
    );
    let malformed = with(base(), "/relations", json!([{"a": 1}]));
    refuses(&malformed, "/relations/0", "relations.type");
    let well_formed = json!([{"type": "ownedBy", "targetRef": "group:default/zzz"}]);
    refuses(
        &with(base(), "/relations", well_formed),
        "/relations",
        "document.served",
    );
}

#[test]
fn the_spec_must_be_a_mapping_and_be_there() {
    for spec in [Value::Null, json!([]), json!("x")] {
        refuses(&with(base(), "/spec", spec), "/spec", "spec.type");
    }
    refuses(&without(base(), "/spec"), "", "spec.schema");
}

#[test]
fn a_spec_of_the_wrong_type_is_reported_once() {
    assert_eq!(violations(&with(base(), "/spec", json!("x"))).len(), 1);
}

#[test]
fn a_name_is_letters_and_digits_with_separators_inside() {
    for name in [
        "a",
        "A",
        "1",
        "a.b",
        "a_b",
        "a-b",
        "a--b",
        "a..b",
        "a-_.b",
        &"x".repeat(63),
    ] {
        accepts(&metadata("name", json!(name)));
    }
    for name in [
        "-a",
        "a-",
        ".a",
        "a.",
        "_a",
        "a_",
        "a b",
        "a/b",
        "a:b",
        "ä",
        "a@b",
        "a+b",
        " a",
        "a ",
        "a\n",
        &"x".repeat(64),
    ] {
        refuses(
            &metadata("name", json!(name)),
            "/metadata/name",
            "metadata.name.format",
        );
    }
}

#[test]
fn a_namespace_is_a_dns_label() {
    for namespace in ["default", "a-b", "a--b", "1", &"x".repeat(63)] {
        let checked = accepts(&metadata("namespace", json!(namespace)));
        assert_eq!(checked.entity.entity_ref().namespace(), namespace);
    }
    for namespace in ["Default", "-a", "a-", "a.b", "a_b", "a\n", &"x".repeat(64)] {
        let document = metadata("namespace", json!(namespace));
        refuses(
            &document,
            "/metadata/namespace",
            "metadata.namespace.format",
        );
    }
}

#[test]
fn an_api_version_is_a_group_and_a_version() {
    let long = "x".repeat(64);
    for version in [
        "a/b/c",
        "backstage.io/",
        "/v1",
        "backstage.io/v1-alpha",
        "-x.io/v1",
        "a_b.io/v1",
        "Backstage.io/v1alpha1",
        &long,
    ] {
        refuses(
            &with(base(), "/apiVersion", json!(version)),
            "/apiVersion",
            "apiVersion.format",
        );
    }
}

#[test]
fn kinds_have_letters_and_digits() {
    for kind in ["Foo-Bar", "1Foo", "Foo_Bar", "Föö", &"F".repeat(64)] {
        let document = with(base(), "/kind", json!(kind));
        refuses(&document, "/kind", "kind.format");
        assert_eq!(
            violations(&document).len(),
            1,
            "a kind of no kind's form is reported once"
        );
    }
}

#[test]
fn every_violation_is_reported_and_the_name_comes_first() {
    let document = with(
        metadata("name", json!("-a")),
        "/metadata/tags",
        json!(["A"]),
    );
    let rules: Vec<&str> = violations(&document)
        .iter()
        .map(|violation| violation.rule.as_str())
        .collect();
    assert_eq!(rules, ["metadata.name.format", "metadata.tags.format"]);
}

#[test]
fn a_type_is_reported_before_any_format() {
    let document = with(
        metadata("name", json!("-a")),
        "/metadata/labels",
        json!({"a": 1}),
    );
    refuses(&document, "/metadata/labels/a", "metadata.labels.type");
}

#[test]
fn violations_say_where_what_and_what_to_do() {
    let found = violations(&metadata("labels", json!({"a.b/c~d": 1})));
    assert_eq!(found[0].pointer, "/metadata/labels/a.b~1c~0d");
    assert_eq!(
        found[0].message,
        "the value of metadata.labels \"a.b/c~d\" must be a string, but is a number"
    );
    assert_eq!(found[0].hint, "Put the value in quotes.");
}
