//! A whole Freshet with its surroundings: GitHub, a bus, a database, the services in this process.
//!
//! Stories are told through its actors: `world.github` does what developers do, `world.api` reads as a client
//! does, `world.changes` listens as a subscriber does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use freshet::app_config::AppConfig;
use freshet::cli::Role;
use freshet::compose::{self, Addresses};
use freshet_runtime::supervisor::SupervisorError;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::actors::{Api, Changes};
use crate::db::PostgresServer;
use crate::nats::NatsServer;
use crate::stage::{GITHUB, Stage, staged};
use crate::wait::within;
use freshet_github_emulator::GithubEmulator;

/// The organisation of every story.
pub const ORGANIZATION: &str = "acme";
/// The token the emulator accepts.
pub const TOKEN: &str = "test-token";
/// What hooks are signed with.
pub const HOOK_SECRET: &str = "test-hook-secret";
/// How long the first sweep of a large organisation may take an unoptimised build on a busy machine.
const DISCOVERY: Duration = Duration::from_secs(60);
/// A sweep that does not come by itself during a story.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// With which real parts a story runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Memory bus and SQLite.
    Embedded,
    /// A private nats-server and a private PostgreSQL.
    Nats,
}

/// The real parts behind a profile.
pub struct Backends {
    /// Files of the embedded database.
    pub folder: TempDir,
    /// The bus's server.
    pub nats: Option<NatsServer>,
    /// The database's server.
    pub postgres: Option<PostgresServer>,
}

impl Backends {
    /// Starts what `profile` needs.
    pub async fn start(profile: Profile) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        match profile {
            Profile::Embedded => Self {
                folder,
                nats: None,
                postgres: None,
            },
            Profile::Nats => {
                let nats = NatsServer::start().await;
                let postgres = PostgresServer::start().await;
                Self {
                    folder,
                    nats: Some(nats),
                    postgres: Some(postgres),
                }
            }
        }
    }

    /// The `freshet.bus` block.
    #[must_use]
    pub fn bus(&self) -> Value {
        match &self.nats {
            None => json!("memory"),
            Some(nats) => json!({"nats": {"url": nats.url()}}),
        }
    }

    /// The `backend.database` block.
    pub async fn database(&self) -> Value {
        match &self.postgres {
            None => {
                json!({"client": "better-sqlite3", "connection": {"directory": self.folder.path()}})
            }
            Some(postgres) => {
                json!({"client": "pg", "connection": postgres.create_database().await})
            }
        }
    }
}

/// What an app-config of a story says.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How often the organisation is swept.
    pub frequency: Duration,
    /// Where webhooks are received; port 0 takes a free one.
    pub webhooks: SocketAddr,
    /// Where the API is served.
    pub api: SocketAddr,
    /// Where health and metrics are served.
    pub admin: SocketAddr,
    /// Name of the GitHub host, if it is not the emulator's address.
    pub host: Option<String>,
    /// Changes to the rest, as a JSON merge patch: `null` removes a key.
    pub overlay: Value,
}

impl Default for Setup {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            frequency: NEVER,
            webhooks: any,
            api: any,
            admin: any,
            host: None,
            overlay: json!({}),
        }
    }
}

/// The configuration of a Freshet that reads `github`, as a JSON app-config.
#[must_use]
pub fn app_config(setup: &Setup, github: &GithubEmulator, bus: &Value, database: &Value) -> Value {
    let host = setup
        .host
        .clone()
        .unwrap_or_else(|| github.address().to_string());
    let kinds = [
        "Component",
        "API",
        "Resource",
        "System",
        "Domain",
        "Group",
        "User",
        "Location",
        "Template",
    ];
    let mut config = json!({
        "backend": {"listen": setup.api.to_string(), "database": database},
        "integrations": {"github": [{"host": host, "apiBaseUrl": github.api_url(), "token": TOKEN}]},
        "catalog": {
            "rules": [{"allow": kinds}],
            "providers": {"github": {"story": {
                "organization": ORGANIZATION,
                "host": host,
                "schedule": {"frequency": {"milliseconds": u64::try_from(setup.frequency.as_millis()).expect("short")}},
            }}},
        },
        "freshet": {
            "bus": bus,
            "webhooks": {"listen": setup.webhooks.to_string(), "github": [{"host": host, "secret": HOOK_SECRET}]},
            "admin": {"listen": setup.admin.to_string()},
            "stopDeadline": "5s",
        },
    });
    merge(&mut config, &setup.overlay);
    config
}

/// RFC 7396: objects are merged, `null` removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().expect("just made one");
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// A running Freshet in this process.
pub struct Services {
    /// Where it listens.
    pub addresses: Addresses,
    /// Its store.
    pub store: freshet_store::Handle,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), SupervisorError>>,
}

impl Services {
    /// Starts all roles with this app-config.
    pub async fn start(app_config: &Value) -> Self {
        let document =
            freshet_runtime::config::from_str(&app_config.to_string()).expect("a valid document");
        let config = AppConfig::read(&document).expect("a valid configuration");
        let shutdown = CancellationToken::new();
        let running = compose::start(config, Role::All, shutdown.clone())
            .await
            .expect("the services start");
        Self {
            addresses: running.addresses,
            store: running.store.expect("all roles include the store"),
            shutdown,
            running: tokio::spawn(running.supervisor.run()),
        }
    }

    /// Stops gracefully.
    ///
    /// # Panics
    ///
    /// If a task failed, or did not stop in time.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.running
            .await
            .expect("the supervisor does not panic")
            .expect("a clean stop");
    }
}

/// A whole Freshet with its surroundings.
pub struct TestCatalog {
    /// What developers do.
    pub github: GithubEmulator,
    /// What clients read.
    pub api: Api,
    /// What subscribers hear, from the start.
    pub changes: Changes,
    /// The real parts.
    pub backends: Backends,
    setup: Setup,
    database: Value,
    services: Option<Services>,
}

impl TestCatalog {
    /// Everything embedded, an empty organisation, hooks in place.
    pub async fn start() -> Self {
        Self::with(Profile::Embedded, &[]).await
    }

    /// Everything in `profile`, with these repositories there from the beginning and discovered.
    pub async fn with(profile: Profile, repositories: &[(&str, &[(&str, &str)])]) -> Self {
        Self::stage(Stage {
            profile,
            repositories: repositories.iter().copied().map(staged).collect(),
            ..Stage::default()
        })
        .await
    }

    /// As a story wants it: its own configuration, files that are no text, GitHub under its own name.
    pub async fn stage(stage: Stage) -> Self {
        let github = stage.github().await;
        let backends = Backends::start(stage.profile).await;
        let database = backends.database().await;
        let setup = Setup {
            host: stage.named_github.then(|| GITHUB.to_owned()),
            overlay: stage.overlay.clone(),
            ..Setup::default()
        };
        let services =
            Services::start(&app_config(&setup, &github, &backends.bus(), &database)).await;
        let addresses = services.addresses;
        let setup = Setup {
            webhooks: addresses.webhooks.expect("the ingestor runs"),
            api: addresses.api.expect("the store runs"),
            admin: addresses.admin,
            ..setup
        };
        hook(&github, setup.webhooks);
        let api = Api::new(setup.api, setup.admin);
        let changes = Changes::follow(&api).await;
        let world = Self {
            github,
            api,
            changes,
            backends,
            setup,
            database,
            services: Some(services),
        };
        if stage.is_discovered() {
            world.discovered(stage.repositories.len()).await;
        }
        world
    }

    /// Waits until the first sweep has found `repositories` repositories and everything found is read.
    async fn discovered(&self, repositories: usize) {
        within(DISCOVERY, "the organisation is discovered", || async {
            let sources = self.api.sources().await?;
            let found = sources
                .iter()
                .filter(|source| source["kind"] == "repository")
                .count();
            let listed = sources.iter().any(|source| source["kind"] == "listing");
            let settled = sources
                .iter()
                .all(|source| source["done"] == source["wanted"]);
            (listed && settled && found >= repositories)
                .then_some(())
                .ok_or_else(|| format!("{sources:?}"))
        })
        .await;
    }

    /// The services, while they run.
    ///
    /// # Panics
    ///
    /// If they were stopped.
    #[must_use]
    pub fn services(&self) -> &Services {
        self.services.as_ref().expect("the services run")
    }

    /// Stops the services, keeping GitHub, bus and database.
    pub async fn stop_services(&mut self) {
        if let Some(services) = self.services.take() {
            services.stop().await;
        }
    }

    /// Starts them again, on the same addresses.
    pub async fn start_services(&mut self) {
        let config = app_config(
            &self.setup,
            &self.github,
            &self.backends.bus(),
            &self.database,
        );
        self.services = Some(Services::start(&config).await);
    }

    /// Starts them again with another configuration: a JSON merge patch of the usual one, instead of the one before.
    pub async fn restart_with(&mut self, overlay: Value) {
        self.stop_services().await;
        self.setup.overlay = overlay;
        self.start_services().await;
    }

    /// Starts them again with another sweep frequency.
    pub async fn restart_with_sweeps_every(&mut self, frequency: Duration) {
        self.stop_services().await;
        self.setup.frequency = frequency;
        self.start_services().await;
    }

    /// Ends the story: every task stopped in time, and everything a subscriber heard is what the catalog has.
    pub async fn finish(mut self) {
        self.changes.agrees_with(&self.api).await;
        self.stop_services().await;
    }
}

/// An emulator with the organisation and these repositories in it.
pub async fn start_github(repositories: &[(&str, &[(&str, &str)])]) -> GithubEmulator {
    let stage = Stage {
        repositories: repositories.iter().copied().map(staged).collect(),
        ..Stage::default()
    };
    stage.github().await
}

/// Points the organisation's hook at an ingestor.
pub fn hook(github: &GithubEmulator, webhooks: SocketAddr) {
    github.set_hook(
        ORGANIZATION,
        &format!("http://{webhooks}/webhooks/github"),
        HOOK_SECRET,
    );
}

/// Where the `freshet` binary of this build is.
///
/// # Panics
///
/// If this program does not lie in a target folder.
#[must_use]
pub fn freshet_binary() -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    let folders = this.ancestors().skip(1);
    let mut candidates = folders.map(|folder| folder.join("freshet"));
    candidates
        .find(|candidate| candidate.is_file())
        .expect("the freshet binary is built: cargo build --workspace --bins")
}
