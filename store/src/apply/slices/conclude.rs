//! The end of an observation that was applied in slices: the source is proved, and its deliveries are covered.

use std::collections::{BTreeSet, HashSet};

use super::run::{SlicedRun, Stage, StepError};
use super::write::{SliceTransaction, reading_of};
use crate::apply::applier::Applier;
use crate::apply::decision::Observed;
use crate::ledger::request_refresh;
use crate::repo::SourceRow;

impl Applier {
    /// Says that everything is applied.
    pub(super) async fn conclude_run(&self, run: &mut SlicedRun) -> Result<(), StepError> {
        let SliceTransaction {
            mut work,
            mut sources,
        } = self.begin_slice(run).await?;
        let source_id = run.source_id();
        // Of all that is as it was one stands for the others: it is only asked whether there is any.
        let unchanged = run.survey.unchanged.clone();
        let mut reading = reading_of(run, unchanged.into_iter().collect());
        let is_withheld = run.progress.is_withheld || !run.withheld.is_empty();
        reading.is_complete = run.survey.unread.is_none() && !is_withheld;
        let mut asks_alone = false;
        if let Some(source) = sources.get_mut(&source_id) {
            asks_alone = reading.is_complete && take_back_request(source, run);
            restore_fingerprint(source, run);
        }
        let readings = [reading];
        let failures: Vec<_> = run.survey.unread.clone().into_iter().collect();
        let changed: HashSet<_> = run
            .progress
            .changed
            .then_some(source_id)
            .into_iter()
            .collect();
        let mut written =
            self.conclude_readings(&mut work, &mut sources, &readings, &failures, &changed);
        if run.progress.refresh
            && let Some(source) = sources.get_mut(&source_id)
        {
            if asks_alone && !source.is_outstanding() {
                request_refresh(source, source.lane, readings[0].cause.clone(), work.now);
            }
            work.job_sources.insert(source_id);
        }
        let mut observed = Observed::of(&readings, &sources, work.now);
        observed.graph.sources.clone_from(&sources);
        let proved = readings.iter().filter(|reading| reading.is_complete);
        let proved: BTreeSet<_> = proved.map(|reading| reading.source_id).collect();
        written.extend(
            self.update_pending(&mut work, &mut sources, &observed, &run.withheld, &proved)
                .await?,
        );
        let rows = written.iter().filter_map(|id| sources.get(id).cloned());
        work.unwritten.sources.extend(rows);
        self.commit(work).await?;
        run.stage = Stage::Ended;
        Ok(())
    }
}

/// Takes back what the slices themselves have asked for, if nobody else has asked for more: it is asked for again
/// once this generation is proved.
fn take_back_request(source: &mut SourceRow, run: &SlicedRun) -> bool {
    let asks_alone = run.progress.refresh && source.wanted == run.staged.generation + 1;
    if asks_alone {
        source.wanted = run.staged.generation;
    }
    asks_alone
}

/// The source is as some reading left it again. If something was asked for since, that may have been because of
/// a new name, and then it must be read in full: nobody can tell by now.
fn restore_fingerprint(source: &mut SourceRow, run: &SlicedRun) {
    if source.wanted == run.staged.generation {
        source.fingerprint = run.progress.fingerprint.clone().flatten();
    }
}
