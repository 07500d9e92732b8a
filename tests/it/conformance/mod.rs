//! Everything Backstage was recorded to make of the corpus, made by Freshet, and each difference said.

mod compare;
mod expected;
mod validate;

use std::path::{Path, PathBuf};
use std::time::Duration;

use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::{Stage, Staged};
use freshet_tests::wait::within;
use serde_json::{Value, json};

use crate::deviations::CONFORMANCE;
use compare::{Difference, Mode};
use expected::Recorded;

/// How long reading the whole corpus may take an unoptimised build on a busy machine.
const READING: Duration = Duration::from_secs(30);
/// How often the comparison is repeated while something is still on its way into what is served.
const ATTEMPTS: usize = 3;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/catalog")
}

/// Every file below `folder`, with its path inside it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
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

/// Waits until a source of this kind was read and nothing is wanted any more. If that does not happen the
/// comparison says more than the waiting could.
async fn read_through(world: &TestCatalog, kind: &'static str) {
    let api = world.api.clone();
    let waiting = tokio::spawn(async move {
        within(READING, "the corpus is read", || async {
            let sources = api.sources().await?;
            let begun = sources
                .iter()
                .any(|source| source["kind"] == kind && source["done"].as_i64() > Some(0));
            let behind: Vec<_> = sources
                .iter()
                .filter(|source| source["done"] != source["wanted"])
                .collect();
            (begun && behind.is_empty())
                .then_some(())
                .ok_or_else(|| format!("{begun} {behind:?}"))
        })
        .await;
    });
    if waiting.await.is_err() {
        eprintln!("not everything was read");
    }
}

/// Compares until nothing changes any more, and fails with every difference that is not one on purpose.
async fn judge(world: &TestCatalog, recorded: &Recorded, mode: &Mode) {
    let mut differences = compare::all(world, recorded, mode).await;
    for _ in 1..ATTEMPTS {
        if unexplained(&differences).is_empty() {
            break;
        }
        differences = compare::all(world, recorded, mode).await;
    }
    report(&differences, mode);
}

fn unexplained(differences: &[Difference]) -> Vec<&Difference> {
    let is_on_purpose = |difference: &&Difference| {
        CONFORMANCE
            .iter()
            .any(|deviation| deviation.case == difference.case)
    };
    differences.iter().filter(|it| !is_on_purpose(it)).collect()
}

fn report(differences: &[Difference], mode: &Mode) {
    let unexplained = unexplained(differences);
    let lines: Vec<String> = unexplained.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} differences from what was recorded ({mode:?}):\n{}",
        lines.len(),
        lines.join("\n")
    );
    // Only of URLs were the entities themselves recorded, so only there every deviation shows.
    for deviation in CONFORMANCE.iter().filter(|_| matches!(mode, Mode::Urls)) {
        assert!(
            differences
                .iter()
                .any(|difference| difference.case == deviation.case),
            "{} no longer deviates ({})",
            deviation.case,
            deviation.number
        );
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
    let corpus = ("corpus".to_owned(), files(&folder().join("cases")));
    let world = catalog_of(vec![corpus], locations).await;
    read_through(&world, "repository").await;
    judge(&world, &recorded, &Mode::Urls).await;
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
    read_through(&world, "file").await;
    judge(&world, &recorded, &mode).await;
    world.finish().await;
}
