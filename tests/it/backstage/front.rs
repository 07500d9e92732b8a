//! A Backstage without a catalog of its own, in front of Freshet: every check of `tests/backstage/front`.

use freshet_tests::catalog::TestCatalog;
use freshet_tests::process::free_address;
use freshet_tests::stage::Stage;
use serde_json::json;

use super::{check_outcomes, run_checks};
use crate::story::url;

/// What this story sends; Backstage has tokens of its own.
const TOKEN: &str = "token-of-the-front-story";
const SEED: &str = include_str!("../../backstage/front/seed.yaml");
const SEED_FILE: &str = "catalog-info.yaml";
/// How many checks there are: fewer, and some were lost.
const CHECKS: usize = 37;

/// Checks of what is not built yet. One that passes has to be taken off this list.
const NOT_YET: &[&str] = &["F04"];

/// A catalog of the seed that knows Backstage at `front`, and may read what is served at `served`.
async fn catalog_behind(front: &str, served: &str) -> TestCatalog {
    let registered = Stage::registered(
        &[("seed", &[(SEED_FILE, SEED)])],
        &[&url("seed", SEED_FILE)],
    );
    let mut overlay = registered.overlay.clone();
    overlay["backend"] = json!({
        "baseUrl": format!("http://{front}"),
        "reading": {"allow": [{"host": served}]},
    });
    overlay["permission"] = json!({"enabled": true});
    let world = TestCatalog::stage(Stage {
        overlay,
        api_token: Some(TOKEN),
        ..registered
    })
    .await;
    world.api.sees("template:default/greet").await;
    world.api.settles().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backstage_in_front_works_as_with_its_own_catalog() {
    let (front, served) = (free_address().to_string(), free_address().to_string());
    let world = catalog_behind(&front, &served).await;
    let catalog = format!("{}/api/catalog", world.api.url());
    let options = [
        "--listen",
        &front,
        "--catalog",
        &catalog,
        "--serve",
        &served,
    ];
    let outcomes = run_checks("backstage/front", &options, &[]).await;
    check_outcomes(&outcomes, CHECKS, NOT_YET);
    world.finish().await;
}
