//! One transaction of apply: begun on top of everything that was committed, and made visible after its
//! commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use freshet_model::{LocationId, Revision, SourceId};
use freshet_proto::message::Job;

use super::applier::{Applier, compute};
use super::error::ApplyError;
use crate::change::ChangeRow;
use crate::ledger::build_jobs;
use crate::metrics::{Mechanism, ObservationOutcome};
use crate::repo::change_run::pack_changes;
use crate::repo::{
    AppliedRows, Covered, Covering, DependencyRow, EntityRow, Location, LogState, RepoError,
    SourceRow, Tx,
};

/// Rows of the log folded at once when the view is behind it.
const CATCH_UP_ROWS: i64 = 1_000;

/// A transaction while it is put together.
pub(crate) struct ApplyTransaction {
    pub(crate) tx: Tx,
    meta: LogState,
    pub(crate) now: i64,
    /// Sources that get a job after the commit.
    pub(crate) job_sources: BTreeSet<SourceId>,
    pub(crate) covering: Vec<Covering>,
    /// Entities that go.
    pub(crate) removed: Vec<RemovedEntities>,
    /// What these files take away was counted before, with all that belongs to it, and may go.
    pub(crate) allowed_removals: Arc<BTreeSet<LocationId>>,
    pub(crate) asked_by: Asker,
    pub(crate) rows: Vec<ChangeRow>,
    /// How many of those are written.
    rows_written: usize,
    pub(crate) unwritten: UnwrittenRows,
    pub(crate) outcomes: Vec<ObservationOutcome>,
}

/// What is decided and not written yet. All of it is written together, at the end or before something reads it:
/// others wait for the log, and for them each statement is a round trip.
#[derive(Debug, Default)]
pub(crate) struct UnwrittenRows {
    pub(crate) entities: Vec<EntityRow>,
    pub(crate) locations: Vec<Location>,
    /// Locations of which all dependencies are replaced.
    pub(crate) dependents: Vec<LocationId>,
    pub(crate) dependencies: Vec<DependencyRow>,
    pub(crate) sources: Vec<SourceRow>,
}

/// Who wants what a transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Files and the configuration say so, which may be a mistake.
    Sources,
    /// Somebody asked for just this.
    Person,
}

/// Entities of one installation that go with a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemovedEntities {
    pub(crate) installation: String,
    pub(crate) refs: Vec<String>,
}

/// What a transaction did, told after its commit.
struct Committed {
    rows: Vec<ChangeRow>,
    jobs: Vec<Job>,
    covered: Vec<Covered>,
    outcomes: Vec<ObservationOutcome>,
}

impl ApplyTransaction {
    /// The newest revision, this transaction's included.
    pub(crate) fn newest_revision(&self) -> Revision {
        let newest = self.rows.last().map(|row| row.revision);
        newest.unwrap_or(self.meta.revision)
    }

    /// Writes what was decided.
    pub(crate) async fn flush(&mut self) -> Result<(), RepoError> {
        self.write_all(&[]).await.map(drop)
    }

    /// Writes what was decided and what it covers, and returns the deliveries that ended.
    async fn write_all(&mut self, covering: &[Covering]) -> Result<Vec<Covered>, RepoError> {
        let UnwrittenRows {
            entities,
            locations,
            dependents,
            dependencies,
            sources,
        } = std::mem::take(&mut self.unwritten);
        let unwritten = &self.rows[self.rows_written..];
        let changes = compute(unwritten.len(), || pack_changes(unwritten));
        let rows = AppliedRows {
            changes: &changes,
            entities: &entities,
            locations: &locations,
            dependents: &dependents,
            dependencies: &dependencies,
            sources: &sources,
            covering,
            now: self.now,
        };
        let covered = self.tx.write_applied(&rows).await?;
        self.rows_written = self.rows.len();
        Ok(covered)
    }
}

impl Applier {
    /// Begins a transaction on top of everything that was committed.
    pub(crate) async fn begin(&self) -> Result<ApplyTransaction, ApplyError> {
        let mut tx = self.repo.write().await?;
        // The lock comes first. Whatever is read after it cannot change until the commit, so two
        // stores that apply at once wait for each other here and nowhere else.
        let meta = tx.lock_log().await?;
        self.catch_up(&mut tx, &meta).await?;
        Ok(ApplyTransaction {
            tx,
            meta,
            now: self.clock.now_micros(),
            job_sources: BTreeSet::new(),
            covering: Vec::new(),
            removed: Vec::new(),
            allowed_removals: Arc::default(),
            asked_by: Asker::Sources,
            rows: Vec::new(),
            rows_written: 0,
            unwritten: UnwrittenRows::default(),
            outcomes: Vec::new(),
        })
    }

    /// Folds what another process appended. This, not a lease, makes a second writer harmless.
    async fn catch_up(&self, tx: &mut Tx, meta: &LogState) -> Result<(), ApplyError> {
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

    /// Commits, and makes the commit visible.
    pub(crate) async fn commit(&self, mut work: ApplyTransaction) -> Result<(), ApplyError> {
        // In the same transaction: a delivery is covered if and only if what it brought is
        // committed.
        let covering = std::mem::take(&mut work.covering);
        let covered = work.write_all(&covering).await?;
        // Read inside of it, so that the reading list is the one of this generation.
        let jobs = self.build_requested_jobs(&mut work).await?;
        work.tx.commit().await?;
        // After the commit: a removal that was rolled back must not bring the next one closer to the limit.
        self.record_removals(work.now, work.removed);
        self.publish(Committed {
            rows: work.rows,
            jobs,
            covered,
            outcomes: work.outcomes,
        })
        .await;
        Ok(())
    }

    async fn build_requested_jobs(
        &self,
        work: &mut ApplyTransaction,
    ) -> Result<Vec<Job>, ApplyError> {
        if work.job_sources.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<SourceId> = work.job_sources.iter().copied().collect();
        let sources = work.tx.sources(&ids).await?;
        let sources: Vec<&SourceRow> = sources.iter().collect();
        let config = &self.config;
        let fingerprint = config.fingerprint.as_str();
        Ok(build_jobs(&mut work.tx, &sources, &config.providers, fingerprint).await?)
    }

    /// Makes a commit visible.
    async fn publish(&self, committed: Committed) {
        // Folded before anybody is told: who wakes up must see what he was woken for.
        self.view.fold(&committed.rows);
        let visible_at = self.clock.now_micros();
        for covered in &committed.covered {
            let mechanism = Mechanism::named(&covered.event);
            self.metrics
                .propagated(mechanism, covered.received_at, visible_at);
        }
        for row in &committed.rows {
            self.metrics.changed(row.op);
        }
        for outcome in committed.outcomes {
            self.metrics.observation(outcome);
        }
        self.publish_jobs(committed.jobs).await;
    }

    /// Publishes jobs while the next batch is applied. A listing asks for a thousand, and nobody who
    /// waits for a push must wait for those; what is lost with the process, the reconciler finds.
    async fn publish_jobs(&self, jobs: Vec<Job>) {
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
}
