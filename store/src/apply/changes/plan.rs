//! From what is stored and what was read to everything that is written. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use freshet_model::EntityRef;
use freshet_proto::message::change::{
    Category, ChangeData, ChangeInfo, EntityInfo, Fields, Origin, ProblemInfo, RelationChanges,
    RevisionInfo,
};
use uuid::Uuid;

use crate::apply::ApplyError;
use crate::apply::entities::claims::{Content, Fate, Settled, settle};
use crate::apply::changes::event::{Why, categories, entity_info, fields, origin, problem_info};
use crate::apply::entities::declarations::Face;
use crate::apply::entities::load::Stored;
use crate::apply::changes::problems::{Transition, transitions};
use crate::apply::changes::relations::{Shift, shifts};
use crate::apply::locations::Review;
use crate::change::{ChangeRow, Op, ProblemRow, Record};
use crate::repo::claims::ClaimKey;
use crate::repo::entities::EntityTouch;
use crate::repo::stored::refs_from_text;
use crate::repo::{ClaimRow, EntityRow, ProblemState};
use crate::view::State;

/// Everything one transaction writes about entities, claims and problems.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) rows: Vec<ChangeRow>,
    /// The source whose reading caused each row.
    pub(crate) causes: Vec<i64>,
    pub(crate) entities: Vec<EntityRow>,
    /// Entities whose relations changed by what others did.
    pub(crate) touched: Vec<EntityTouch>,
    pub(crate) claims_put: Vec<ClaimRow>,
    pub(crate) claims_removed: Vec<ClaimKey>,
    pub(crate) problems_put: Vec<ProblemState>,
    pub(crate) problems_removed: Vec<i64>,
    /// Sources whose reading changed something.
    pub(crate) changed_sources: HashSet<i64>,
}

/// What a plan is made from.
pub(crate) struct Facts<'a> {
    pub(crate) state: &'a State,
    pub(crate) stored: &'a Stored,
    pub(crate) faces: &'a [Face],
    /// Problems of the tree.
    pub(crate) reviews: &'a [Review],
    /// Why each source was read.
    pub(crate) why: &'a HashMap<i64, Why>,
    /// Newest revision before this transaction.
    pub(crate) revision: i64,
    pub(crate) now: i64,
    /// Makes the identity of a new entity.
    pub(crate) new_uid: fn() -> Uuid,
}

/// Plans one transaction.
pub(crate) fn plan(facts: &Facts<'_>) -> Result<Plan, ApplyError> {
    let settled = settle(facts.faces, facts.stored, facts.now)?;
    let mut draft = Draft {
        facts,
        shifts: shifts(&settled.fates, facts.state),
        revision: facts.revision,
        plan: Plan::default(),
    };
    for (entity_ref, (fate, cause)) in &settled.fates {
        draft.entity(entity_ref, fate, *cause);
    }
    draft.related(&settled);
    for transition in transitions(
        facts.faces,
        facts.reviews,
        &settled,
        facts.stored,
        facts.now,
    ) {
        draft.problem(transition);
    }
    let mut plan = draft.finish();
    plan.claims_put = settled.claims_put;
    plan.claims_removed = settled.claims_removed;
    Ok(plan)
}

struct Draft<'a> {
    facts: &'a Facts<'a>,
    shifts: BTreeMap<EntityRef, Shift>,
    revision: i64,
    plan: Plan,
}

/// What differs from change to change.
struct Body {
    op: Op,
    entity: Option<EntityInfo>,
    problem: Option<ProblemInfo>,
    previous: i64,
    version: i64,
    change: ChangeInfo,
    location_id: i64,
    /// The source whose reading caused it.
    cause: i64,
}

impl Draft<'_> {
    fn entity(&mut self, entity_ref: &EntityRef, fate: &Fate, cause: i64) {
        let relations = self
            .shifts
            .get(entity_ref)
            .map(Shift::changes)
            .unwrap_or_default();
        let row = self.facts.stored.entities.get(entity_ref);
        let record = self.facts.state.entity(entity_ref);
        match (fate, record) {
            (Fate::Becomes(content), Some(record)) => {
                self.updated(record, row, content, relations, cause);
            }
            (Fate::Becomes(content), None) => {
                self.created(entity_ref, row, content, relations, cause);
            }
            (Fate::Leaves, Some(record)) => self.deleted(record, row, relations, cause),
            // Neither in the view nor declared: there is nothing to say.
            (Fate::Leaves, None) => {}
        }
    }

    fn created(
        &mut self,
        entity_ref: &EntityRef,
        tombstone: Option<&EntityRow>,
        content: &Content,
        relations: RelationChanges,
        cause: i64,
    ) {
        let uid = (self.facts.new_uid)();
        let version = tombstone.map_or(0, |row| row.version) + 1;
        let body = Body {
            op: Op::Created,
            entity: Some(entity_info(
                entity_ref,
                &uid.to_string(),
                &content.document,
                &content.relations,
            )),
            problem: None,
            previous: tombstone.map_or(0, |row| row.revision),
            version,
            change: ChangeInfo {
                categories: vec![Category::Lifecycle],
                derived: false,
                fields: Fields::default(),
                relations,
                relations_truncated: false,
            },
            location_id: content.location_id,
            cause,
        };
        self.put(entity_ref, uid, version, content, body);
    }

    fn updated(
        &mut self,
        record: &Record,
        row: Option<&EntityRow>,
        content: &Content,
        relations: RelationChanges,
        cause: i64,
    ) {
        let fields = fields(&record.document, &content.document);
        let version = row.map_or(record.version, |row| row.version) + 1;
        let body = Body {
            op: Op::Updated,
            entity: Some(entity_info(
                &record.entity_ref,
                &record.uid.to_string(),
                &content.document,
                &content.relations,
            )),
            problem: None,
            previous: record.revision,
            version,
            change: ChangeInfo {
                categories: categories(
                    &fields,
                    &relations,
                    (&record.relations, &content.relations),
                ),
                derived: false,
                fields,
                relations,
                relations_truncated: false,
            },
            location_id: content.location_id,
            cause,
        };
        self.put(&record.entity_ref, record.uid, version, content, body);
    }

    fn put(
        &mut self,
        entity_ref: &EntityRef,
        uid: Uuid,
        version: i64,
        content: &Content,
        body: Body,
    ) {
        let row = ChangeRow {
            entity_ref: Some(entity_ref.clone()),
            uid: Some(uid),
            document: Some(Arc::clone(&content.document)),
            relations: Some(Arc::clone(&content.relations)),
            digest: Some(content.digest.clone()),
            source_id: content.source_id,
            ..self.row(body)
        };
        self.plan.entities.push(EntityRow {
            entity_ref: entity_ref.to_string(),
            uid: uid.to_string(),
            version,
            revision: row.revision,
            document_revision: row.revision,
            digest: content.digest.clone(),
            location_id: content.location_id,
            source_id: content.source_id,
            claimed_at: content.claimed_at,
            changed_at: self.facts.now,
        });
        self.plan.rows.push(row);
    }

    fn deleted(
        &mut self,
        record: &Record,
        row: Option<&EntityRow>,
        relations: RelationChanges,
        cause: i64,
    ) {
        let version = row.map_or(record.version, |row| row.version) + 1;
        let body = Body {
            op: Op::Deleted,
            entity: Some(info_of(record)),
            problem: None,
            previous: record.revision,
            version,
            change: ChangeInfo {
                categories: vec![Category::Lifecycle],
                derived: false,
                fields: Fields::default(),
                relations,
                relations_truncated: false,
            },
            location_id: record.location_id,
            cause,
        };
        let row = ChangeRow {
            entity_ref: Some(record.entity_ref.clone()),
            uid: Some(record.uid),
            source_id: record.source_id,
            ..self.row(body)
        };
        self.plan.entities.push(EntityRow {
            entity_ref: record.entity_ref.to_string(),
            uid: record.uid.to_string(),
            version,
            revision: row.revision,
            document_revision: 0,
            digest: String::new(),
            location_id: record.location_id,
            source_id: record.source_id,
            claimed_at: 0,
            changed_at: self.facts.now,
        });
        self.plan.rows.push(row);
    }

    /// One change per entity whose relations others changed.
    fn related(&mut self, settled: &Settled) {
        let shifts = std::mem::take(&mut self.shifts);
        for (entity_ref, shift) in &shifts {
            if settled.fates.contains_key(entity_ref) {
                continue;
            }
            let Some(record) = self.facts.state.entity(entity_ref) else {
                continue;
            };
            let version = record.version + 1;
            let body = Body {
                op: Op::Related,
                entity: Some(info_of(record)),
                problem: None,
                previous: record.revision,
                version,
                change: ChangeInfo {
                    categories: vec![Category::Relation],
                    derived: true,
                    fields: Fields::default(),
                    relations: shift.changes(),
                    relations_truncated: false,
                },
                location_id: record.location_id,
                cause: shift.cause,
            };
            let row = ChangeRow {
                entity_ref: Some(entity_ref.clone()),
                uid: Some(record.uid),
                source_id: record.source_id,
                ..self.row(body)
            };
            self.plan.touched.push(EntityTouch {
                entity_ref: entity_ref.to_string(),
                version,
                revision: row.revision,
                changed_at: self.facts.now,
            });
            self.plan.rows.push(row);
        }
    }

    fn problem(&mut self, transition: Transition) {
        let Transition {
            op,
            mut state,
            cause,
        } = transition;
        if state.id == 0 {
            state.id = self.revision + 1;
        }
        let entity_ref = EntityRef::parse(&state.entity_ref).ok();
        let record = entity_ref
            .as_ref()
            .and_then(|entity_ref| self.facts.state.entity(entity_ref));
        let body = Body {
            op,
            entity: record.map(info_of),
            problem: Some(problem_info(state.id, &state)),
            previous: 0,
            version: 0,
            change: ChangeInfo {
                categories: vec![Category::Condition],
                ..ChangeInfo::default()
            },
            location_id: state.location_id,
            cause,
        };
        let row = ChangeRow {
            entity_ref,
            problem: Some(self.problem_row(&state)),
            source_id: state.source_id,
            ..self.row(body)
        };
        self.plan.rows.push(row);
        if op == Op::ProblemResolved {
            self.plan.problems_removed.push(state.id);
        } else {
            self.plan.problems_put.push(state);
        }
    }

    fn problem_row(&self, state: &ProblemState) -> ProblemRow {
        let source = self.facts.stored.sources.get(&state.source_id);
        let location = self.facts.stored.locations.get(&state.location_id);
        ProblemRow {
            id: state.id,
            location_id: state.location_id,
            source_id: state.source_id,
            provider: source.map_or_else(String::new, |source| source.provider.clone()),
            repository: source.map_or_else(String::new, crate::repo::SourceRow::slug),
            path: location.map_or_else(String::new, |location| location.path.clone()),
            rule: state.rule.clone(),
            message: state.message.clone(),
            hint: state.hint.clone(),
            line: u32::try_from(state.line).unwrap_or_default(),
            column: u32::try_from(state.column_number).unwrap_or_default(),
            entity_ref: EntityRef::parse(&state.entity_ref).ok(),
            first_seen: state.first_seen,
            last_seen: state.last_seen,
            class: state.class.clone(),
            is_file: state.is_file != 0,
            level: state.level.clone(),
            status_of: refs_from_text(&state.status_of),
            owner: state.owner.clone(),
        }
    }

    /// Takes the next revision for a change.
    fn row(&mut self, body: Body) -> ChangeRow {
        self.revision += 1;
        self.plan.changed_sources.insert(body.cause);
        self.plan.causes.push(body.cause);
        let why = self.facts.why.get(&body.cause).cloned().unwrap_or_default();
        let origin = self.origin(body.location_id);
        let data = ChangeData {
            op: body.op,
            entity: body.entity,
            problem: body.problem,
            revision: RevisionInfo {
                catalog: self.revision,
                previous: body.previous,
                entity: body.version,
            },
            change: body.change,
            cause: why.cause,
            origin,
            timing: why.timing,
        };
        ChangeRow {
            revision: self.revision,
            op: body.op,
            entity_ref: None,
            version: body.version,
            uid: None,
            location_id: body.location_id,
            source_id: body.cause,
            document: None,
            relations: None,
            digest: None,
            problem: None,
            data: serde_json::to_string(&data).expect("a change is plain data with text keys"),
            committed_at: self.facts.now,
            fact_at: why.fact_at,
        }
    }

    /// Absent for locations that are not part of this transaction, as of derived changes.
    fn origin(&self, location_id: i64) -> Option<Origin> {
        let stored = self.facts.stored;
        let location = stored.locations.get(&location_id)?;
        let source = stored.sources.get(&location.source_id)?;
        Some(origin(source, location))
    }

    fn finish(self) -> Plan {
        self.plan
    }
}

fn info_of(record: &Record) -> EntityInfo {
    entity_info(
        &record.entity_ref,
        &record.uid.to_string(),
        &record.document,
        &record.relations,
    )
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
