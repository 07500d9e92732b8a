//! READMEs name what there is: files, metrics, and the functions that decide.

use std::collections::BTreeSet;
use std::fs;

use super::{is_test, read_sources, root};

/// The tables of a document whose first column is called like this, as rows of cells.
pub(super) fn rows_of_tables(document: &str, first_column: &[&str]) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(document)).expect("readable");
    let mut rows = Vec::new();
    let mut is_wanted = None;
    for line in text.lines() {
        if !line.starts_with('|') {
            is_wanted = None;
            continue;
        }
        let cells = line.trim_matches('|').split('|');
        let cells: Vec<String> = cells.map(|cell| cell.trim().to_owned()).collect();
        match is_wanted {
            None => is_wanted = Some(first_column.contains(&cells[0].as_str())),
            Some(true) if !cells[0].starts_with("---") => rows.push(cells),
            Some(_) => {}
        }
    }
    rows
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A row names files, or a folder with its files in the second column.
fn named_files(document: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for row in rows_of_tables(document, &["file", "folder"]) {
        for path in quoted(&row[0]) {
            let path = path.strip_prefix("src/").unwrap_or(path);
            if path.ends_with(".rs") {
                named.insert(path.to_owned());
            }
            if let Some(folder) = path.strip_suffix('/') {
                let files = row.get(1).map_or("", String::as_str);
                let files = quoted(files).filter(|file| file.ends_with(".rs"));
                named.extend(files.map(|file| format!("{folder}/{file}")));
            }
        }
    }
    named
}

#[track_caller]
fn check_file_table(package: &str) {
    let sources = root().join(package).join("src");
    let files: BTreeSet<String> = read_sources(&[&format!("{package}/src")])
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, _)| {
            let below = root().join(path);
            let below = below.strip_prefix(&sources).expect("below src");
            below.to_string_lossy().into_owned()
        })
        .collect();
    let named = named_files(&format!("{package}/README.md"));
    let unnamed: Vec<_> = files.difference(&named).collect();
    let missing: Vec<_> = named.difference(&files).collect();
    assert!(
        unnamed.is_empty() && missing.is_empty(),
        "{package}/README.md does not name {unnamed:#?}, and names {missing:#?}, which are not there"
    );
}

#[test]
fn the_file_tables_name_the_files_there_are() {
    check_file_table("processor");
    check_file_table("store");
}

/// The names in `metrics!` declarations: `"name" => field: Kind`.
fn declared_metrics(source: &str) -> BTreeSet<String> {
    let blocks = source.split("metrics! {").skip(1);
    let lines = blocks.flat_map(|block| block.split("\n}\n").next().unwrap_or_default().lines());
    lines
        .filter_map(|line| {
            let (name, field) = line.trim().strip_prefix('"')?.split_once("\" => ")?;
            let kinds = [": Counter", ": Gauge", ": FloatGauge", ": Histogram"];
            let is_metric = kinds.iter().any(|kind| field.contains(kind));
            is_metric.then(|| name.to_owned())
        })
        .collect()
}

#[track_caller]
fn check_metric_table(package: &str) {
    check_metrics_of(&format!("{package}/src"), &format!("{package}/README.md"));
}

/// The metrics declared below a folder are those that a document names.
#[track_caller]
fn check_metrics_of(folder: &str, document: &str) {
    let sources = read_sources(&[folder]);
    let declared: BTreeSet<String> = sources
        .iter()
        .flat_map(|(_, source)| declared_metrics(source))
        .collect();
    assert!(!declared.is_empty(), "{folder} declares metrics");
    let rows = rows_of_tables(document, &["metric"]);
    let named: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| quoted(&row[0]))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, declared, "the metrics of {document}");
}

#[test]
fn the_metric_tables_name_the_metrics_there_are() {
    check_metric_table("processor");
    check_metric_table("store");
    // What every process measures of itself.
    check_metrics_of("deploy/runtime/src/progress", "README.md");
}

/// A cell `` `path/to/file.rs` `function` `` names where something happens.
#[test]
fn the_functions_that_the_readme_names_are_where_it_says() {
    let rows = rows_of_tables("README.md", &["step", "what"]);
    assert!(rows.len() >= 10, "a walkthrough, and who decides");
    for row in rows {
        let place = row.last().expect("a cell");
        let mut names = quoted(place);
        let file = names.next().expect("a file in backticks");
        let source = fs::read_to_string(root().join(file))
            .unwrap_or_else(|error| panic!("{}: {file}: {error}", row[0]));
        let functions: Vec<&str> = names.collect();
        assert!(!functions.is_empty(), "{}: which function?", row[0]);
        for function in functions {
            let name = function.rsplit("::").next().unwrap_or(function);
            let is_there = [format!("fn {name}("), format!("fn {name}<")]
                .iter()
                .any(|declaration| source.contains(declaration));
            assert!(is_there, "{}: {file} has no function {name}", row[0]);
        }
    }
}
