//! What the files that were put aside take away, counted before any of it goes.

use std::collections::HashSet;
use std::sync::Arc;

use freshet_model::LocationId;

use super::deferred::{DeferredFile, group_files};
use super::run::{SlicedRun, Stage, StepError};
use super::write::SliceTransaction;
use crate::apply::applier::Applier;
use crate::apply::error::ApplyError;
use crate::apply::removals::limits::LocationRemoval;
use crate::config::OrphanStrategy;
use crate::repo::ClaimRow;

/// Most refs that are looked up at once.
const COUNTED_MAX: usize = 2_000;

impl Applier {
    /// Counts what some files more take away, and in the end withholds what is too much.
    pub(super) async fn count_removals(
        &self,
        run: &mut SlicedRun,
        first: usize,
    ) -> Result<(), StepError> {
        let SliceTransaction { mut work, sources } = self.begin_slice(run).await?;
        let Some(source) = sources.get(&run.source_id()) else {
            return Err(StepError::Overtaken);
        };
        let next = end_of_turn(&run.deferred, first);
        // Kept as orphans, nothing goes.
        if self.config.orphans == OrphanStrategy::Delete && next > first {
            let files = &run.deferred[first..next];
            let refs: Vec<&str> = files
                .iter()
                .flat_map(|file| file.dropped.iter().map(String::as_str))
                .collect();
            let claims = work.tx.claims_of(&[], &refs).await;
            let claims = claims.map_err(ApplyError::from)?;
            let leaving = find_leaving(&run.deferred, first..next, &claims);
            run.leaving
                .extend(leaving.map(|(file, refs)| LocationRemoval {
                    location_id: file.location_id,
                    source_id: source.id,
                    installation: source.installation.clone(),
                    refs,
                }));
        }
        if next < run.deferred.len() {
            run.stage = Stage::Count(next);
            return Ok(());
        }
        let held = work.tx.removals().await.map_err(ApplyError::from)?;
        let waiting = self
            .find_waiting(&mut work.tx, &run.leaving, &held, work.now)
            .await?;
        run.withheld.note_live(waiting.live);
        run.withheld.extend(waiting.by_source);
        let withheld = &run.withheld;
        run.deferred
            .retain(|file| !withheld.leaves_out(file.location_id));
        run.allowed = Arc::new(run.deferred.iter().map(|file| file.location_id).collect());
        run.leaving = Vec::new();
        run.releases = group_files(&run.deferred, self.config.batch.bytes_max as u64);
        run.stage = Stage::Release(0);
        Ok(())
    }
}

/// How many files are counted together from this one on: at least one, if there is one.
fn end_of_turn(files: &[DeferredFile], first: usize) -> usize {
    let mut refs = 0_usize;
    let mut end = first;
    while let Some(file) = files.get(end) {
        refs += file.dropped.len();
        if refs > COUNTED_MAX && end > first {
            break;
        }
        end += 1;
    }
    end
}

/// What each of these files takes out of the catalog: what it drops and nobody else declares.
fn find_leaving<'a>(
    files: &'a [DeferredFile],
    counted: std::ops::Range<usize>,
    claims: &[ClaimRow],
) -> impl Iterator<Item = (&'a DeferredFile, Vec<String>)> {
    // Of those that are applied a claim is stored, for somebody else held the ref; of those put aside, only
    // what they say now counts.
    let aside: HashSet<LocationId> = files.iter().map(|file| file.location_id).collect();
    let claims = claims.iter().filter(|it| !aside.contains(&it.location_id));
    let claimed: HashSet<String> = claims.map(|it| it.entity_ref.clone()).collect();
    let gained = files.iter().flat_map(|file| &file.gained);
    let gained: HashSet<&str> = gained.map(String::as_str).collect();
    files[counted].iter().filter_map(move |file| {
        let dropped = file.dropped.iter();
        let gone = dropped.filter(|it| !claimed.contains(*it) && !gained.contains(it.as_str()));
        let gone: Vec<String> = gone.cloned().collect();
        (!gone.is_empty()).then_some((file, gone))
    })
}
