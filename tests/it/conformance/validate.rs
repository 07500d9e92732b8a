//! `freshet validate` finds the same files in error as the recording.

use std::collections::BTreeSet;
use std::process::Command;

use freshet_tests::services::freshet_binary;
use serde_json::Value;

use super::expected::Recorded;
use super::folder;
use crate::deviations::is_deviating_case;

/// Cases whose error only a read from elsewhere shows, which validation never does.
const NEEDS_THE_NETWORK: [&str; 1] = ["location-type-url-bad"];

#[test]
fn conformance_of_validate() {
    let recorded = Recorded::read(&folder().join("expected.json"));
    // By name: in a folder, what says nothing of being a catalog file is left alone.
    let cases = recorded
        .cases
        .keys()
        .map(|case| folder().join(format!("cases/{case}.yaml")));
    let output = Command::new(freshet_binary())
        .args(["validate", "--format", "json", "--location"])
        .arg("https://github.com/acme/corpus/blob/main/")
        .args(cases)
        .output()
        .expect("freshet runs");
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = files_in_error(&report);
    let ignored =
        |case: &&String| NEEDS_THE_NETWORK.contains(&case.as_str()) || is_deviating_case(case);
    let expected: BTreeSet<&String> = recorded
        .cases
        .iter()
        .filter(|(_, case)| case.entities.iter().any(|entity| !entity.errors.is_empty()))
        .map(|(name, _)| name)
        .filter(|case| !ignored(case))
        .collect();
    let found: BTreeSet<&String> = found.iter().filter(|case| !ignored(case)).collect();
    let missed: Vec<_> = expected.difference(&found).collect();
    let invented: Vec<_> = found.difference(&expected).collect();
    assert!(
        missed.is_empty() && invented.is_empty(),
        "missed {missed:?}\ninvented {invented:?}"
    );
}

/// Names of the cases that have an error.
fn files_in_error(report: &Value) -> BTreeSet<String> {
    let problems = report["problems"].as_array().expect("a list of problems");
    problems
        .iter()
        .filter(|problem| problem["level"] == "error")
        .filter_map(|problem| problem["path"].as_str())
        .filter_map(|path| path.rsplit('/').next()?.strip_suffix(".yaml"))
        .map(str::to_owned)
        .collect()
}
