//! Ten thousand entities in a thousand repositories into an empty catalog.
//!
//! Twice: the store alone, started on a queue that already holds every observation, until the last entity is
//! visible and its change published; and everything from the first call to the emulator on.

use std::time::{Duration, Instant};

use freshet_bus::{Bus, Expect, Outbound};
use freshet_github_emulator::GithubEmulator;
use freshet_proto::envelope::{Envelope, REVISION_HEADER};
use freshet_proto::message::{
    Lane, ListedRepository, ListingObserved, Observation, Repository, observation,
};
use freshet_proto::stream::{CHANGES, JOBS, OBSERVATIONS, topology};
use freshet_proto::subject::Subjects;
use freshet_runtime::admin::Readiness;
use freshet_runtime::clock::Clock;
use freshet_runtime::metrics::Registry;
use freshet_runtime::progress::ProgressBoard;
use freshet_runtime::supervisor::Supervisor;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::setup::{ORGANIZATION, Setup, app_config};
use freshet_wait::{PATIENCE_FOR_MANY, within};
use prost::Message as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::dataset::{self, ENTITIES_PER_REPOSITORY, REPOSITORIES};
use crate::machine::{cpu_time, own_cpu_time, resident_mib};
use crate::world::{full_name, github_with};

const ENTITIES: usize = REPOSITORIES * ENTITIES_PER_REPOSITORY;
/// With the Location that is generated for each file.
const VISIBLE: usize = ENTITIES + REPOSITORIES;
/// Repositories per part of a listing, as a processor makes them.
const PAGE: usize = 100;
const STOP_DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn measure(profile: Profile, label: &str) -> Value {
    let github = github_with(files()).await;
    let drained = store_alone(profile, &github).await;
    github.stop().await;
    let with_emulator = everything(profile).await;
    let rate = |time: Duration| {
        #[expect(clippy::cast_precision_loss, reason = "ten thousand")]
        let entities = ENTITIES as f64;
        (entities / time.as_secs_f64()).round()
    };
    json!({
        "bench": "ingest",
        "profile": label,
        "entities": ENTITIES,
        "generated_locations": REPOSITORIES,
        "seconds": (drained.elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0,
        "entities_per_s": rate(drained.elapsed),
        "cpu_seconds": drained.cpu.all().as_secs_f64(),
        "nats_cpu_share": drained.cpu.share_of(drained.cpu.nats),
        "postgres_cpu_share": drained.cpu.share_of(drained.cpu.postgres),
        "with_emulator_per_s": rate(with_emulator),
        "rss_mb": resident_mib(),
    })
}

fn files() -> Vec<(String, String)> {
    (0..REPOSITORIES)
        .map(|number| (dataset::repository(number), dataset::file(number, "t")))
        .collect()
}

/// From the start of every service on an empty database to the last entity.
async fn everything(profile: Profile) -> Duration {
    let github = github_with(files()).await;
    let backends = Backends::start(profile).await;
    let config = app_config(
        &Setup::default(),
        &github,
        &backends.bus(),
        &backends.database().await,
    );
    let started = Instant::now();
    let services = freshet_tests::services::Services::start(&config).await;
    within(PATIENCE_FOR_MANY, "everything is visible", || async {
        let visible = services
            .store
            .view
            .read(freshet_store::view::CatalogState::len);
        if visible >= VISIBLE {
            Ok(())
        } else {
            Err(format!("{visible}"))
        }
    })
    .await;
    let elapsed = started.elapsed();
    services.stop().await;
    elapsed
}

fn listed(github: &GithubEmulator, number: usize) -> ListedRepository {
    let name = dataset::repository(number);
    let full_name = full_name(&name);
    ListedRepository {
        repository: Some(Repository {
            id: github.repository_id(&full_name).expect("a repository"),
            owner: ORGANIZATION.to_owned(),
            html_url: github
                .clone_url(&full_name)
                .trim_end_matches(".git")
                .to_owned(),
            default_branch: "main".to_owned(),
            name,
            ..Repository::default()
        }),
        head: github
            .head(&full_name)
            .expect("a repository")
            .map(|head| head.as_str().to_owned())
            .unwrap_or_default(),
        blob: "not read yet".to_owned(),
        path: "catalog-info.yaml".to_owned(),
    }
}

/// How a queue was drained.
struct Drained {
    elapsed: Duration,
    cpu: CpuTimes,
}

/// CPU time of everything that takes part.
#[derive(Clone, Copy)]
struct CpuTimes {
    own: Duration,
    nats: Duration,
    postgres: Duration,
}

impl CpuTimes {
    fn read(backends: &Backends) -> Self {
        let nats = backends
            .nats
            .as_ref()
            .and_then(freshet_tests::nats::NatsServer::pid);
        let postgres = backends.postgres.as_ref();
        let postgres = postgres.and_then(freshet_tests::db::PostgresServer::pid);
        Self {
            // Without its children, which are the other two.
            own: own_cpu_time(),
            nats: nats.map(cpu_time).unwrap_or_default(),
            postgres: postgres.map(cpu_time).unwrap_or_default(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            own: self.own.saturating_sub(before.own),
            nats: self.nats.saturating_sub(before.nats),
            postgres: self.postgres.saturating_sub(before.postgres),
        }
    }

    fn all(self) -> Duration {
        self.own + self.nats + self.postgres
    }

    /// In per cent.
    fn share_of(self, part: Duration) -> f64 {
        (part.as_secs_f64() / self.all().as_secs_f64().max(f64::EPSILON) * 1_000.0).round() / 10.0
    }
}

/// The parts that outlive a store's restart.
struct Stage {
    backends: Backends,
    bus: Bus,
    config: freshet::app_config::AppConfig,
}

async fn store_alone(profile: Profile, github: &GithubEmulator) -> Drained {
    let backends = Backends::start(profile).await;
    let config = app_config(
        &Setup::default(),
        github,
        &backends.bus(),
        &backends.database().await,
    );
    let document =
        freshet_runtime::config::from_str(&config.to_string()).expect("a valid document");
    let config = freshet::app_config::AppConfig::read(&document).expect("a valid configuration");
    let stage = Stage {
        bus: connect(&backends).await,
        backends,
        config,
    };
    stage.discover(github).await;
    stage.fill_queue().await;
    stage.drain_queue().await
}

async fn connect(backends: &Backends) -> Bus {
    let bus = match &backends.nats {
        None => Bus::memory(),
        Some(nats) => Bus::connect(&freshet_bus::nats::NatsConfig::new(nats.url(), "bench"))
            .await
            .expect("connected"),
    };
    bus.provision(&topology(&Subjects::default(), 1))
        .await
        .expect("provisioned");
    bus
}

impl Stage {
    /// Makes every repository a source that wants a read, by a listing made here: no processor runs, so no job is taken yet.
    async fn discover(&self, github: &GithubEmulator) {
        let (mut supervisor, stop) = supervisor();
        let store = self.start_store(&mut supervisor).await;
        self.start_ingestor(&mut supervisor).await;
        let running = tokio::spawn(supervisor.run());
        let listing = within(PATIENCE_FOR_MANY, "the first tick is recorded", || async {
            let sources = store
                .repo
                .source_statuses()
                .await
                .map_err(|error| error.to_string())?;
            sources
                .first()
                .map(|source| source.id.get())
                .ok_or_else(|| "no source".to_owned())
        })
        .await;
        self.publish_listing(github, listing).await;
        within(PATIENCE_FOR_MANY, "every repository is known", || async {
            let known = store
                .repo
                .source_statuses()
                .await
                .map_err(|error| error.to_string())?
                .len();
            if known > REPOSITORIES {
                Ok(())
            } else {
                Err(format!("{known}"))
            }
        })
        .await;
        stop.cancel();
        running.await.expect("no panic").expect("a clean stop");
    }

    async fn publish_listing(&self, github: &GithubEmulator, source_id: i64) {
        let repositories: Vec<ListedRepository> = (0..REPOSITORIES)
            .map(|number| listed(github, number))
            .collect();
        let installation = self.config.processor.github[0].host.clone();
        let parts = repositories.chunks(PAGE).count();
        for (part, page) in repositories.chunks(PAGE).enumerate() {
            let observation = Observation {
                source_id,
                generation: 1,
                lane: Lane::Lo.into(),
                installation: installation.clone(),
                part: u32::try_from(part).expect("few parts"),
                last: part + 1 == parts,
                body: Some(observation::Body::Listing(ListingObserved {
                    organization: ORGANIZATION.to_owned(),
                    repositories: page.to_vec(),
                })),
                ..Observation::default()
            };
            let message = Outbound {
                subject: Subjects::default().observation(Lane::Lo, &installation, source_id),
                payload: observation.encode_to_vec().into(),
                envelope: Envelope::default(),
                headers: Vec::new(),
                expect: Expect::Nothing,
            };
            let _stored = self.bus.publish(message).await.expect("published");
        }
    }

    /// Lets a processor answer every job while no store runs.
    async fn fill_queue(&self) {
        let (mut supervisor, stop) = supervisor();
        self.start_processor(&mut supervisor).await;
        let running = tokio::spawn(supervisor.run());
        within(PATIENCE_FOR_MANY, "every job is answered", || async {
            let depths = self.bus.depths().await.map_err(|error| error.to_string())?;
            let waiting = depths
                .iter()
                .find(|depth| depth.stream == JOBS)
                .map_or(0, |depth| depth.messages);
            if waiting == 0 {
                Ok(())
            } else {
                Err(format!("{waiting}"))
            }
        })
        .await;
        stop.cancel();
        running.await.expect("no panic").expect("a clean stop");
        let depths = self.bus.depths().await.expect("depths");
        let queued = depths
            .iter()
            .find(|depth| depth.stream == OBSERVATIONS)
            .map_or(0, |depth| depth.messages);
        eprintln!("{queued} observations are queued");
    }

    /// Starts the store on the full queue and waits for the last entity and its publication.
    async fn drain_queue(&self) -> Drained {
        let (mut supervisor, stop) = supervisor();
        let cpu_before = CpuTimes::read(&self.backends);
        let started = Instant::now();
        let store = self.start_store(&mut supervisor).await;
        let running = tokio::spawn(supervisor.run());
        within(PATIENCE_FOR_MANY, "everything is visible", || async {
            let visible = store.view.read(freshet_store::view::CatalogState::len);
            if visible >= VISIBLE {
                Ok(())
            } else {
                Err(format!("{visible}"))
            }
        })
        .await;
        let visible = started.elapsed();
        eprintln!(
            "visible after {visible:?}, revision {}",
            store.view.revision()
        );
        if self.bus.is_durable() {
            let last = store.view.revision();
            within(PATIENCE_FOR_MANY, "every change is published", || async {
                let tail = self
                    .bus
                    .last_message(CHANGES)
                    .await
                    .map_err(|error| error.to_string())?;
                let headers = tail
                    .message
                    .map(|message| message.headers)
                    .unwrap_or_default();
                let published = headers
                    .iter()
                    .find(|(name, _)| name == REVISION_HEADER)
                    .map(|(_, value)| value.clone());
                if published == Some(last.to_string()) {
                    Ok(())
                } else {
                    Err(format!("{published:?} of {last}"))
                }
            })
            .await;
        }
        let drained = Drained {
            elapsed: started.elapsed(),
            cpu: CpuTimes::read(&self.backends).since(cpu_before),
        };
        stop.cancel();
        running.await.expect("no panic").expect("a clean stop");
        drained
    }

    async fn start_store(&self, supervisor: &mut Supervisor) -> freshet_store::StoreHandle {
        let deps = freshet_store::StoreDeps {
            bus: self.bus.clone(),
            clock: Clock::system(),
            registry: Registry::new("catalog"),
            readiness: Readiness::default(),
            progress: ProgressBoard::unread(),
            listener: tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("bound"),
        };
        freshet_store::start(self.config.store.clone(), deps, supervisor)
            .await
            .expect("the store starts")
    }

    async fn start_processor(&self, supervisor: &mut Supervisor) {
        let deps = freshet_processor::ProcessorDeps {
            bus: self.bus.clone(),
            clock: Clock::system(),
            registry: Registry::new("catalog"),
            readiness: Readiness::default(),
            progress: ProgressBoard::unread(),
        };
        freshet_processor::start(self.config.processor.clone(), deps, supervisor)
            .await
            .expect("the processor starts");
    }

    async fn start_ingestor(&self, supervisor: &mut Supervisor) {
        let deps = freshet_ingestor::IngestorDeps {
            bus: self.bus.clone(),
            clock: Clock::system(),
            registry: Registry::new("catalog"),
            readiness: Readiness::default(),
            listener: tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("bound"),
        };
        freshet_ingestor::start(self.config.ingestor.clone(), deps, supervisor)
            .expect("the ingestor starts");
    }
}

fn supervisor() -> (Supervisor, CancellationToken) {
    let stop = CancellationToken::new();
    (Supervisor::new(stop.clone(), STOP_DEADLINE), stop)
}
