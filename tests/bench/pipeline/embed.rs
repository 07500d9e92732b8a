//! A definition of five MiB that an API embeds by `$text`: from the webhook's first byte to the first read that shows it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use freshet_tests::backends::Profile;
use freshet_tests::http::Http;
use http::Method;
use serde_json::{Value, json};

use crate::machine::{millis, quantile};
use crate::push::post;
use crate::world::{World, full_name};

const DEFINITION_BYTES: usize = 5 * 1024 * 1024;
const ROUNDS: usize = 20;
const WARM_UP: usize = 3;
const API_FILE: &str = "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: large\nspec:\n  type: openapi\n  lifecycle: production\n  owner: team\n  definition:\n    $text: ./openapi.yaml\n";

pub(crate) async fn measure(profile: Profile, label: &str) -> Value {
    let first = definition("first");
    let files = vec![(
        "large".to_owned(),
        vec![
            ("catalog-info.yaml", API_FILE.to_owned()),
            ("openapi.yaml", first),
        ],
    )];
    let world = World::of(profile, files, 1).await;
    let http = Http::default();
    let mut times = Vec::new();
    for round in 0..WARM_UP + ROUNDS {
        times.push(one(&world, &http, round).await);
    }
    let mut times = times.split_off(WARM_UP);
    world.services.stop().await;
    json!({
        "bench": "embed",
        "profile": label,
        "bytes": DEFINITION_BYTES,
        "n": times.len(),
        "p50_ms": millis(quantile(&mut times, 0.50)),
        "p99_ms": millis(quantile(&mut times, 0.99)),
    })
}

async fn one(world: &World, http: &Http, round: usize) -> Duration {
    let definition = definition(&format!("round {round}"));
    let prepared = world
        .github
        .prepare_push(
            &full_name("large"),
            &[("openapi.yaml", Some(&definition))],
            "change",
        )
        .expect("committed");
    let before = revision_at_least(world, http, 0).await;
    let started = Instant::now();
    post(http, &world.webhooks, &prepared).await;
    revision_at_least(world, http, before + 1).await;
    started.elapsed()
}

/// Waits, in the catalog, until it is at this revision; returns at which it is. What is asked for does not
/// exist, so that neither the catalog nor this reader spends time on five MiB.
async fn revision_at_least(world: &World, http: &Http, revision: i64) -> i64 {
    let url = format!(
        "{}/api/catalog/entities/by-name/group/default/nobody?minRevision={revision}",
        world.api.url()
    );
    let answer = http
        .send(Method::GET, &url, &[], Bytes::new())
        .await
        .expect("answered");
    let shown = answer.headers.get("catalog-revision");
    let shown = shown
        .and_then(|it| it.to_str().ok())
        .and_then(|it| it.parse().ok());
    let shown = shown.expect("every answer has a revision");
    assert!(shown >= revision, "not visible in time");
    shown
}

fn definition(title: &str) -> String {
    let line = "  /orders/{id}: { get: { responses: { '200': { description: An order. } } } }\n";
    let mut text = format!("openapi: 3.0.0\ninfo: {{ title: {title}, version: '1' }}\npaths:\n");
    while text.len() < DEFINITION_BYTES {
        text.push_str(line);
    }
    text
}
