//! What the program occupies after reading a large organisation for the first time, against what it occupies when
//! it is started again on the same catalog: the difference is what the work left behind.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use freshet_github_emulator::GithubEmulator;
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::http::Http;
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::{Setup, app_config, hook};
use freshet_wait::{PATIENCE_FOR_MANY, pause, within};
use serde_json::{Value, json};

use crate::dataset::{self, REPOSITORIES};
use crate::machine::{memory_mib, millis, quantile};
use crate::push::post;
use crate::world::{full_name, github_with};

/// Ten times as many as in the dataset, in as many repositories.
const ENTITIES_PER_REPOSITORY: usize = 100;
const ENTITIES: usize = REPOSITORIES * ENTITIES_PER_REPOSITORY;
const PUSHES: usize = 300;
/// Allocators give memory back in their own time.
const AT_REST: Duration = Duration::from_secs(15);
/// Reads of the whole list, one after the other.
const LISTS: usize = 3;

/// Needs the binary of this profile: `cargo build --release --bin freshet`.
pub(crate) async fn measure(profile: Profile, label: &str) -> Value {
    let files = (0..REPOSITORIES).map(|number| {
        let file = dataset::file_of(number, ENTITIES_PER_REPOSITORY, "t");
        (dataset::repository(number), file)
    });
    let github = github_with(files.collect()).await;
    let backends = Backends::start(profile).await;
    let setup = Setup::at_free_addresses();
    let config = app_config(&setup, &github, &backends.bus(), &backends.database().await);
    let file = backends.folder.path().join("app-config.json");
    std::fs::write(&file, config.to_string()).expect("written");
    hook(&github, setup.webhooks);
    let api = Api::new(setup.api, setup.admin);

    let started = Instant::now();
    let mut process = start(&file);
    until_visible(&api).await;
    let cold = started.elapsed();
    within(PATIENCE_FOR_MANY, "it settles", || api.is_settled()).await;
    pause(AT_REST).await;
    let after_cold = memory_mib(process.id());

    let http = Http::default();
    let mut times = push_to_many(&github, &api, &http, setup.webhooks).await;
    stop(&mut process).await;

    let started = Instant::now();
    let mut process = start(&file);
    within(PATIENCE_FOR_MANY, "it is ready", || async {
        api.metric("catalog_revision", &[]).await.map(|_| ())
    })
    .await;
    let restart = started.elapsed();
    pause(AT_REST).await;
    let after_restart = memory_mib(process.id());
    let mut listed = Duration::ZERO;
    for _ in 0..LISTS {
        let started = Instant::now();
        let answer = http
            .get(&format!("http://{}/api/catalog/entities", setup.api))
            .await;
        assert_eq!(answer.expect("answered").status.as_u16(), 200);
        listed = started.elapsed();
    }
    let after_lists = memory_mib(process.id());
    stop(&mut process).await;
    json!({
        "bench": "memory",
        "profile": label,
        "entities": ENTITIES,
        "cold_seconds": (cold.as_secs_f64() * 10.0).round() / 10.0,
        "cold_rss_mb": after_cold.resident,
        "cold_peak_mb": after_cold.peak,
        "push_p50_ms": millis(quantile(&mut times, 0.50)),
        "push_p99_ms": millis(quantile(&mut times, 0.99)),
        "restart_seconds": (restart.as_secs_f64() * 10.0).round() / 10.0,
        "restart_rss_mb": after_restart.resident,
        "restart_peak_mb": after_restart.peak,
        "list_ms": millis(listed),
        "list_peak_mb": after_lists.peak,
    })
}

/// One push each to many repositories, and how long each took.
async fn push_to_many(
    github: &GithubEmulator,
    api: &Api,
    http: &Http,
    webhooks: SocketAddr,
) -> Vec<Duration> {
    let webhooks = format!("http://{webhooks}/webhooks/github");
    let mut times = Vec::new();
    for round in 0..PUSHES {
        let title = format!("push {round}");
        let file = dataset::file_of(round, ENTITIES_PER_REPOSITORY, "t");
        // One of the hundred.
        let file = file.replacen("title: t\n", &format!("title: {title}\n"), 1);
        let repository = dataset::repository(round);
        let prepared = github
            .prepare_push(
                &full_name(&repository),
                &[("catalog-info.yaml", Some(&file))],
                &title,
            )
            .expect("committed");
        let entity = format!("component:default/{repository}-0");
        let started = Instant::now();
        post(http, &webhooks, &prepared).await;
        let is_shown =
            |shown: Option<Value>| shown.is_some_and(|it| it["metadata"]["title"] == title);
        while !is_shown(api.entity(&entity).await.expect("the API answers")) {}
        times.push(started.elapsed());
    }
    times
}

fn start(config: &Path) -> Child {
    Command::new(freshet_binary())
        .args(["serve", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("freshet starts")
}

async fn stop(process: &mut Child) {
    let pid = process.id().to_string();
    let told = Command::new("kill").arg(&pid).status().expect("told");
    assert!(told.success(), "{told}");
    within(PATIENCE_FOR_MANY, "it stops", || {
        let ended = process.try_wait().expect("its own child");
        async move { ended.map(|_| ()).ok_or_else(|| "it runs".to_owned()) }
    })
    .await;
}

async fn until_visible(api: &Api) {
    within(PATIENCE_FOR_MANY, "everything is visible", || async {
        let components = ["kind=\"component\""];
        let visible = api.metric("catalog_entities_count", &components).await?;
        #[expect(clippy::cast_precision_loss, reason = "a hundred thousand")]
        let all = ENTITIES as f64;
        (visible >= all)
            .then_some(())
            .ok_or_else(|| format!("{visible}"))
    })
    .await;
}
