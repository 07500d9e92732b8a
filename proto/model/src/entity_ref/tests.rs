use proptest::prelude::*;

use super::*;

const NO_CONTEXT: (Option<&str>, &str) = (None, "default");
const GROUP_IN_X: (Option<&str>, &str) = (Some("Group"), "x");

#[track_caller]
fn check(text: &str, (kind, namespace): (Option<&str>, &str), expected: Option<&str>) {
    let read = EntityRef::parse_with(text, kind, namespace);
    assert_eq!(
        read.as_ref().ok().map(EntityRef::as_str),
        expected,
        "{text:?}: {read:?}"
    );
}

#[test]
fn references_are_read_as_in_backstage() {
    check(
        "component:default/foo",
        NO_CONTEXT,
        Some("component:default/foo"),
    );
    check(
        "Component:Default/Foo",
        NO_CONTEXT,
        Some("component:default/foo"),
    );
    check("foo", GROUP_IN_X, Some("group:x/foo"));
    check("ns/foo", GROUP_IN_X, Some("group:ns/foo"));
    check("k:foo", GROUP_IN_X, Some("k:x/foo"));
    check("a/b/c", GROUP_IN_X, Some("group:a/b/c"));
    check(
        "component:ns/foo/bar",
        NO_CONTEXT,
        Some("component:ns/foo/bar"),
    );
    check("Team A", GROUP_IN_X, Some("group:x/team a"));
    check("a@b.com", GROUP_IN_X, Some("group:x/a@b.com"));
    check("foo", NO_CONTEXT, None);
    check("", GROUP_IN_X, None);
    for text in [
        ":foo",
        "/foo",
        "component:",
        "component:/foo",
        "component:ns/",
        "user:",
    ] {
        check(text, GROUP_IN_X, None);
    }
}

#[test]
fn a_reference_is_written_in_lower_case() {
    let reference = EntityRef::new("Component", "NS", "Foo").expect("well formed");
    assert_eq!(reference.to_string(), "component:ns/foo");
}

#[test]
fn a_colon_behind_the_slash_belongs_to_the_name() {
    check("ns/a:b", (Some("Group"), "default"), Some("group:ns/a:b"));
}

#[test]
fn only_the_first_colon_separates() {
    check("a:b:c", NO_CONTEXT, Some("a:default/b:c"));
}

#[test]
fn an_empty_default_namespace_is_the_default_one() {
    check("foo", (Some("Group"), ""), Some("group:default/foo"));
}

#[test]
fn nothing_is_trimmed() {
    check(
        " component : ns / foo ",
        NO_CONTEXT,
        Some(" component : ns / foo "),
    );
}

#[test]
fn a_reference_too_long_for_a_column_is_refused() {
    let fits = format!("a:b/{}", "ü".repeat(REF_CHARACTERS_MAX - 4));
    check(&fits, NO_CONTEXT, Some(&fits));
    let characters = REF_CHARACTERS_MAX + 1;
    assert_eq!(
        EntityRef::parse(&format!("{fits}x")),
        Err(RefError::TooLong { characters })
    );
}

#[test]
fn lower_casing_is_that_of_unicode() {
    check("k:İ/ΑΣ", NO_CONTEXT, Some("k:i\u{307}/ας"));
}

#[test]
fn a_part_that_could_not_be_read_back_is_refused() {
    for (kind, namespace, name) in [
        ("a:b", "n", "x"),
        ("a/b", "n", "x"),
        ("a", "n/m", "x"),
        ("a", "n", "\0"),
    ] {
        let refused = EntityRef::new(kind, namespace, name);
        assert!(
            matches!(refused, Err(RefError::Unreadable { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_reference_is_a_string_in_json() {
    let reference = EntityRef::parse("Component:a/B").expect("well formed");
    let json = serde_json::to_string(&reference).expect("a string");
    assert_eq!(json, r#""component:a/b""#);
    assert_eq!(
        serde_json::from_str::<EntityRef>(&json).expect("a reference"),
        reference
    );
    assert!(serde_json::from_str::<EntityRef>(r#""nokind""#).is_err());
}

proptest! {
    #[test]
    fn a_reference_reads_back_as_itself(
        kind in "[^:/\0]{1,20}", namespace in "[^/\0]{1,20}", name in "[^\0]{1,40}"
    ) {
        let reference = EntityRef::new(&kind, &namespace, &name).expect("well formed");
        let read = EntityRef::parse(reference.as_str()).expect("canonical text is a reference");
        prop_assert_eq!(&read, &reference);
        prop_assert_eq!(
            (read.kind(), read.namespace(), read.name()),
            (&*kind.to_lowercase(), &*namespace.to_lowercase(), &*name.to_lowercase())
        );
    }

    #[test]
    fn reading_any_text_never_panics(text in any::<String>(), kind in proptest::option::of(any::<String>()), namespace in any::<String>()) {
        if let Ok(reference) = EntityRef::parse_with(&text, kind.as_deref(), &namespace) {
            let read = EntityRef::parse(reference.as_str()).ok();
            prop_assert_eq!(read, Some(reference));
        }
    }
}
