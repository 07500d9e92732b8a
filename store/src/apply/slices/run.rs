//! One observation while it is applied in slices: how far it is, and what comes next.

use std::collections::BTreeSet;
use std::sync::Arc;

use freshet_model::{LocationId, SourceId};

use super::deferred::DeferredFile;
use super::parts::PieceIndex;
use super::reader::{ObservationReader, ReadError, ReadLocation};
use super::survey::Survey;
use crate::apply::applier::{Applier, compute};
use crate::apply::error::ApplyError;
use crate::apply::observed::reassemble::StagedObservation;
use crate::apply::removals::limits::LocationRemoval;
use crate::apply::removals::pending::Withheld;

/// Parts that are read at once.
const SURVEYED_PARTS: i64 = 8;
/// Most files in one transaction.
const SLICE_FILES_MAX: usize = 200;
/// As many messages as there is to decode in some parts.
const DECODED_AS: usize = 200;

/// Why a step was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// A newer observation of the source counts.
    #[error("a newer observation of the source counts")]
    Overtaken,
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Everything is read once.
    Survey,
    /// Its source takes over its name.
    Identity,
    /// Patterns, of which this one is next.
    Patterns(usize),
    /// Files.
    Contents,
    /// The removals of files that were put aside, from this one on.
    Count(usize),
    /// Files that were put aside, of whose steps this one is next.
    Release(usize),
    /// The parts from this number on are forgotten.
    Forget(i64),
    /// Patterns let go, of which this one is next.
    Shrink(usize),
    /// It is found out which Location entities point at what was applied.
    FindParents,
    /// Location entities hear of their targets, of whose steps this one is next.
    Review(usize),
    /// Nothing is left but to say so.
    Conclude,
    Ended,
}

/// An observation that is applied in slices.
#[derive(Clone, Debug)]
pub(crate) struct SlicedRun {
    pub(super) staged: StagedObservation,
    pub(super) stage: Stage,
    pub(super) survey: Survey,
    reader: ObservationReader,
    next_part: i64,
    pub(super) index: PieceIndex,
    /// Read and not applied yet.
    slice: Vec<ReadLocation>,
    pub(super) deferred: Vec<DeferredFile>,
    /// What they take away, as far as it was counted.
    pub(super) leaving: Vec<LocationRemoval>,
    /// The steps in which they are applied.
    pub(super) releases: Vec<Vec<usize>>,
    /// Files of which the removals were counted and may be made.
    pub(super) allowed: Arc<BTreeSet<LocationId>>,
    pub(super) withheld: Withheld,
    /// What was applied of it.
    pub(super) touched: BTreeSet<LocationId>,
    /// The Location entities that hear of it, in steps.
    pub(super) reviews: Vec<Vec<String>>,
    pub(super) progress: RunProgress,
    /// How often the next step has failed.
    pub(super) failures: usize,
}

/// What the slices came to so far.
#[derive(Clone, Debug, Default)]
pub(super) struct RunProgress {
    pub(super) changed: bool,
    /// Whether something is left out, so that nothing is proved.
    pub(super) is_withheld: bool,
    /// Whether a slice has asked for the source to be read once more.
    pub(super) refresh: bool,
    /// With which fingerprint the source was last read, once that is taken from it.
    pub(super) fingerprint: Option<Option<String>>,
}

impl SlicedRun {
    pub(super) fn new(staged: StagedObservation) -> Self {
        Self {
            staged,
            stage: Stage::Survey,
            survey: Survey::default(),
            reader: ObservationReader::default(),
            next_part: 0,
            index: PieceIndex::default(),
            slice: Vec::new(),
            deferred: Vec::new(),
            leaving: Vec::new(),
            releases: Vec::new(),
            reviews: Vec::new(),
            failures: 0,
            allowed: Arc::default(),
            withheld: Withheld::default(),
            touched: BTreeSet::new(),
            progress: RunProgress::default(),
        }
    }

    pub(super) fn source_id(&self) -> SourceId {
        self.staged.source_id
    }

    /// Begins to read from the first part.
    pub(super) fn rewind(&mut self) {
        self.reader = ObservationReader::default();
        self.next_part = 0;
    }

    fn is_read(&self) -> bool {
        self.next_part > self.staged.last_part
    }

    /// Files that are applied together. They stay until that is done; none at the end.
    pub(super) fn slice(&self) -> Vec<ReadLocation> {
        self.slice.clone()
    }

    /// The slice was applied.
    pub(super) fn drop_slice(&mut self) {
        self.slice.clear();
    }
}

impl Applier {
    /// Makes the next step: at most one transaction that writes.
    pub(super) async fn step(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        match run.stage {
            Stage::Survey => self.survey(run).await,
            Stage::Identity => self.take_over_identity(run).await,
            Stage::Patterns(next) => self.extend_pattern(run, next).await,
            Stage::Contents => self.apply_contents(run).await,
            Stage::Count(next) => self.count_removals(run, next).await,
            Stage::Release(next) => self.release(run, next).await,
            Stage::Forget(first) => self.forget_parts(run, first).await,
            Stage::Shrink(next) => self.shrink_pattern(run, next).await,
            Stage::FindParents => self.find_parents(run).await,
            Stage::Review(next) => self.review_parents(run, next).await,
            Stage::Conclude => self.conclude_run(run).await,
            Stage::Ended => Ok(()),
        }
    }

    /// Reads some parts more and notes what is in them.
    async fn survey(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        let first = run.next_part;
        let last = (first + SURVEYED_PARTS - 1).min(run.staged.last_part);
        let pieces = self.read_pieces(&run.staged, first..=last).await?;
        // In a copy: a step that fails is made again.
        let (mut reader, mut survey) = (run.reader.clone(), run.survey.clone());
        let source_id = run.source_id();
        compute(DECODED_AS, || {
            for piece in &pieces {
                reader.feed(piece);
                while let Some(location) = reader.next_location().map_err(unreadable)? {
                    survey.add(source_id, location.observed);
                }
            }
            Ok::<(), ApplyError>(())
        })?;
        for piece in &pieces {
            run.index.add(piece);
        }
        (run.reader, run.survey, run.next_part) = (reader, survey, last + 1);
        if !run.is_read() {
            return Ok(());
        }
        if !run.reader.is_at_end() {
            return Err(unreadable(ReadError::Malformed).into());
        }
        run.survey.header = run.reader.header().clone();
        run.rewind();
        run.stage = Stage::Identity;
        // Most of it is as it was, or it is one file, which is never split.
        let is_small = run.survey.news_bytes <= self.config.batch.whole_bytes_max();
        if is_small || run.survey.locations <= 1 {
            self.apply_staged(run).await?;
        }
        Ok(())
    }

    /// Reads on until there is a slice, or nothing more.
    pub(super) async fn fill_slice(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        let bytes_max = self.config.batch.bytes_max as u64;
        let mut bytes: u64 = run.slice.iter().map(|it| it.span.end - it.span.start).sum();
        while bytes < bytes_max && run.slice.len() < SLICE_FILES_MAX {
            if let Some(location) = run.reader.next_location().map_err(unreadable)? {
                bytes += location.span.end - location.span.start;
                run.slice.push(location);
            } else if run.is_read() {
                return Ok(());
            } else {
                let next = run.next_part;
                for piece in self.read_pieces(&run.staged, next..=next).await? {
                    run.reader.feed(&piece);
                }
                run.next_part = next + 1;
            }
        }
        Ok(())
    }
}

fn unreadable(error: ReadError) -> ApplyError {
    ApplyError::unreadable("an observation in pieces", error)
}
