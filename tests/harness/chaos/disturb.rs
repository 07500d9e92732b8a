//! Making things go wrong, and right again.

use std::io;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, Result};
use freshet_github_emulator::Fault as GithubFault;
use freshet_wait::{PATIENCE, pause, try_within};
use rand::Rng as _;
use rand::rngs::StdRng;

use super::faults::{DatabaseKind, Disturbance, Keeper};
use super::roles::Target;
use super::surroundings::Surroundings;
use crate::freeze::freeze;
use crate::history::{self, CLOCK_STEP_MICROS, Fault, file};
use crate::process::Service;
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
            Disturbance::Cut(Target::Nats) => self.cut_bus().await,
            Disturbance::Cut(_) => self.tell_postgres(&[CUT_CONNECTIONS]).await,
            Disturbance::StepClock(target) => {
                let seconds = CLOCK_STEP_MICROS / 1_000_000;
                let ahead = random.random::<bool>();
                let seconds = if ahead { seconds } else { -seconds };
                self.step_clock(target, seconds, lasts).await
            }
            Disturbance::ReadOnly(DatabaseKind::Postgres) => self.refuse_writes(lasts).await,
            Disturbance::ReadOnly(DatabaseKind::Sqlite) => self.start_on_read_only(lasts).await,
            Disturbance::FullDisk(keeper) => self.fill_disk(keeper, lasts).await,
            Disturbance::Lock => self.lock_file(lasts).await,
            Disturbance::Replace => self.missing_file(self.replace_file()).await,
            Disturbance::TakeAway => self.missing_file(self.take_file_away()).await,
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
                let server = self.database.server()?;
                server.kill();
                pause(away).await;
                server.restart().await;
            }
        }
        Ok(())
    }

    async fn stand_still(&self, target: Target, lasts: Duration) -> Result<()> {
        let pid = match target {
            Target::Service(service) => self.roles.pid(service),
            Target::Nats => self.nats.pid(),
            Target::Postgres => self.database.server()?.pid(),
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

    /// The store is started again when it has ended for want of its file, and what is there is in order: before
    /// that, it would make a new file.
    async fn missing_file(&self, missing: impl Future<Output = Result<()>>) -> Result<()> {
        // One that is just starting after the fault before misses nothing.
        let serves = try_within(PATIENCE, || self.api.revision()).await;
        serves
            .map_err(anyhow::Error::msg)
            .context("the store serves")?;
        self.roles.let_rest(Service::Store);
        let missed = missing.await;
        self.roles.want_again(Service::Store);
        missed
    }

    /// Sets the wall clock of a process wrong, and right again.
    async fn step_clock(&self, target: Target, seconds: i64, lasts: Duration) -> Result<()> {
        let clock = match target {
            Target::Service(service) => self.roles.clock(service),
            Target::Postgres => self.database.server()?.clock(),
            Target::Nats => None,
        };
        let clock = clock.context("a clock that can be set")?;
        clock.set(seconds)?;
        pause(lasts).await;
        Ok(clock.set(0)?)
    }

    async fn refuse_writes(&self, lasts: Duration) -> Result<()> {
        self.tell_postgres(&REFUSE_WRITES).await?;
        pause(lasts).await;
        self.tell_postgres(&TAKE_WRITES).await
    }

    async fn fill_disk(&self, keeper: Keeper, lasts: Duration) -> Result<()> {
        let disk = match keeper {
            Keeper::Nats => &self.nats_disk,
            Keeper::Database(_) => &self.database.disk,
        };
        let disk = disk.as_ref().context("a disk that may be filled")?;
        fill_for(disk, lasts).await?;
        match keeper {
            // A stream that could not be written to stays closed when there is space again: whoever runs
            // the server has to start it anew.
            Keeper::Nats => self.nats.restart().await,
            // It ends if there is no space even to recover.
            Keeper::Database(DatabaseKind::Postgres) => self.database.server()?.recover().await,
            Keeper::Database(DatabaseKind::Sqlite) => {}
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
                let told = self.database.tell_server(statement).await;
                told.map_err(|error| format!("{error:#}"))
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
