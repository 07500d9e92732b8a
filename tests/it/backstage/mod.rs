//! Checks that programs of Backstage make of Freshet: its own client, and a whole Backstage in front.
//!
//! They are written in JavaScript, where those programs live, and run as processes. The same checks pass on the real catalog
//! backend, see `tests/backstage/check-client` and `check-front`.

mod client;
mod front;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use freshet_wait::PATIENCE_FOR_MANY;
use serde::Deserialize;
use tokio::process::Command;

/// How long all checks of one program may take.
const CHECKS_PATIENCE: Duration = PATIENCE_FOR_MANY;

/// What came of one check.
#[derive(Deserialize)]
struct Outcome {
    id: String,
    says: String,
    failure: Option<String>,
}

/// Runs the program `check` in this folder of `tests/`.
async fn run_checks(folder: &str, options: &[&str], environment: &[(&str, &str)]) -> Vec<Outcome> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut checks = Command::new("node");
    checks
        .arg(folder.join("check"))
        .arg("--json")
        .args(options)
        .envs(environment.iter().copied())
        .kill_on_drop(true);
    let ran = tokio::time::timeout(CHECKS_PATIENCE, checks.output()).await;
    let ran = ran.expect("in time").expect("node is on this machine");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| {
        let log = String::from_utf8_lossy(&ran.stderr);
        panic!("{error}; are its packages installed, as tests/tools does it?\n{log}")
    })
}

/// Fails with every check that failed and is not on the list, and with every one on the list that passed.
#[track_caller]
fn check_outcomes(outcomes: &[Outcome], count: usize, not_yet: &[&str]) {
    assert_eq!(outcomes.len(), count, "checks");
    let not_yet: BTreeSet<&str> = not_yet.iter().copied().collect();
    let is_awaited = |it: &&Outcome| !not_yet.contains(it.id.as_str());
    let failed: Vec<String> = outcomes
        .iter()
        .filter(is_awaited)
        .filter_map(|it| {
            let failure = it.failure.as_ref()?;
            Some(format!("{} {}\n      {failure}", it.id, it.says))
        })
        .collect();
    assert!(failed.is_empty(), "failed:\n{}", failed.join("\n"));
    let early: Vec<&str> = outcomes
        .iter()
        .filter(|it| it.failure.is_none() && !is_awaited(it))
        .map(|it| it.id.as_str())
        .collect();
    assert!(early.is_empty(), "pass, so take them off: {early:?}");
}
