//! From what is stored and what was read to everything that is written. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;

use freshet_model::{EntityRef, LocationId, Revision, SourceId};
use freshet_proto::message::change::{ChangeData, Origin, RelationChanges, RevisionInfo};
use uuid::Uuid;

use crate::apply::changes::bodies::ChangeBody;
use crate::apply::changes::event::{ChangeTrigger, origin_of};
use crate::apply::changes::problems::{ProblemChange, ProblemTransition, compare_problems};
use crate::apply::changes::relations::{RelationDelta, relation_deltas};
use crate::apply::entities::claims::{
    EntityChange, EntityContent, ResolvedChange, ResolvedClaims, resolve_claims,
};
use crate::apply::entities::declarations::{FileDeclarations, FoundProblem};
use crate::apply::entities::load::StoredEntities;
use crate::apply::error::ApplyError;
use crate::apply::locations::problems::ProblemReview;
use crate::change::{ChangeRow, EntityRecord, Op};
use crate::repo::claims::ClaimKey;
use crate::repo::entities::EntityTouch;
use crate::repo::{ClaimRow, EntityRow, ProblemPlace, StoredProblem};
use crate::view::CatalogState;

/// Everything one transaction writes about entities, claims and problems.
#[derive(Debug, Default)]
pub(crate) struct ChangePlan {
    pub(crate) rows: Vec<ChangeRow>,
    /// The source whose reading caused each row.
    pub(crate) triggered_by: Vec<SourceId>,
    pub(crate) entities: Vec<EntityRow>,
    /// Entities whose relations changed by what others did.
    pub(crate) touched: Vec<EntityTouch>,
    pub(crate) claims_put: Vec<ClaimRow>,
    pub(crate) claims_removed: Vec<ClaimKey>,
    pub(crate) problems_put: Vec<StoredProblem>,
    pub(crate) problems_removed: Vec<i64>,
    /// Sources whose reading changed something.
    pub(crate) changed_sources: HashSet<SourceId>,
}

/// What a plan is made from.
pub(crate) struct PlanInputs<'a> {
    pub(crate) state: &'a CatalogState,
    pub(crate) stored: &'a StoredEntities<'a>,
    pub(crate) files: &'a [FileDeclarations],
    /// Problems that depend on who points at a file.
    pub(crate) reviews: &'a [ProblemReview],
    /// Why each source was read.
    pub(crate) triggers: &'a HashMap<SourceId, ChangeTrigger>,
    /// Newest revision before this transaction.
    pub(crate) revision: Revision,
    /// Microseconds UTC.
    pub(crate) now: i64,
    /// Makes the identity of a new entity.
    pub(crate) new_uid: fn() -> Uuid,
}

/// Plans one transaction.
pub(crate) fn plan_changes(inputs: &PlanInputs<'_>) -> Result<ChangePlan, ApplyError> {
    let resolved = resolve_claims(inputs.files, inputs.stored, inputs.now)?;
    Ok(plan_resolved(inputs, resolved))
}

fn plan_resolved(inputs: &PlanInputs<'_>, mut resolved: ResolvedClaims) -> ChangePlan {
    // The view is folded after the commit only, so until then it is the catalog as it was before.
    let mut deltas = relation_deltas(&resolved.changes, inputs.state);
    let mut planner = ChangePlanner {
        inputs,
        revision: inputs.revision,
        plan: ChangePlan::default(),
    };
    for (entity_ref, change) in mem::take(&mut resolved.changes) {
        let delta = deltas.remove(&entity_ref).unwrap_or_default();
        planner.plan_entity(entity_ref, change, delta.into_changes());
    }
    // What is left are entities that only others have changed. They come after those, so that who
    // hears of the effect has heard of its cause.
    for (entity_ref, delta) in deltas {
        planner.plan_related(&entity_ref, delta);
    }
    for transition in compare_problems(inputs.files, inputs.reviews, &resolved, inputs.stored) {
        planner.plan_problem(transition);
    }
    planner.finish(resolved)
}

/// Plans that an entity leaves although its file declares it, because of a source. Whoever claims it enters with the
/// next reading.
pub(crate) fn plan_deletion(
    inputs: &PlanInputs<'_>,
    entity_ref: &EntityRef,
    triggered_by: SourceId,
) -> ChangePlan {
    let deletion = ResolvedChange {
        change: EntityChange::Delete,
        triggered_by,
    };
    let resolved = ResolvedClaims {
        changes: BTreeMap::from([(entity_ref.clone(), deletion)]),
        ..ResolvedClaims::default()
    };
    plan_resolved(inputs, resolved)
}

/// A plan while it is put together. Each row takes the next revision, so the order of the calls is
/// the order in which subscribers hear of the changes.
struct ChangePlanner<'a> {
    inputs: &'a PlanInputs<'a>,
    revision: Revision,
    plan: ChangePlan,
}

impl ChangePlanner<'_> {
    fn plan_entity(
        &mut self,
        entity_ref: EntityRef,
        resolved: ResolvedChange,
        relations: RelationChanges,
    ) {
        let triggered_by = resolved.triggered_by;
        let row = self.inputs.stored.entities.get(&entity_ref);
        match (resolved.change, self.inputs.state.entity(&entity_ref)) {
            (EntityChange::Upsert(content), Some(record)) => {
                let version = version_after(record, row);
                let body = ChangeBody::for_update(record, version, &content, relations);
                self.put_entity(content, body, triggered_by);
            }
            (EntityChange::Upsert(content), None) => {
                let uid = (self.inputs.new_uid)();
                let body = ChangeBody::for_creation(entity_ref, uid, row, &content, relations);
                self.put_entity(content, body, triggered_by);
            }
            (EntityChange::Delete, Some(record)) => {
                let version = version_after(record, row);
                let body = ChangeBody::for_deletion(record, version, relations);
                let change = self.next_row(body, triggered_by);
                self.plan.entities.extend(tombstone_of(&change));
                self.plan.rows.push(change);
            }
            // Neither in the view nor declared: there is nothing to say.
            (EntityChange::Delete, None) => {}
        }
    }

    fn put_entity(&mut self, content: EntityContent, body: ChangeBody, triggered_by: SourceId) {
        let change = ChangeRow {
            document: Some(content.document),
            relations: Some(content.relations),
            digest: Some(content.digest.clone()),
            ..self.next_row(body, triggered_by)
        };
        let entity = tombstone_of(&change).map(|tombstone| EntityRow {
            document_revision: change.revision,
            digest: content.digest,
            is_orphan: content.is_orphan,
            claimed_at: content.claimed_at,
            ..tombstone
        });
        self.plan.entities.extend(entity);
        self.plan.rows.push(change);
    }

    /// One change per entity and transaction, however many others changed its relations.
    fn plan_related(&mut self, entity_ref: &EntityRef, delta: RelationDelta) {
        // A relation may point at what does not exist.
        let Some(record) = self.inputs.state.entity(entity_ref) else {
            return;
        };
        let triggered_by = delta.triggered_by;
        let body = ChangeBody::for_relations(record, delta.into_changes());
        let change = self.next_row(body, triggered_by);
        self.plan.touched.push(EntityTouch {
            entity_ref: entity_ref.to_string(),
            version: change.version,
            revision: change.revision,
            changed_at: change.committed_at,
        });
        self.plan.rows.push(change);
    }

    fn plan_problem(&mut self, transition: ProblemTransition<'_>) {
        let op = transition.change.op();
        let triggered_by = transition.triggered_by;
        let problem = self.problem_after(transition);
        let entity_ref = problem.problem.entity_ref.as_ref();
        let record = entity_ref.and_then(|it| self.inputs.state.entity(it));
        let body = ChangeBody::for_problem(op, &problem, record);
        if op == Op::ProblemResolved {
            self.plan.problems_removed.push(problem.id);
        } else {
            self.plan.problems_put.push(problem.clone());
        }
        let place = self.place_of(&problem);
        let change = ChangeRow {
            problem: Some(problem.into_row(place)),
            ..self.next_row(body, triggered_by)
        };
        self.plan.rows.push(change);
    }

    /// The problem as it is now or, if it is resolved, as it last was.
    fn problem_after(&self, transition: ProblemTransition<'_>) -> StoredProblem {
        let location_id = transition.location_id;
        let location = self.inputs.stored.locations.get(&location_id);
        let found_now = |id, first_seen, found: FoundProblem| StoredProblem {
            id,
            location_id,
            source_id: location
                .map(|location| location.source_id)
                .unwrap_or_default(),
            status_of: found.shown_by(),
            problem: found.problem,
            first_seen,
            last_seen: self.inputs.now,
        };
        match transition.change {
            // A problem is named by the revision that opens it: unique without another counter.
            ProblemChange::Opened(found) => {
                let id = self.revision.next().get();
                found_now(id, self.inputs.now, found.into_owned())
            }
            ProblemChange::Updated { known, found } => {
                found_now(known.id, known.first_seen, found.into_owned())
            }
            ProblemChange::Resolved(known) => known.clone(),
        }
    }

    fn place_of(&self, problem: &StoredProblem) -> ProblemPlace {
        let source = self.inputs.stored.sources.get(&problem.source_id);
        let location = self.inputs.stored.locations.get(&problem.location_id);
        ProblemPlace {
            provider: source.map_or_else(String::new, |source| source.provider.clone()),
            repository: source.map_or_else(String::new, |source| source.slug()),
            path: location.map_or_else(String::new, |location| location.path.clone()),
        }
    }

    /// Takes the next revision for a change.
    fn next_row(&mut self, body: ChangeBody, triggered_by: SourceId) -> ChangeRow {
        self.revision = self.revision.next();
        self.plan.changed_sources.insert(triggered_by);
        self.plan.triggered_by.push(triggered_by);
        let trigger = self.inputs.triggers.get(&triggered_by).cloned();
        let trigger = trigger.unwrap_or_default();
        let data = ChangeData {
            op: body.op,
            entity: body.entity,
            problem: body.problem,
            revision: RevisionInfo {
                catalog: self.revision.get(),
                previous: body.previous.get(),
                entity: body.version,
            },
            change: body.change,
            cause: trigger.cause,
            origin: self.origin_at(body.location_id),
            timing: trigger.timing,
        };
        ChangeRow {
            revision: self.revision,
            op: body.op,
            entity_ref: body.entity_ref,
            version: body.version,
            uid: body.uid,
            location_id: body.location_id,
            source_id: body.source_id,
            document: None,
            relations: None,
            digest: None,
            problem: None,
            data: serde_json::to_string(&data).expect("a change is plain data with text keys"),
            committed_at: self.inputs.now,
            fact_at: trigger.fact_at,
        }
    }

    /// Absent for locations that are not part of this transaction, as of derived changes.
    fn origin_at(&self, location_id: LocationId) -> Option<Origin> {
        let location = self.inputs.stored.locations.get(&location_id)?;
        let source = self.inputs.stored.sources.get(&location.source_id)?;
        Some(origin_of(source, location))
    }

    fn finish(self, resolved: ResolvedClaims) -> ChangePlan {
        ChangePlan {
            claims_put: resolved.claims_put,
            claims_removed: resolved.claims_removed,
            ..self.plan
        }
    }
}

/// The row counts what the view does not: the versions a ref had before it was deleted.
fn version_after(record: &EntityRecord, row: Option<&EntityRow>) -> i64 {
    row.map_or(record.version, |row| row.version) + 1
}

/// The row of an entity that is removed by a change.
// It keeps the version, so that the ref goes on counting when it comes back and an event from before
// never beats a new one.
fn tombstone_of(change: &ChangeRow) -> Option<EntityRow> {
    Some(EntityRow {
        entity_ref: change.entity_ref.as_ref()?.to_string(),
        uid: change.uid?.to_string(),
        version: change.version,
        revision: change.revision,
        document_revision: Revision::default(),
        digest: String::new(),
        is_orphan: false,
        location_id: change.location_id,
        source_id: change.source_id,
        claimed_at: 0,
        changed_at: change.committed_at,
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
