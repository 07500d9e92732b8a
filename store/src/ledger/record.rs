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
use super::publish::{JobPublisher, build_jobs_of};
use super::subject::{SignalSubject, key_by_other_name};
use crate::metrics::{SignalOutcome, StoreMetrics};
use crate::repo::dependencies::Dependent;
use crate::repo::sources::SourceKey;
use crate::repo::{DependencyRow, Location, Outcome, RecordedRows, Repo, RepoError, SourceRow, Tx};

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

/// Records signals until it is told to stop. Copies share what they stand on.
#[derive(Clone)]
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
        let mut known = HashSet::new();
        let recorded = loop {
            // By identity and not by content: GitHub redelivers under the same one, whoever asks for
            // it.
            let fresh = filter_fresh(signals, &known);
            let mut tx = self.repo.write().await?;
            let recorded = decide_and_write(self, &mut tx, &fresh).await?;
            if recorded.known.is_empty() {
                tx.commit().await?;
                break recorded;
            }
            // Hardly ever: so nobody asks in advance, and what was decided with them is decided again
            // without them. Each turn leaves some out, and a batch is finite.
            known.extend(recorded.known);
        };
        let duplicates = signals.len() - recorded.outcomes.len();
        for _ in 0..duplicates {
            self.metrics.count_signal(SignalOutcome::Duplicate);
        }
        for outcome in recorded.outcomes {
            self.metrics.count_signal(outcome_label(outcome));
        }
        // After the commit: a job of a generation that was rolled back would be read for nothing. One
        // that is lost in between is found by the reconciler.
        self.jobs.publish_new(recorded.jobs).await;
        Ok(())
    }
}

/// What became of a batch of signals.
struct RecordedSignals {
    outcomes: Vec<Outcome>,
    jobs: Vec<Job>,
    /// Identities that had been recorded before, so that none of this may be committed.
    known: Vec<String>,
}

/// The signals that are not known, each once.
fn filter_fresh<'a>(signals: &'a [Signal], known: &HashSet<String>) -> Vec<&'a Signal> {
    let mut seen: HashSet<&str> = known.iter().map(String::as_str).collect();
    let fresh = signals.iter().filter(|signal| seen.insert(&signal.id));
    fresh.collect()
}

async fn decide_and_write(
    ledger: &Ledger,
    tx: &mut Tx,
    signals: &[&Signal],
) -> Result<RecordedSignals, RepoError> {
    let LoadedBatch {
        mut batch,
        dependencies,
    } = load_batch(ledger, tx, signals).await?;
    let outcomes = signals
        .iter()
        .map(|signal| batch.decide_signal(signal))
        .collect();
    let SignalBatch {
        sources,
        locations,
        writes,
        ..
    } = batch;
    let new = write_batch(tx, &sources, &writes).await?;
    let new: HashSet<&str> = new.iter().map(String::as_str).collect();
    let guids = writes.deliveries.iter().map(|row| row.guid.as_str());
    let known = guids.filter(|guid| !new.contains(guid));
    let requested: Vec<&SourceRow> = sources
        .values()
        .filter(|source| writes.requested_ids.contains(&source.id))
        .collect();
    let held: Vec<&Location> = locations.values().flatten().collect();
    let config = &ledger.config;
    let jobs = build_jobs_of(
        &requested,
        &held,
        &dependencies,
        &config.providers,
        config.fingerprint.as_str(),
    );
    Ok(RecordedSignals {
        outcomes,
        jobs,
        known: known.map(str::to_owned).collect(),
    })
}

/// What signals are about, and what its files are made from besides.
struct LoadedBatch<'a> {
    batch: SignalBatch<'a>,
    dependencies: Vec<DependencyRow>,
}

async fn load_batch<'a>(
    ledger: &'a Ledger,
    tx: &mut Tx,
    signals: &[&Signal],
) -> Result<LoadedBatch<'a>, RepoError> {
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
    let pushed = pushed_repositories(signals);
    let held: BTreeSet<SourceId> = found.iter().map(|source| source.id).collect();
    let mut dependencies = load_dependencies(tx, &held, &pushed).await?;
    let dependents: Vec<Dependent> = dependencies
        .iter()
        .filter(|it| pushed.contains(&it.dependency.repository()))
        .cloned()
        .collect();
    // Locked after the sources that are named. Two batches that want the same sources in another
    // order are told apart by the database, and the one that loses is tried again.
    let elsewhere: BTreeSet<SourceId> = dependents
        .iter()
        .map(|it| it.source_id)
        .filter(|id| !held.contains(id))
        .collect();
    if !elsewhere.is_empty() {
        let ids: Vec<SourceId> = elsewhere.iter().copied().collect();
        found.extend(tx.lock_sources(&ids).await?);
        // Of those, what they read of the pushed repositories is there, and nothing else yet.
        dependencies.retain(|it| held.contains(&it.source_id));
        dependencies.extend(load_dependencies(tx, &elsewhere, &[]).await?);
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
    let batch = SignalBatch {
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
    };
    let dependencies = dependencies.into_iter().map(|it| it.dependency).collect();
    Ok(LoadedBatch {
        batch,
        dependencies,
    })
}

async fn load_dependencies(
    tx: &mut Tx,
    source_ids: &BTreeSet<SourceId>,
    pushed: &[RepositoryName],
) -> Result<Vec<Dependent>, RepoError> {
    let ids: Vec<SourceId> = source_ids.iter().copied().collect();
    tx.dependencies_around(&ids, pushed).await
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
) -> Result<Vec<String>, RepoError> {
    let mut changed: Vec<SourceRow> = sources
        .values()
        .filter(|source| writes.source_ids.contains(&source.id))
        .cloned()
        .collect();
    // A map has no order, and rows that are locked in another one each time end in a deadlock.
    changed.sort_by_key(|source| source.id);
    tx.write_recorded(&RecordedRows {
        sources: &changed,
        locations: &writes.locations,
        deliveries: &writes.deliveries,
    })
    .await
}

fn outcome_label(outcome: Outcome) -> SignalOutcome {
    match outcome {
        Outcome::Waiting | Outcome::Applied => SignalOutcome::Accepted,
        Outcome::Unchanged => SignalOutcome::Unchanged,
        Outcome::Ignored => SignalOutcome::Ignored,
        Outcome::Dead => SignalOutcome::Dead,
    }
}
