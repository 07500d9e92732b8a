//! Everything that a decision writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::{LocationId, SourceId};
use uuid::Uuid;

use super::applier::{Applier, compute};
use super::changes::plan::{ChangePlan, PlanInputs, plan_changes};
use super::decision::{Decision, Observed, RefreshCause};
use super::entities::collect::{DeclarationInputs, collect_declarations};
use super::entities::load::StoredEntities;
use super::entities::orphans::keep_orphans;
use super::error::ApplyError;
use super::locations::diff::LocationDiff;
use super::observed::evidence::LocationEvidence;
use super::removals::pending::Withheld;
use super::transaction::ApplyTransaction;
use crate::config::OrphanStrategy;
use crate::ledger::request_refresh;
use crate::repo::{Location, SourceKind, SourceRow, Tx};

impl Applier {
    /// Plans what becomes of entities, claims and problems.
    pub(crate) async fn plan_batch(
        &self,
        work: &mut ApplyTransaction,
        observed: &Observed,
        evidence: &BTreeMap<LocationId, LocationEvidence>,
        diff: &LocationDiff,
    ) -> Result<ChangePlan, ApplyError> {
        let graph = &observed.graph;
        let contents = &observed.evidence.contents;
        let size = contents.len();
        let mut files = compute(size, || {
            let inputs = DeclarationInputs {
                diff,
                graph,
                forges: &self.config.forges,
            };
            let contents = contents.iter().filter(|(id, _)| evidence.contains_key(id));
            collect_declarations(&inputs, contents)
        })?;
        // What this transaction decided before, such as another listing, is found in the database.
        work.flush().await?;
        let mut stored = StoredEntities::new(graph, diff);
        stored.load(&mut work.tx, &files).await?;
        let is_first = work.rows.is_empty();
        if !is_first {
            stored.load_problems(&mut work.tx, &files).await?;
        }
        let revision = work.newest_revision();
        compute(size, || {
            self.view.read(|state| {
                if is_first {
                    stored.copy_problems(&files, state);
                }
                if self.config.orphans == OrphanStrategy::Keep {
                    keep_orphans(&mut files, &stored, state)?;
                }
                plan_changes(&PlanInputs {
                    state,
                    stored: &stored,
                    files: &files,
                    reviews: &diff.reviews,
                    triggers: &observed.triggers,
                    revision,
                    now: work.now,
                    new_uid: Uuid::new_v4,
                })
            })
        })
    }

    /// Writes everything that follows but what becomes of known sources, or leaves it to the end of the
    /// transaction.
    pub(crate) async fn write_decision(
        &self,
        work: &mut ApplyTransaction,
        observed: &Observed,
        decision: &mut Decision,
    ) -> Result<(), ApplyError> {
        let diff = &decision.locations;
        // Before the locations that name them.
        write_new_sources(work, observed, diff).await?;
        write_links(&mut work.tx, diff).await?;
        self.remove_locations(&mut work.tx, observed, diff).await?;
        write_exceptions(&mut work.tx, &decision.plan).await?;
        let Decision {
            read,
            locations: diff,
            plan,
            ..
        } = decision;
        // What was withheld keeps what it depends on, for its content stays.
        let dependencies = observed.evidence.dependencies.iter();
        let dependencies = dependencies.filter(|row| read.contains(&row.location_id));
        let replaced = read.iter().chain(diff.removed.keys());
        let unwritten = &mut work.unwritten;
        unwritten.locations.append(&mut diff.locations_put);
        unwritten.dependents.extend(replaced);
        unwritten.dependencies.extend(dependencies.cloned());
        unwritten.entities.append(&mut plan.entities);
        work.rows.append(&mut plan.rows);
        Ok(())
    }

    /// Plans and writes what is wrong with locations now, where no content was read.
    pub(crate) async fn write_reviews(
        &self,
        work: &mut ApplyTransaction,
        observed: &Observed,
        locations: LocationDiff,
    ) -> Result<(), ApplyError> {
        let plan = self
            .plan_batch(work, observed, &BTreeMap::new(), &locations)
            .await?;
        let mut decision = Decision {
            locations,
            plan,
            read: BTreeSet::new(),
            withheld: Withheld::default(),
        };
        self.write_decision(work, observed, &mut decision).await
    }

    /// Removes the locations that no root reaches. Where orphans are kept, those are still of a file.
    async fn remove_locations(
        &self,
        tx: &mut Tx,
        observed: &Observed,
        diff: &LocationDiff,
    ) -> Result<(), ApplyError> {
        let graph = &observed.graph;
        let is_roots = |id: &SourceId| {
            let source = graph.sources.get(id);
            source.is_some_and(|source| source.kind == SourceKind::Roots)
        };
        // What a root brought goes with it all the same.
        let keeps = |triggered_by: &SourceId| {
            self.config.orphans == OrphanStrategy::Keep && !is_roots(triggered_by)
        };
        let mut kept = Vec::new();
        let mut removed = Vec::new();
        for (id, triggered_by) in &diff.removed {
            match graph.locations.get(id).filter(|_| keeps(triggered_by)) {
                Some(location) => kept.push(Location {
                    is_pattern: location.is_pattern,
                    ..Location::new(*id, location.source_id, &location.path)
                }),
                None => removed.push(*id),
            }
        }
        tx.put_locations(&kept).await?;
        Ok(tx.remove_locations(&removed).await?)
    }

    /// Asks for a reading of every source the decision needs; those in `sources` are left to the caller to
    /// write. Returns their ids.
    pub(crate) async fn request_refreshes(
        &self,
        work: &mut ApplyTransaction,
        sources: &mut HashMap<SourceId, SourceRow>,
        observed: &Observed,
        decision: &Decision,
    ) -> Result<BTreeSet<SourceId>, ApplyError> {
        let mut mine = BTreeSet::new();
        let mut others = HashMap::new();
        for (id, triggered_by) in &decision.locations.refresh_requests {
            // Asked for already in this transaction; another generation would be read for nothing.
            if work.job_sources.contains(id) {
                continue;
            }
            let cause = observed.causes.get(triggered_by).cloned();
            let RefreshCause { cause, lane } = cause.unwrap_or_default();
            match sources.get_mut(id) {
                Some(source) => {
                    request_refresh(source, lane, cause, work.now);
                    work.job_sources.insert(*id);
                    mine.insert(*id);
                }
                None => {
                    others.insert(*id, RefreshCause { cause, lane });
                }
            }
        }
        if others.is_empty() {
            return Ok(mine);
        }
        let ids: Vec<SourceId> = others.keys().copied().collect();
        // Locked, for the ledger raises the same counters.
        let mut rows = work.tx.lock_sources(&ids).await?;
        for source in &mut rows {
            if let Some(RefreshCause { cause, lane }) = others.remove(&source.id) {
                request_refresh(source, lane, cause, work.now);
                work.job_sources.insert(source.id);
            }
        }
        work.tx.put_sources(&rows).await?;
        Ok(mine)
    }
}

/// Writes the sources nobody knew, asked for at once.
async fn write_new_sources(
    work: &mut ApplyTransaction,
    observed: &Observed,
    diff: &LocationDiff,
) -> Result<(), ApplyError> {
    let mut rows = Vec::new();
    for id in &diff.new_sources {
        let Some(mut source) = observed.graph.sources.get(id).cloned() else {
            continue;
        };
        if let Some(triggered_by) = diff.refresh_requests.get(id) {
            let cause = observed.causes.get(triggered_by).cloned();
            let RefreshCause { cause, lane } = cause.unwrap_or_default();
            request_refresh(&mut source, lane, cause, work.now);
            work.job_sources.insert(*id);
        }
        rows.push(source);
    }
    Ok(work.tx.put_sources(&rows).await?)
}

async fn write_links(tx: &mut Tx, diff: &LocationDiff) -> Result<(), ApplyError> {
    tx.put_location_entities(&diff.entities_put).await?;
    tx.remove_location_entities(&diff.entities_removed).await?;
    tx.remove_links(&diff.links_removed).await?;
    Ok(tx.put_links(&diff.links_put).await?)
}

/// What few changes have: relations of others, conflicts and mistakes.
async fn write_exceptions(tx: &mut Tx, plan: &ChangePlan) -> Result<(), ApplyError> {
    tx.touch_entities(&plan.touched).await?;
    tx.remove_claims(&plan.claims_removed).await?;
    tx.put_claims(&plan.claims_put).await?;
    tx.remove_problems(&plan.problems_removed).await?;
    Ok(tx.put_problems(&plan.problems_put).await?)
}
