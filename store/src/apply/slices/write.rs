//! One slice: what was seen of some locations of a source, applied in one transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::{
    LocationObserved, RepositoryObserved, location_observed::Outcome, observation,
};

use super::deferred::{DeferredFile, StoredFiles};
use super::reader::ReadLocation;
use super::run::{RunProgress, SlicedRun, Stage, StepError};
use crate::apply::applier::Applier;
use crate::apply::decision::Observed;
use crate::apply::error::ApplyError;
use crate::apply::locations::evaluation::ParentReviews;
use crate::apply::locations::graph::LocationGraph;
use crate::apply::observed::identity::resolve_identities;
use crate::apply::observed::newest::{Reading, awaits};
use crate::apply::observed::reassemble::take_whole;
use crate::apply::transaction::ApplyTransaction;
use crate::ledger::request_refresh;
use crate::metrics::ObservationOutcome;
use crate::repo::{Location, SourceKind, SourceRow};

/// A transaction about one source of which a part is applied.
pub(super) struct SliceTransaction {
    pub(super) work: ApplyTransaction,
    pub(super) sources: HashMap<SourceId, SourceRow>,
}

/// What one slice says.
#[derive(Debug, Default)]
pub(super) struct Slice {
    pub(super) observed: Vec<LocationObserved>,
    /// What is stored of these locations, and whatever else the slice needs.
    pub(super) locations: Vec<Location>,
    /// Which Location entities hear of it.
    pub(super) reviews: ParentReviews,
    /// Whether what it asks for in its own source is said further on in this very observation.
    pub(super) is_answered: bool,
}

impl Applier {
    /// Begins a transaction, if the observation still counts.
    pub(super) async fn begin_slice(&self, run: &SlicedRun) -> Result<SliceTransaction, StepError> {
        let mut work = self.begin().await?;
        let locked = work.tx.lock_sources(&[run.source_id()]).await;
        let mut locked = locked.map_err(ApplyError::from)?;
        let generation = run.staged.generation;
        locked.retain(|source| awaits(source, generation) && fits(source, run));
        if locked.is_empty() {
            return Err(StepError::Overtaken);
        }
        work.allowed_removals = Arc::clone(&run.allowed);
        let sources = locked.into_iter().map(|source| (source.id, source));
        Ok(SliceTransaction {
            work,
            sources: sources.collect(),
        })
    }

    /// The source takes over how it is named now. If it turns out to be one that is known, its locations move
    /// there, and nothing is left to be applied.
    pub(super) async fn take_over_identity(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        let SliceTransaction {
            mut work,
            mut sources,
        } = self.begin_slice(run).await?;
        // Only to see whether it is taken away.
        let any = LocationObserved::default();
        let mut readings = vec![reading_of(run, vec![any])];
        let written = resolve_identities(&mut work, &mut sources, &mut readings).await?;
        let has_moved = readings.iter().all(|it| it.observed.locations.is_empty());
        let mut progress = run.progress.clone();
        if let Some(source) = sources.get_mut(&run.source_id()) {
            mark_half_read(source, &mut progress, work.now);
        }
        let written = written.into_iter().chain([run.source_id()]);
        let rows = written.filter_map(|id| sources.get(&id).cloned());
        work.unwritten.sources.extend(rows);
        self.commit(work).await?;
        run.progress = progress;
        if has_moved {
            run.survey.unchanged = None;
            run.survey.unread = None;
            run.survey.patterns.clear();
            run.stage = Stage::Forget(0);
        } else {
            run.stage = Stage::Patterns(0);
        }
        Ok(())
    }

    /// Applies the next files, but for those that take something away.
    pub(super) async fn apply_contents(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        self.fill_slice(run).await?;
        let files = run.slice();
        if files.is_empty() {
            run.stage = Stage::Count(0);
            return Ok(());
        }
        let mut transaction = self.begin_slice(run).await?;
        let locations = load_locations(&mut transaction.work, run.source_id(), &files).await?;
        let (observed, deferred) = split_deferred(&mut transaction.work, &locations, files).await?;
        let slice = Slice {
            observed,
            locations,
            reviews: ParentReviews::Later,
            ..Slice::default()
        };
        self.apply_slice(run, transaction, slice).await?;
        run.deferred.extend(deferred);
        run.drop_slice();
        Ok(())
    }

    /// Applies a slice and commits.
    pub(super) async fn apply_slice(
        &self,
        run: &mut SlicedRun,
        transaction: SliceTransaction,
        slice: Slice,
    ) -> Result<(), StepError> {
        let SliceTransaction {
            mut work,
            mut sources,
        } = transaction;
        let source_id = run.source_id();
        let mut readings = vec![reading_of(run, slice.observed)];
        let mut observed = Observed::of(&readings, &sources, work.now);
        observed.reviews = slice.reviews;
        observed.graph = graph_of(&sources, slice.locations);
        self.observe_loaded(&mut work, &mut observed, &mut readings, &[])
            .await?;
        let mut decision = self.evaluate_and_plan(&mut work, &mut observed).await?;
        let mut progress = run.progress.clone();
        let requests = &mut decision.locations.refresh_requests;
        let asks = requests.remove(&source_id).is_some() && !slice.is_answered;
        progress.is_withheld |= !decision.withheld.is_empty();
        let touched: Vec<LocationId> = observed.evidence.locations.keys().copied().collect();
        self.write_decision(&mut work, &observed, &mut decision)
            .await?;
        let mut written = self
            .request_refreshes(&mut work, &mut sources, &observed, &decision)
            .await?;
        written.extend(
            self.update_pending(
                &mut work,
                &mut sources,
                &observed,
                &decision.withheld,
                &BTreeSet::new(),
            )
            .await?,
        );
        written.insert(source_id);
        let changed = decision.plan.changed_sources.contains(&source_id);
        progress.changed |= changed;
        if let Some(source) = sources.get_mut(&source_id) {
            if asks && !progress.refresh {
                // Without a job: the rest of its files is at hand. In this transaction all the same, for after a
                // kill nothing else would tell.
                let cause = readings[0].cause.clone();
                request_refresh(source, source.lane, cause, work.now);
                progress.refresh = true;
            }
            mark_half_read(source, &mut progress, work.now);
            if changed {
                source.changed_at = Some(work.now);
            }
        }
        let rows = written.iter().filter_map(|id| sources.get(id).cloned());
        work.unwritten.sources.extend(rows);
        self.commit(work).await?;
        run.progress = progress;
        run.touched.extend(touched);
        Ok(())
    }

    /// Applies all of it in one transaction after all.
    pub(super) async fn apply_staged(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        let mut work = self.begin().await?;
        let attempt = work.tx.part_attempt(run.source_id(), run.staged.generation);
        if attempt.await.map_err(ApplyError::from)? != Some(run.staged.fetched_at) {
            return Err(StepError::Overtaken);
        }
        let whole = take_whole(&mut work, &run.staged).await?;
        self.apply_observations(work, whole.into_iter().collect())
            .await?;
        run.stage = Stage::Ended;
        Ok(())
    }

    /// A newer observation of the source counts. Its parts are forgotten, and nothing more.
    pub(super) fn give_up(&self, run: &mut SlicedRun) {
        self.metrics.observation(ObservationOutcome::Superseded);
        run.stage = Stage::Ended;
    }
}

/// Whether the body of an observation is one of its source. Another is a bug of a processor.
fn fits(source: &SourceRow, run: &SlicedRun) -> bool {
    match (&run.survey.header.body, source.kind) {
        (Some(observation::Body::Repository(_)), SourceKind::Repository)
        | (Some(observation::Body::Files(_)), SourceKind::Url | SourceKind::File) => true,
        (
            Some(
                observation::Body::Repository(_)
                | observation::Body::Files(_)
                | observation::Body::Listing(_)
                | observation::Body::Failed(_)
                | observation::Body::Behind(_)
                | observation::Body::Chunk(_),
            )
            | None,
            _,
        ) => false,
    }
}

/// What is said of these locations, as a reading of its own that proves nothing else.
pub(super) fn reading_of(
    run: &SlicedRun,
    locations: Vec<LocationObserved>,
) -> Reading<RepositoryObserved> {
    let header = &run.survey.header;
    let repository = match &header.body {
        Some(observation::Body::Repository(observed)) => observed.clone(),
        _ => RepositoryObserved::default(),
    };
    Reading {
        source_id: run.source_id(),
        generation: run.staged.generation,
        cause: header.cause.clone().unwrap_or_default(),
        fingerprint: header.fingerprint.clone(),
        fetched_at: header.fetched_at,
        is_complete: false,
        observed: RepositoryObserved {
            locations,
            ..repository
        },
    }
}

/// From now until all is applied, no reading list of the source holds a blob, and nobody takes the job for lost.
fn mark_half_read(source: &mut SourceRow, progress: &mut RunProgress, now: i64) {
    let before = source.fingerprint.take();
    progress.fingerprint.get_or_insert(before);
    source.enqueued_at = now;
}

async fn load_locations(
    work: &mut ApplyTransaction,
    source_id: SourceId,
    files: &[ReadLocation],
) -> Result<Vec<Location>, ApplyError> {
    let places = files
        .iter()
        .map(|it| (source_id, it.observed.path.as_str()));
    let places: Vec<(SourceId, &str)> = places.collect();
    Ok(work.tx.locations_at(&places).await?)
}

/// What of these files is applied at once, and what is put aside. Patterns have their own turn.
async fn split_deferred(
    work: &mut ApplyTransaction,
    locations: &[Location],
    files: Vec<ReadLocation>,
) -> Result<(Vec<LocationObserved>, Vec<DeferredFile>), ApplyError> {
    let ids: HashMap<&str, LocationId> = locations
        .iter()
        .map(|location| (location.path.as_str(), location.id))
        .collect();
    let concerned = |is_asked: &dyn Fn(&Outcome) -> bool| -> Vec<LocationId> {
        let asked = files
            .iter()
            .filter(|it| it.observed.outcome.as_ref().is_some_and(is_asked));
        asked
            .filter_map(|it| ids.get(it.observed.path.as_str()).copied())
            .collect()
    };
    let news = concerned(&|it| matches!(it, Outcome::Content(_) | Outcome::Gone(_)));
    let gone = concerned(&|it| matches!(it, Outcome::Gone(_)));
    let stored = StoredFiles::new(
        work.tx.entities_of(&news, &[]).await?,
        &work.tx.location_entities_of(&news, &[]).await?,
        &work.tx.links_of_locations(&gone).await?,
    );
    let mut observed = Vec::with_capacity(files.len());
    let mut deferred = Vec::new();
    for file in files {
        if matches!(file.observed.outcome, Some(Outcome::Matched(_))) {
            continue;
        }
        let id = ids.get(file.observed.path.as_str());
        let aside = id.and_then(|id| DeferredFile::of(*id, &file.span, &file.observed, &stored));
        match aside {
            Some(aside) => deferred.push(aside),
            None => observed.push(file.observed),
        }
    }
    Ok((observed, deferred))
}

fn graph_of(sources: &HashMap<SourceId, SourceRow>, locations: Vec<Location>) -> LocationGraph {
    LocationGraph {
        sources: sources.clone(),
        locations: locations.into_iter().map(|it| (it.id, it)).collect(),
        ..LocationGraph::default()
    }
}
