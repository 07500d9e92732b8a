//! Finds sources whose job was lost and gives them another.
//!
//! A job lives in memory on its way to a processor. Whatever happens to it, the source row still
//! says `wanted > done`, and this is what reads that: at the start, after the bus came back, and
//! at every interval. A job that waits or is in flight refuses its copy, so nothing runs twice.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::Bus;
use freshet_proto::message::Cause;
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::decide::Reason;
use super::publish::jobs_of;
use super::{JobPublisher, LedgerConfig};
use crate::metrics::Metrics;
use crate::repo::{Repo, RepoError, SourceRow, StoredCause};

/// Sources looked at in one go. They go on in the order of their last job, so none is passed over.
const SOURCES_MAX: i64 = 1_000;

/// What made the reconciler look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// Messages may have been lost: even a job of a moment ago is checked.
    Loss,
    Interval,
}

/// Gives outstanding sources their jobs until it is told to stop.
pub struct Reconciler {
    repo: Repo,
    bus: Bus,
    clock: Clock,
    config: LedgerConfig,
    jobs: JobPublisher,
}

impl Reconciler {
    /// A reconciler over this database and bus.
    #[must_use]
    pub fn new(
        repo: Repo,
        bus: Bus,
        clock: Clock,
        config: LedgerConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        let jobs = JobPublisher::new(bus.clone(), config.subjects.clone(), metrics);
        Self {
            repo,
            bus,
            clock,
            config,
            jobs,
        }
    }

    /// Works until `shutdown`.
    ///
    /// # Errors
    ///
    /// None: an outage of the bus or the database is waited out.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut reconnections = self.bus.reconnections();
        let mut interval = tokio::time::interval(self.config.reconcile_every);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = false;
        let mut occasion = Occasion::Loss;
        let mut follows_bus = true;
        interval.tick().await;
        loop {
            renewed = renewed || self.renewed().await;
            self.reconcile_and_log(occasion, &shutdown).await;
            occasion = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = interval.tick() => Occasion::Interval,
                changed = reconnections.changed(), if follows_bus => {
                    follows_bus = changed.is_ok();
                    Occasion::Loss
                }
            };
        }
    }

    /// Whether everything that was read in another way is asked for again; once per start.
    async fn renewed(&self) -> bool {
        match self.renew().await {
            Ok(0) => true,
            Ok(sources) => {
                tracing::info!(sources, "sources read in another way are read again");
                true
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "sources read in another way could not be asked for");
                false
            }
        }
    }

    async fn renew(&self) -> Result<u64, RepoError> {
        let cause = StoredCause(Cause {
            mechanism: "reconcile".to_owned(),
            received_at: self.clock.now_micros(),
            ..Cause::default()
        });
        let mut tx = self.repo.write().await?;
        let sources = tx
            .want_other_fingerprints(self.config.fingerprint.as_str(), cause.into())
            .await?;
        tx.commit().await?;
        Ok(sources)
    }

    async fn reconcile_and_log(&self, occasion: Occasion, shutdown: &CancellationToken) {
        if let Err(error) = self.reconcile(occasion, shutdown).await {
            tracing::warn!(error = %Chain(&error), "outstanding sources could not be looked for");
        }
    }

    /// Gives jobs to all that lost theirs, or to as many as an interval has time for.
    async fn reconcile(
        &self,
        occasion: Occasion,
        shutdown: &CancellationToken,
    ) -> Result<(), RepoError> {
        let now = self.clock.now_micros();
        let enqueued_before = match occasion {
            // Those of this very round are not offered again.
            Occasion::Loss => now - 1,
            Occasion::Interval => now - micros(self.config.enqueued_recently),
        };
        loop {
            let found = self.reconcile_page(now, enqueued_before).await?;
            let is_last = found < SOURCES_MAX || occasion == Occasion::Interval;
            if is_last || shutdown.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Gives jobs to a page of sources, those that wait longest first; how many there were.
    async fn reconcile_page(&self, now: i64, enqueued_before: i64) -> Result<i64, RepoError> {
        let mut tx = self.repo.read().await?;
        let sources = tx
            .sources_to_enqueue(now, enqueued_before, SOURCES_MAX)
            .await?;
        let found: Vec<&SourceRow> = sources.iter().collect();
        let config = &self.config;
        let jobs = jobs_of(
            &mut tx,
            &found,
            &config.providers,
            config.fingerprint.as_str(),
        )
        .await?;
        tx.commit().await?;
        let ids: Vec<i64> = jobs.iter().map(|job| job.source_id).collect();
        let unwanted = unwanted(&sources, &ids);
        self.jobs.publish_missing(jobs).await;
        if !sources.is_empty() {
            let mut tx = self.repo.write().await?;
            tx.set_enqueued(&ids, now).await?;
            tx.abandon_generations(&unwanted).await?;
            tx.ignore_deliveries(&unwanted, Reason::NotConfigured.as_str(), now)
                .await?;
            tx.commit().await?;
        }
        Ok(i64::try_from(sources.len()).unwrap_or(i64::MAX))
    }
}

/// The generations nothing configured asks for any more: those of sources without a job.
fn unwanted(sources: &[SourceRow], with_job: &[i64]) -> Vec<(i64, i64)> {
    let with_job: HashSet<i64> = with_job.iter().copied().collect();
    sources
        .iter()
        .filter(|source| !with_job.contains(&source.id))
        .map(|source| (source.id, source.wanted))
        .collect()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
