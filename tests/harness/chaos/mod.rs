//! A run in which things go wrong while developers push, and its recorded history.
//!
//! Ingestor, processor, store, nats-server and PostgreSQL are processes of their own, or the store keeps a file.
//! Writers commit to an emulated GitHub; every one or two seconds something goes wrong: a process is ended with
//! `kill -9` and started again, stands still, loses its connections, cannot write, has no space, has a wrong clock,
//! misses its file, or GitHub is sick. At the end the pushing stops, everything drains, and what everybody holds
//! is written down for the [`checker`](crate::checker). The run itself judges nothing.

mod database;
mod database_file;
mod disturb;
mod export;
mod faults;
mod listen;
mod roles;
mod surroundings;
mod writers;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use freshet_wait::{pause, try_within};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio_util::sync::CancellationToken;

use crate::history::{self, Recorder, Run, file};
use crate::setup::ORGANIZATION;
pub use faults::DatabaseKind;
use faults::Disturbance;
use listen::Listeners;
use surroundings::{CATALOG_PATH, Surroundings};
use writers::Writers;

/// How long draining may take after the last disturbance.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// How much longer the run waits before it records that nothing drained.
const DRAIN_GRACE: Duration = Duration::from_secs(15);
/// How many different faults a run meets at least.
const FAULT_KINDS_MIN: usize = 12;

/// What a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides what goes wrong when, and who pushes what.
    pub seed: u64,
    /// What keeps the catalog.
    pub database: DatabaseKind,
    /// Repositories pushed to.
    pub repositories: usize,
    /// Developers pushing at the same time.
    pub writers: usize,
    /// How many times something goes wrong.
    pub faults: usize,
    /// Time from the end of one fault to the next.
    pub fault_every: Range<Duration>,
    /// Time from one sweep to the next.
    pub sweep_every: Duration,
}

/// How much happened.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Commits pushed.
    pub pushes: usize,
    /// Attempts to deliver a hook that were answered 2xx.
    pub hooks_accepted: usize,
    /// Those that were not.
    pub hooks_refused: usize,
    /// Faults by what happened to what.
    pub faults: BTreeMap<String, usize>,
    /// Times a process gave up by itself and was started again.
    pub exits: usize,
    /// Last revision.
    pub revisions: i64,
    /// From the last disturbance until everything was drained.
    pub drained_in: Option<Duration>,
    /// The whole run.
    pub took: Duration,
}

/// Runs the plan and leaves its history in `folder`.
///
/// # Errors
///
/// If the surroundings cannot be started or the end state not be read. A system under test that fails is
/// no error: it is in the history.
pub async fn run(plan: &Plan, folder: &Path) -> Result<Summary> {
    let started = Instant::now();
    let recorder = Arc::new(Recorder::new(folder));
    let world = Arc::new(Surroundings::start(plan, Arc::clone(&recorder)).await?);
    world.wait_until_discovered(plan.repositories).await?;
    let listeners = Listeners::start(&world, &recorder);

    let stop = CancellationToken::new();
    let keeper = tokio::spawn(Arc::clone(&world).keep_running(stop.clone()));
    let writers = Writers::start(plan, &world, &recorder);
    let faults = disturb(plan, &world).await?;
    let pushes = writers.stop().await?;
    // A replica that lags is one of the disturbances. Left on, it would show the sweep that ends the run
    // a head that the catalog is then compared with, and found behind.
    for index in 0..plan.repositories {
        let name = format!("{ORGANIZATION}/service-{index}");
        world.github.release_stale(&name)?;
    }
    let disturbed_until = history::now();

    let drained_at = drain(&world, &listeners, disturbed_until).await;
    stop.cancel();
    keeper.await.context("keep the processes running")??;
    world.roles.record_counters().await;
    let end = export::export(&world, &recorder).await?;
    listeners.stop().await;
    let run = Run {
        seed: plan.seed,
        catalog_path: CATALOG_PATH.to_owned(),
        faults_planned: plan.faults,
        fault_kinds_planned: FAULT_KINDS_MIN.min(plan.faults),
        disturbed_until,
        drained_at,
        drain_micros_max: i64::try_from(DRAIN_MAX.as_micros())?,
        api_revision: end.api_revision,
        stream_sequence: end.stream_sequence,
    };
    recorder.record(file::RUN, &run);
    Ok(Summary {
        pushes,
        hooks_accepted: end.hooks_accepted,
        hooks_refused: end.hooks_refused,
        faults,
        exits: world.roles.exits(),
        revisions: end.revision,
        drained_in: drained_at.map(|at| {
            Duration::from_micros(u64::try_from(at - disturbed_until).unwrap_or_default())
        }),
        took: started.elapsed(),
    })
}

/// Disturbs as planned; every fault gets its turn before any gets another one.
async fn disturb(plan: &Plan, world: &Surroundings) -> Result<BTreeMap<String, usize>> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut faults = BTreeMap::new();
    let mut round: Vec<Disturbance> = Vec::new();
    for _ in 0..plan.faults {
        pause(random.random_range(plan.fault_every.clone())).await;
        if round.is_empty() {
            round = Disturbance::all(plan.database, world.disks());
            round.shuffle(&mut random);
        }
        let fault = round.pop().expect("a round has every fault");
        world.disturb(fault, &mut random).await?;
        let (kind, target) = fault.record();
        *faults
            .entry(format!("{} {target}", kind.name()))
            .or_default() += 1;
    }
    Ok(faults)
}

/// Waits until nothing is under way any more; `None` if that takes far too long.
async fn drain(world: &Surroundings, listeners: &Listeners, disturbed_until: i64) -> Option<i64> {
    let begun = Instant::now();
    let limit = DRAIN_MAX + DRAIN_GRACE;
    let swept = try_within(limit, || async {
        let has_swept = world.has_swept_since(disturbed_until).await;
        has_swept.then_some(()).ok_or_else(|| "no sweep".to_owned())
    })
    .await;
    // Its ticks would begin something new while the end state is read.
    world.roles.stop_ingestor();
    swept.ok()?;
    let drained = try_within(limit.saturating_sub(begun.elapsed()), || async {
        let is_drained = world.is_drained(listeners.heard()).await;
        is_drained
            .then(history::now)
            .ok_or_else(|| "something is under way".to_owned())
    });
    drained.await.ok()
}
