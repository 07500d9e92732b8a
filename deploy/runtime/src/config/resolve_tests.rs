//! What is read only when somebody asks for it, and what means nothing.

use serde_json::json;

use super::tests::{check_merge, document, load_files};

/// Loads a file beside which there is little else, and reads the texts at `keys`.
#[track_caller]
fn check_unresolved(text: &str, keys: &[&str], expected: &[&str]) {
    let files = [
        ("app.yaml", text),
        ("broken.yaml", "a: [1"),
        ("part.yaml", "a: 1"),
        ("circle.yaml", "a: {$include: circle.yaml}"),
    ];
    let (directory, outcome) = load_files(&files, &["app.yaml"]);
    let document = outcome.expect("files that can be read");
    let root = document.reader();
    for key in keys {
        let _ = root.value(key);
    }
    let mistakes = root.finish().err().map(|mistakes| mistakes.to_string());
    let prefix = directory.path().display().to_string();
    let text = mistakes.unwrap_or_default().replace(&prefix, "DIR");
    let lines: Vec<&str> = text.lines().skip(1).map(str::trim).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_value_that_cannot_be_resolved_is_a_mistake_of_whoever_reads_it() {
    let text = "a: {deep: [{$file: nowhere}]}\nb: {$include: 'part.yaml#x'}\nc: {$env: A, and: B}\nd: {$include: broken.yaml}\ne: .inf\nf: {$include: circle.yaml}\ng: {x: .nan}";
    check_unresolved(text, &[], &[]);
    check_unresolved(
        text,
        &["a", "b", "c", "e", "g"],
        &[
            "a.deep[0]: names DIR/nowhere, which cannot be read: No such file or directory (os error 2) (in DIR/app.yaml)",
            "b: includes `x`, which part.yaml does not have (in DIR/app.yaml)",
            "c: must hold `$env: TEXT` and nothing beside it (in DIR/app.yaml)",
            "e: must be a finite number (in DIR/app.yaml)",
            "g.x: must be a finite number (in DIR/app.yaml)",
        ],
    );
    check_unresolved(
        text,
        &["f"],
        &["f.a.a.a.a.a.a.a.a: includes files more than 8 deep (in DIR/circle.yaml)"],
    );
}

#[test]
fn files_include_each_other_eight_deep_and_no_deeper() {
    let read = |deep: usize| {
        let mut files: Vec<(String, String)> = (0..deep)
            .map(|at| {
                (
                    format!("{at}.yaml"),
                    format!("a: {{$include: '{}.yaml#a'}}", at + 1),
                )
            })
            .collect();
        files.push((format!("{deep}.yaml"), "a: 1".to_owned()));
        let named = files.iter();
        let named: Vec<(&str, &str)> = named.map(|(name, text)| (&**name, &**text)).collect();
        let (_directory, outcome) = load_files(&named, &["0.yaml"]);
        let document = outcome.expect("files that can be read");
        let root = document.reader();
        let value = root.integer("a");
        (value, root.finish().is_ok())
    };
    assert_eq!(read(8), (Some(1), true));
    assert_eq!(read(9), (None, false));
}

#[test]
fn what_is_there_can_be_asked_without_reading_it() {
    let document = document(
        "on: {x: {$file: a}}\nfile: {$file: a}\nnone: null\nfalse: false\nlist: []\nobject: {}\nall: [{}]",
    );
    let root = document.reader();
    assert!(root.is_object("on") && !root.is_object("all") && !root.is_object("absent"));
    for key in ["on", "file", "all"] {
        assert!(!root.is_off(key), "{key}");
    }
    for key in ["absent", "none", "false", "list", "object"] {
        assert!(root.is_off(key), "{key}");
    }
    root.finish().expect("nothing was read");
}

#[test]
fn a_later_file_takes_the_place_of_what_cannot_be_resolved() {
    check_merge(&["a: {$file: nowhere}", "a: x"], &json!({"a": "x"}));
}

#[test]
fn a_text_alone_cannot_name_files() {
    let document = document("a: {$file: secret.txt}");
    let root = document.reader();
    assert_eq!(root.string("a"), None);
    let mistakes = root.finish().expect_err("no directory");
    assert_eq!(mistakes.fatal.len(), 1);
    assert_eq!(
        mistakes.fatal[0].to_string(),
        "a: names a file, but this configuration is not in one"
    );
}

#[test]
fn a_mark_at_the_beginning_of_a_file_is_none_of_its_text() {
    check_merge(&["\u{feff}a: 1"], &json!({"a": 1}));
    let files = [
        ("app.yaml", "a: {$file: key.txt}"),
        ("key.txt", "\u{feff}s3cret"),
    ];
    let (_directory, outcome) = load_files(&files, &["app.yaml"]);
    let document = outcome.expect("files without mistakes");
    assert_eq!(document.root.to_json(), json!({"a": "s3cret"}));
}

#[test]
fn tags_and_merge_keys_mean_nothing_as_in_backstage() {
    check_merge(
        &["a: !vault abc\nb: !ref {x: !int 5}\nc: !!str 5\nd: !list [!on true]"],
        &json!({"a": "abc", "b": {"x": "5"}, "c": "5", "d": ["true"]}),
    );
    check_merge(
        &["base: &base {x: 1}\na: {<<: *base, y: 2}"],
        &json!({"base": {"x": 1}, "a": {"<<": {"x": 1}, "y": 2}}),
    );
}

#[test]
fn a_key_that_is_no_text_has_a_name_nobody_asks_for() {
    check_merge(
        &["? [a, 1]\n: 1\n? ~\n: 2\n5: 3\ntrue: 4"],
        &json!({"[\"a\",1]": 1, "": 2, "5": 3, "true": 4}),
    );
}
