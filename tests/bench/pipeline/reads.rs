//! How many reads a catalog answers, and how fast: eight connections, two of the machine's cores, and this client on
//! the same. And how long a start takes, and what is in memory after it.
//!
//! Freshet is a process of its own; it needs the binary of this profile: `cargo build --release --bin freshet`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use freshet_github_emulator::GithubEmulator;
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::catalog::start_github;
use freshet_tests::http::Http;
use freshet_tests::process::{FreshetProcess, Service};
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::{ORGANIZATION, Setup, app_config};
use freshet_wait::{PATIENCE_FOR_MANY, within};
use http::Method;
use serde_json::{Value, json};

use crate::dataset;
use crate::machine::{memory_mib, millis, quantile};

const FILE: &str = "catalog-info.yaml";
const CONNECTIONS: usize = 8;
/// Each query is asked for this long, after a tenth of it that does not count.
const ASKED_FOR: Duration = Duration::from_secs(3);
const REFS: usize = 50;

/// One kind of read.
struct Query {
    name: &'static str,
    /// The request for a number.
    make: fn(usize, &Size) -> (Method, String, String),
}

/// What there is.
#[derive(Clone, Copy)]
struct Size {
    repositories: usize,
    entities: usize,
}

const QUERIES: [Query; 9] = [
    query("by-name", |number, size| {
        get(&format!("entities/by-name/{}", path_of(number, size)))
    }),
    query("by-refs-50", |number, size| {
        let refs: Vec<String> = (0..REFS)
            .map(|index| ref_of(number * REFS + index, size))
            .collect();
        let body = json!({ "entityRefs": refs }).to_string();
        (Method::POST, "entities/by-refs".to_owned(), body)
    }),
    query("by-refs-50-fields", |number, size| {
        let refs: Vec<String> = (0..REFS)
            .map(|index| ref_of(number * REFS + index, size))
            .collect();
        let fields = [
            "kind",
            "metadata.name",
            "metadata.namespace",
            "metadata.title",
            "spec.type",
        ];
        let body = json!({ "entityRefs": refs, "fields": fields }).to_string();
        (Method::POST, "entities/by-refs".to_owned(), body)
    }),
    query("page-20", |number, _| {
        let tier = if number % 2 == 0 {
            "component"
        } else {
            "location"
        };
        get(&format!(
            "entities/by-query?filter=kind={tier}&limit=20&orderField=metadata.name,asc"
        ))
    }),
    query("facets", |_, _| {
        get(
            "entity-facets?facet=kind&facet=spec.type&facet=spec.lifecycle&facet=metadata.tags&filter=kind=component",
        )
    }),
    query("owner", |number, _| {
        let owner = number % 50;
        get(&format!(
            "entities/by-query?filter=relations.ownedBy=group:default/team-{owner}&limit=29"
        ))
    }),
    query("full-text", |number, _| {
        get(&format!(
            "entities/by-query?fullTextFilterTerm=service-0{:02}&fullTextFilterFields=metadata.name,metadata.title&limit=20&orderField=metadata.name,asc",
            number % 100
        ))
    }),
    query("or-ordered", |number, _| {
        let team = number % 50;
        get(&format!(
            "entities/by-query?filter=metadata.labels.team=team-{team}&filter=spec.type=service,metadata.tags=rust&limit=20&orderField=metadata.name,asc"
        ))
    }),
    query("full-list", |_, _| get("entities")),
];

const fn query(name: &'static str, make: fn(usize, &Size) -> (Method, String, String)) -> Query {
    Query { name, make }
}

fn get(target: &str) -> (Method, String, String) {
    (Method::GET, target.to_owned(), String::new())
}

fn name_of(number: usize, size: &Size) -> String {
    let repository = number * 7 % size.repositories;
    format!("service-{repository:04}-{}", number * 13 % size.entities)
}

fn path_of(number: usize, size: &Size) -> String {
    format!("component/default/{}", name_of(number, size))
}

fn ref_of(number: usize, size: &Size) -> String {
    format!("component:default/{}", name_of(number, size))
}

/// One line for each query, and one for the start.
pub(crate) async fn measure(
    profile: Profile,
    label: &str,
    repositories: usize,
    entities: usize,
) -> Vec<Value> {
    let size = Size {
        repositories,
        entities,
    };
    let github = start_github(&[]).await;
    seed(&github, &size);
    let backends = Backends::start(profile).await;
    let setup = Setup::at_free_addresses();
    let config = app_config(&setup, &github, &backends.bus(), &backends.database().await);
    let folder = backends.folder.path();
    let process =
        FreshetProcess::start(Service::All, &freshet_binary(), folder, &config).expect("it starts");
    let api = Api::new(setup.api, setup.admin);
    let visible = repositories * entities + repositories;
    until_visible(&api, visible).await;
    within(PATIENCE_FOR_MANY, "it settles", || api.is_settled()).await;
    process.stop().await;
    let started = Instant::now();
    process.restart().expect("it starts again");
    until_visible(&api, visible).await;
    let mut lines = vec![json!({
        "bench": "start",
        "profile": label,
        "entities": visible,
        "ready_s": (started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        "rss_mb": memory_mib(process.pid().expect("it runs")).resident,
    })];
    let base = Arc::new(format!("http://{}/api/catalog/", setup.api));
    for query in &QUERIES {
        lines.push(measure_query(query, &base, size, visible).await);
    }
    let memory = memory_mib(process.pid().expect("it runs"));
    lines.push(json!({ "bench": "reads", "query": "memory", "entities": visible, "rss_mb": memory.resident, "rss_peak_mb": memory.peak }));
    process.stop().await;
    github.stop().await;
    lines
}

fn seed(github: &GithubEmulator, size: &Size) {
    let entities = size.entities;
    let names = (0..size.repositories).map(dataset::repository);
    github
        .seed_generated(ORGANIZATION, names, FILE, move |number| {
            dataset::file_of(number, entities, "t")
        })
        .expect("an organisation is made");
}

async fn until_visible(api: &Api, entities: usize) {
    within(PATIENCE_FOR_MANY, "everything is visible", || async move {
        let visible = api.metric("catalog_entities_count", &[]).await;
        let visible = visible.unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        let wanted = entities as f64;
        (visible >= wanted)
            .then_some(())
            .ok_or_else(|| format!("{visible} of {wanted}"))
    })
    .await;
}

async fn measure_query(query: &Query, base: &Arc<String>, size: Size, visible: usize) -> Value {
    ask_all(query, base, size, ASKED_FOR / 10).await;
    let started = Instant::now();
    let (mut times, bytes) = ask_all(query, base, size, ASKED_FOR).await;
    let elapsed = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let per_second = times.len() as f64 / elapsed;
    json!({
        "bench": "reads",
        "entities": visible,
        "query": query.name,
        "per_s": per_second.round(),
        "p50_ms": millis(quantile(&mut times, 0.5)),
        "p99_ms": millis(quantile(&mut times, 0.99)),
        "bytes": bytes / times.len().max(1),
    })
}

/// Asks over all connections for so long; answers with the time of each answer, and the bytes of all.
async fn ask_all(
    query: &Query,
    base: &Arc<String>,
    size: Size,
    length: Duration,
) -> (Vec<Duration>, usize) {
    let until = Instant::now() + length;
    let make = query.make;
    let connections = (0..CONNECTIONS).map(|connection| {
        let base = Arc::clone(base);
        async move {
            let (http, mut times, mut bytes) = (Http::default(), Vec::new(), 0);
            let mut number = connection * 1_009;
            while Instant::now() < until {
                let (method, target, body) = make(number, &size);
                let headers: &[(&str, &str)] = if body.is_empty() {
                    &[]
                } else {
                    &[("content-type", "application/json")]
                };
                let url = format!("{base}{target}");
                let started = Instant::now();
                let answer = http
                    .send(method, &url, headers, Bytes::from(body))
                    .await
                    .expect("an answer");
                times.push(started.elapsed());
                assert!(answer.status.is_success(), "{url}: {}", answer.status);
                bytes += answer.body.len();
                number += CONNECTIONS;
            }
            (times, bytes)
        }
    });
    let all = futures::future::join_all(connections).await;
    let bytes = all.iter().map(|(_, bytes)| bytes).sum();
    (
        all.into_iter().flat_map(|(times, _)| times).collect(),
        bytes,
    )
}
