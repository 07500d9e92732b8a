//! A cold discovery: an organisation nobody has read yet, from the start of Freshet to the last entity.
//!
//! Freshet is a process of its own, so that its memory is its own and it can be told to stop. What it did is
//! read from its metrics, and how often each repository was read from the emulator.

use std::path::Path;
use std::time::{Duration, Instant};

use freshet_github_emulator::GithubEmulator;
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::catalog::start_github;
use freshet_tests::process::{FreshetProcess, Service};
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::{ORGANIZATION, Setup, app_config};
use freshet_wait::pause;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::dataset;
use crate::machine::memory_mib;

const FILE: &str = "catalog-info.yaml";
/// Counting a million entities takes a while, and the machine is busy with bringing them in.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(3);
/// Looks are this part of the time so far apart.
const LOOK_PART: u32 = 50;
/// A run without progress for this long has failed.
const STANDSTILL_MAX: Duration = Duration::from_secs(180);
const MEBIBYTE: u64 = 1024 * 1024;

/// What is discovered, and how often it is interrupted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) repositories: usize,
    /// In each of them.
    pub(crate) entities: usize,
    pub(crate) stops: usize,
}

struct World {
    github: GithubEmulator,
    process: FreshetProcess,
    api: Api,
    started: Instant,
    /// Figures of lives that were stopped.
    calls: f64,
    listings: f64,
    given_back: f64,
    jobs: f64,
    stop_seconds: Vec<f64>,
}

pub(crate) async fn measure(profile: Profile, label: &str, plan: Plan) -> Value {
    let Plan {
        repositories,
        entities,
        stops,
    } = plan;
    let visible = repositories * entities + repositories;
    let github = start_github(&[]).await;
    let names = (0..repositories).map(dataset::repository);
    github
        .seed_generated(ORGANIZATION, names, FILE, move |number| {
            dataset::file_of(number, entities, "t")
        })
        .expect("an organisation is made");
    let backends = Backends::start(profile).await;
    let database = backends.database().await;
    let setup = Setup::at_free_addresses();
    let config = app_config(&setup, &github, &backends.bus(), &database);
    let folder = backends.folder.path();
    let started = Instant::now();
    let process = FreshetProcess::start(Service::All, &freshet_binary(), folder, &config);
    let mut world = World {
        github,
        process: process.expect("freshet starts"),
        api: Api::new(setup.api, setup.admin),
        started,
        calls: 0.0,
        listings: 0.0,
        given_back: 0.0,
        jobs: 0.0,
        stop_seconds: Vec::new(),
    };
    for stop in 1..=stops {
        world.until(visible * stop / (stops + 1)).await;
        world.stop().await;
        world.process.restart().expect("it starts again");
    }
    world.until(visible).await;
    let seconds = world.started.elapsed().as_secs_f64();
    let memory = memory_mib(world.process.pid().expect("it runs"));
    world.stop().await;
    let stored = database_mib(folder, &database).await;
    let restarted = Instant::now();
    world.process.restart().expect("it starts again");
    world.until(visible).await;
    let restart_seconds = restarted.elapsed().as_secs_f64();
    let restarted_memory = memory_mib(world.process.pid().expect("it runs"));
    let readings = world.github.count_readings(ORGANIZATION);
    world.github.stop().await;
    json!({
        "bench": "cold",
        "profile": label,
        "repositories": repositories,
        "entities": visible,
        "seconds": round(seconds),
        "calls": world.calls,
        "listing_calls": world.listings,
        "jobs": world.jobs,
        "given_back": world.given_back,
        "readings": readings.iter().sum::<usize>(),
        "readings_max": readings.iter().max(),
        "rss_peak_mb": memory.peak,
        "rss_mb": memory.resident,
        "rss_restart_mb": restarted_memory.resident,
        "restart_seconds": round(restart_seconds),
        "db_mb": stored,
        "stop_seconds": world.stop_seconds,
    })
}

impl World {
    /// Waits until so many entities are visible.
    async fn until(&self, entities: usize) {
        let (mut moved_at, mut before) = (Instant::now(), 0.0);
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        let wanted = entities as f64;
        loop {
            let visible = self.metric("entities_count", &[]).await;
            if visible >= wanted {
                return;
            }
            if visible > before {
                (moved_at, before) = (Instant::now(), visible);
            }
            let elapsed = self.started.elapsed();
            let pid = self.process.pid();
            let resident = pid.map_or(0, |pid| memory_mib(pid).resident);
            eprintln!("{elapsed:.1?}: {visible} of {wanted} entities, {resident} MiB");
            assert!(
                moved_at.elapsed() < STANDSTILL_MAX && self.process.ended().is_none(),
                "nothing moves any more; freshet says:\n{}",
                self.process.log()
            );
            pause((elapsed / LOOK_PART).min(LOOK_EVERY_MAX)).await;
        }
    }

    /// Adds up what this life did, and ends it.
    async fn stop(&mut self) {
        let kind = |kind| format!("kind=\"{kind}\"");
        let requests = "github_requests_total";
        self.calls += self.metric(requests, &[&kind("repositories")]).await;
        self.listings += self.metric(requests, &[&kind("listing")]).await;
        let jobs = "processor_jobs_total";
        self.jobs += self.metric(jobs, &[]).await;
        self.given_back += self.metric(jobs, &["outcome=\"given_back\""]).await;
        let report = self.process.stop().await;
        let log = || self.process.log();
        assert!(report.status.success(), "{}: {}", report.status, log());
        self.stop_seconds.push(round(report.took.as_secs_f64()));
    }

    /// 0 for what never happened, or while nobody answers yet.
    async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let name = format!("catalog_{name}");
        self.api.metric(&name, labels).await.unwrap_or_default()
    }
}

/// What the catalog takes on disk, MiB.
async fn database_mib(folder: &Path, database: &Value) -> u64 {
    if database["client"] == "pg" {
        return postgres_mib(&database["connection"]).await;
    }
    let files = std::fs::read_dir(folder).expect("the folder of the database");
    let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
    sizes.sum::<u64>() / MEBIBYTE
}

async fn postgres_mib(connection: &Value) -> u64 {
    let word = |key: &str| connection[key].as_str().unwrap_or_default().to_owned();
    let (host, user, name) = (word("host"), word("user"), word("database"));
    let url = format!("postgres://{user}@{host}:{}/{name}", connection["port"]);
    let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
    let bytes: i64 = sqlx::query_scalar("select pg_database_size(current_database())")
        .fetch_one(&mut connection)
        .await
        .expect("a size");
    bytes.unsigned_abs() / MEBIBYTE
}

/// Seconds with one decimal.
fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
