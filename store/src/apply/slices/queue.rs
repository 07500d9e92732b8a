//! The observations that are being applied in slices, in turn.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use freshet_runtime::error_chain::Chain;
use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::run::{SlicedRun, Stage, StepError};
use crate::apply::applier::Applier;
use crate::apply::error::ApplyError;
use crate::apply::observed::reassemble::StagedObservation;
use crate::consumer::{BatchHandler, BatchRemedy, CONFLICT_ATTEMPTS, pause};
use crate::metrics::ObservationOutcome;

/// The observations of which a part is applied, the next one first.
#[derive(Debug, Default)]
pub(crate) struct SlicedRuns {
    waiting: Mutex<VecDeque<SlicedRun>>,
}

impl SlicedRuns {
    fn lock(&self) -> MutexGuard<'_, VecDeque<SlicedRun>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Adds an observation. Of each source only the newest counts; returns whether an older one was ended by it.
    fn add(&self, staged: StagedObservation) -> bool {
        let mut waiting = self.lock();
        let age = |it: &StagedObservation| (it.generation, it.fetched_at);
        let of_source = |it: &&SlicedRun| it.staged.source_id == staged.source_id;
        // The same once more, if its acknowledgement was lost.
        if waiting
            .iter()
            .filter(of_source)
            .any(|it| age(&it.staged) >= age(&staged))
        {
            return false;
        }
        let before = waiting.len();
        waiting.retain(|run| run.staged.source_id != staged.source_id);
        let has_ended = waiting.len() < before;
        waiting.push_back(SlicedRun::new(staged));
        has_ended
    }
}

impl Applier {
    /// Has observations applied that are too large for one transaction.
    pub(crate) fn add_runs(&self, staged: Vec<StagedObservation>) {
        for staged in staged {
            if self.runs.add(staged) {
                self.metrics.observation(ObservationOutcome::Superseded);
            }
        }
    }

    /// Goes on with what the process before this one had begun and not ended. What it had all the parts of need
    /// not be read again.
    pub(crate) async fn resume_runs(&self) -> Result<(), ApplyError> {
        let mut tx = self.repo.read().await?;
        for (source_id, generation) in tx.ended_parts().await? {
            let held = tx.complete_parts(source_id, generation, 0).await?;
            let fetched_at = tx.part_attempt(source_id, generation).await?;
            if let (Some(held), Some(fetched_at)) = (held, fetched_at) {
                self.runs.add(StagedObservation {
                    source_id,
                    generation,
                    fetched_at,
                    last_part: held.last,
                });
            }
        }
        Ok(())
    }

    /// Makes one step with one of the observations.
    ///
    /// # Errors
    ///
    /// If the process has to start over. What else fails is tried again, waited out, or given up.
    pub(crate) async fn continue_run(
        &self,
        shutdown: &CancellationToken,
    ) -> Result<(), ApplyError> {
        let Some(mut run) = self.runs.lock().pop_front() else {
            return Ok(());
        };
        let began = Instant::now();
        let step = AssertUnwindSafe(self.step(&mut run)).catch_unwind().await;
        let ended = step.unwrap_or_else(|_in_the_log| Err(ApplyError::Panicked.into()));
        match ended {
            Ok(()) => {
                self.metrics.applied(began.elapsed().as_secs_f64());
                run.failures = 0;
            }
            Err(StepError::Overtaken) => self.give_up(&mut run),
            Err(StepError::Apply(error)) => {
                self.handle_failed_step(&mut run, error, shutdown).await?;
            }
        }
        if run.stage != Stage::Ended {
            self.runs.lock().push_back(run);
        }
        Ok(())
    }

    /// A step has failed.
    async fn handle_failed_step(
        &self,
        run: &mut SlicedRun,
        error: ApplyError,
        shutdown: &CancellationToken,
    ) -> Result<(), ApplyError> {
        run.failures += 1;
        match Self::remedy(&error) {
            BatchRemedy::Stop => return Err(error),
            BatchRemedy::TryAgain if run.failures < CONFLICT_ATTEMPTS => {}
            BatchRemedy::TryAgain | BatchRemedy::Wait => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "a slice of an observation could not be applied and is tried again");
                pause(shutdown).await;
            }
            BatchRemedy::Isolate => {
                tracing::error!(error = %Chain(&error), source.id = run.source_id().get(), "an observation could not be applied; its source is read again later");
                self.metrics.observation(ObservationOutcome::Dead);
                run.stage = Stage::Ended;
                if let Err(failure) = self.set_back_source(run.source_id(), &error).await {
                    freshet_runtime::summed_up!(warn, error = %Chain(&failure), "a source could not be set back, so it is read again soon");
                }
            }
        }
        Ok(())
    }
}
