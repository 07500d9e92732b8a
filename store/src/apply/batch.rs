//! One transaction of apply.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use freshet_proto::message::{Job, Observation, RepositoryObserved, observation};

use crate::apply::observed::newest::{Chosen, Obstacle, Reading, Setback, choose};
use crate::apply::changes::event::Why;
use crate::apply::write::{Causes, Settlement};
use crate::apply::removals::pending::LeftOut;
use crate::apply::roots::discovered::{add_matches, candidates, compare, left_branches, plant, uproot};
use crate::apply::observed::evidence::{Sighted, sighted, unknown_matches};
use crate::apply::source_state::{repository_proved, set_back};
use crate::apply::observed::reassemble::stage;
use crate::apply::locations::{Facts, Need, Seen};
use crate::apply::locations::load::load;
use super::{Applier, ApplyError};
use crate::change::ChangeRow;
use crate::ledger::jobs_of;
use crate::metrics::{Mechanism, ObservationOutcome};
use crate::repo::{Covered, Covering, Lane, Meta, Outcome, SourceRow, Tx};

/// Rows of the log folded at once when the view is behind it.
const CATCH_UP_ROWS: i64 = 1_000;

/// What a transaction did, told after its commit.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) rows: Vec<ChangeRow>,
    jobs: Vec<Job>,
    covered: Vec<Covered>,
    pub(crate) outcomes: Vec<ObservationOutcome>,
}

/// A transaction while it is put together.
pub(crate) struct Work {
    pub(crate) tx: Tx,
    meta: Meta,
    pub(crate) now: i64,
    /// Ids of sources that get a job after the commit.
    pub(crate) raised: BTreeSet<i64>,
    pub(crate) covering: Vec<Covering>,
    /// Which entities of which installation go.
    pub(crate) removed: Vec<(String, Vec<String>)>,
    pub(crate) done: Done,
}

impl Work {
    /// The newest revision, this transaction's included.
    pub(crate) fn newest_revision(&self) -> i64 {
        let newest = self.done.rows.last().map(|row| row.revision);
        newest.unwrap_or(self.meta.revision)
    }
}

impl Applier {
    /// Applies a batch: all of it or nothing. A listing has a transaction of its own, for it decides
    /// about the sources that others report of; what was applied before it is superseded if it comes again.
    pub(crate) async fn apply(&self, batch: &[Observation]) -> Result<(), ApplyError> {
        let (listings, others): (Vec<&Observation>, Vec<&Observation>) =
            batch.iter().partition(|it| is_listing(it));
        if !others.is_empty() {
            self.apply_together(&others).await?;
        }
        for listing in listings {
            self.apply_together(&[listing]).await?;
        }
        Ok(())
    }

    /// Applies observations together but for what is left out: all of it or nothing.
    pub(crate) async fn apply_all(
        &self,
        batch: &[&Observation],
        left_out: &LeftOut,
    ) -> Result<(), ApplyError> {
        let mut work = self.begin().await?;
        let staged = stage(&mut work.tx, batch).await?;
        work.done.outcomes = staged.outcomes;
        self.work(&mut work, staged.whole, left_out).await?;
        self.commit(work).await
    }

    /// Begins a transaction on top of everything that was committed.
    pub(crate) async fn begin(&self) -> Result<Work, ApplyError> {
        let mut tx = self.repo.write().await?;
        let meta = tx.lock_log().await?;
        self.catch_up(&mut tx, &meta).await?;
        Ok(Work {
            tx,
            meta,
            now: self.clock.now_micros(),
            raised: BTreeSet::new(),
            covering: Vec::new(),
            removed: Vec::new(),
            done: Done::default(),
        })
    }

    /// Commits, and makes the commit visible.
    pub(crate) async fn commit(&self, work: Work) -> Result<(), ApplyError> {
        let Work {
            mut tx,
            done,
            removed,
            now,
            ..
        } = self.close(work).await?;
        if let Some(newest) = done.rows.last() {
            tx.set_revision(newest.revision).await?;
        }
        tx.commit().await?;
        self.note_removed(now, removed);
        self.tell(done).await;
        Ok(())
    }

    /// Folds what another process appended. This, not a lease, makes a second writer harmless.
    async fn catch_up(&self, tx: &mut Tx, meta: &Meta) -> Result<(), ApplyError> {
        while self.view.revision() < meta.revision {
            let rows = tx
                .changes_after(self.view.revision(), CATCH_UP_ROWS)
                .await
                .map_err(ApplyError::CatchUp)?;
            if rows.is_empty() {
                break;
            }
            self.view.fold(&rows);
        }
        if self.view.revision() == meta.revision {
            return Ok(());
        }
        Err(ApplyError::Diverged {
            view: self.view.revision(),
            database: meta.revision,
        })
    }

    async fn work(
        &self,
        work: &mut Work,
        whole: Vec<Observation>,
        left_out: &LeftOut,
    ) -> Result<(), ApplyError> {
        let ids: BTreeSet<i64> = whole.iter().map(|it| it.source_id).collect();
        let ids: Vec<i64> = ids.into_iter().collect();
        let sources = by_id(work.tx.lock_sources(&ids).await?);
        let Chosen {
            repositories,
            listings,
            setbacks,
            outcomes,
        } = choose(whole, &sources);
        work.done.outcomes.extend(outcomes);
        let sources = self
            .apply_files(work, sources, (repositories, &setbacks), left_out)
            .await?;
        for listing in listings {
            let source = sources.get(&listing.source_id).cloned();
            if let Some(source) = source {
                self.apply_listing(work, source, listing, left_out).await?;
            }
        }
        Ok(())
    }

    /// Applies every source of files that was read, and notes every failure.
    async fn apply_files(
        &self,
        work: &mut Work,
        mut sources: HashMap<i64, SourceRow>,
        (mut readings, setbacks): (Vec<Reading<RepositoryObserved>>, &[Setback]),
        left_out: &LeftOut,
    ) -> Result<HashMap<i64, SourceRow>, ApplyError> {
        let moved = self.adopt(work, &mut sources, &mut readings).await?;
        let causes = causes(&readings, &sources);
        let (mut facts, mut sighted) = self
            .see(work, &sources, (&mut readings, setbacks), left_out)
            .await?;
        left_out.take_from(&mut sighted, &facts, &mut readings);
        let why = why(&readings, work.now);
        let settlement = self
            .settle(work, &mut facts, sighted, &why, &causes)
            .await?;
        self.conclude(work, &mut sources, &readings, &settlement);
        let proved = readings.iter().filter(|reading| reading.is_complete);
        let proved = proved.map(|reading| reading.source_id).collect();
        self.forget_held(work, &proved).await?;
        for setback in setbacks {
            if let Some(source) = sources.get_mut(&setback.source_id) {
                set_back(source, setback, work.now, rand::random());
            }
        }
        let raised = self.raise(work, &mut sources, &settlement, &causes).await?;
        let mut written: Vec<SourceRow> = readings
            .iter()
            .map(|reading| reading.source_id)
            .chain(setbacks.iter().map(|setback| setback.source_id))
            .chain(raised)
            .chain(moved)
            .collect::<BTreeSet<i64>>()
            .iter()
            .filter_map(|id| sources.get(id).cloned())
            .collect();
        written.sort_by_key(|source| source.id);
        work.tx.put_sources(&written).await?;
        Ok(sources)
    }

    /// Loads what is held of the sources, and tells what was seen of it.
    async fn see(
        &self,
        work: &mut Work,
        sources: &HashMap<i64, SourceRow>,
        (readings, setbacks): (&mut [Reading<RepositoryObserved>], &[Setback]),
        left_out: &LeftOut,
    ) -> Result<(Facts, Sighted), ApplyError> {
        let tx = &mut work.tx;
        let failed = setbacks.iter().filter(|setback| setback.class.is_some());
        let ids: Vec<i64> = readings
            .iter()
            .map(|reading| reading.source_id)
            .chain(failed.map(|setback| setback.source_id))
            .collect();
        let mut facts = Facts {
            sources: sources.clone(),
            ..Facts::default()
        };
        if ids.is_empty() {
            return Ok((facts, Sighted::default()));
        }
        for row in tx.locations_of(&ids).await? {
            facts.locations.insert(row.id, row);
        }
        let unknown = unknown_matches(&facts, readings);
        add_matches(tx, &mut facts, unknown).await?;
        let mut sighted = sighted(&mut facts, readings, setbacks);
        let need = first_need(&facts, &sighted);
        load(tx, &mut facts, need, &self.config.recheck).await?;
        let candidates = candidates(&facts, &sighted.sights, readings, &self.config.providers);
        let (missing, mut doubtful) = compare(&facts, &candidates);
        doubtful.extend(left_branches(tx, &facts, &candidates, &self.config.providers).await?);
        if !left_out.keeps_roots() {
            uproot(tx, &mut facts, &mut sighted.sights, doubtful, None).await?;
        }
        let hosts = &self.config.forges.hosts;
        plant(tx, &mut facts, &mut sighted.sights, &missing, hosts).await?;
        Ok((facts, sighted))
    }

    /// Marks what was proved, and what it covers.
    fn conclude(
        &self,
        work: &mut Work,
        sources: &mut HashMap<i64, SourceRow>,
        readings: &[Reading<RepositoryObserved>],
        settlement: &Settlement,
    ) {
        for reading in readings {
            let Some(source) = sources.get_mut(&reading.source_id) else {
                continue;
            };
            let changed = settlement.changed_sources.contains(&source.id);
            if changed {
                source.changed_at = work.now;
            }
            work.done
                .outcomes
                .push(observation_outcome(reading, changed));
            if !reading.is_complete {
                continue;
            }
            if repository_proved(source, reading, &self.config.fingerprint, work.now) {
                work.raised.insert(source.id);
            }
            work.covering.push(Covering {
                source_id: source.id,
                generation: reading.generation,
                outcome: outcome(changed),
            });
        }
    }

    /// Ends the deliveries that were covered and builds the jobs that were asked for.
    async fn close(&self, mut work: Work) -> Result<Work, ApplyError> {
        work.done.covered = work.tx.cover_deliveries(&work.covering, work.now).await?;
        work.tx.remove_covered_parts(&work.covering).await?;
        if !work.raised.is_empty() {
            let ids: Vec<i64> = work.raised.iter().copied().collect();
            let sources = work.tx.sources(&ids).await?;
            let sources: Vec<&SourceRow> = sources.iter().collect();
            let config = &self.config;
            work.done.jobs = jobs_of(
                &mut work.tx,
                &sources,
                &config.providers,
                config.fingerprint.as_str(),
            )
            .await?;
        }
        Ok(work)
    }

    /// Makes a commit visible.
    async fn tell(&self, done: Done) {
        self.view.fold(&done.rows);
        let visible_at = self.clock.now_micros();
        for covered in &done.covered {
            let mechanism = Mechanism::named(&covered.event);
            self.metrics
                .propagated(mechanism, covered.received_at, visible_at);
        }
        for row in &done.rows {
            self.metrics.changed(row.op);
        }
        for outcome in done.outcomes {
            self.metrics.observation(outcome);
        }
        self.publish(done.jobs).await;
    }

    /// Publishes jobs while the next batch is applied. A listing asks for a thousand, and nobody who
    /// waits for a push must wait for those; what is lost with the process, the reconciler finds.
    async fn publish(&self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        // One after the other: an older job of a source must not replace a newer one.
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.expect("it is never closed");
        let publisher = self.jobs.clone();
        self.publishing.spawn(async move {
            publisher.publish_new(jobs).await;
            drop(turn);
        });
    }

    /// The message of a source cannot be handled: the source is tried again later.
    pub(crate) async fn set_back_source(
        &self,
        observation: &Observation,
        error: &ApplyError,
    ) -> Result<(), ApplyError> {
        let mut tx = self.repo.write().await?;
        let mut sources = tx.lock_sources(&[observation.source_id]).await?;
        let now = self.clock.now_micros();
        for source in &mut sources {
            let setback = Setback {
                source_id: source.id,
                obstacle: Obstacle::Lasting,
                message: error.to_string(),
                class: None,
            };
            set_back(source, &setback, now, rand::random());
        }
        tx.put_sources(&sources).await?;
        Ok(tx.commit().await?)
    }
}

fn is_listing(observation: &Observation) -> bool {
    matches!(observation.body, Some(observation::Body::Listing(_)))
}

/// What is needed in any case: who points to what was seen, and the Location entities in it.
fn first_need(facts: &Facts, sighted: &Sighted) -> Need {
    let mut need = Need::default();
    for (id, seen) in &sighted.sights {
        if facts.fresh_locations.contains(id) {
            continue;
        }
        need.linked.insert(*id);
        if matches!(seen, Seen::Content(_) | Seen::Gone) {
            need.declared.insert(*id);
        }
    }
    need
}

/// Why each source was read, as its changes tell it.
fn why(readings: &[Reading<RepositoryObserved>], now: i64) -> HashMap<i64, Why> {
    readings
        .iter()
        .map(|reading| {
            let why = Why::new(
                &reading.cause,
                &reading.observed.head,
                reading.fetched_at,
                now,
            );
            (reading.source_id, why)
        })
        .collect()
}

/// Why each source was read, as the sources hear it that must be read because of that.
fn causes(readings: &[Reading<RepositoryObserved>], sources: &HashMap<i64, SourceRow>) -> Causes {
    readings
        .iter()
        .map(|reading| {
            let lane = sources
                .get(&reading.source_id)
                .map_or(Lane::Lo, |it| it.lane);
            (reading.source_id, (reading.cause.clone(), lane))
        })
        .collect()
}

fn by_id(sources: Vec<SourceRow>) -> HashMap<i64, SourceRow> {
    sources
        .into_iter()
        .map(|source| (source.id, source))
        .collect()
}

pub(crate) fn outcome(changed: bool) -> Outcome {
    if changed {
        Outcome::Applied
    } else {
        Outcome::Unchanged
    }
}

fn observation_outcome(reading: &Reading<RepositoryObserved>, changed: bool) -> ObservationOutcome {
    if !reading.is_complete {
        ObservationOutcome::Failed
    } else if changed {
        ObservationOutcome::Applied
    } else {
        ObservationOutcome::Unchanged
    }
}
