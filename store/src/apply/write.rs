//! From what was seen to what is written: the tree is judged, then entities, claims and problems
//! are planned from what it admits.

use std::collections::{BTreeSet, HashMap, HashSet};

use freshet_proto::message::{Cause, Content};
use uuid::Uuid;

use crate::apply::batch::Work;
use crate::apply::changes::event::Why;
use crate::apply::entities::collect::{Material, faces};
use crate::apply::entities::load::Stored;
use crate::apply::entities::orphans::keep;
use crate::apply::changes::plan::{Facts as PlanFacts, Plan, plan};
use crate::apply::observed::evidence::Sighted;
use crate::apply::locations::{Facts, Terms, Verdict};
use crate::apply::locations::load::judged;
use super::{Applier, ApplyError, compute};
use crate::config::OrphanStrategy;
use crate::ledger::raise;
use crate::repo::LinkKey;
use crate::repo::{Lane, LocationRow, SourceKind, SourceRow, Tx};

/// Why a source of this batch was read, and how urgently.
pub(crate) type Causes = HashMap<i64, (Cause, Lane)>;

/// What a transaction did to the tree.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    /// Sources whose reading changed something.
    pub(crate) changed_sources: HashSet<i64>,
    /// Sources that must be read, with the one whose reading asks for it.
    raised: Vec<(i64, i64)>,
}

impl Applier {
    /// Judges what was seen and writes everything that follows but what becomes of known sources.
    pub(crate) async fn settle(
        &self,
        work: &mut Work,
        facts: &mut Facts,
        sighted: Sighted,
        why: &HashMap<i64, Why>,
        causes: &Causes,
    ) -> Result<Settlement, ApplyError> {
        if sighted.sights.is_empty() {
            return Ok(Settlement::default());
        }
        let terms = Terms {
            rules: &self.config.rules,
            forges: &self.config.forges,
            now: work.now,
        };
        let verdict = judged(
            &mut work.tx,
            facts,
            &sighted.sights,
            terms,
            &self.config.recheck,
        )
        .await?;
        let read: Vec<i64> = sighted.contents.keys().copied().collect();
        let plan = self
            .plan(work, facts, &verdict, sighted.contents, why)
            .await?;
        self.guard(work, facts, &plan).await?;
        let raised = write_new_sources(work, facts, &verdict, causes).await?;
        write_tree(&mut work.tx, &verdict).await?;
        self.part(&mut work.tx, facts, &verdict).await?;
        let withdrawn = verdict.withdrawn.keys().copied();
        let replaced: Vec<i64> = read.into_iter().chain(withdrawn).collect();
        work.tx
            .replace_dependencies(&replaced, &sighted.dependencies)
            .await?;
        write(&mut work.tx, &plan).await?;
        work.done.rows.extend(plan.rows);
        Ok(Settlement {
            changed_sources: plan.changed_sources,
            raised,
        })
    }

    /// Plans what becomes of entities, claims and problems.
    async fn plan(
        &self,
        work: &mut Work,
        facts: &Facts,
        verdict: &Verdict,
        contents: HashMap<i64, Content>,
        why: &HashMap<i64, Why>,
    ) -> Result<Plan, ApplyError> {
        let size = contents.len();
        let mut faces = compute(size, || {
            let material = Material {
                verdict,
                sources: &facts.sources,
                locations: &facts.locations,
                forges: &self.config.forges,
            };
            faces(&material, contents)
        })?;
        let mut stored = Stored {
            sources: facts.sources.clone(),
            locations: facts.locations.clone(),
            reviewed: verdict.reviews.iter().map(|it| it.location_id).collect(),
            ..Stored::default()
        };
        stored
            .locations
            .extend(verdict.locations.iter().map(|(id, row)| (*id, row.clone())));
        stored.load(&mut work.tx, &faces).await?;
        let revision = work.newest_revision();
        compute(size, || {
            self.view.read(|state| {
                if self.config.orphans == OrphanStrategy::Keep {
                    keep(&mut faces, &stored, state)?;
                }
                plan(&PlanFacts {
                    state,
                    stored: &stored,
                    faces: &faces,
                    reviews: &verdict.reviews,
                    why,
                    revision,
                    now: work.now,
                    new_uid: Uuid::new_v4,
                })
            })
        })
    }

    /// Parts with the locations that count no more. Where orphans are kept, those are still of a file.
    async fn part(&self, tx: &mut Tx, facts: &Facts, verdict: &Verdict) -> Result<(), ApplyError> {
        let is_root = |id: &i64| {
            let source = facts.sources.get(id);
            source.is_some_and(|source| source.kind == SourceKind::Roots)
        };
        let keeps = |cause: &i64| self.config.orphans == OrphanStrategy::Keep && !is_root(cause);
        let mut kept = Vec::new();
        let mut removed = Vec::new();
        for (id, cause) in &verdict.withdrawn {
            match facts.locations.get(id).filter(|_| keeps(cause)) {
                Some(row) => kept.push(LocationRow {
                    is_glob: row.is_glob,
                    ..LocationRow::new(*id, row.source_id, &row.path)
                }),
                None => removed.push(*id),
            }
        }
        tx.put_locations(&kept).await?;
        Ok(tx.remove_locations(&removed).await?)
    }

    /// Asks for a reading of every source the tree needs; those in `sources` are left to the caller to
    /// write. Returns their ids.
    pub(crate) async fn raise(
        &self,
        work: &mut Work,
        sources: &mut HashMap<i64, SourceRow>,
        settlement: &Settlement,
        causes: &Causes,
    ) -> Result<BTreeSet<i64>, ApplyError> {
        let mut mine = BTreeSet::new();
        let mut others = HashMap::new();
        for (id, cause) in &settlement.raised {
            if work.raised.contains(id) {
                continue;
            }
            let (cause, lane) = causes
                .get(cause)
                .cloned()
                .unwrap_or((Cause::default(), Lane::Lo));
            match sources.get_mut(id) {
                Some(source) => {
                    raise(source, lane, cause, work.now);
                    mine.insert(*id);
                    work.raised.insert(*id);
                }
                None => {
                    others.insert(*id, (cause, lane));
                }
            }
        }
        if others.is_empty() {
            return Ok(mine);
        }
        let ids: Vec<i64> = others.keys().copied().collect();
        let mut rows = work.tx.lock_sources(&ids).await?;
        for source in &mut rows {
            let (cause, lane) = others[&source.id].clone();
            raise(source, lane, cause, work.now);
            work.raised.insert(source.id);
        }
        work.tx.put_sources(&rows).await?;
        Ok(mine)
    }
}

/// Writes the sources nobody knew, asked for at once; the others that must be read are returned.
async fn write_new_sources(
    work: &mut Work,
    facts: &Facts,
    verdict: &Verdict,
    causes: &Causes,
) -> Result<Vec<(i64, i64)>, ApplyError> {
    let mut rows = Vec::new();
    for id in &verdict.new_sources {
        let Some(mut source) = facts.sources.get(id).cloned() else {
            continue;
        };
        if let Some(cause) = verdict.raised.get(id) {
            let (cause, lane) = causes
                .get(cause)
                .cloned()
                .unwrap_or((Cause::default(), Lane::Lo));
            raise(&mut source, lane, cause, work.now);
            work.raised.insert(*id);
        }
        rows.push(source);
    }
    work.tx.put_sources(&rows).await?;
    Ok(verdict
        .raised
        .iter()
        .filter(|(id, _)| !facts.fresh_sources.contains(id))
        .map(|(id, cause)| (*id, *cause))
        .collect())
}

async fn write_tree(tx: &mut Tx, verdict: &Verdict) -> Result<(), ApplyError> {
    tx.put_locations(&verdict.locations_put).await?;
    tx.put_location_entities(&verdict.entities_put).await?;
    tx.remove_location_entities(&verdict.entities_removed)
        .await?;
    let removed: Vec<LinkKey> = verdict
        .links_removed
        .iter()
        .map(|(parent_ref, location_id, via)| LinkKey {
            parent_ref: parent_ref.clone(),
            location_id: *location_id,
            via: *via,
        })
        .collect();
    tx.remove_links(&removed).await?;
    Ok(tx.put_links(&verdict.links_put).await?)
}

async fn write(tx: &mut Tx, plan: &Plan) -> Result<(), ApplyError> {
    tx.append_changes(&plan.rows).await?;
    tx.put_entities(&plan.entities).await?;
    tx.touch_entities(&plan.touched).await?;
    tx.remove_claims(&plan.claims_removed).await?;
    tx.put_claims(&plan.claims_put).await?;
    tx.remove_problems(&plan.problems_removed).await?;
    Ok(tx.put_problems(&plan.problems_put).await?)
}
