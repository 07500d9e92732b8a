//! A whole Freshet with its surroundings: GitHub, a bus, a database, the services in this process.
//!
//! Stories are told through its actors: `world.github` and `world.repository(..)` do what developers do,
//! `world.api` reads as a client does, `world.changes` listens as a subscriber does.

use std::sync::Arc;
use std::time::Duration;

use freshet_github_emulator::GithubEmulator;
use freshet_wait::{PATIENCE_FOR_MANY, within};
use serde_json::Value;

use crate::api::Api;
use crate::backends::{Backends, Profile};
use crate::changes::{Changes, Heard};
use crate::db::PostgresServer;
use crate::deliveries::Deliveries;
use crate::nats::NatsServer;
use crate::repository::Repository;
use crate::services::Services;
use crate::setup::{ORGANIZATION, Setup, app_config, hook};
use crate::stage::{GITHUB, Stage, staged};

/// A whole Freshet with its surroundings.
pub struct TestCatalog {
    /// What developers do.
    pub github: Arc<GithubEmulator>,
    /// What became of its hooks.
    pub deliveries: Deliveries,
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
        let github = Arc::new(stage.github().await);
        let backends = Backends::start(stage.profile).await;
        let database = backends.database().await;
        // The same ones after a restart, so nobody else may be given them meanwhile.
        let setup = Setup {
            host: stage.named_github.then(|| GITHUB.to_owned()),
            overlay: stage.overlay.clone(),
            api_token: stage.api_token.map(str::to_owned),
            ..Setup::at_free_addresses()
        };
        let services =
            Services::start(&app_config(&setup, &github, &backends.bus(), &database)).await;
        hook(&github, setup.webhooks);
        let api = Api::of(&setup);
        let changes = Changes::follow(&api);
        let world = Self {
            deliveries: Deliveries(Arc::clone(&github)),
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

    /// Waits until the first sweep has found `repositories` repositories and everything found is read and served.
    async fn discovered(&self, repositories: usize) {
        within(
            PATIENCE_FOR_MANY,
            "the organisation is discovered",
            || async {
                let sources = self.api.sources().await?;
                let found = sources.iter().filter(|it| it["kind"] == "repository");
                let is_listed = sources.iter().any(|it| it["kind"] == "listing");
                if is_listed && found.count() >= repositories {
                    self.api.is_settled().await
                } else {
                    Err(format!("{sources:?}"))
                }
            },
        )
        .await;
    }

    /// Developers of one repository of the organisation.
    #[must_use]
    pub fn repository(&self, name: &str) -> Repository {
        Repository::new(Arc::clone(&self.github), format!("{ORGANIZATION}/{name}"))
    }

    /// The server of the bus.
    ///
    /// # Panics
    ///
    /// If the story's profile has none.
    #[must_use]
    pub fn nats(&self) -> &NatsServer {
        self.backends.nats.as_ref().expect("this profile has one")
    }

    /// The server of the database.
    ///
    /// # Panics
    ///
    /// If the story's profile has none.
    #[must_use]
    pub fn postgres(&self) -> &PostgresServer {
        self.backends
            .postgres
            .as_ref()
            .expect("this profile has one")
    }

    /// Waits until everything is read and applied, and returns all that subscribers were told of it.
    pub async fn heard_everything(&self) -> Heard {
        self.api.settles().await;
        self.changes.heard_all_of(&self.api).await
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
