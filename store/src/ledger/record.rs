//! One transaction of the ledger: read what the signals are about, decide, write; then the jobs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use freshet_bus::Bus;
use freshet_model::{RepositoryName, SourceId};
use freshet_proto::message::{Job, Push, Signal, signal};
use freshet_runtime::clock::Clock;

use super::batch::{LedgerWrites, SignalBatch};
use super::config::LedgerConfig;
use super::dependents::repository_name;
use super::publish::{JobPublisher, build_jobs};
use super::subject::{SignalSubject, key_by_other_name};
use crate::metrics::{SignalOutcome, StoreMetrics};
use crate::repo::sources::SourceKey;
use crate::repo::{Location, Outcome, Repo, RepoError, SourceRow, Tx};

/// Why signals were not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The database refused or is away.
    #[error("cannot record signals")]
    Repo(#[from] RepoError),
    /// A bug; the panic itself is in the log.
    #[error("recording signals panicked")]
    Panicked,
}

/// Records signals until it is told to stop.
pub struct Ledger {
    pub(super) repo: Repo,
    pub(super) bus: Bus,
    pub(super) clock: Clock,
    pub(super) config: LedgerConfig,
    jobs: JobPublisher,
    pub(super) metrics: Arc<StoreMetrics>,
}

impl Ledger {
    /// A ledger over this database and bus.
    #[must_use]
    pub fn new(
        repo: Repo,
        bus: Bus,
        clock: Clock,
        config: LedgerConfig,
        metrics: Arc<StoreMetrics>,
    ) -> Self {
        let jobs = JobPublisher::new(bus.clone(), config.subjects.clone(), Arc::clone(&metrics));
        Self {
            repo,
            bus,
            clock,
            config,
            jobs,
            metrics,
        }
    }

    /// Records signals and publishes their jobs: all of them or none.
    pub(crate) async fn record(&self, signals: &[Signal]) -> Result<(), RecordError> {
        if signals.is_empty() {
            return Ok(());
        }
        let mut tx = self.repo.write().await?;
        // By identity and not by content: GitHub redelivers under the same one, whoever asks for
        // it.
        // A delivery that another process records at this moment is not seen here; it is found when the row is
        // written, and costs a generation that nobody needed.
        let (fresh, duplicates) = split_known(&mut tx, signals).await?;
        let (outcomes, jobs) = decide_and_write(self, &mut tx, &fresh).await?;
        tx.commit().await?;
        for _ in 0..duplicates {
            self.metrics.count_signal(SignalOutcome::Duplicate);
        }
        for outcome in outcomes {
            self.metrics.count_signal(outcome_label(outcome));
        }
        // After the commit: a job of a generation that was rolled back would be read for nothing. One
        // that is lost in between is found by the reconciler.
        self.jobs.publish_new(jobs).await;
        Ok(())
    }
}

/// The signals never seen before, each once, and how many others there are.
async fn split_known<'a>(
    tx: &mut Tx,
    signals: &'a [Signal],
) -> Result<(Vec<&'a Signal>, usize), RepoError> {
    let guids: Vec<&str> = signals.iter().map(|signal| signal.id.as_str()).collect();
    let known = tx.known_deliveries(&guids).await?;
    let mut seen: HashSet<&str> = known.iter().map(String::as_str).collect();
    let fresh: Vec<&Signal> = signals
        .iter()
        .filter(|signal| seen.insert(&signal.id))
        .collect();
    let duplicates = signals.len() - fresh.len();
    Ok((fresh, duplicates))
}

async fn decide_and_write(
    ledger: &Ledger,
    tx: &mut Tx,
    signals: &[&Signal],
) -> Result<(Vec<Outcome>, Vec<Job>), RepoError> {
    let mut batch = load_batch(ledger, tx, signals).await?;
    let outcomes = signals
        .iter()
        .map(|signal| batch.decide_signal(signal))
        .collect();
    let SignalBatch {
        sources, writes, ..
    } = batch;
    write_batch(tx, &sources, &writes).await?;
    let requested: Vec<&SourceRow> = sources
        .values()
        .filter(|source| writes.requested_ids.contains(&source.id))
        .collect();
    let config = &ledger.config;
    let jobs = build_jobs(
        tx,
        &requested,
        &config.providers,
        config.fingerprint.as_str(),
    )
    .await?;
    Ok((outcomes, jobs))
}

async fn load_batch<'a>(
    ledger: &'a Ledger,
    tx: &mut Tx,
    signals: &[&Signal],
) -> Result<SignalBatch<'a>, RepoError> {
    let (keys, ids) = wanted_sources(signals);
    let mut found = Vec::new();
    if !keys.is_empty() {
        let also = signals
            .iter()
            .filter_map(|signal| key_by_other_name(signal));
        let asked: BTreeSet<SourceKey> = keys.iter().cloned().chain(also).collect();
        let asked: Vec<SourceKey> = asked.into_iter().collect();
        found.extend(tx.lock_sources_by_key(&asked).await?);
    }
    if !ids.is_empty() {
        found.extend(tx.lock_sources(&ids).await?);
    }
    let dependents = tx.dependents_of(&pushed_repositories(signals)).await?;
    let held: BTreeSet<SourceId> = found.iter().map(|source| source.id).collect();
    // Locked after the sources that are named. Two batches that want the same sources in another
    // order are told apart by the database, and the one that loses is tried again.
    let elsewhere: BTreeSet<SourceId> = dependents
        .iter()
        .map(|it| it.source_id)
        .filter(|id| !held.contains(id))
        .collect();
    if !elsewhere.is_empty() {
        let elsewhere: Vec<SourceId> = elsewhere.into_iter().collect();
        found.extend(tx.lock_sources(&elsewhere).await?);
    }
    let sources: HashMap<SourceKey, SourceRow> = found
        .into_iter()
        .map(|source| (source.key(), source))
        .collect();
    let locations = load_locations(tx, &sources).await?;
    let unknown = keys
        .iter()
        .filter(|key| !sources.contains_key(*key))
        .count();
    let missing = count_missing_locations(ledger, signals, &sources, &locations);
    Ok(SignalBatch {
        providers: &ledger.config.providers,
        fingerprint: ledger.config.fingerprint.as_str(),
        now: ledger.clock.now_micros(),
        // Taken in advance, because deciding is pure: it cannot ask the database for a number.
        new_source_ids: tx.new_source_ids(unknown).await?.into_iter(),
        new_location_ids: tx.new_location_ids(missing).await?.into_iter(),
        sources,
        locations,
        dependents,
        writes: LedgerWrites::default(),
    })
}

/// The repositories that were pushed to.
fn pushed_repositories(signals: &[&Signal]) -> Vec<RepositoryName> {
    let pushed: BTreeSet<_> = signals
        .iter()
        .filter_map(|signal| match &signal.body {
            Some(signal::Body::Push(push)) => {
                let repository = push.repository.as_ref()?;
                Some(repository_name(&signal.host, repository))
            }
            _ => None,
        })
        .collect();
    pushed.into_iter().collect()
}

fn wanted_sources(signals: &[&Signal]) -> (Vec<SourceKey>, Vec<SourceId>) {
    let mut keys = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for signal in signals {
        match SignalSubject::of(signal) {
            SignalSubject::Nothing => {}
            SignalSubject::Key(key) => {
                keys.insert(key);
            }
            SignalSubject::Id(id) => {
                ids.insert(id);
            }
        }
    }
    (keys.into_iter().collect(), ids.into_iter().collect())
}

async fn load_locations(
    tx: &mut Tx,
    sources: &HashMap<SourceKey, SourceRow>,
) -> Result<HashMap<SourceId, Vec<Location>>, RepoError> {
    let mut by_source: HashMap<SourceId, Vec<Location>> = HashMap::new();
    if sources.is_empty() {
        return Ok(by_source);
    }
    let ids: Vec<SourceId> = sources.values().map(|source| source.id).collect();
    for location in tx.locations_of(&ids).await? {
        by_source
            .entry(location.source_id)
            .or_default()
            .push(location);
    }
    Ok(by_source)
}

/// An upper bound of the locations the pushes may have to create.
fn count_missing_locations(
    ledger: &Ledger,
    signals: &[&Signal],
    sources: &HashMap<SourceKey, SourceRow>,
    locations: &HashMap<SourceId, Vec<Location>>,
) -> usize {
    let mut missing = BTreeSet::new();
    for signal in signals {
        let Some(signal::Body::Push(Push {
            repository: Some(repository),
            ..
        })) = &signal.body
        else {
            continue;
        };
        let Some(provider) = ledger.config.providers.wanting(&signal.host, repository) else {
            continue;
        };
        let Some(key) = SignalSubject::of(signal).into_key() else {
            continue;
        };
        let held = sources
            .get(&key)
            .and_then(|source| locations.get(&source.id))
            .map_or(&[][..], Vec::as_slice);
        let is_held = held
            .iter()
            .any(|location| location.path == provider.catalog_path);
        if !is_held {
            missing.insert((key, provider.catalog_path.clone()));
        }
    }
    missing.len()
}

async fn write_batch(
    tx: &mut Tx,
    sources: &HashMap<SourceKey, SourceRow>,
    writes: &LedgerWrites,
) -> Result<(), RepoError> {
    let mut changed: Vec<SourceRow> = sources
        .values()
        .filter(|source| writes.source_ids.contains(&source.id))
        .cloned()
        .collect();
    // A map has no order, and rows that are locked in another one each time end in a deadlock.
    changed.sort_by_key(|source| source.id);
    // Sources come first in every transaction, so that two of them never wait for each other.
    tx.put_sources(&changed).await?;
    tx.put_locations(&writes.locations).await?;
    tx.put_deliveries(&writes.deliveries).await
}

fn outcome_label(outcome: Outcome) -> SignalOutcome {
    match outcome {
        Outcome::Waiting | Outcome::Applied => SignalOutcome::Accepted,
        Outcome::Unchanged => SignalOutcome::Unchanged,
        Outcome::Ignored => SignalOutcome::Ignored,
        Outcome::Dead => SignalOutcome::Dead,
    }
}
