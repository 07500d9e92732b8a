//! One transaction of apply.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use freshet_proto::message::{Job, ListingObserved, Observation, RepositoryObserved};
use uuid::Uuid;

use super::choose::{Chosen, Obstacle, Reading, Setback, choose};
use super::event::Why;
use super::face::Face;
use super::faces::faces;
use super::listing::{Asked, Known, Terms, ask, wanted};
use super::load::Stored;
use super::plan::{Facts, Plan, plan};
use super::sources::{listing_proved, repository_proved, set_back};
use super::stage::stage;
use super::{Applier, ApplyError, compute};
use crate::change::ChangeRow;
use crate::ledger::{Provider, jobs_of};
use crate::metrics::{Mechanism, ObservationOutcome};
use crate::repo::sources::SourceKey;
use crate::repo::{Covered, Covering, LocationRow, Meta, Outcome, SourceKind, SourceRow, Tx};

/// Rows of the log folded at once when the view is behind it.
const CATCH_UP_ROWS: i64 = 1_000;

/// What a transaction did, told after its commit.
#[derive(Debug, Default)]
struct Done {
    rows: Vec<ChangeRow>,
    jobs: Vec<Job>,
    covered: Vec<Covered>,
    outcomes: Vec<ObservationOutcome>,
}

/// A transaction while it is put together.
struct Work {
    tx: Tx,
    meta: Meta,
    now: i64,
    /// Ids of sources that get a job after the commit.
    raised: BTreeSet<i64>,
    covering: Vec<Covering>,
    done: Done,
}

impl Applier {
    /// Applies a batch: all of it or nothing.
    pub(crate) async fn apply(&self, batch: &[Observation]) -> Result<(), ApplyError> {
        let mut tx = self.repo.write().await?;
        let meta = tx.lock_log().await?;
        self.catch_up(&mut tx, &meta).await?;
        let staged = stage(&mut tx, batch).await?;
        let mut work = Work {
            tx,
            meta,
            now: self.clock.now_micros(),
            raised: BTreeSet::new(),
            covering: Vec::new(),
            done: Done {
                outcomes: staged.outcomes,
                ..Done::default()
            },
        };
        self.work(&mut work, staged.whole).await?;
        let Work { mut tx, done, .. } = self.close(work).await?;
        if let Some(newest) = done.rows.last() {
            tx.set_revision(newest.revision).await?;
        }
        tx.commit().await?;
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

    async fn work(&self, work: &mut Work, whole: Vec<Observation>) -> Result<(), ApplyError> {
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
            .apply_repositories(work, sources, repositories, &setbacks)
            .await?;
        for listing in listings {
            let source = sources.get(&listing.source_id).cloned();
            if let Some(source) = source {
                self.apply_listing(work, source, listing).await?;
            }
        }
        Ok(())
    }

    /// Applies every repository that was read, and notes every failure.
    async fn apply_repositories(
        &self,
        work: &mut Work,
        mut sources: HashMap<i64, SourceRow>,
        mut readings: Vec<Reading<RepositoryObserved>>,
        setbacks: &[Setback],
    ) -> Result<HashMap<i64, SourceRow>, ApplyError> {
        for reading in &readings {
            if let (Some(source), Some(repository)) = (
                sources.get_mut(&reading.source_id),
                &reading.observed.repository,
            ) {
                source.adopt(repository);
            }
        }
        let mut stored = self.stored(work, sources, &readings).await?;
        let size = readings.len();
        let faces = compute(size, || {
            faces(
                &stored,
                &mut readings,
                &self.config.providers,
                &self.config.kinds,
            )
        })?;
        stored.load(&mut work.tx, &faces).await?;
        let plan = compute(size, || self.plan(work, &stored, &faces, &readings))?;
        let mut sources = stored.sources;
        self.conclude(work, &mut sources, &readings, &plan);
        for setback in setbacks {
            if let Some(source) = sources.get_mut(&setback.source_id) {
                set_back(source, setback, work.now, rand::random());
            }
        }
        let mut written: Vec<SourceRow> = readings
            .iter()
            .map(|reading| reading.source_id)
            .chain(setbacks.iter().map(|setback| setback.source_id))
            .collect::<BTreeSet<i64>>()
            .iter()
            .filter_map(|id| sources.get(id).cloned())
            .collect();
        written.sort_by_key(|source| source.id);
        work.tx.put_sources(&written).await?;
        write(&mut work.tx, &plan).await?;
        work.done.rows.extend(plan.rows);
        Ok(sources)
    }

    async fn stored(
        &self,
        work: &mut Work,
        sources: HashMap<i64, SourceRow>,
        readings: &[Reading<RepositoryObserved>],
    ) -> Result<Stored, ApplyError> {
        let ids: Vec<i64> = readings.iter().map(|reading| reading.source_id).collect();
        let locations = if ids.is_empty() {
            Vec::new()
        } else {
            work.tx.locations_of(&ids).await?
        };
        Ok(Stored {
            sources,
            locations: locations.into_iter().map(|it| (it.id, it)).collect(),
            ..Stored::default()
        })
    }

    fn plan(
        &self,
        work: &Work,
        stored: &Stored,
        faces: &[Face],
        readings: &[Reading<RepositoryObserved>],
    ) -> Result<Plan, ApplyError> {
        let why: HashMap<i64, Why> = readings
            .iter()
            .map(|reading| {
                let why = Why::new(
                    &reading.cause,
                    &reading.observed.head,
                    reading.fetched_at,
                    work.now,
                );
                (reading.source_id, why)
            })
            .collect();
        self.view.read(|state| {
            plan(&Facts {
                state,
                stored,
                faces,
                why: &why,
                revision: work.meta.revision,
                now: work.now,
                new_uid: Uuid::new_v4,
            })
        })
    }

    /// Marks what was proved, and what it covers.
    fn conclude(
        &self,
        work: &mut Work,
        sources: &mut HashMap<i64, SourceRow>,
        readings: &[Reading<RepositoryObserved>],
        plan: &Plan,
    ) {
        for reading in readings {
            let Some(source) = sources.get_mut(&reading.source_id) else {
                continue;
            };
            let changed = plan.changed_sources.contains(&source.id);
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

    /// Applies one listing: new sources, proofs of equality, and questions about the rest.
    async fn apply_listing(
        &self,
        work: &mut Work,
        mut source: SourceRow,
        reading: Reading<ListingObserved>,
    ) -> Result<(), ApplyError> {
        let providers = Arc::clone(&self.config.providers);
        let asked = match providers.by_id(&source.external_id) {
            Some(provider) => self.compare(work, &source, provider, &reading).await?,
            None => Asked::default(),
        };
        listing_proved(&mut source, &reading, &self.config.fingerprint, work.now);
        let changed = !asked.raised.is_empty();
        if changed {
            source.changed_at = work.now;
        }
        work.tx.put_sources(&asked.sources).await?;
        work.tx.put_locations(&asked.locations).await?;
        work.tx.put_sources(std::slice::from_ref(&source)).await?;
        work.done.outcomes.push(if changed {
            ObservationOutcome::Applied
        } else {
            ObservationOutcome::Unchanged
        });
        work.raised.extend(asked.raised);
        work.covering.push(Covering {
            source_id: source.id,
            generation: reading.generation,
            outcome: outcome(changed),
        });
        Ok(())
    }

    async fn compare(
        &self,
        work: &mut Work,
        source: &SourceRow,
        provider: &Provider,
        reading: &Reading<ListingObserved>,
    ) -> Result<Asked, ApplyError> {
        let listed = wanted(&reading.observed, provider);
        let keys: Vec<SourceKey> = listed
            .iter()
            .filter_map(|one| one.repository.as_ref())
            .map(|repository| SourceKey {
                kind: SourceKind::Repository,
                host: source.host.clone(),
                external_id: repository.id.to_string(),
            })
            .collect();
        let tx = &mut work.tx;
        let mut known = tx
            .lock_repositories_of(&source.host, &provider.organization)
            .await?;
        known.extend(tx.lock_sources_by_key(&keys).await?);
        let sources: HashMap<String, SourceRow> = known
            .into_iter()
            .map(|source| (source.external_id.clone(), source))
            .collect();
        let ids: Vec<i64> = sources.values().map(|source| source.id).collect();
        let mut locations: HashMap<i64, Vec<LocationRow>> = HashMap::new();
        for location in tx.locations_of(&ids).await? {
            locations
                .entry(location.source_id)
                .or_default()
                .push(location);
        }
        let unknown = keys
            .iter()
            .filter(|key| !sources.contains_key(&key.external_id))
            .count();
        let bare = sources
            .values()
            .filter(|source| {
                !locations.get(&source.id).is_some_and(|held| {
                    held.iter().any(|location| {
                        location.git_ref == provider.git_ref
                            && location.path == provider.catalog_path
                    })
                })
            })
            .count();
        let known = Known {
            new_source_ids: tx.new_source_ids(unknown).await?.into_iter(),
            new_location_ids: tx.new_location_ids(unknown + bare).await?.into_iter(),
            sources,
            locations,
        };
        let terms = Terms {
            host: &source.host,
            provider,
            fingerprint: self.config.fingerprint.as_str(),
            now: work.now,
        };
        Ok(ask(reading, known, &terms))
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
    pub(super) async fn set_back(
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
            };
            set_back(source, &setback, now, rand::random());
        }
        tx.put_sources(&sources).await?;
        Ok(tx.commit().await?)
    }
}

async fn write(tx: &mut Tx, plan: &Plan) -> Result<(), ApplyError> {
    tx.append_changes(&plan.rows).await?;
    tx.put_entities(&plan.entities).await?;
    tx.touch_entities(&plan.touched).await?;
    tx.put_locations(&plan.locations).await?;
    tx.remove_claims(&plan.claims_removed).await?;
    tx.put_claims(&plan.claims_put).await?;
    tx.remove_problems(&plan.problems_removed).await?;
    Ok(tx.put_problems(&plan.problems_put).await?)
}

fn by_id(sources: Vec<SourceRow>) -> HashMap<i64, SourceRow> {
    sources
        .into_iter()
        .map(|source| (source.id, source))
        .collect()
}

fn outcome(changed: bool) -> Outcome {
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
