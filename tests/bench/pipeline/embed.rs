//! A definition of five MiB that an API embeds by `$text`: from the webhook's first byte to the first read that shows it.

use std::time::{Duration, Instant};

use freshet_tests::catalog::Profile;
use freshet_tests::http::Http;
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
    let before = etag(world).await;
    let started = Instant::now();
    post(http, &world.webhooks, &prepared).await;
    while etag(world).await == before {}
    started.elapsed()
}

/// Read without the definition, so that the reader does not take the processors' time.
async fn etag(world: &World) -> Value {
    let found = world
        .api
        .json("/api/catalog/entities?filter=kind=api&fields=metadata.etag")
        .await
        .expect("answered");
    found[0]["metadata"]["etag"].clone()
}

fn definition(title: &str) -> String {
    let line = "  /orders/{id}: { get: { responses: { '200': { description: An order. } } } }\n";
    let mut text = format!("openapi: 3.0.0\ninfo: {{ title: {title}, version: '1' }}\npaths:\n");
    while text.len() < DEFINITION_BYTES {
        text.push_str(line);
    }
    text
}
