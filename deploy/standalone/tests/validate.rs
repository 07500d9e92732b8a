//! `freshet validate` from outside: what it says, how it ends, and that it agrees with Backstage.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use freshet::validate::{Severity, Strictness, ValidateRequest, validate_files};
use freshet_model::RuleId;
use serde_json::Value;
use tempfile::TempDir;

const VALID: &str = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: team-a\nspec:\n  type: team\n  children: []\n";

/// Cases that Backstage lets pass, and what is better about refusing them.
const DEVIATIONS: [(&str, RuleId); 2] = [
    // Two keys that differ only by case keep the entity from ever being served, silently.
    ("spec-case-clash", RuleId::DocumentKeyCase),
    // A NUL keeps the entity out of the search index, silently.
    ("yaml-nul", RuleId::DocumentNul),
];

fn folder_with(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("catalog-info.yaml");
    std::fs::write(&file, text).expect("a file");
    (folder, file)
}

fn run(arguments: &[&str], stdin: &str) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_freshet"))
        .arg("validate")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut pipe = process.stdin.take().expect("it is piped");
    // A process that finds its arguments wrong does not read.
    let _ = pipe.write_all(stdin.as_bytes());
    drop(pipe);
    process.wait_with_output().expect("it ends")
}

#[track_caller]
fn check_status(arguments: &[&str], stdin: &str, expected: i32) -> Output {
    let output = run(arguments, stdin);
    assert_eq!(output.status.code(), Some(expected), "{output:?}");
    output
}

#[test]
fn the_exit_status_tells_valid_from_problems_from_usage() {
    let (_valid, good) = folder_with(VALID);
    let (_invalid, bad) = folder_with("kind: Group\n");
    let (good, bad) = (
        good.to_str().expect("a text"),
        bad.to_str().expect("a text"),
    );
    check_status(&[good], "", 0);
    check_status(&[bad], "", 1);
    check_status(&[good, bad], "", 1);
    check_status(&[], "", 2);
    check_status(&["--format", "xml", good], "", 2);
    check_status(&["/nowhere/catalog-info.yaml"], "", 2);
    check_status(&["--location", "nonsense", good], "", 2);
    check_status(&["--config", "/nowhere/app-config.yaml", good], "", 2);
    check_status(&["--root", "/nowhere", good], "", 2);
}

#[test]
fn warnings_are_errors_only_if_strict() {
    let text = VALID.replace(
        "children: []",
        "children: []\n  home: https://a:b@acme.example/",
    );
    let (_folder, file) = folder_with(&text);
    let file = file.to_str().expect("a text");
    check_status(&[file], "", 0);
    check_status(&["--strict", file], "", 1);
}

#[test]
fn piped_text_is_checked() {
    check_status(&["-"], VALID, 0);
    let output = check_status(&["-"], "kind: Group\n", 1);
    let text = String::from_utf8(output.stdout).expect("a text");
    assert!(text.contains("--> <stdin>:1:1"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe: {text}");
}

#[test]
fn every_format_is_for_a_machine_too() {
    let (_folder, file) = folder_with("kind: Group\n");
    let file = file.to_str().expect("a text");
    for format in ["json", "sarif"] {
        let output = check_status(&["--format", format, file], "", 1);
        serde_json::from_slice::<Value>(&output.stdout).expect("one object");
    }
    let output = check_status(&["--format", "github", file], "", 1);
    let text = String::from_utf8(output.stdout).expect("a text");
    assert!(text.lines().all(|line| line.starts_with("::error file=")));
}

/// Whether the file of a case is in error, by itself, and for which rules.
fn errors_of(cases: &Path, case: &str) -> Vec<RuleId> {
    let request = ValidateRequest {
        paths: vec![cases.join(format!("{case}.yaml"))],
        config: Vec::new(),
        location: Some("https://github.com/acme/corpus/blob/main/".to_owned()),
        root: Some(cases.to_owned()),
        strictness: Strictness::Lenient,
    };
    let report = validate_files(&request, &mut std::io::empty()).expect("the case can be read");
    let errors = report.problems.iter();
    errors
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| problem.rule)
        .collect()
}

#[test]
fn it_agrees_with_backstage_on_which_files_are_in_error() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/catalog");
    let expected = std::fs::read(corpus.join("expected.json")).expect("the answers of Backstage");
    let expected: Value = serde_json::from_slice(&expected).expect("JSON");
    let cases = expected["cases"].as_object().expect("the cases");
    assert!(cases.len() > 150, "the corpus is whole");
    for (case, answer) in cases {
        let entities = answer["entities"].as_array().expect("a list");
        let is_refused =
            |entity: &Value| entity["errors"].as_array().is_some_and(|it| !it.is_empty());
        let found = errors_of(&corpus.join("cases"), case);
        match DEVIATIONS.iter().find(|(name, _)| name == case) {
            Some((_, rule)) => assert_eq!(found, [*rule], "{case}"),
            None => assert_eq!(
                !found.is_empty(),
                entities.iter().any(is_refused),
                "{case}: {found:?}"
            ),
        }
    }
}
