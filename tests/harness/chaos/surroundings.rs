//! The processes of a run, GitHub and the database, and who starts again what ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::Plan;
use crate::actors::Api;
use crate::catalog::{ORGANIZATION, Setup, app_config, freshet_binary, hook};
use crate::db::PostgresServer;
use crate::github::{DeliveryRecord, GithubEmulator, Options};
use crate::history::{self, Counter, Fault, FaultKind, HeadFile, Hook, Recorder, file};
use crate::http::Http;
use crate::nats::NatsServer;
use crate::process::{FreshetProcess, Service, free_address};

/// The catalog file of each repository.
pub(super) const CATALOG_PATH: &str = "catalog-info.yaml";
/// How often a state that must come is looked for.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the first discovery may take.
const DISCOVERY_MAX: Duration = Duration::from_secs(60);
/// What a supervisor waits before it starts a process again that gave up.
const START_AGAIN_AFTER: Duration = Duration::from_millis(200);
const SCRAPE_TIMEOUT: Duration = Duration::from_millis(300);
const SERVICES: [Service; 3] = [Service::Ingestor, Service::Processor, Service::Store];
/// Part of a log that is kept with the note that its process ended.
const NOTE_LINES: usize = 3;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Service(Service),
    Nats,
}

impl Target {
    pub(super) const ALL: [Self; 4] =
        [Self::Service(Service::Ingestor), Self::Service(Service::Processor), Self::Service(Service::Store), Self::Nats];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service(service) => service.name(),
            Self::Nats => "nats-server",
        }
    }
}

/// What the ledger of the database still waits for.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct Outstanding {
    deliveries: i64,
    sources: i64,
    revision: i64,
}

/// What both listeners have heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeardUpTo {
    pub(super) feed: i64,
    pub(super) stream: i64,
}

/// How hooks were answered.
pub(super) struct Answers {
    pub(super) accepted: usize,
    pub(super) refused: usize,
}

struct Role {
    process: FreshetProcess,
    admin: String,
}

/// Everything around the run.
pub(super) struct Surroundings {
    pub(super) github: GithubEmulator,
    pub(super) nats: NatsServer,
    pub(super) api: Api,
    pub(super) pool: PgPool,
    roles: Vec<Role>,
    recorder: Arc<Recorder>,
    http: Http,
    exits: AtomicUsize,
    ingestor_is_wanted: AtomicBool,
    // Dropped last: the pool above is connected to it.
    _postgres: PostgresServer,
}

impl Surroundings {
    pub(super) async fn start(plan: &Plan, recorder: Arc<Recorder>) -> Result<Self> {
        let github = github(plan.repositories).await?;
        let nats = NatsServer::start().await;
        let postgres = PostgresServer::start().await;
        let connection = postgres.create_database().await;
        let pool = pool(&connection).await?;
        let setup = Setup {
            frequency: plan.sweep_every,
            webhooks: free_address(),
            api: free_address(),
            admin: free_address(),
        };
        let bus = serde_json::json!({"nats": {"url": nats.url()}});
        let database = serde_json::json!({"client": "pg", "connection": connection});
        hook(&github, setup.webhooks);
        let binary: PathBuf = freshet_binary();
        let mut roles = Vec::new();
        let mut api = Api::new(setup.api, setup.admin);
        for service in SERVICES {
            let setup = Setup { admin: free_address(), ..setup.clone() };
            if service == Service::Store {
                api = Api::new(setup.api, setup.admin);
            }
            let mut config = app_config(&setup, &github, &bus, &database);
            config["freshet"]["telemetry"] = serde_json::json!({"logFilter": "info,freshet=debug"});
            let process = FreshetProcess::start(service, &binary, recorder.folder(), &config)?;
            roles.push(Role { process, admin: format!("http://{}", setup.admin) });
        }
        Ok(Self {
            github,
            nats,
            api,
            pool,
            roles,
            recorder,
            http: Http::default(),
            exits: AtomicUsize::new(0),
            ingestor_is_wanted: AtomicBool::new(true),
            _postgres: postgres,
        })
    }

    /// Waits until the first sweep found and read every repository.
    pub(super) async fn wait_until_discovered(&self, repositories: usize) -> Result<()> {
        let read = async {
            loop {
                let sources = self.api.sources().await.unwrap_or_default();
                let is_read = |source: &&Value| source["kind"] == "repository" && source["done"] == source["wanted"];
                if sources.iter().filter(is_read).count() >= repositories {
                    return;
                }
                self.start_again_what_ended();
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(DISCOVERY_MAX, read).await.is_err() {
            bail!("the repositories were not read within {DISCOVERY_MAX:?}");
        }
        Ok(())
    }

    /// Kills and starts again, the server after `away`.
    pub(super) async fn crash(&self, target: Target, away: Duration) -> Result<()> {
        self.record_counters().await;
        tracing::info!(target = target.name(), "kill -9");
        let fault = Fault { kind: FaultKind::Kill, target: target.name().to_owned(), at: history::now(), note: String::new() };
        self.recorder.record(file::FAULTS, &fault);
        match target {
            Target::Service(service) => self.role(service).process.restart()?,
            Target::Nats => {
                self.nats.kill9();
                tokio::time::sleep(away).await;
                self.nats.restart().await;
            }
        }
        Ok(())
    }

    /// Starts again what ended by itself, as the supervisor of a machine does, until `stop`.
    pub(super) async fn keep_running(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.start_again_what_ended();
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(START_AGAIN_AFTER) => {}
            }
        }
    }

    fn start_again_what_ended(&self) {
        for role in &self.roles {
            let process = &role.process;
            if process.service() == Service::Ingestor && !self.ingestor_is_wanted.load(Ordering::SeqCst) {
                continue;
            }
            let Some(status) = process.ended() else { continue };
            self.exits.fetch_add(1, Ordering::Relaxed);
            let log = process.log();
            let lines: Vec<&str> = log.lines().rev().take(NOTE_LINES).collect();
            let last: String = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            self.recorder.record(file::FAULTS, &Fault {
                kind: FaultKind::Exit,
                target: process.service().name().to_owned(),
                at: history::now(),
                note: format!("{status}: {last}"),
            });
            process.restart().expect("a process that could be started can be started again");
        }
    }

    /// Ends the ingestor for good.
    pub(super) fn stop_ingestor(&self) {
        self.ingestor_is_wanted.store(false, Ordering::SeqCst);
        self.role(Service::Ingestor).process.kill9();
    }

    /// Times a process gave up by itself.
    pub(super) fn exits(&self) -> usize {
        self.exits.load(Ordering::Relaxed)
    }

    /// Waits until a sweep that began after `since` is done with, and with it every hook that was lost.
    pub(super) async fn until_swept_since(&self, since: i64) {
        const SWEPT: &str = "select count(*) from delivery where event = 'tick' and received_at > $1 and covered_at is not null";
        loop {
            let swept = sqlx::query_scalar::<_, i64>(SWEPT).bind(since).fetch_one(&self.pool).await;
            if swept.is_ok_and(|count| count > 0) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether nothing is under way: in the ledger, to the subscribers.
    pub(super) async fn is_drained(&self, heard: HeardUpTo) -> bool {
        const OUTSTANDING: &str = "select \
            (select count(*) from delivery where covered_at is null) as deliveries, \
            (select count(*) from source where wanted > done) as sources, \
            (select revision from catalog_meta) as revision";
        let outstanding = sqlx::query_as::<_, Outstanding>(OUTSTANDING).fetch_one(&self.pool).await;
        let Ok(outstanding) = outstanding else { return false };
        let is_settled = outstanding.deliveries == 0 && outstanding.sources == 0;
        is_settled && heard.feed >= outstanding.revision && heard.stream >= outstanding.revision && self.no_signal_waits().await
    }

    /// Whether the ledger has taken every signal.
    async fn no_signal_waits(&self) -> bool {
        let waiting = async {
            let client = async_nats::connect(self.nats.url()).await.ok()?;
            let context = async_nats::jetstream::new(client);
            let mut stream = context.get_stream(freshet_proto::stream::SIGNALS).await.ok()?;
            Some(stream.info().await.ok()?.state.messages)
        };
        waiting.await == Some(0)
    }

    /// Writes down the counters of every process that answers.
    pub(super) async fn record_counters(&self) {
        for role in &self.roles {
            let Some(pid) = role.process.pid() else { continue };
            let url = format!("{}/metrics", role.admin);
            let answer = tokio::time::timeout(SCRAPE_TIMEOUT, self.http.get(&url)).await;
            let Ok(Ok(answer)) = answer else { continue };
            let process = format!("{}-{pid}", role.process.service().name());
            for line in String::from_utf8_lossy(&answer.body).lines().filter(|line| !line.starts_with('#')) {
                let Some((series, value)) = line.rsplit_once(' ') else { continue };
                let (true, Ok(value)) = (series.contains("_total"), value.parse()) else { continue };
                let counter = Counter { process: process.clone(), series: series.to_owned(), value };
                self.recorder.record(file::COUNTERS, &counter);
            }
        }
    }

    /// Writes down every attempt to deliver a hook.
    pub(super) fn record_hooks(&self) -> Answers {
        let attempts: Vec<Hook> = self.github.deliveries().into_iter().map(hook_of).collect();
        for attempt in &attempts {
            self.recorder.record(file::HOOKS, attempt);
        }
        let accepted = attempts.iter().filter(|attempt| attempt.is_accepted()).count();
        Answers { accepted, refused: attempts.len() - accepted }
    }

    /// Writes down the catalog files at the heads.
    pub(super) fn record_heads(&self) -> Result<()> {
        for repository in self.github.repositories(ORGANIZATION) {
            let head = self.github.head(&repository)?.map(|sha| sha.to_string());
            let content = self.github.file(&repository, CATALOG_PATH)?;
            let path = CATALOG_PATH.to_owned();
            self.recorder.record(file::HEADS, &HeadFile { repository, sha: head.unwrap_or_default(), path, content });
        }
        Ok(())
    }

    fn role(&self, service: Service) -> &Role {
        let mut roles = self.roles.iter();
        roles.find(|role| role.process.service() == service).expect("every service runs")
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        let log = self.recorder.folder().join("nats-server.log");
        // Without it a failed run is harder to read, no more.
        let _written = std::fs::write(log, self.nats.log());
    }
}

/// An organisation with empty repositories: the writers make the files, so that every file is in the history.
async fn github(repositories: usize) -> Result<GithubEmulator> {
    let options = Options { token: Some(crate::catalog::TOKEN.to_owned()), ..Options::default() };
    let github = GithubEmulator::start(options).await?;
    github.create_org(ORGANIZATION);
    let names = (0..repositories).map(|index| (format!("service-{index}"), vec![("README.md", "A service.")]));
    github.seed(ORGANIZATION, names.collect::<Vec<_>>())?;
    Ok(github)
}

async fn pool(connection: &Value) -> Result<PgPool> {
    let text = |key: &str| connection[key].as_str().with_context(|| format!("the connection has a {key}"));
    let port = connection["port"].as_u64().and_then(|port| u16::try_from(port).ok()).context("the connection has a port")?;
    let options = PgConnectOptions::new().host(text("host")?).port(port).username(text("user")?).database(text("database")?);
    PgPoolOptions::new().max_connections(2).connect_with(options).await.context("connect to the database")
}

fn hook_of(record: DeliveryRecord) -> Hook {
    Hook {
        guid: record.guid,
        event: record.event,
        repository: record.repository,
        status: record.status,
        at: i64::try_from(record.delivered_at.unix_timestamp_nanos() / 1_000).unwrap_or_default(),
    }
}
