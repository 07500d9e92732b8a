//! Who holds a ref that several documents, files or Locations declare, while files come, change and go.
//!
//! All cases are in one catalog, each in a folder and a namespace of its own; a moment of all of them is one push to
//! each repository.

mod cases;
mod differences;
mod promise;

use std::collections::BTreeMap;

use freshet_tests::catalog::TestCatalog;
use freshet_tests::setup::ORGANIZATION;
use freshet_tests::stage::{Stage, Staged};
use freshet_wait::{PATIENCE_FOR_MANY, within};
use serde_json::{Value, json};

use cases::{Recorded, Served, ServedRow};
use differences::{CaseDifferences, KNOWN};
use promise::PromisedCatalog;

const LOCATION: &str = "/metadata/annotations/backstage.io~1managed-by-location";

/// `long` replays all cases.
const SET_VARIABLE: &str = "FRESHET_TEST_SET";
/// How many repositories are replayed otherwise: all of them take more than a minute.
const REPOSITORIES_OF_SHORT_SET: usize = 4;
/// Most differences that a failure prints.
const SHOWN_MAX: usize = 40;

/// The name of a repository.
fn name_of(repository: usize) -> String {
    format!("cases-{repository}")
}

fn stage(recorded: &Recorded) -> Stage {
    let mut repositories: Vec<Staged> = (0..recorded.repository_count())
        .map(|number| (name_of(number), Vec::new()))
        .collect();
    let mut locations = Vec::new();
    for case in &recorded.cases {
        let (name, files) = &mut repositories[recorded.repository_of(case)];
        for (path, text) in case.texts_at(0) {
            files.extend(text.map(|text| (path, text.into_bytes())));
        }
        locations.extend(case.roots.iter().map(|root| {
            let path = case.path_of(root);
            let target = format!("https://github.com/{ORGANIZATION}/{name}/blob/main/{path}");
            json!({"type": "url", "target": target})
        }));
    }
    Stage {
        repositories,
        overlay: json!({
            "catalog": {"providers": null, "locations": locations},
            // What goes is what each case is about; only together is it much.
            "freshet": {"removals": {"percent": 100, "entities": 1_000_000}},
        }),
        named_github: true,
        ..Stage::default()
    }
}

/// Pushes a moment of all cases; says how many pushes that took.
fn push_moment(world: &TestCatalog, recorded: &Recorded, moment: usize) -> usize {
    let mut pushes: BTreeMap<usize, Vec<(String, Option<String>)>> = BTreeMap::new();
    for case in &recorded.cases {
        let texts = case.texts_at(moment);
        if !texts.is_empty() {
            let repository = recorded.repository_of(case);
            pushes.entry(repository).or_default().extend(texts);
        }
    }
    for (repository, files) in &pushes {
        let files: Vec<(&str, Option<&str>)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_deref()))
            .collect();
        world.repository(&name_of(*repository)).commits(&files);
    }
    pushes.len()
}

/// What is served of each case, by its number.
async fn read_served(world: &TestCatalog) -> BTreeMap<usize, Served> {
    let entities = world.api.entities().await.expect("answered");
    let mut served: BTreeMap<usize, Served> = BTreeMap::new();
    for entity in &entities {
        let url = entity.pointer(LOCATION).and_then(Value::as_str);
        let path = url.and_then(|url| url.split_once("/main/")).expect("a URL");
        let (number, file) = path.1.split_once('/').expect("a folder");
        let number = number.parse().expect("the number of a case");
        served
            .entry(number)
            .or_default()
            .push(describe(entity, file));
    }
    served.values_mut().for_each(|rows| rows.sort());
    served
}

fn describe(entity: &Value, file: &str) -> ServedRow {
    let text = |pointer: &str| {
        let value = entity.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let name = text("/metadata/name");
    let shown = if name.starts_with("generated-") {
        String::new()
    } else {
        format!("{}:{name}", text("/kind"))
    };
    let items = entity.pointer("/status/items").and_then(Value::as_array);
    let mut errors: Vec<String> = items
        .into_iter()
        .flatten()
        .filter_map(|item| item["error"]["name"].as_str().map(str::to_owned))
        .collect();
    errors.sort();
    let mut row = vec![shown, file.to_owned(), text("/metadata/title")];
    row.extend(errors);
    ServedRow(row)
}

/// What Freshet comes to serve of each case, moment by moment.
async fn replay(recorded: &Recorded) -> Vec<BTreeMap<usize, Served>> {
    let world = TestCatalog::stage(stage(recorded)).await;
    let moments = recorded.cases.iter().map(|it| it.moments.len()).max();
    let mut pushes = 0;
    let mut served = Vec::new();
    for moment in 0..moments.expect("cases") {
        if moment > 0 {
            pushes += push_moment(&world, recorded, moment);
            // Accepted is kept, so that from here on what has to be read is known.
            world.deliveries.are_accepted(pushes).await;
        }
        let what = "every repository is read";
        within(PATIENCE_FOR_MANY, what, || async {
            let sources = world.api.sources().await?;
            if sources.len() < recorded.repository_count() {
                return Err(format!("{sources:?}"));
            }
            world.api.is_settled().await
        })
        .await;
        served.push(read_served(&world).await);
    }
    world.finish().await;
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ref_that_several_declare_has_the_holder_it_has_in_backstage() {
    let is_long = std::env::var(SET_VARIABLE).is_ok_and(|set| set == "long");
    let repositories_max = if is_long {
        usize::MAX
    } else {
        REPOSITORIES_OF_SHORT_SET
    };
    let recorded = Recorded::read(repositories_max);
    let served = replay(&recorded).await;
    let mut wrong = Vec::new();
    let mut counts = vec![0; KNOWN.len()];
    let mut moments = 0;
    for case in &recorded.cases {
        let mut promised = PromisedCatalog::new(case);
        let mut differences = CaseDifferences::default();
        for (index, moment) in case.moments.iter().enumerate() {
            moments += 1;
            promised.apply(&moment.changes);
            let freshet = served[index].get(&case.number).cloned().unwrap_or_default();
            let expected = promised.serve();
            if freshet != expected {
                wrong.push(format!(
                    "{} at {index}: promised {expected:?}\n  served {freshet:?}",
                    case.number
                ));
            }
            match differences.explain(&promised, &moment.backstage, &freshet) {
                Ok(reasons) => reasons.into_iter().for_each(|reason| counts[reason] += 1),
                Err(rows) => wrong.push(format!("{} at {index}: {rows}", case.number)),
            }
        }
    }
    let shown = wrong.len().min(SHOWN_MAX);
    assert!(
        wrong.is_empty(),
        "{} of {moments} moments:\n{}",
        wrong.len(),
        wrong[..shown].join("\n")
    );
    if is_long {
        check_counts(&counts);
    }
}

#[track_caller]
fn check_counts(counts: &[usize]) {
    let changed: Vec<String> = KNOWN
        .iter()
        .zip(counts)
        .filter(|(known, count)| known.rows != **count)
        .map(|(known, count)| format!("{count} rows, not {}: {}", known.rows, known.reason))
        .collect();
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}
