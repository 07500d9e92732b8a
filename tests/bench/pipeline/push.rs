//! From a webhook's first byte to the first API read that shows the push, one push after the other.

use std::time::{Duration, Instant};

use freshet_github_emulator::PreparedPush;
use freshet_model::Revision;
use freshet_proto::timestamp::parse_rfc3339;
use freshet_tests::backends::Profile;
use freshet_tests::http::Http;
use http::Method;
use serde_json::{Value, json};

use crate::dataset;
use crate::machine::{fsync_p99, millis, quantile};
use crate::world::{World, full_name};

/// Pushes go round these many repositories.
const REPOSITORIES: usize = 50;
const WARM_UP: usize = 50;
/// Entities in one of the other repositories, unless there would be too many repositories.
const OTHERS_PER_REPOSITORY: usize = 100;
const OTHER_REPOSITORIES_MAX: usize = dataset::REPOSITORIES - REPOSITORIES;

/// What is in the catalog besides, and nobody pushes to while it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    pub(crate) entities: usize,
    /// How often one of them changes before.
    pub(crate) changes: usize,
}

impl Others {
    fn per_repository(self) -> usize {
        OTHERS_PER_REPOSITORY.max(self.entities.div_ceil(OTHER_REPOSITORIES_MAX))
    }

    /// Numbers of the repositories, each with as many entities.
    fn repositories(self) -> std::ops::Range<usize> {
        REPOSITORIES..REPOSITORIES + self.entities.div_ceil(self.per_repository())
    }

    fn file(self, number: usize, title: &str) -> (String, String) {
        let file = dataset::file_of(number, self.per_repository(), title);
        (dataset::repository(number), file)
    }

    /// Has them change as often as asked, a repository at a time.
    async fn change(self, world: &World, http: &Http) {
        let pushes = self.changes.div_ceil(self.per_repository());
        let numbers = self.repositories().cycle().take(pushes);
        for (round, number) in numbers.enumerate() {
            let title = format!("change {round}");
            let (repository, file) = self.file(number, &title);
            let entity = format!("component:default/{repository}-0");
            push(world, http, &repository, &file, &entity, &title).await;
        }
    }
}

pub(crate) async fn measure(profile: Profile, label: &str, pushes: usize, others: Others) -> Value {
    let pushed = (0..REPOSITORIES).map(|number| {
        (
            dataset::repository(number),
            dataset::small_file(number, "t"),
        )
    });
    let besides = others.repositories().map(|number| others.file(number, "t"));
    let entities = REPOSITORIES + others.repositories().len() * others.per_repository();
    let world = World::start(profile, pushed.chain(besides).collect(), entities).await;
    let http = Http::default();
    others.change(&world, &http).await;
    for round in 0..WARM_UP {
        one(
            &world,
            &http,
            round % REPOSITORIES,
            &format!("warm-up {round}"),
        )
        .await;
    }
    let mut times = Vec::with_capacity(pushes);
    for round in 0..pushes {
        times.push(
            one(
                &world,
                &http,
                round % REPOSITORIES,
                &format!("push {round}"),
            )
            .await,
        );
    }
    eprintln!("{label}: {}", steps(&world, pushes).await);
    let fsync = fsync_p99(world.backends.folder.path());
    world.services.stop().await;
    json!({
        "bench": "push",
        "profile": label,
        "n": times.len(),
        "entities": entities,
        "changes_before": others.changes,
        "p50_ms": millis(quantile(&mut times, 0.50)),
        "p95_ms": millis(quantile(&mut times, 0.95)),
        "p99_ms": millis(quantile(&mut times, 0.99)),
        "fsync_p99_ms": millis(fsync),
    })
}

async fn one(world: &World, http: &Http, number: usize, title: &str) -> Duration {
    let repository = dataset::repository(number);
    let file = dataset::small_file(number, title);
    let entity = dataset::last_entity(number);
    push(world, http, &repository, &file, &entity, title).await
}

/// How long it takes until this entity of the pushed file is shown with its title.
async fn push(
    world: &World,
    http: &Http,
    repository: &str,
    file: &str,
    entity: &str,
    title: &str,
) -> Duration {
    let name = full_name(repository);
    let prepared = world
        .github
        .prepare_push(&name, &[("catalog-info.yaml", Some(file))], title)
        .expect("committed");
    let started = Instant::now();
    post(http, &world.webhooks, &prepared).await;
    loop {
        let shown = world
            .api
            .entity(entity)
            .await
            .expect("the API answers")
            .expect("it is there");
        if shown["metadata"]["title"] == title {
            return started.elapsed();
        }
    }
}

/// What the slowest and the usual pushes spent their time on, from the timing in their own change events.
async fn steps(world: &World, pushes: usize) -> String {
    let store = &world.services.store;
    let newest = store.view.revision().get();
    let mut known = Revision::new(newest - i64::try_from(pushes).expect("few pushes"));
    let mut rows = Vec::new();
    while rows.len() < pushes {
        let page = store
            .repo
            .changes_after(known, 500)
            .await
            .expect("readable");
        let Some(last) = page.last() else {
            break;
        };
        known = last.revision;
        rows.extend(page);
    }
    let timings: Vec<Value> = rows
        .iter()
        .filter_map(|row| serde_json::from_str(&row.data).ok())
        .collect();
    let step = |from: &str, to: &str| {
        let micros = |data: &Value, name: &str| parse_rfc3339(data["timing"][name].as_str()?);
        let between = |data: &Value| {
            Some(
                (micros(data, to)? - micros(data, from)?)
                    .max(0)
                    .unsigned_abs(),
            )
        };
        let mut times: Vec<Duration> = timings
            .iter()
            .filter_map(between)
            .map(Duration::from_micros)
            .collect();
        if times.is_empty() {
            return format!("{from}..{to} unknown");
        }
        let (usual, slow) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        format!(
            "{from}..{to} p50 {} ms, p99 {} ms",
            millis(usual),
            millis(slow)
        )
    };
    [step("received", "fetched"), step("fetched", "committed")].join("; ")
}

/// Sends the hook of a push that is already committed.
pub(crate) async fn post(http: &Http, url: &str, prepared: &PreparedPush) {
    let headers = prepared.headers();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let answer = http
        .send(Method::POST, url, &headers, prepared.body())
        .await
        .expect("answered");
    assert_eq!(answer.status.as_u16(), 202, "{:?}", answer.body);
}
