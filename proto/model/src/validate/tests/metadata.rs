use super::*;

#[test]
fn a_title_is_a_text_with_something_in_it() {
    for title in [" ", &"x".repeat(5000)] {
        accepts(&metadata("title", json!(title)));
    }
    refuses(
        &metadata("title", json!("")),
        "/metadata/title",
        "metadata.title.empty",
    );
    refuses(
        &metadata("title", Value::Null),
        "/metadata/title",
        "metadata.title.type",
    );
    refuses(
        &metadata("title", json!(1)),
        "/metadata/title",
        "metadata.title.type",
    );
}

#[test]
fn a_description_is_any_text() {
    accepts(&metadata("description", json!("")));
    for description in [Value::Null, json!(1)] {
        refuses(
            &metadata("description", description),
            "/metadata/description",
            "metadata.description.type",
        );
    }
}

#[test]
fn unknown_metadata_is_kept() {
    let checked = accepts(&metadata("foo", json!({"bar": [1]})));
    assert_eq!(
        checked.entity.document()["metadata"]["foo"],
        json!({"bar": [1]})
    );
}

#[test]
fn an_authors_uid_and_etag_are_checked_and_dropped() {
    for key in ["uid", "etag"] {
        let checked = accepts(&metadata(key, json!("abc")));
        assert_eq!(checked.entity.document()["metadata"].get(key), None);
    }
    refuses(
        &metadata("uid", json!("")),
        "/metadata/uid",
        "metadata.uid.empty",
    );
}

#[test]
fn an_authors_orphan_annotation_is_dropped() {
    let annotations = json!({ crate::annotation::ORPHAN: "true", "a": "b" });
    let checked = accepts(&metadata("annotations", annotations));
    assert_eq!(
        checked.entity.document()["metadata"]["annotations"],
        json!({"a": "b"})
    );
}

#[track_caller]
fn accepts_label(key: &str, value: &str) {
    accepts(&metadata("labels", json!({ key: value })));
}

#[track_caller]
fn refuses_label(key: &str, value: &Value, rule: &str) {
    let pointer = format!("/metadata/labels/{}", key.replace('/', "~1"));
    refuses(&metadata("labels", json!({ key: value })), &pointer, rule);
}

#[test]
fn labels_are_checked_as_those_of_kubernetes() {
    let (fits, long) = ("x".repeat(63), "x".repeat(64));
    for (key, value) in [
        ("a", ""),
        ("a/b", "c"),
        ("a.b/c", "d"),
        ("a", &fits),
        (&fits, "a"),
    ] {
        accepts_label(key, value);
    }
    for value in [json!(1), json!(true), Value::Null] {
        refuses_label("a", &value, "metadata.labels.type");
    }
    for key in [
        "A.b/c", "a/b/c", "/a", "a/", "-a", "a-", "a b", "", "a_b.io/c", &long,
    ] {
        refuses_label(key, &json!("v"), "metadata.labels.key.format");
    }
    for value in ["x y", "-x", "x-", "x/y", "é", &long] {
        refuses_label("a", &json!(value), "metadata.labels.value.format");
    }
    accepts_label(&format!("{}a/b", "a.".repeat(126)), "v");
    refuses_label(
        &format!("{}a/b", "a.".repeat(127)),
        &json!("v"),
        "metadata.labels.key.format",
    );
}

#[test]
fn labels_must_be_a_mapping() {
    for labels in [Value::Null, json!([]), json!("x")] {
        refuses(
            &metadata("labels", labels),
            "/metadata/labels",
            "metadata.labels.type",
        );
    }
}

#[test]
fn annotations_have_checked_keys_and_any_text() {
    for value in ["", &"ü".repeat(7000)] {
        accepts(&metadata("annotations", json!({ "a": value })));
    }
    for value in [json!(1), Value::Null] {
        let document = metadata("annotations", json!({ "a": value }));
        refuses(
            &document,
            "/metadata/annotations/a",
            "metadata.annotations.type",
        );
    }
    for key in ["a/b/c", "A/b", "a b", ""] {
        let pointer = format!("/metadata/annotations/{}", key.replace('/', "~1"));
        let document = metadata("annotations", json!({ key: "v" }));
        refuses(&document, &pointer, "metadata.annotations.key.format");
    }
    for annotations in [json!("x"), json!(["x"]), json!([])] {
        let document = metadata("annotations", annotations);
        poisons(&document, ErrorClass::Error, "metadata.annotations.type");
    }
    for absent in [json!(""), json!(0), json!(-0.0), json!(false)] {
        let checked = accepts(&metadata("annotations", absent));
        assert_eq!(
            checked.entity.document()["metadata"]["annotations"],
            json!({})
        );
    }
    for annotations in [json!(1), json!(true)] {
        let document = metadata("annotations", annotations);
        poisons(&document, ErrorClass::Error, "metadata.annotations.type");
    }
    let checked = accepts(&metadata("annotations", Value::Null));
    assert_eq!(
        checked.entity.document()["metadata"]["annotations"],
        json!({})
    );
}

#[test]
fn tags_are_lower_case_words() {
    let (fits, long) = ("x".repeat(63), "x".repeat(64));
    for tag in ["java", "a-b", "c++", "c#", "a:b", ":a", "1", &fits] {
        accepts(&metadata("tags", json!([tag])));
    }
    for tag in [
        "Java", "a--b", "-a", "a-", "a_b", "a.b", "a b", "ä", "a/b", "a@b", &long,
    ] {
        refuses(
            &metadata("tags", json!([tag])),
            "/metadata/tags/0",
            "metadata.tags.format",
        );
    }
    refuses(
        &metadata("tags", json!([""])),
        "/metadata/tags/0",
        "metadata.tags.empty",
    );
    for tag in [json!(1), Value::Null] {
        refuses(
            &metadata("tags", json!([tag])),
            "/metadata/tags/0",
            "metadata.tags.type",
        );
    }
    for tags in [json!("a"), Value::Null] {
        refuses(
            &metadata("tags", tags),
            "/metadata/tags",
            "metadata.tags.type",
        );
    }
    let checked = accepts(&metadata("tags", json!(["b", "a", "a"])));
    assert_eq!(
        checked.entity.document()["metadata"]["tags"],
        json!(["b", "a", "a"])
    );
}

#[track_caller]
fn refuses_link(link: &Value, step: &str, rule: &str) {
    refuses(
        &metadata("links", json!([link])),
        &format!("/metadata/links/0{step}"),
        rule,
    );
}

#[test]
fn the_url_of_a_link() {
    for url in [
        "https://a.b",
        "mailto:a@b",
        "javascript:alert(1)",
        "a:b",
        " https://a.b ",
    ] {
        accepts(&metadata("links", json!([{ "url": url }])));
    }
    for url in ["foo", "/rel", "//a.b", "http://", "https://a b"] {
        refuses_link(&json!({ "url": url }), "/url", "metadata.links.url.format");
    }
    refuses_link(&json!({}), "", "metadata.links.url.required");
    refuses_link(&json!({"url": ""}), "/url", "metadata.links.url.empty");
    refuses_link(&json!({"url": 1}), "/url", "metadata.links.url.type");
    refuses_link(&json!("x"), "", "metadata.links.type");
    refuses_link(&Value::Null, "", "metadata.links.type");
}

#[test]
fn the_other_fields_of_a_link() {
    let link = |key: &str, value: &str| json!({ "url": "https://a.b", key: value });
    refuses_link(&link("title", ""), "/title", "metadata.links.title.empty");
    refuses_link(&link("title", " "), "/title", "metadata.links.title.format");
    refuses_link(&link("icon", " "), "/icon", "metadata.links.icon.format");
    accepts(&metadata(
        "links",
        json!([link("type", " "), link("extra", "")]),
    ));
    for links in [Value::Null, json!({})] {
        refuses(
            &metadata("links", links),
            "/metadata/links",
            "metadata.links.type",
        );
    }
}

#[test]
fn keys_that_differ_only_by_case_are_refused() {
    let document = metadata("annotations", json!({"Foo": "1", "foo": "2"}));
    refuses(&document, "/metadata/annotations/foo", "document.key.case");
    let document = with(base(), "/spec/x", json!([{"Ä": 1}, {"ä": 2}]));
    refuses(&document, "/spec/x/1/ä", "document.key.case");
    accepts(&with(base(), "/spec/x", json!({"Foo": {}, "foo": []})));
    accepts(&with(base(), "/spec/x", json!([{"Foo": 1}, {"Foo": 2}])));
}

#[test]
fn a_nul_is_refused_wherever_it_stands() {
    refuses(
        &metadata("title", json!("a\0b")),
        "/metadata/title",
        "document.nul",
    );
    refuses(
        &with(base(), "/spec/x", json!([{"a\0": 1}])),
        "/spec/x/0/a\0",
        "document.nul",
    );
}

#[test]
fn what_the_catalog_overwrites_is_never_wrong() {
    let annotations = json!({
        crate::annotation::MANAGED_BY_LOCATION: 5,
        "a": "b",
        crate::annotation::MANAGED_BY_ORIGIN_LOCATION: {"$text": "./x"},
    });
    let checked = accepts(&metadata("annotations", annotations));
    assert_eq!(
        checked.entity.document()["metadata"]["annotations"],
        json!({"a": "b"})
    );
}
