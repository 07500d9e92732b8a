//! What Backstage's own client gets from Freshet: every check of `tests/client`, in both profiles.

use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::process::free_address;
use freshet_tests::stage::Stage;
use serde_json::json;

use super::{check_outcomes, run_checks};
use crate::story::url;

/// What the client sends.
const TOKEN: &str = "token-of-the-client-checks";
const SEED: &str = include_str!("../../client/seed.yaml");
const SEED_FILE: &str = "catalog-info.yaml";
/// How many checks there are: fewer, and some were lost.
const CHECKS: usize = 112;

/// Checks of what is not built yet. One that passes has to be taken off this list.
#[rustfmt::skip]
const NOT_YET: &[&str] = &[
    "C01", "C05", "C06",
    "V01", "V02", "V03", "V04", "V05", "V06", "V07", "V08",
];

/// A catalog of the seed, which may read what is served at `served`.
async fn catalog_of_seed(profile: Profile, served: &str) -> TestCatalog {
    let registered = Stage::registered(
        &[("seed", &[(SEED_FILE, SEED)])],
        &[&url("seed", SEED_FILE)],
    );
    let mut overlay = registered.overlay.clone();
    overlay["backend"] = json!({"reading": {"allow": [{"host": served}]}});
    let world = TestCatalog::stage(Stage {
        profile,
        overlay,
        api_token: Some(TOKEN),
        ..registered
    })
    .await;
    world.api.sees("component:default/page-7").await;
    world.api.settles().await;
    world
}

async fn check_client(profile: Profile) {
    let served = free_address().to_string();
    let world = catalog_of_seed(profile, &served).await;
    let catalog = format!("{}/api/catalog", world.api.url());
    let options = ["--base", &catalog, "--serve", &served];
    let outcomes = run_checks("client", &options, &[("CATALOG_TOKEN", TOKEN)]).await;
    check_outcomes(&outcomes, CHECKS, NOT_YET);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backstages_client_gets_what_it_expects() {
    check_client(Profile::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backstages_client_gets_what_it_expects_over_nats_and_postgresql() {
    check_client(Profile::Nats).await;
}
