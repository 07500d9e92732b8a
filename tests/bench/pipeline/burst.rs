//! Two hundred pushes on two hundred repositories at once, until all are visible.

use std::time::Instant;

use freshet_tests::backends::Profile;
use freshet_tests::http::Http;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::dataset;
use crate::machine::{millis, quantile};
use crate::push::post;
use crate::world::{World, full_name};

const REPOSITORIES: usize = 200;
const ROUNDS: usize = 7;

pub(crate) async fn measure(profile: Profile, label: &str) -> Value {
    let files = (0..REPOSITORIES).map(|number| {
        (
            dataset::repository(number),
            dataset::small_file(number, "t"),
        )
    });
    let world = World::start(profile, files.collect(), REPOSITORIES).await;
    let http = Http::default();
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        rounds.push(burst(&world, &http, &format!("round {round}")).await);
    }
    world.services.stop().await;
    json!({
        "bench": "burst",
        "profile": label,
        "repositories": REPOSITORIES,
        "all_visible_ms": millis(quantile(&mut rounds, 0.5)),
        "worst_ms": millis(quantile(&mut rounds, 1.0)),
        "rounds": ROUNDS,
    })
}

async fn burst(world: &World, http: &Http, title: &str) -> std::time::Duration {
    let prepared: Vec<_> = (0..REPOSITORIES)
        .map(|number| {
            let file = dataset::small_file(number, title);
            let name = full_name(&dataset::repository(number));
            world
                .github
                .prepare_push(&name, &[("catalog-info.yaml", Some(&file))], title)
                .expect("committed")
        })
        .collect();
    let started = Instant::now();
    let posts = join_all(
        prepared
            .iter()
            .map(|push| post(http, &world.webhooks, push)),
    );
    let (_, ()) = tokio::join!(posts, all_visible(world, title));
    started.elapsed()
}

/// Reads one entity after the other until each shows the title; an entity once seen is not asked again.
async fn all_visible(world: &World, title: &str) {
    for number in 0..REPOSITORIES {
        let entity = dataset::last_entity(number);
        loop {
            let shown = world
                .api
                .entity(&entity)
                .await
                .expect("the API answers")
                .expect("it is there");
            if shown["metadata"]["title"] == title {
                break;
            }
        }
    }
}
