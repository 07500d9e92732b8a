//! Finds sources whose job was lost and gives them another.
//!
//! A job lives in memory on its way to a processor. Whatever happens to it, the source row still
//! says `wanted > done`, and this is what reads that: at the start, after the bus came back, and
//! at every interval. A source that is under way is left alone, and a job that waits or is in flight
//! refuses its copy, so nothing runs twice.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

use freshet_bus::Bus;
use freshet_model::SourceId;
use freshet_proto::message::Cause;
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::config::LedgerConfig;
use super::decision::IgnoreReason;
use super::publish::{JobPublisher, build_jobs};
use super::request::request_refresh;
use super::under_way::find_under_way;
use crate::apply::BACK_OFF_LASTING_MAX;
use crate::metrics::StoreMetrics;
use crate::micros::micros;
use crate::repo::sources::EnqueueTimes;
use crate::repo::{Lane, Repo, RepoError, SourceGeneration, SourceRow};

/// Sources looked at in one go. They go on in the order of their last job, so none is passed over.
const SOURCES_MAX: i64 = 1_000;

/// Sources that are due for another look, taken in one go; the others wait for the next interval.
const RECHECKS_MAX: i64 = 200;

/// What a recheck calls itself in triggers and freshness.
const RECHECK: &str = "recheck";

/// What made the reconciler look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReconcileReason {
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
        metrics: Arc<StoreMetrics>,
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
        // After a database that was away for minutes one round is enough: those missed would find the same.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = false;
        let mut reason = ReconcileReason::Loss;
        let mut follows_bus = true;
        // The first tick is over at once, and the first round is made without it.
        interval.tick().await;
        loop {
            // Once is enough: the fingerprint changes only with the configuration, which is read at
            // the start.
            renewed = renewed || self.request_other_fingerprints_and_log().await;
            self.request_due_sources_and_log().await;
            self.republish_lost_jobs_and_log(reason, &shutdown).await;
            reason = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = interval.tick() => ReconcileReason::Interval,
                changed = reconnections.changed(), if follows_bus => {
                    // Without a sender this branch would be ready for ever and turn the loop into a
                    // busy one.
                    follows_bus = changed.is_ok();
                    ReconcileReason::Loss
                }
            };
        }
    }

    /// Whether everything that was read in another way is asked for again; once per start.
    async fn request_other_fingerprints_and_log(&self) -> bool {
        match self.request_other_fingerprints().await {
            Ok(0) => true,
            Ok(sources) => {
                tracing::info!(sources, "sources read in another way are read again");
                true
            }
            Err(error) => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "sources read in another way could not be asked for");
                false
            }
        }
    }

    async fn request_other_fingerprints(&self) -> Result<u64, RepoError> {
        let trigger = Cause {
            mechanism: "reconcile".to_owned(),
            received_at: self.clock.now_micros(),
            ..Cause::default()
        };
        let mut tx = self.repo.write().await?;
        let sources = tx
            .request_other_fingerprints(self.config.fingerprint.as_str(), &trigger)
            .await?;
        tx.commit().await?;
        Ok(sources)
    }

    async fn request_due_sources_and_log(&self) {
        if let Err(error) = self.request_due_sources().await {
            freshet_runtime::summed_up!(warn, error = %Chain(&error), "sources that are due could not be looked for");
        }
    }

    /// Asks again for sources that no listing sweeps and whose time has come.
    async fn request_due_sources(&self) -> Result<(), RepoError> {
        let now = self.clock.now_micros();
        // Most of the time there are none, and then nobody is kept from writing.
        let mut tx = self.repo.read_once().await?;
        let due = tx.sources_due(now, RECHECKS_MAX).await?;
        tx.commit().await?;
        if due.is_empty() {
            return Ok(());
        }
        let ids: Vec<SourceId> = due.iter().map(|source| source.id).collect();
        let mut tx = self.repo.write().await?;
        let mut sources = tx.lock_sources(&ids).await?;
        // Looked at again under the lock: a push may have asked for it since.
        sources.retain(|source| is_due(source, now));
        for source in &mut sources {
            request_refresh(source, Lane::Lo, trigger_of_recheck(source, now), now);
        }
        tx.put_sources(&sources).await?;
        let requested: Vec<&SourceRow> = sources.iter().collect();
        let config = &self.config;
        let jobs = build_jobs(
            &mut tx,
            &requested,
            &config.providers,
            config.fingerprint.as_str(),
        )
        .await?;
        tx.commit().await?;
        self.jobs.publish_new(jobs).await;
        Ok(())
    }

    async fn republish_lost_jobs_and_log(
        &self,
        reason: ReconcileReason,
        shutdown: &CancellationToken,
    ) {
        if let Err(error) = self.republish_lost_jobs(reason, shutdown).await {
            freshet_runtime::summed_up!(warn, error = %Chain(&error), "outstanding sources could not be looked for");
        }
    }

    /// Gives jobs to all that lost theirs, or to as many as an interval has time for.
    async fn republish_lost_jobs(
        &self,
        reason: ReconcileReason,
        shutdown: &CancellationToken,
    ) -> Result<(), RepoError> {
        let now = self.clock.now_micros();
        let enqueued_before = match reason {
            // Those of this very round are not offered again.
            ReconcileReason::Loss => now - 1,
            ReconcileReason::Interval => now - micros(self.config.enqueued_recently),
        };
        let at = EnqueueTimes {
            now,
            due_max: now + micros(BACK_OFF_LASTING_MAX),
            enqueued_before,
            // Another process's clock may be a little ahead.
            enqueued_max: now + micros(self.config.enqueued_recently),
        };
        loop {
            let found = self.republish_page(&at).await?;
            // After a loss nothing else will give these sources a job soon. At an interval the next
            // one is seconds away, and a queue that is long anyway gets no better from more of the
            // same.
            let is_last = found < SOURCES_MAX || reason == ReconcileReason::Interval;
            if is_last || shutdown.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Gives jobs to a page of sources, those that wait longest first; how many there were.
    async fn republish_page(&self, at: &EnqueueTimes) -> Result<i64, RepoError> {
        // Most of the time there is none, and then the bus is not asked.
        let mut tx = self.repo.read().await?;
        let any = tx.sources_to_enqueue(at, 1).await?;
        tx.commit().await?;
        if any.is_empty() {
            return Ok(0);
        }
        // Before the sources are read: what was applied since then is not outstanding any more.
        let under_way = find_under_way(&self.bus).await;
        let mut tx = self.repo.read().await?;
        let sources = tx.sources_to_enqueue(at, SOURCES_MAX).await?;
        let found = i64::try_from(sources.len()).unwrap_or(i64::MAX);
        let (moving, lost): (Vec<SourceRow>, Vec<SourceRow>) = sources
            .into_iter()
            .partition(|source| under_way.contains(&source.id));
        let requested: Vec<&SourceRow> = lost.iter().collect();
        let config = &self.config;
        let jobs = build_jobs(
            &mut tx,
            &requested,
            &config.providers,
            config.fingerprint.as_str(),
        )
        .await?;
        tx.commit().await?;
        let mut ids: Vec<SourceId> = jobs.iter().map(|job| job.source_id.into()).collect();
        let unwanted = unwanted_generations(&lost, &ids);
        // Outside of any transaction: the bus may take its time, and writers would wait for it.
        self.jobs.publish_missing(jobs).await;
        ids.extend(moving.iter().map(|source| source.id));
        self.note_offered(&ids, &unwanted, at.now).await?;
        Ok(found)
    }

    async fn note_offered(
        &self,
        ids: &[SourceId],
        unwanted: &[SourceGeneration],
        now: i64,
    ) -> Result<(), RepoError> {
        let mut tx = self.repo.write().await?;
        // Also those under way, and those whose job the bus refused: they need not be offered again soon.
        tx.set_enqueued(ids, now).await?;
        // No job will ever prove these. Left outstanding they would be found again every few
        // seconds, and their deliveries would never end.
        tx.abandon_generations(unwanted).await?;
        tx.ignore_deliveries(unwanted, IgnoreReason::NotConfigured.as_str(), now)
            .await?;
        tx.commit().await
    }
}

/// Whether a source is to be looked at again though nothing says that it changed.
fn is_due(source: &SourceRow, now: i64) -> bool {
    let due_at = source.recheck.due_at(source.verified_at);
    source.done > 0 && !source.is_outstanding() && due_at.is_some_and(|due_at| due_at <= now)
}

fn trigger_of_recheck(source: &SourceRow, now: i64) -> Cause {
    Cause {
        provider: source.provider.clone(),
        mechanism: RECHECK.to_owned(),
        received_at: now,
        ..Cause::default()
    }
}

/// The generations nothing configured asks for any more: those of sources without a job.
fn unwanted_generations(sources: &[SourceRow], with_job: &[SourceId]) -> Vec<SourceGeneration> {
    let with_job: HashSet<SourceId> = with_job.iter().copied().collect();
    sources
        .iter()
        .filter(|source| !with_job.contains(&source.id))
        .map(|source| SourceGeneration {
            source_id: source.id,
            generation: source.wanted,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use freshet_bus::Outbound;
    use freshet_proto::stream::{JOBS, observation_consumer, topology};
    use freshet_proto::subject::Subjects;
    use freshet_runtime::metrics::Registry;

    use super::*;
    use crate::config::{DatabaseConfig, StoreConfig};
    use crate::repo::SourceKind;

    /// Whether a source last proved at 100, to be looked at every `every`, is due at `now`.
    #[track_caller]
    fn check(every: Option<i64>, (wanted, done): (i64, i64), now: i64, expected: bool) {
        let url = "https://example.com/a";
        let mut source = SourceRow::new(SourceId::new(1), SourceKind::Url, "example.com", url);
        (source.wanted, source.done) = (wanted, done);
        (source.verified_at, source.recheck.micros) = (Some(100), every);
        assert_eq!(is_due(&source, now), expected);
    }

    #[test]
    fn a_source_is_due_when_its_time_has_passed_and_nothing_is_outstanding() {
        check(Some(50), (2, 2), 149, false);
        check(Some(50), (2, 2), 150, true);
        check(Some(i64::MAX), (2, 2), 150, false);
    }

    #[test]
    fn what_a_listing_sweeps_or_a_job_looks_at_is_not_due() {
        check(None, (2, 2), 1_000, false);
        check(Some(50), (3, 2), 1_000, false);
        check(Some(50), (0, 0), 1_000, false);
    }

    /// A source that wants a reading and is in no job.
    async fn outstanding(bus: &Bus) -> (Reconciler, Subjects) {
        let subjects = Subjects::default();
        let streams = topology(&subjects, 1);
        bus.provision(&streams).await.expect("an empty bus");
        let config = StoreConfig::new(DatabaseConfig::Temporary);
        let repo = Repo::open(&config.database).await.expect("a database");
        let (id, url) = (SourceId::new(1), "https://example.com/a");
        let mut source = SourceRow::new(id, SourceKind::Url, "example.com", url);
        source.wanted = 1;
        let mut tx = repo.write().await.expect("a transaction");
        tx.put_sources(&[source]).await.expect("written");
        tx.commit().await.expect("committed");
        let metrics = Arc::new(StoreMetrics::register(&Registry::new("catalog")));
        let config = LedgerConfig::from(&config);
        let reconciler = Reconciler::new(repo, bus.clone(), Clock::system(), config, metrics);
        (reconciler, subjects)
    }

    /// Looks for lost jobs, and tells how many jobs there are then.
    async fn count_jobs_after(reconciler: &Reconciler, now: i64) -> u64 {
        let at = EnqueueTimes {
            now,
            due_max: now + 1_000_000,
            enqueued_before: now - 1,
            enqueued_max: now + 1_000_000,
        };
        let found = reconciler.republish_page(&at).await;
        assert_eq!(found.expect("a database"), 1, "it is outstanding");
        let depth = reconciler.bus.depth(JOBS).await;
        depth.expect("a stream").messages
    }

    #[tokio::test]
    async fn a_source_whose_observation_waits_is_given_no_job() {
        let bus = Bus::memory();
        let (reconciler, subjects) = outstanding(&bus).await;
        let subject = subjects.observation(Lane::Lo.into(), "example.com", 1);
        let observation = Outbound::new(subject, "read already".as_bytes());
        let _stored = bus.publish(observation).await.expect("stored");
        let now = Clock::system().now_micros();
        assert_eq!(count_jobs_after(&reconciler, now).await, 0);
        let consumer = observation_consumer(&subjects, Lane::Lo.into());
        let mut applied = bus.consume(&consumer).await.expect("a consumer");
        let lost = applied.next(1).await.expect("a bus").remove(0);
        lost.ack().await.expect("acknowledged");
        assert_eq!(count_jobs_after(&reconciler, now + 2).await, 1);
        assert_eq!(count_jobs_after(&reconciler, now + 4).await, 1, "it waits");
    }
}
