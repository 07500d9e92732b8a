//! The files that were put aside, and the parts of which nothing more is needed.

use super::run::{SlicedRun, Stage, StepError};
use super::write::Slice;
use crate::apply::applier::Applier;
use crate::apply::error::ApplyError;
use crate::apply::locations::evaluation::ParentReviews;

/// Parts that are forgotten at once: to free half a MiB takes the database about as long as to write it.
const FORGOTTEN_PARTS: i64 = 8;

impl Applier {
    /// Applies the next step of what was put aside.
    pub(super) async fn release(&self, run: &mut SlicedRun, next: usize) -> Result<(), StepError> {
        let Some(step) = run.releases.get(next) else {
            run.stage = Stage::Forget(0);
            return Ok(());
        };
        let files = step.iter().map(|index| &run.deferred[*index]);
        let spans: Vec<_> = files.clone().map(|file| file.span.clone()).collect();
        let ids: Vec<_> = files.map(|file| file.location_id).collect();
        let observed = self.read_spans(&run.staged, &run.index, &spans).await?;
        let mut transaction = self.begin_slice(run).await?;
        let locations = transaction.work.tx.locations(&ids).await;
        let slice = Slice {
            observed,
            locations: locations.map_err(ApplyError::from)?,
            reviews: ParentReviews::Later,
            ..Slice::default()
        };
        self.apply_slice(run, transaction, slice).await?;
        run.stage = Stage::Release(next + 1);
        Ok(())
    }

    /// Forgets some parts more. A kill from here on has the source read again.
    pub(super) async fn forget_parts(
        &self,
        run: &mut SlicedRun,
        first: i64,
    ) -> Result<(), StepError> {
        let staged = &run.staged;
        if first > staged.last_part {
            run.stage = Stage::Shrink(0);
            return Ok(());
        }
        let last = (first + FORGOTTEN_PARTS - 1).min(staged.last_part);
        let mut tx = self.repo.write().await.map_err(ApplyError::from)?;
        let attempt = tx.part_attempt(staged.source_id, staged.generation).await;
        // Those of a newer attempt are not ours.
        if attempt.map_err(ApplyError::from)? == Some(staged.fetched_at) {
            tx.remove_some_parts(staged.source_id, staged.generation, first..=last)
                .await
                .map_err(ApplyError::from)?;
        }
        tx.commit().await.map_err(ApplyError::from)?;
        run.stage = Stage::Forget(last + 1);
        Ok(())
    }
}
