//! Configurations as people write them, and what is said about the wrong ones.

use std::collections::HashMap;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::*;

pub(super) fn document(text: &str) -> Document {
    from_str(text).expect("a configuration without mistakes")
}

fn env(name: &str) -> Option<String> {
    let variables = HashMap::from([
        ("ORG", "acme"),
        ("TOKEN", "t0p"),
        ("SPACED", "  x \n"),
        ("PORT", "7007"),
    ]);
    variables.get(name).map(|&value| value.to_owned())
}

/// A directory of files, the first ones loaded in their order.
pub(super) fn load_files(
    files: &[(&str, &str)],
    loaded: &[&str],
) -> (tempfile::TempDir, Result<Document, Mistakes>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside the directory")).expect("a directory");
        std::fs::write(path, text).expect("a written file");
    }
    let paths: Vec<PathBuf> = loaded
        .iter()
        .map(|name| directory.path().join(name))
        .collect();
    let outcome = load(&paths, &env);
    (directory, outcome)
}

/// Loads `texts` in order and compares the whole tree.
#[track_caller]
pub(super) fn check_merge(texts: &[&str], expected: &Value) {
    let names: Vec<String> = (0..texts.len())
        .map(|index| format!("{index}.yaml"))
        .collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(String::as_str)
        .zip(texts.iter().copied())
        .collect();
    let loaded: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_directory, outcome) = load_files(&files, &loaded);
    let document = outcome.expect("files without mistakes");
    assert_eq!(&document.root.to_json(), expected, "{texts:?}");
}

/// Reads `text` with `read` and compares every mistake.
#[track_caller]
fn check_mistakes(text: &str, read: impl FnOnce(&Reader<'_>), expected: &[&str]) {
    let document = document(text);
    let root = document.reader();
    read(&root);
    let mistakes = root
        .finish()
        .err()
        .map(|mistakes| mistakes.fatal)
        .unwrap_or_default();
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected, "{text}");
}

/// Reads `text` with `read`, finds no mistake and compares every warning.
#[track_caller]
fn check_warnings(text: &str, read: impl FnOnce(&Reader<'_>), expected: &[&str]) {
    let document = document(text);
    let root = document.reader();
    read(&root);
    let warnings = root.finish().expect("no mistakes");
    let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn later_files_win_key_by_key() {
    check_merge(
        &["a: {x: 1, y: 2}", "a: {y: 3, z: 4}"],
        &json!({"a": {"x": 1, "y": 3, "z": 4}}),
    );
    check_merge(&["a: [1, 2]", "a: [3]"], &json!({"a": [3]}));
    check_merge(&["a: {x: 1}", "a: text"], &json!({"a": "text"}));
    check_merge(&["a: {x: 1}", ""], &json!({"a": {"x": 1}}));
}

#[test]
fn null_takes_away_what_an_earlier_file_said() {
    check_merge(
        &["a: {x: 1, y: 2}", "a: {x: null}"],
        &json!({"a": {"y": 2}}),
    );
    check_merge(
        &["a: {x: 1}", "a: null", "a: {y: 2}"],
        &json!({"a": {"y": 2}}),
    );
}

#[test]
fn a_variable_that_is_not_set_leaves_what_an_earlier_file_said() {
    check_merge(
        &["a: {org: fallback}", "a: {org: '${MISSING}'}"],
        &json!({"a": {"org": "fallback"}}),
    );
    check_merge(&["a: ['${MISSING}', '${ORG}']"], &json!({"a": ["acme"]}));
    check_merge(&["a: {org: '${MISSING}'}"], &json!({"a": {}}));
}

#[test]
fn variables_are_substituted_in_texts_and_by_env() {
    check_merge(
        &["url: 'https://${ORG}.example'\nport: '${PORT}'\nraw: '$${ORG}'\nspaced: {$env: SPACED}"],
        &json!({"url": "https://acme.example", "port": "7007", "raw": "${ORG}", "spaced": "x"}),
    );
}

#[test]
fn files_are_included_relative_to_the_one_that_names_them() {
    let files = [
        (
            "app.yaml",
            "secret: {$file: 'keys/${ORG}.txt'}\ngithub: {$include: 'parts/all.yaml#github.com'}",
        ),
        ("keys/acme.txt", "s3cret\n\n"),
        (
            "parts/all.yaml",
            "github: {com: {org: '${ORG}', deep: {$include: deep.json}}}",
        ),
        ("parts/deep.json", r#"{"on": true}"#),
    ];
    let (_directory, outcome) = load_files(&files, &["app.yaml"]);
    let expected = json!({"secret": "s3cret", "github": {"org": "acme", "deep": {"on": true}}});
    assert_eq!(
        outcome.expect("files without mistakes").root.to_json(),
        expected
    );
}

#[test]
fn every_file_that_cannot_be_read_is_named() {
    let files = [
        ("broken.yaml", "a: [1"),
        ("twice.yaml", "a: 1\na: 2"),
        ("list.yaml", "- a"),
        ("two.yaml", "a: 1\n---\nb: 2"),
    ];
    let (directory, outcome) = load_files(
        &files,
        &[
            "absent.yaml",
            "broken.yaml",
            "twice.yaml",
            "list.yaml",
            "two.yaml",
        ],
    );
    let mistakes = outcome.expect_err("many mistakes");
    let prefix = directory.path().display().to_string();
    let text = mistakes.to_string().replace(&prefix, "DIR");
    for line in [
        "cannot be read: No such file or directory (os error 2) (in DIR/absent.yaml)",
        "is not valid YAML",
        "duplicate entry with key \"a\"",
        "must be an object at the top level (in DIR/list.yaml)",
        "more than one document",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
}

#[test]
fn typed_values_are_read() {
    let text = "a: {text: hello, secret: s, yes: true, no: 'off', n: 5, m: '6', f: 1.5, one: x, many: [x, y], every: {minutes: 5}}";
    let document = document(text);
    let root = document.reader();
    let a = root.block("a").expect("a block");
    assert_eq!(a.string("text").as_deref(), Some("hello"));
    assert_eq!(a.secret("secret").expect("a secret").expose_secret(), "s");
    assert_eq!((a.bool("yes"), a.bool("no")), (Some(true), Some(false)));
    assert_eq!((a.integer("n"), a.integer("m")), (Some(5), Some(6)));
    assert_eq!(a.float("f"), Some(1.5));
    assert_eq!(a.strings("one"), Some(vec!["x".to_owned()]));
    assert_eq!(
        a.strings("many"),
        Some(vec!["x".to_owned(), "y".to_owned()])
    );
    assert_eq!(
        a.duration("every"),
        Some(std::time::Duration::from_secs(300))
    );
    assert_eq!(a.string("absent"), None);
    assert_eq!(a.path(), "a");
    root.finish().expect("no mistakes");
}

#[test]
fn every_value_of_a_wrong_type_is_reported_with_its_path() {
    check_mistakes(
        "a: {text: 5, empty: '', flag: maybe, n: -1, f: x, texts: [1], every: soon, list: {}, block: [], items: [{}, 7]}",
        |root| {
            let a = root.block("a").expect("a block");
            let _ = (
                a.string("text"),
                a.string("empty"),
                a.bool("flag"),
                a.integer("n"),
                a.float("f"),
            );
            let _ = (
                a.strings("texts"),
                a.duration("every"),
                a.list("list"),
                a.required_string("needed"),
            );
            assert!(a.block("block").is_none());
            assert_eq!(a.list("items").len(), 1);
        },
        &[
            "a.block: must be an object, not a list",
            "a.empty: must not be empty",
            "a.every: must be a duration such as `5m`, `PT5M` or `{minutes: 5}`",
            "a.f: must be a number",
            "a.flag: must be true or false",
            "a.items[1]: must be an object, not a number",
            "a.list: must be a list, not an object",
            "a.n: must be a whole number of at least 0",
            "a.needed: is required",
            "a.text: must be text, not a number",
            "a.texts: must be a text or a list of texts",
        ],
    );
}

const UNKNOWN_KEYS: &str = "techdocs: {builder: local}\nbackend: {auth: {}, listen: ':1'}\ncatalog: {rules: [{alow: [API]}], colour: red, import: {}, gone: null}";

fn read_unknown_keys(root: &Reader<'_>, catalog: &Reader<'_>) {
    let _ = root
        .open_block("backend")
        .and_then(|backend| backend.string("listen"));
    catalog.ignore("import");
    for rule in catalog.list("rules") {
        let _ = rule.strings("allow");
    }
}

const FOUND_UNKNOWN: [&str; 2] = [
    "catalog.colour: is not a known key (known here: import, rules)",
    "catalog.rules[0].alow: is not a known key; did you mean `allow`?",
];

#[test]
fn an_unknown_key_is_a_warning_where_others_read_too() {
    check_warnings(
        UNKNOWN_KEYS,
        |root| read_unknown_keys(root, &root.block("catalog").expect("a block")),
        &FOUND_UNKNOWN,
    );
}

#[test]
fn an_unknown_key_is_a_mistake_where_nobody_else_reads() {
    check_mistakes(
        UNKNOWN_KEYS,
        |root| read_unknown_keys(root, &root.own_block("catalog").expect("a block")),
        &FOUND_UNKNOWN,
    );
}

#[test]
fn what_is_not_honoured_is_told_beside_the_mistakes() {
    let document = document("a: {b: 1, c: 2}");
    let root = document.reader();
    let a = root.block("a").expect("a block");
    a.warn("b", "is not read");
    assert_eq!(
        root.finish()
            .expect("no mistakes")
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "a.b: is not read",
            "a.c: is not a known key (known here: b)"
        ]
    );
    a.mistake("c", "must be 3");
    let mistakes = root.finish().expect_err("a mistake").to_string();
    assert_eq!(
        mistakes,
        "the configuration has mistakes\n  a.c: must be 3\nalso, though these alone would not stop it\n  a.b: is not read\n  a.c: is not a known key (known here: b)"
    );
}

#[test]
fn a_block_that_is_read_in_several_places_knows_the_keys_of_all() {
    check_mistakes(
        "own: {p: {github: {acme: {organization: acme}, umbrella: {organisation: u}}}}",
        |root| {
            let own = root.own_block("own").expect("a block");
            let p = own.open_block("p").expect("a block");
            assert_eq!(
                p.open_block("github")
                    .expect("a block")
                    .string("organization"),
                None
            );
            let providers = p.entries("github");
            assert_eq!(
                providers
                    .iter()
                    .map(|(id, _)| id.as_str())
                    .collect::<Vec<_>>(),
                ["acme", "umbrella"]
            );
            for (_, provider) in providers {
                let _ = provider.required_string("organization");
            }
        },
        &[
            "own.p.github.umbrella.organisation: is not a known key; did you mean `organization`?",
            "own.p.github.umbrella.organization: is required",
        ],
    );
}

#[test]
fn a_required_value_names_the_variable_that_is_not_set() {
    check_mistakes(
        "a: {token: '${GITHUB_TOKEN}'}",
        |root| {
            let _ = root.block("a").expect("a block").required_string("token");
        },
        &["a.token: is required; the environment variable GITHUB_TOKEN is not set"],
    );
}

#[test]
fn a_mistake_names_the_file_its_value_came_from() {
    let (directory, outcome) = load_files(
        &[("1.yaml", "a: {x: 1, y: z}"), ("2.yaml", "a: {y: 2}")],
        &["1.yaml", "2.yaml"],
    );
    let document = outcome.expect("files without mistakes");
    let root = document.reader();
    let a = root.block("a").expect("a block");
    let _ = (a.string("x"), a.string("y"));
    let mistakes = root.finish().expect_err("two mistakes");
    let files: Vec<_> = mistakes
        .fatal
        .iter()
        .map(|mistake| mistake.file.clone().expect("a file"))
        .collect();
    assert_eq!(
        files,
        [
            directory.path().join("1.yaml"),
            directory.path().join("2.yaml")
        ]
    );
}

#[test]
fn a_mistake_never_shows_a_value() {
    let document = document("a: {token: [hunter2], other: hunter2}");
    let root = document.reader();
    let a = root.block("a").expect("a block");
    let _ = (a.secret("token"), a.integer("other"));
    let mistakes = root.finish().expect_err("two mistakes");
    assert!(!format!("{mistakes} {mistakes:?} {document:?}").contains("hunter2"));
}
