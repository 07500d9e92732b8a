//! The stages of one batch, from top to bottom. What they decide is in the folders named after them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::{Observation, RepositoryObserved, observation};

use super::applier::Applier;
use super::decision::{Decision, Observed};
use super::error::ApplyError;
use super::locations::evaluation::EvaluationInputs;
use super::locations::graph::LocationGraph;
use super::locations::load::{concerned_by, decide, load};
use super::locations::resolve::new_location_ids;
use super::observed::evidence::{
    LocationEvidence, collect_evidence, find_unchanged, find_unknown_matches,
};
use super::observed::failure::ReadFailure;
use super::observed::identity::resolve_identities;
use super::observed::newest::{Reading, choose_newest};
use super::observed::reassemble::{Reassembled, reassemble};
use super::removals::pending::{Removals, Withheld};
use super::roots::discovered::update_roots;
use super::transaction::ApplyTransaction;
use crate::repo::{Location, SourceRow};

impl Applier {
    /// Applies a batch: all of it or nothing. A listing has a transaction of its own, for it decides
    /// about the sources that others report of; what was applied before it is superseded if it comes again.
    pub(crate) async fn apply(&self, batch: &[Observation]) -> Result<(), ApplyError> {
        let (listings, others): (Vec<&Observation>, Vec<&Observation>) =
            batch.iter().partition(|it| is_listing(it));
        // Parts before the last are only kept: one by one, those of ten thousand repositories would be a
        // hundred transactions. Apart from the others, for any part may be the one that was missing.
        let (last_parts, parts): (Vec<&Observation>, Vec<&Observation>) =
            listings.into_iter().partition(|it| it.last);
        for together in [others, parts] {
            if !together.is_empty() {
                self.apply_together(&together).await?;
            }
        }
        for listing in last_parts {
            self.apply_together(&[listing]).await?;
        }
        Ok(())
    }

    async fn apply_together(&self, batch: &[&Observation]) -> Result<(), ApplyError> {
        let mut work = self.begin().await?;
        let bytes_max = self.config.batch.whole_bytes_max();
        let Reassembled { whole, large } = reassemble(&mut work, batch, bytes_max).await?;
        self.apply_observations(work, whole).await?;
        // After the commit: of what was rolled back a part is missing.
        self.add_runs(large);
        Ok(())
    }

    /// Applies observations and commits.
    pub(crate) async fn apply_observations(
        &self,
        mut work: ApplyTransaction,
        observations: Vec<Observation>,
    ) -> Result<(), ApplyError> {
        let mut sources = lock_sources(&mut work, &observations).await?;
        let newest = choose_newest(observations, &sources);
        work.outcomes.extend(newest.outcomes);
        // Files first: a listing in the same batch compares with what they proved.
        self.apply_files(
            &mut work,
            &mut sources,
            newest.repositories,
            newest.failures,
        )
        .await?;
        for listing in newest.listings {
            // It reads what was decided before it.
            work.flush().await?;
            if let Some(source) = sources.get(&listing.source_id) {
                self.apply_listing(&mut work, source.clone(), listing)
                    .await?;
            }
        }
        self.commit(work).await
    }

    /// Applies every source of files that was read, and notes every failure.
    async fn apply_files(
        &self,
        work: &mut ApplyTransaction,
        sources: &mut HashMap<SourceId, SourceRow>,
        mut readings: Vec<Reading<RepositoryObserved>>,
        failures: Vec<ReadFailure>,
    ) -> Result<(), ApplyError> {
        let mut written = resolve_identities(work, sources, &mut readings).await?;
        // After the identities: a repository that has an id now is looked up under it.
        let mut observed = self
            .observe(work, sources, &mut readings, &failures)
            .await?;
        let mut decision = self.evaluate_and_plan(work, &mut observed).await?;
        decision
            .withheld
            .mark_incomplete(&mut readings, &observed.evidence, &observed.graph);
        self.write_decision(work, &observed, &mut decision).await?;
        let changed = &decision.plan.changed_sources;
        written.extend(self.conclude_readings(work, sources, &readings, &failures, changed));
        self.report_unlisted(work, sources, &failures).await?;
        written.extend(
            self.request_refreshes(work, sources, &observed, &decision)
                .await?,
        );
        let proved = readings.iter().filter(|reading| reading.is_complete);
        let proved: BTreeSet<SourceId> = proved.map(|reading| reading.source_id).collect();
        written.extend(
            self.update_pending(work, sources, &observed, &decision.withheld, &proved)
                .await?,
        );
        let rows = written.iter().filter_map(|id| sources.get(id).cloned());
        work.unwritten.sources.extend(rows);
        Ok(())
    }

    /// Loads what is held of the sources, and tells what was seen of it and which roots come and go.
    async fn observe(
        &self,
        work: &mut ApplyTransaction,
        sources: &HashMap<SourceId, SourceRow>,
        readings: &mut [Reading<RepositoryObserved>],
        failures: &[ReadFailure],
    ) -> Result<Observed, ApplyError> {
        let mut observed = Observed::of(readings, sources, work.now);
        let failed = failures.iter().filter(|failure| failure.class.is_some());
        let failed = failed.map(|failure| failure.source_id);
        let read = readings.iter().map(|reading| reading.source_id);
        let ids: Vec<SourceId> = read.chain(failed).collect();
        if ids.is_empty() {
            return Ok(observed);
        }
        let graph = &mut observed.graph;
        graph.sources.clone_from(sources);
        for location in work.tx.locations_of(&ids).await? {
            graph.locations.insert(location.id, location);
        }
        self.observe_loaded(work, &mut observed, readings, failures)
            .await?;
        Ok(observed)
    }

    /// The same, once the sources and those of their locations that readings and failures are about are in the
    /// graph.
    pub(crate) async fn observe_loaded(
        &self,
        work: &mut ApplyTransaction,
        observed: &mut Observed,
        readings: &mut [Reading<RepositoryObserved>],
        failures: &[ReadFailure],
    ) -> Result<(), ApplyError> {
        let graph = &mut observed.graph;
        add_unknown_matches(work, graph, readings).await?;
        observed.evidence = collect_evidence(graph, readings, failures);
        // Nothing waits nearly always, and then what is unchanged is not asked for.
        if self.removals_wait.load(Ordering::Relaxed) {
            observed.evidence.unchanged = find_unchanged(graph, readings);
        }
        let evidence = &mut observed.evidence.locations;
        let mut request = concerned_by(evidence);
        observed.reviews.add_to(&mut request);
        load(&mut work.tx, graph, request, &self.config.recheck).await?;
        let providers = &self.config.providers;
        let hosts = &self.config.forges.hosts;
        let tx = &mut work.tx;
        update_roots(tx, graph, evidence, readings, providers, hosts).await
    }

    /// Decides what the batch changes. What would take too much away is withheld, and the rest decided
    /// without it.
    pub(crate) async fn evaluate_and_plan(
        &self,
        work: &mut ApplyTransaction,
        observed: &mut Observed,
    ) -> Result<Decision, ApplyError> {
        // Empty at each batch, whatever waits from earlier ones: what was confirmed, or has waited long enough,
        // must be able to go.
        let mut withheld = Withheld::default();
        loop {
            // Decided anew from what is left, and not by cutting rows out of a plan: a claim that
            // is withheld decides who holds a ref.
            let evidence = withheld.leave_out(&observed.evidence.locations, &observed.graph);
            let inputs = EvaluationInputs {
                rules: &self.config.rules,
                forges: &self.config.forges,
                reviews: &observed.reviews,
                now: work.now,
            };
            let graph = &mut observed.graph;
            let recheck = &self.config.recheck;
            let locations = decide(&mut work.tx, graph, &evidence, inputs, recheck).await?;
            let plan = self
                .plan_batch(work, observed, &evidence, &locations)
                .await?;
            let checked = self.check_removals(work, &observed.graph, &plan, &mut withheld);
            if checked.await? == Removals::Allowed {
                return Ok(Decision {
                    read: read_contents(observed, &evidence),
                    locations,
                    plan,
                    withheld,
                });
            }
        }
    }
}

fn is_listing(observation: &Observation) -> bool {
    matches!(observation.body, Some(observation::Body::Listing(_)))
}

async fn lock_sources(
    work: &mut ApplyTransaction,
    observations: &[Observation],
) -> Result<HashMap<SourceId, SourceRow>, ApplyError> {
    let ids: BTreeSet<SourceId> = observations
        .iter()
        .map(|it| SourceId::new(it.source_id))
        .collect();
    let ids: Vec<SourceId> = ids.into_iter().collect();
    let sources = work.tx.lock_sources(&ids).await?;
    Ok(sources
        .into_iter()
        .map(|source| (source.id, source))
        .collect())
}

/// Gives an id to every file that a pattern matches and nobody knows.
async fn add_unknown_matches(
    work: &mut ApplyTransaction,
    graph: &mut LocationGraph,
    readings: &[Reading<RepositoryObserved>],
) -> Result<(), ApplyError> {
    let unknown = find_unknown_matches(graph, readings);
    let ids = new_location_ids(&mut work.tx, graph, unknown.len()).await?;
    for ((source_id, path), id) in unknown.into_iter().zip(ids) {
        graph.add_new_location(Location::new(id, source_id, path));
    }
    Ok(())
}

/// The files whose contents count.
fn read_contents(
    observed: &Observed,
    evidence: &BTreeMap<LocationId, LocationEvidence>,
) -> BTreeSet<LocationId> {
    let contents = observed.evidence.contents.keys().copied();
    contents.filter(|id| evidence.contains_key(id)).collect()
}
