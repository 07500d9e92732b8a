//! Everything around a run: GitHub, the servers, the processes; and whether all of it has come to rest.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use freshet_github_emulator::{GithubEmulator, Options};
use freshet_wait::{PATIENCE_FOR_MANY, pause, try_within};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::database::{Database, folder_on};
use super::faults::Disks;
use super::roles::{BINARY, Roles};
use crate::api::Api;
use crate::history::{self, Recorder};
use crate::nats::{NatsServer, NatsSettings};
use crate::setup::{ORGANIZATION, Setup, TOKEN, hook};
use crate::small_disk::SmallDisk;
use crate::wall_clock::ClockMaker;

/// The catalog file of each repository.
pub(super) const CATALOG_PATH: &str = "catalog-info.yaml";
/// What a supervisor waits before it starts a process again that gave up.
const START_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What a run writes, and as much again.
const NATS_DISK_MEBIBYTES: usize = 256;

/// What both listeners have heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeardUpTo {
    pub(super) feed: i64,
    pub(super) stream: i64,
}

/// Everything around the run.
pub(super) struct Surroundings {
    // In the order they end: the processes before what they stand on, and their disks last.
    pub(super) roles: Roles,
    pub(super) api: Api,
    pub(super) nats: NatsServer,
    pub(super) database: Database,
    pub(super) github: GithubEmulator,
    pub(super) recorder: Arc<Recorder>,
    // Nothing where disks cannot be mounted.
    pub(super) nats_disk: Option<SmallDisk>,
}

impl Surroundings {
    pub(super) async fn start(plan: &Plan, recorder: Arc<Recorder>) -> Result<Self> {
        let github = github(plan.repositories).await?;
        let nats_disk = SmallDisk::mount(NATS_DISK_MEBIBYTES)?;
        let clocks = ClockMaker::prepare().context("make clocks that can be set")?;
        let nats =
            NatsServer::try_start_in(&folder_on(nats_disk.as_ref()), NatsSettings::default())
                .await?;
        let database = Database::start(plan.database, &clocks).await?;
        let setup = Setup {
            frequency: plan.sweep_every,
            // The writers remove and restore more than anybody would, and nobody is there to confirm it.
            overlay: json!({"freshet": {"removals": {"percent": 100}}}),
            ..Setup::at_free_addresses()
        };
        hook(&github, setup.webhooks);
        let bus = json!({"nats": {"url": nats.url()}});
        let blocks = (&bus, &database.config());
        let (roles, api) = Roles::start(&setup, &github, blocks, &clocks, Arc::clone(&recorder))?;
        Ok(Self {
            github,
            nats,
            api,
            roles,
            recorder,
            database,
            nats_disk,
        })
    }

    /// Waits until the first sweep found and read every repository.
    pub(super) async fn wait_until_discovered(&self, repositories: usize) -> Result<()> {
        let read = try_within(PATIENCE_FOR_MANY, || async {
            self.roles
                .start_again_what_ended()
                .map_err(|error| format!("{error:#}"))?;
            let sources = self.api.sources().await?;
            let is_read = |source: &&Value| {
                source["kind"] == "repository" && source["done"] == source["wanted"]
            };
            let count = sources.iter().filter(is_read).count();
            (count >= repositories)
                .then_some(())
                .ok_or_else(|| format!("{count} of {repositories}"))
        });
        let read = read.await.map_err(anyhow::Error::msg);
        read.context("read every repository")
    }

    /// Starts again what ended by itself until `stop`.
    pub(super) async fn keep_running(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            self.roles.start_again_what_ended()?;
            tokio::select! {
                () = stop.cancelled() => {}
                () = pause(START_AGAIN_AFTER) => {}
            }
        }
        Ok(())
    }

    /// Which disks there are.
    pub(super) fn disks(&self) -> Disks {
        match &self.nats_disk {
            Some(_) => self.database.disks(),
            None => Disks::Shared,
        }
    }

    /// Whether a sweep that began after `since` is done with, and with it every hook that was lost.
    pub(super) async fn has_swept_since(&self, since: i64) -> bool {
        // Not what a clock that was an hour ahead has noted.
        const SWEPT: &str = "select count(*) from delivery \
            where event = 'tick' and received_at > $1 and received_at <= $2 \
                and covered_at is not null";
        let swept = self.database.numbers(SWEPT, &[since, history::now()]).await;
        swept.is_ok_and(|[count]| count > 0)
    }

    /// Whether nothing is under way: in the ledger, to the subscribers.
    pub(super) async fn is_drained(&self, heard: HeardUpTo) -> bool {
        const OUTSTANDING: &str = "select \
            (select count(*) from delivery where covered_at is null), \
            (select count(*) from source where wanted > done), \
            (select revision from catalog_meta)";
        let Ok([deliveries, sources, revision]) = self.database.numbers(OUTSTANDING, &[]).await
        else {
            return false;
        };
        let is_settled = deliveries == 0 && sources == 0;
        is_settled
            && heard.feed >= revision
            && heard.stream >= revision
            && self.no_signal_waits().await
    }

    /// Whether the ledger has taken every signal.
    async fn no_signal_waits(&self) -> bool {
        let waiting = async {
            let client = async_nats::connect(self.nats.url()).await.ok()?;
            let context = async_nats::jetstream::new(client);
            let mut stream = context
                .get_stream(freshet_proto::stream::SIGNALS)
                .await
                .ok()?;
            Some(stream.info().await.ok()?.state.messages)
        };
        waiting.await == Some(0)
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        let log = self.recorder.folder().join("nats-server.log");
        // Without the log a failed run is harder to read, and a program left there takes space, no more.
        let _written = std::fs::write(log, self.nats.log());
        let _removed = std::fs::remove_file(self.recorder.folder().join(BINARY));
    }
}

/// An organisation with empty repositories: the writers make the files, so that every file is in the history.
async fn github(repositories: usize) -> Result<GithubEmulator> {
    let options = Options {
        token: Some(TOKEN.to_owned()),
        ..Options::default()
    };
    let github = GithubEmulator::start(options).await?;
    github.create_org(ORGANIZATION);
    let names = (0..repositories).map(|index| {
        (
            format!("service-{index}"),
            vec![("README.md", "A service.")],
        )
    });
    github.seed(ORGANIZATION, names.collect::<Vec<_>>())?;
    Ok(github)
}
