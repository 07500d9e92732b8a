//! Making things go wrong, and right again.

use std::io;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result};
use freshet_github_emulator::Fault as GithubFault;
use freshet_wait::{PATIENCE, pause, try_within};
use rand::Rng as _;
use rand::rngs::StdRng;

use super::faults::{Disks, Disturbance, Keeper};
use super::roles::Target;
use super::surroundings::Surroundings;
use crate::freeze::freeze;
use crate::history::{self, Fault, file};
use crate::small_disk::SmallDisk;

/// How long something stays wrong that can be mended at any moment.
const LASTS: Range<Duration> = Duration::from_millis(300)..Duration::from_millis(1_500);
/// How long a killed server may stay away.
const AWAY: Range<Duration> = Duration::from_millis(0)..Duration::from_millis(900);
const CUT_CONNECTIONS: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
    where application_name = 'freshet-store'";
const REFUSE_WRITES: [&str; 2] = [
    "alter system set default_transaction_read_only = on",
    "select pg_reload_conf()",
];
const TAKE_WRITES: [&str; 2] = [
    "alter system reset default_transaction_read_only",
    "select pg_reload_conf()",
];

impl Surroundings {
    /// Which disks there are.
    pub(super) fn disks(&self) -> Disks {
        if self.nats_disk.is_some() && self.postgres_disk.is_some() {
            Disks::Small
        } else {
            Disks::Shared
        }
    }

    /// Makes one thing go wrong, writes that down, and makes it right again.
    pub(super) async fn disturb(&self, what: Disturbance, random: &mut StdRng) -> Result<()> {
        self.roles.record_counters().await;
        let (kind, target) = what.record();
        let fault = Fault {
            kind,
            target: target.to_owned(),
            at: history::now(),
            note: String::new(),
        };
        self.recorder.record(file::FAULTS, &fault);
        let lasts = random.random_range(LASTS);
        let disturbed = match what {
            Disturbance::Kill(target) => self.crash(target, random.random_range(AWAY)).await,
            Disturbance::Freeze(target) => self.stand_still(target, lasts).await,
            Disturbance::Cut(Keeper::Nats) => self.cut_bus().await,
            Disturbance::Cut(Keeper::Postgres) => self.tell_postgres(&[CUT_CONNECTIONS]).await,
            Disturbance::ReadOnly => self.refuse_writes(lasts).await,
            Disturbance::FullDisk(keeper) => self.fill_disk(keeper, lasts).await,
            Disturbance::Sick(answer) => {
                self.make_github_sick(answer, lasts).await;
                Ok(())
            }
        };
        disturbed.with_context(|| format!("{} {target}", kind.name()))
    }

    /// Kills and starts again, a server after `away`.
    async fn crash(&self, target: Target, away: Duration) -> Result<()> {
        match target {
            Target::Service(service) => self.roles.crash(service)?,
            Target::Nats => {
                self.nats.kill();
                pause(away).await;
                self.nats.restart().await;
            }
            Target::Postgres => {
                self.postgres.kill();
                pause(away).await;
                self.postgres.restart().await;
            }
        }
        Ok(())
    }

    async fn stand_still(&self, target: Target, lasts: Duration) -> Result<()> {
        let pid = match target {
            Target::Service(service) => self.roles.pid(service),
            Target::Nats => self.nats.pid(),
            Target::Postgres => self.postgres.pid(),
        };
        // One that has just ended by itself stands still anyway.
        let Some(pid) = pid else { return Ok(()) };
        let frozen = freeze(pid)?;
        pause(lasts).await;
        drop(frozen);
        Ok(())
    }

    async fn cut_bus(&self) -> Result<()> {
        let cut = self.nats.cut_connections().await;
        cut.map(drop).map_err(anyhow::Error::from_boxed)
    }

    async fn refuse_writes(&self, lasts: Duration) -> Result<()> {
        self.tell_postgres(&REFUSE_WRITES).await?;
        pause(lasts).await;
        self.tell_postgres(&TAKE_WRITES).await
    }

    async fn fill_disk(&self, keeper: Keeper, lasts: Duration) -> Result<()> {
        let disk = match keeper {
            Keeper::Nats => &self.nats_disk,
            Keeper::Postgres => &self.postgres_disk,
        };
        let disk = disk.as_ref().context("a disk that may be filled")?;
        fill_for(disk, lasts).await?;
        match keeper {
            // A stream that could not be written to stays closed when there is space again: whoever runs
            // the server has to start it anew.
            Keeper::Nats => self.nats.restart().await,
            // It ends if there is no space even to recover.
            Keeper::Postgres => self.postgres.recover().await,
        }
        Ok(())
    }

    async fn make_github_sick(&self, answer: GithubFault, lasts: Duration) {
        self.github.fail_all(answer);
        pause(lasts).await;
        self.github.heal();
    }

    /// Runs statements, however long the server takes to come back from the fault before.
    async fn tell_postgres(&self, statements: &[&'static str]) -> Result<()> {
        for statement in statements {
            let told = try_within(PATIENCE, || async {
                let told = sqlx::raw_sql(*statement).execute(&self.pool).await;
                told.map(drop).map_err(|error| error.to_string())
            });
            told.await.map_err(anyhow::Error::msg).context(*statement)?;
        }
        Ok(())
    }
}

async fn fill_for(disk: &SmallDisk, lasts: Duration) -> io::Result<()> {
    disk.fill()?;
    pause(lasts).await;
    disk.free()
}
