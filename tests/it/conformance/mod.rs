//! Everything Backstage was recorded to make of the corpus, made by Freshet, and each difference said.

mod compare;
mod expected;
mod validate;

use std::path::{Path, PathBuf};

use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::{Stage, Staged};
use freshet_wait::{PATIENCE, try_within};
use serde_json::{Value, json};

use crate::deviations::{DEVIATIONS, is_deviating_case};
use compare::{Difference, Mode};
use expected::Recorded;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/catalog")
}

/// Every file below `folder`, with its path inside it.
pub(crate) fn list_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder of the corpus") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path
                    .strip_prefix(folder)
                    .expect("below it")
                    .to_string_lossy()
                    .into_owned();
                found.push((inside, std::fs::read(&path).expect("readable")));
            }
        }
    }
    found.sort();
    found
}

async fn catalog_of(repositories: Vec<Staged>, locations: Vec<Value>) -> TestCatalog {
    let stage = Stage {
        repositories,
        overlay: json!({"catalog": {"providers": null, "locations": locations}}),
        named_github: true,
        ..Stage::default()
    };
    TestCatalog::stage(stage).await
}

/// Compares until only what differs on purpose is left, and fails with every other difference.
async fn check_recorded(world: &TestCatalog, recorded: &Recorded, mode: &Mode) {
    // If it never is, the comparison says more than the waiting could.
    let _settled = try_within(PATIENCE, || world.api.is_settled()).await;
    let outcome = try_within(PATIENCE, || async {
        let differences = compare::all(world, recorded, mode).await;
        let unexplained = unexplained(&differences);
        let lines: Vec<String> = unexplained.iter().map(ToString::to_string).collect();
        if lines.is_empty() {
            Ok(differences)
        } else {
            Err(format!("{}:\n{}", lines.len(), lines.join("\n")))
        }
    });
    match outcome.await {
        Ok(differences) => check_deviations(&differences, mode),
        Err(lines) => panic!("differences from what was recorded ({mode:?}), {lines}"),
    }
}

fn unexplained(differences: &[Difference]) -> Vec<&Difference> {
    let all = differences.iter();
    all.filter(|it| !is_deviating_case(&it.case)).collect()
}

fn check_deviations(differences: &[Difference], mode: &Mode) {
    // Only of URLs were the entities themselves recorded, so only there every deviation shows.
    if !matches!(mode, Mode::Urls) {
        return;
    }
    for case in DEVIATIONS.iter().filter_map(|it| it.case) {
        let is_different = differences.iter().any(|difference| difference.case == case);
        assert!(is_different, "{case} no longer deviates");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_of_urls() {
    let recorded = Recorded::read(&folder().join("expected.json"));
    let locations = recorded
        .cases
        .keys()
        .map(|case| json!({"type": "url", "target": Mode::url_of(case)}))
        .collect();
    let corpus = ("corpus".to_owned(), list_files(&folder().join("cases")));
    let world = catalog_of(vec![corpus], locations).await;
    check_recorded(&world, &recorded, &Mode::Urls).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_of_files() {
    let recorded = Recorded::read(&folder().join("expected.file.json"));
    let cases = folder().join("cases");
    let mode = Mode::Files(cases.clone());
    let locations = recorded
        .cases
        .keys()
        .map(|case| json!({"type": "file", "target": cases.join(format!("{case}.yaml"))}))
        .collect();
    let world = catalog_of(Vec::new(), locations).await;
    check_recorded(&world, &recorded, &mode).await;
    world.finish().await;
}
