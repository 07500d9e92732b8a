//! One source with very many entities: a folder of files that one location names by a pattern. How long it takes
//! until all of them are visible, and how long a push elsewhere takes meanwhile.
//!
//! Freshet is a process of its own, so that its memory is its own: `cargo build --release --bin freshet`.

use std::path::Path;
use std::time::{Duration, Instant};

use freshet_github_emulator::GithubEmulator;
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::http::Http;
use freshet_tests::process::{FreshetProcess, Service};
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::{Setup, app_config, hook};
use freshet_wait::{PATIENCE_FOR_MANY, pause, within};
use serde_json::{Value, json};

use crate::dataset;
use crate::machine::{memory_mib, millis, quantile};
use crate::push::post;
use crate::world::{full_name, github_with};

/// Entities in each file.
const PER_FILE: usize = 100;
/// Repositories that are pushed to meanwhile.
const PUSHED: usize = 20;
/// Between two pushes, so that they leave the machine to what is measured.
const PUSH_EVERY: Duration = Duration::from_millis(50);
/// A run without progress for this long has failed.
const STANDSTILL_MAX: Duration = Duration::from_secs(300);
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Files of the dataset have the same names again after so many.
const NAMES: usize = dataset::REPOSITORIES;

pub(crate) async fn measure(profile: Profile, label: &str, entities: usize) -> Value {
    let pushed = (0..PUSHED).map(|number| (repository(number), pushed_file(number, "t")));
    let github = github_with(pushed.collect()).await;
    let backends = Backends::start(profile).await;
    let database = backends.database().await;
    let files = tempfile::tempdir().expect("a folder");
    let count = entities.div_ceil(PER_FILE);
    for number in 0..count {
        write_file(files.path(), number);
    }
    let setup = Setup::at_free_addresses();
    let config = app_config(&setup, &github, &backends.bus(), &database);
    hook(&github, setup.webhooks);
    let api = Api::new(setup.api, setup.admin);
    let folder = backends.folder.path();
    // First without the files, so that the repositories are there when it begins.
    start(folder, &config, &api).await.stop().await;
    let pattern = files.path().join("*.yaml");
    let mut with_files = config.clone();
    with_files["catalog"]["locations"] = json!([{"type": "file", "target": pattern}]);
    let process = start(folder, &with_files, &api).await;
    let mut pushes = Pushes {
        github: &github,
        api: &api,
        http: Http::default(),
        webhooks: format!("http://{}/webhooks/github", setup.webhooks),
        times: Vec::new(),
    };
    let started = Instant::now();
    pushes
        .push_until_visible(&process, PUSHED + count * PER_FILE)
        .await;
    let seconds = started.elapsed().as_secs_f64();
    let memory = memory_mib(process.pid().expect("it runs"));
    let _report = process.stop().await;
    let times = &mut pushes.times;
    json!({
        "bench": "large",
        "profile": label,
        "entities": count * PER_FILE,
        "seconds": (seconds * 10.0).round() / 10.0,
        "pushes": times.len(),
        "push_ms_p50": millis(quantile(times, 0.50)),
        "push_ms_p99": millis(quantile(times, 0.99)),
        "push_ms_max": millis(quantile(times, 1.0)),
        "rss_peak_mb": memory.peak,
        "rss_mb": memory.resident,
    })
}

/// Starts Freshet, and waits until the repositories that are pushed to are there.
async fn start(folder: &Path, config: &Value, api: &Api) -> FreshetProcess {
    let process = FreshetProcess::start(Service::All, &freshet_binary(), folder, config);
    let process = process.expect("freshet starts");
    within(PATIENCE_FOR_MANY, "the repositories are there", || async {
        let visible = count_visible(api).await;
        visible
            .filter(|it| *it >= PUSHED)
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;
    process
}

struct Pushes<'a> {
    github: &'a GithubEmulator,
    api: &'a Api,
    http: Http,
    webhooks: String,
    times: Vec<Duration>,
}

impl Pushes<'_> {
    /// Pushes again and again until so many entities are visible.
    async fn push_until_visible(&mut self, process: &FreshetProcess, all: usize) {
        let started = Instant::now();
        let (mut counted, mut moved) = (started, (started, 0));
        loop {
            if counted.elapsed() >= COUNT_EVERY {
                counted = Instant::now();
                let visible = count_visible(self.api).await.unwrap_or_default();
                eprintln!("{:.1?}: {visible} of {all} entities", started.elapsed());
                if visible >= all {
                    return;
                }
                if visible > moved.1 {
                    moved = (counted, visible);
                }
                assert!(
                    moved.0.elapsed() < STANDSTILL_MAX && process.ended().is_none(),
                    "nothing moves any more; freshet says:\n{}",
                    process.log()
                );
            }
            self.push_one().await;
            pause(PUSH_EVERY).await;
        }
    }

    /// Pushes to one of the repositories and waits until that is visible.
    async fn push_one(&mut self) {
        let round = self.times.len();
        let (number, title) = (round % PUSHED, format!("push {round}"));
        let file = pushed_file(number, &title);
        let prepared = self
            .github
            .prepare_push(
                &full_name(&repository(number)),
                &[("catalog-info.yaml", Some(&file))],
                &title,
            )
            .expect("committed");
        let entity = format!("component:default/{}", repository(number));
        let started = Instant::now();
        post(&self.http, &self.webhooks, &prepared).await;
        let is_shown =
            |shown: Option<Value>| shown.is_some_and(|it| it["metadata"]["title"] == *title);
        while !is_shown(self.api.entity(&entity).await.expect("the API answers")) {}
        self.times.push(started.elapsed());
    }
}

fn repository(number: usize) -> String {
    format!("pushed-{number:04}")
}

fn pushed_file(number: usize, title: &str) -> String {
    let name = repository(number);
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n  title: {title}\n\
         spec:\n  type: service\n  lifecycle: production\n  owner: group:default/team\n"
    )
}

fn write_file(folder: &Path, number: usize) {
    let file = dataset::file_of(number % NAMES, PER_FILE, "t");
    let file = file.replace("service-", &format!("service-{}-", number / NAMES));
    let path = folder.join(format!("{number:06}.yaml"));
    std::fs::write(path, file).expect("written");
}

/// Components in the catalog; `None` while nobody answers.
async fn count_visible(api: &Api) -> Option<usize> {
    let counted = api
        .metric("catalog_entities_count", &["kind=\"component\""])
        .await;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count"
    )]
    counted.ok().map(|count| count as usize)
}
