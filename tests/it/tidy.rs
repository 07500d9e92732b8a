//! Rules of the tree that no compiler checks: who may depend on whom, who may use what, what things
//! are called, and that READMEs name what there is.

mod documents;
mod limits;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each package with the packages of ours it may use.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("freshet-model", &[]),
    ("freshet-proto", &["freshet-model"]),
    ("freshet-bus", &["freshet-proto"]),
    ("freshet-runtime", &[]),
    ("freshet-ingestor", &SERVICE_MAY_USE),
    ("freshet-processor", &SERVICE_MAY_USE),
    ("freshet-store", &SERVICE_MAY_USE),
    ("freshet", &COMPOSITION_MAY_USE),
    // It stands for GitHub, so it must not know what Freshet makes of its answers.
    ("freshet-github-emulator", &[]),
    ("freshet-wait", &[]),
    ("freshet-tests", &TESTS_MAY_USE),
];
const SERVICE_MAY_USE: [&str; 4] = [
    "freshet-bus",
    "freshet-proto",
    "freshet-model",
    "freshet-runtime",
];
const COMPOSITION_MAY_USE: [&str; 7] = [
    "freshet-bus",
    "freshet-proto",
    "freshet-model",
    "freshet-runtime",
    "freshet-ingestor",
    "freshet-processor",
    "freshet-store",
];
const TESTS_MAY_USE: [&str; 10] = [
    "freshet",
    "freshet-github-emulator",
    "freshet-wait",
    "freshet-bus",
    "freshet-proto",
    "freshet-model",
    "freshet-runtime",
    "freshet-ingestor",
    "freshet-processor",
    "freshet-store",
];

/// Libraries that one package owns.
const OWNED: [(&str, &str); 5] = [
    ("async-nats", "freshet-bus"),
    ("octocrab", "freshet-processor"),
    ("governor", "freshet-processor"),
    ("sqlx", "freshet-store"),
    ("petgraph", "freshet-store"),
];

/// The only places where a status code of our own answers is written.
const STATUS_CODES_IN: [&str; 3] = [
    "ingestor/src/webhook/",
    "store/src/api/",
    "deploy/runtime/src/admin.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is inside the workspace")
        .to_owned()
}

/// Package name → names of its normal and build dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let metadata: Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| (text(&package["name"]), production_dependencies(package)))
        .collect()
}

fn production_dependencies(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"]
        .as_array()
        .expect("dependencies")
        .iter();
    all.filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(&dependency["name"]))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn packages_depend_only_on_what_they_may() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = MAY_USE.iter().map(|(package, _)| *package).collect();
    assert_eq!(
        dependencies
            .keys()
            .map(String::as_str)
            .collect::<BTreeSet<_>>(),
        ours
    );
    for (package, may_use) in MAY_USE {
        for dependency in dependencies[package]
            .iter()
            .filter(|name| ours.contains(name.as_str()))
        {
            assert!(
                may_use.contains(&dependency.as_str()),
                "{package} must not depend on {dependency}"
            );
        }
    }
}

#[test]
fn each_outside_world_has_one_owner() {
    for (package, dependencies) in dependencies() {
        for (library, owner) in OWNED {
            let allowed = package == owner || package == "freshet-tests";
            assert!(
                allowed || !dependencies.contains(library),
                "{library} belongs to {owner}, not {package}"
            );
        }
    }
}

#[test]
fn status_codes_are_written_only_at_the_borders() {
    for (path, source) in production_sources() {
        if STATUS_CODES_IN
            .iter()
            .any(|allowed| path.starts_with(allowed))
        {
            continue;
        }
        let ours = source
            .lines()
            .find(|line| line.contains("axum::http::StatusCode"));
        assert_eq!(ours, None, "{path} answers with a status code");
    }
}

/// What would make an answer of the vocabulary depend on where and when it is asked.
const IMPURE: [&str; 6] = [
    "std::fs",
    "std::net",
    "std::env",
    "tokio::",
    "SystemTime",
    "Instant",
];

#[test]
fn the_vocabulary_is_pure() {
    for (path, source) in read_sources(&["proto/model/src", "proto/src"]) {
        let found = IMPURE.iter().find(|impure| source.contains(*impure));
        assert_eq!(found, None, "{path} must be pure");
    }
}

#[test]
fn no_source_file_is_too_long_to_proofread() {
    const LINES_MAX: usize = 500;
    for (path, source) in production_sources() {
        let lines = source.lines().count();
        assert!(lines <= LINES_MAX, "{path} has {lines} lines");
    }
}

fn production_sources() -> Vec<(String, String)> {
    let sources = read_sources(&["proto", "ingestor", "processor", "store", "deploy"]);
    assert!(sources.len() > 50, "the sources are where this test looks");
    sources
}

/// Whether a file holds tests only.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/") || path.contains("/conformance")
}

/// The Rust files below folders, as paths from the root with their texts, in order.
fn read_sources(folders: &[&str]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut files);
    }
    files.sort();
    let read = |file: PathBuf| {
        let path = file.strip_prefix(root()).expect("inside the root");
        let text = std::fs::read_to_string(&file).expect("readable");
        (path.to_string_lossy().into_owned(), text)
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
