//! Jobs on their way out. Losing one costs time, never a fact: the reconciler finds it missing.

use std::collections::HashMap;
use std::sync::Arc;

use freshet_bus::{Bus, Expect, Outbound, PublishError};
use freshet_model::{LocationId, SourceId};
use freshet_proto::message::Job;
use freshet_proto::subject::Subjects;
use freshet_runtime::error_chain::Chain;
use futures::StreamExt;
use prost::Message;

use super::job::build_job;
use super::providers::Providers;
use crate::metrics::StoreMetrics;
use crate::metrics::{JobTrigger, LaneLabel};
use crate::repo::{DependencyRow, Lane, Location, RepoError, SourceRow, Tx};

/// Jobs whose confirmation is awaited at the same time.
const IN_FLIGHT_MAX: usize = 64;

/// Publishes jobs.
#[derive(Clone)]
pub(crate) struct JobPublisher {
    bus: Bus,
    subjects: Subjects,
    metrics: Arc<StoreMetrics>,
}

/// Builds the jobs of these sources from what this transaction sees.
pub(crate) async fn build_jobs(
    tx: &mut Tx,
    sources: &[&SourceRow],
    providers: &Providers,
    fingerprint: &str,
) -> Result<Vec<Job>, RepoError> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<SourceId> = sources.iter().map(|source| source.id).collect();
    let locations = tx.locations_of(&ids).await?;
    // Two statements for the whole batch: a query for each source would make a sweep of a thousand
    // repositories two thousand round trips, under the lock.
    let location_ids: Vec<LocationId> = locations.iter().map(|location| location.id).collect();
    let dependencies = tx.dependencies_of(&location_ids).await?;
    let held: Vec<&Location> = locations.iter().collect();
    Ok(build_jobs_of(
        sources,
        &held,
        &dependencies,
        providers,
        fingerprint,
    ))
}

/// Builds the jobs of these sources from what is held of them.
pub(super) fn build_jobs_of(
    sources: &[&SourceRow],
    locations: &[&Location],
    dependencies: &[DependencyRow],
    providers: &Providers,
    fingerprint: &str,
) -> Vec<Job> {
    let source_of: HashMap<LocationId, SourceId> =
        locations.iter().map(|it| (it.id, it.source_id)).collect();
    let mut read_besides: HashMap<SourceId, Vec<&DependencyRow>> = HashMap::new();
    for dependency in dependencies {
        if let Some(source_id) = source_of.get(&dependency.location_id) {
            read_besides.entry(*source_id).or_default().push(dependency);
        }
    }
    let mut by_source: HashMap<SourceId, Vec<&Location>> = HashMap::new();
    for location in locations {
        by_source
            .entry(location.source_id)
            .or_default()
            .push(location);
    }
    let jobs = sources.iter().filter_map(|source| {
        let held = by_source.get(&source.id).map_or(&[][..], Vec::as_slice);
        let read_besides = read_besides.get(&source.id).map_or(&[][..], Vec::as_slice);
        build_job(source, held, read_besides, providers, fingerprint)
    });
    jobs.collect()
}

impl JobPublisher {
    pub(crate) fn new(bus: Bus, subjects: Subjects, metrics: Arc<StoreMetrics>) -> Self {
        Self {
            bus,
            subjects,
            metrics,
        }
    }

    /// Publishes jobs of new generations: each replaces an older one of its source.
    pub(crate) async fn publish_new(&self, jobs: Vec<Job>) {
        self.publish(jobs, Expect::Nothing, JobTrigger::Generation)
            .await;
    }

    /// Publishes jobs that may be lost: one that waits or is in flight stays where it is.
    pub(super) async fn publish_missing(&self, jobs: Vec<Job>) {
        self.publish(jobs, Expect::SubjectEmpty, JobTrigger::Reconciler)
            .await;
    }

    async fn publish(&self, jobs: Vec<Job>, expect: Expect, trigger: JobTrigger) {
        futures::stream::iter(jobs)
            .for_each_concurrent(IN_FLIGHT_MAX, |job| self.publish_one(job, expect, trigger))
            .await;
    }

    async fn publish_one(&self, job: Job, expect: Expect, trigger: JobTrigger) {
        let subject = self
            .subjects
            .job(job.lane(), &job.installation, job.source_id);
        // Without an identity: the same job may have to be published again minutes later, and the stream would
        // take it for a copy of the one that was lost.
        let outbound = Outbound::new(subject, job.encode_to_vec()).expecting(expect);
        match self.bus.publish(outbound).await {
            Ok(_) => self.metrics.count_job(lane_label(&job), trigger),
            // It waits or is in flight, which is what we want.
            Err(PublishError::Refused) => {}
            Err(error) => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), source.id = job.source_id, "a job could not be published and is left to the reconciler");
            }
        }
    }
}

fn lane_label(job: &Job) -> LaneLabel {
    match Lane::from(i64::from(job.lane)) {
        Lane::Hi => LaneLabel::Hi,
        Lane::Lo => LaneLabel::Lo,
    }
}
