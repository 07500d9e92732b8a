//! What discovery and sweeps cost in calls to GitHub.

use std::time::Duration;

use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_wait::{PATIENCE_FOR_MANY, eventually, within};

use crate::pay::{FILE, component};

const REPOSITORIES: usize = 1_000;
/// Calls GitHub may see until a thousand repositories are known and read.
const DISCOVERY_CALLS_MAX: usize = 35;
/// Calls of a sweep of a thousand repositories that did not change: one per hundred.
const SWEEP_CALLS: usize = 10;
/// A slot of this length begins together with one of a day only once in decades, so its first sweep is always new.
const ANOTHER_FREQUENCY: Duration = Duration::from_secs(10_007);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_repositories_cost_few_calls_and_an_unchanged_sweep_ten() {
    let names: Vec<String> = (0..REPOSITORIES)
        .map(|number| format!("service-{number}"))
        .collect();
    let files: Vec<String> = names
        .iter()
        .map(|name| component("t").replace("name: pay", &format!("name: {name}")))
        .collect();
    let contents: Vec<[(&str, &str); 1]> =
        files.iter().map(|file| [(FILE, file.as_str())]).collect();
    let repositories: Vec<(&str, &[(&str, &str)])> = names
        .iter()
        .zip(&contents)
        .map(|(name, files)| (name.as_str(), files.as_slice()))
        .collect();
    let mut world = TestCatalog::with(Profile::Embedded, &repositories).await;
    within(PATIENCE_FOR_MANY, "all are read", || async {
        let count = world.api.entities().await?.len();
        // Each file has one component and one generated Location.
        if count == 2 * REPOSITORIES {
            Ok(())
        } else {
            Err(format!("{count}"))
        }
    })
    .await;
    let calls = world.github.count_api_calls();
    assert!(
        calls <= DISCOVERY_CALLS_MAX,
        "discovery and first read took {calls} calls"
    );

    world.stop_services().await;
    world.github.clear_log();
    world.restart_with_sweeps_every(ANOTHER_FREQUENCY).await;
    eventually("the sweep came", || async {
        let calls = world.github.count_api_calls();
        if calls >= SWEEP_CALLS {
            Ok(())
        } else {
            Err(format!("{calls} calls"))
        }
    })
    .await;
    world.api.settles().await;
    assert_eq!(world.github.count_api_calls(), SWEEP_CALLS);
    world.finish().await;
}
