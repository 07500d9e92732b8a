//! What the view holds, and how one row of the log changes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freshet_model::{EntityRef, LocationId, RelationDeclaration, Revision, SourceId};
use freshet_runtime::progress::{Total, Work};
use uuid::Uuid;

use super::counts::{CatalogCounts, ProblemCounts};
use super::index::{PendingTerms, Slot};
use super::open_problems::OpenProblems;
use super::served::{SplicePoint, StatusJson};
use super::served_texts::ServedTexts;
use super::shared_relations::SharedRelationTypes;
use crate::change::{ChangeRow, EntityRecord, Op, ProblemRow, Snapshot};
use crate::graph::{Declares, RelationGraph};

/// The catalog at one revision.
#[derive(Debug, Default)]
pub struct CatalogState {
    epoch: String,
    revision: Revision,
    entities: RelationGraph<ViewEntity>,
    by_uid: BTreeMap<Uuid, Slot>,
    counts: CatalogCounts,
    problems: OpenProblems,
    /// What the search index has yet to take in. It is taken out while the state is only read.
    pending_terms: Mutex<PendingTerms>,
    served_texts: ServedTexts,
    relation_types: SharedRelationTypes,
}

/// An entity and where its document is spliced when it is served.
#[derive(Clone, Debug)]
struct ViewEntity {
    record: Arc<EntityRecord>,
    splice: SplicePoint,
}

impl Declares for ViewEntity {
    fn relations(&self) -> &[RelationDeclaration] {
        &self.record.relations
    }
}

impl CatalogState {
    pub(super) fn load(snapshot: Snapshot, work: &Work) -> Self {
        let entities = snapshot.entities.len();
        work.set_total(Total::Exactly(u64::try_from(entities).unwrap_or(u64::MAX)));
        let mut state = Self {
            epoch: snapshot.epoch,
            revision: snapshot.revision,
            ..Self::default()
        };
        for record in snapshot.entities {
            state.put_record(record);
            work.add_done(1);
        }
        // The index of a whole catalog is not made of notes.
        state.pending_terms = Mutex::default();
        for problem in snapshot.problems {
            state.open_problem(problem);
        }
        state
    }

    /// Id of the change log.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The revision this is the state of.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// How many entities there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there is no entity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entity with this ref.
    #[must_use]
    pub fn entity(&self, entity_ref: &EntityRef) -> Option<&EntityRecord> {
        self.entities.get(entity_ref).map(|held| &*held.record)
    }

    /// The entity with this identity.
    #[must_use]
    pub fn entity_by_uid(&self, uid: &Uuid) -> Option<&EntityRecord> {
        self.record_at(*self.by_uid.get(uid)?)
    }

    /// The number of an entity, by which the search index knows it.
    pub(crate) fn slot_of(&self, entity_ref: &EntityRef) -> Option<Slot> {
        self.entities.slot_of(entity_ref)
    }

    /// The entity with this number.
    pub(crate) fn record_at(&self, slot: Slot) -> Option<&EntityRecord> {
        self.entities.at(slot).map(|held| &*held.record)
    }

    /// The relations among all entities, to walk over.
    pub(crate) fn graph(&self) -> &RelationGraph<impl Declares> {
        &self.entities
    }

    /// The numbers of all entities, ascending.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.entities.slots()
    }

    /// The numbers of entities by identity, which is the order of an unsorted list, from behind this one on.
    pub(crate) fn slots_by_uid(
        &self,
        bounds: (Bound<Uuid>, Bound<Uuid>),
    ) -> impl DoubleEndedIterator<Item = (&Uuid, Slot)> {
        self.by_uid.range(bounds).map(|(uid, slot)| (uid, *slot))
    }

    /// Relations of the entity with this number, as [`Self::relations`].
    pub(crate) fn relations_at(&self, slot: Slot) -> Vec<(&str, &EntityRef)> {
        // What does not exist shows nothing, whatever is declared about it.
        let record = self.record_at(slot);
        record.map_or_else(Vec::new, |it| {
            self.entities.served_relations(&it.entity_ref)
        })
    }

    /// Whether the entity with this number shows a relation.
    pub(super) fn shows_relation(&self, slot: Slot, relation: &str, target: &EntityRef) -> bool {
        let record = self.record_at(slot);
        record.is_some_and(|it| self.entities.shows(&it.entity_ref, relation, target))
    }

    /// Whether the entity with this number shows any relation of this type.
    pub(super) fn shows_relation_of_type(&self, slot: Slot, relation: &str) -> bool {
        let record = self.record_at(slot);
        record.is_some_and(|it| self.entities.shows_type(&it.entity_ref, relation))
    }

    /// What the search index has yet to take in.
    pub(super) fn pending_terms(&self) -> MutexGuard<'_, PendingTerms> {
        // Notes that a panic left only say where to look, which does no harm.
        self.pending_terms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// All entities, in no particular order.
    pub fn entities(&self) -> impl Iterator<Item = &EntityRecord> {
        self.entities.iter().map(|(_, held)| &*held.record)
    }

    /// Who declares what about this ref, whether or not it exists.
    pub fn incoming(
        &self,
        entity_ref: &EntityRef,
    ) -> impl Iterator<Item = (&EntityRef, &RelationDeclaration)> {
        self.entities.incoming(entity_ref)
    }

    /// Relations of an entity as the catalog API shows them: type and target, distinct, sorted.
    #[must_use]
    pub fn relations(&self, entity_ref: &EntityRef) -> Vec<(&str, &EntityRef)> {
        self.entities.served_relations(entity_ref)
    }

    /// Open problems of one location, oldest first.
    pub fn problems_of(&self, location_id: LocationId) -> impl Iterator<Item = &ProblemRow> {
        self.problems.of_location(location_id)
    }

    /// All open problems, in no particular order.
    pub fn problems(&self) -> impl Iterator<Item = &ProblemRow> {
        self.problems.all()
    }

    /// Problems that the status of this entity shows, in the order they were opened: its own, those of
    /// what it points at, and those that keep its whole file from being taken over.
    pub fn problems_shown_by(&self, entity_ref: &EntityRef) -> impl Iterator<Item = &ProblemRow> {
        let record = self.entity(entity_ref);
        let named = self.problems.naming(entity_ref);
        let named =
            named.filter(|problem| record.is_none_or(|record| !is_of_rival(problem, record)));
        let of_file = record
            .into_iter()
            .flat_map(|record| self.problems_of(record.location_id))
            .filter(|problem| problem.problem.is_error() && problem.problem.is_file);
        let shown: BTreeMap<i64, &ProblemRow> =
            named.chain(of_file).map(|it| (it.id, it)).collect();
        shown.into_values()
    }

    /// Whether it is an error of a document that declares an entity which another file holds.
    pub(crate) fn is_error_of_rival(&self, problem: &ProblemRow) -> bool {
        let about = problem.problem.entity_ref.as_ref();
        let record = about.and_then(|it| self.entity(it));
        problem.problem.is_error() && record.is_some_and(|record| is_of_rival(problem, record))
    }

    /// The entities whose status shows each of these problems, in the order of the problems.
    pub(crate) fn shown_by<'a>(&'a self, problems: &[&'a ProblemRow]) -> Vec<Vec<&'a EntityRef>> {
        let mut of_files: HashMap<LocationId, Vec<&EntityRef>> = problems
            .iter()
            .filter(|it| it.problem.is_error() && it.problem.is_file)
            .map(|it| (it.location_id, Vec::new()))
            .collect();
        // One pass over all, and that only while a file is broken: an index would cost more memory than
        // this costs time.
        if !of_files.is_empty() {
            for (entity_ref, held) in self.entities.iter() {
                if let Some(refs) = of_files.get_mut(&held.record.location_id) {
                    refs.push(entity_ref);
                }
            }
        }
        let shown = problems.iter().map(|problem| {
            let is_own = |it: &&EntityRef| {
                self.entity(it)
                    .is_none_or(|record| !is_of_rival(problem, record))
            };
            let named = problem.status_of.iter().filter(is_own);
            let is_of_file = problem.problem.is_error() && problem.problem.is_file;
            let of_file = of_files.get(&problem.location_id).filter(|_| is_of_file);
            let all: BTreeSet<&EntityRef> = named
                .chain(of_file.into_iter().flatten().copied())
                .collect();
            all.into_iter().collect()
        });
        shown.collect()
    }

    /// Refs that relations point at and nobody declares, in no particular order.
    pub(crate) fn dangling_refs(&self) -> impl Iterator<Item = &EntityRef> {
        self.entities.dangling_refs()
    }

    /// How many entities each kind has. A kind whose last entity left stays, with 0.
    pub fn kind_counts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.counts.by_kind()
    }

    /// How many entities each source has that has any, in no particular order.
    pub(crate) fn source_counts(&self) -> impl Iterator<Item = (SourceId, usize)> {
        self.counts.by_source()
    }

    /// How many problems are open.
    #[must_use]
    pub fn problem_counts(&self) -> ProblemCounts {
        self.counts.problems()
    }

    /// The entity as the catalog API serves it, as JSON text.
    #[must_use]
    pub fn served_json(&self, entity_ref: &EntityRef) -> Option<Arc<str>> {
        let held = self.entities.get(entity_ref)?;
        let status = StatusJson::of_problems(self.problems_shown_by(entity_ref));
        // What a problem says changes without the entity, and few have one.
        if !status.is_empty() {
            return Some(Arc::from(self.render(held, &status)));
        }
        let text = self
            .served_texts
            .get_or_render(&held.record, || self.render(held, &status));
        Some(text)
    }

    fn render(&self, held: &ViewEntity, status: &StatusJson) -> String {
        let relations = self.entities.served_relations(&held.record.entity_ref);
        held.splice.render_entity(&held.record, &relations, status)
    }

    /// Takes in one row; `false` if rows before it are missing. A row that is already in is skipped.
    pub(super) fn fold_row(&mut self, row: &ChangeRow) -> bool {
        // A fold that skipped a row would be wrong for ever and nobody would notice.
        if row.revision > self.revision.next() {
            return false;
        }
        if row.revision == self.revision.next() {
            self.apply_change(row);
            self.revision = row.revision;
        }
        true
    }

    fn apply_change(&mut self, row: &ChangeRow) {
        match row.op {
            Op::Created | Op::Updated => {
                if let Some(record) = record_of(row) {
                    self.put_record(record);
                }
            }
            // Problems of the entity stay: they are of its file, and are resolved by rows of their
            // own.
            Op::Deleted => {
                if let Some(entity_ref) = &row.entity_ref {
                    self.remove_record(entity_ref);
                }
            }
            Op::Related => self.touch_record(row),
            Op::ProblemOpened | Op::ProblemUpdated => {
                if let Some(problem) = &row.problem {
                    self.open_problem(problem.clone());
                }
            }
            Op::ProblemResolved => {
                if let Some(problem) = &row.problem {
                    self.resolve_problem(problem);
                }
            }
        }
    }

    fn put_record(&mut self, mut record: EntityRecord) {
        let entity_ref = record.entity_ref.clone();
        record.relations = self.relation_types.share(&record.relations, &self.entities);
        let record = Arc::new(record);
        self.counts.add_entity(&record);
        let held = ViewEntity {
            record: Arc::clone(&record),
            splice: SplicePoint::find(&record.document),
        };
        let before = self.entities.insert(&entity_ref, held).map(|it| it.record);
        let slot = self.entities.slot_of(&entity_ref).expect("it was put in");
        if let Some(before) = &before {
            // By what it was: a ref may have gone over to another source.
            self.counts.remove_entity(before);
            // Should a ref ever get a new identity without a deletion, the old one must not lead to it.
            if before.uid != record.uid {
                self.by_uid.remove(&before.uid);
            }
        }
        self.by_uid.insert(record.uid, slot);
        let pending = self
            .pending_terms
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        pending.note_put(&self.entities, (slot, &record), before);
    }

    fn remove_record(&mut self, entity_ref: &EntityRef) {
        let Some(slot) = self.entities.slot_of(entity_ref) else {
            return;
        };
        let pending = self
            .pending_terms
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        pending.note_shown(&self.entities, slot, entity_ref);
        let Some(before) = self.entities.remove(entity_ref) else {
            return;
        };
        let record = before.record;
        self.by_uid.remove(&record.uid);
        self.counts.remove_entity(&record);
        pending.note_removed(&self.entities, slot, record);
    }

    /// A derived change: the entity's relations are read off the graph, but its version and its
    /// entity tag move.
    fn touch_record(&mut self, row: &ChangeRow) {
        let held = row
            .entity_ref
            .as_ref()
            .and_then(|entity_ref| self.entities.get_mut(entity_ref));
        if let Some(held) = held {
            // Copied only if a list is looking at it at this moment.
            let record = Arc::make_mut(&mut held.record);
            record.version = row.version;
            record.revision = row.revision;
            record.changed_at = row.committed_at;
        }
    }

    fn open_problem(&mut self, problem: ProblemRow) {
        self.counts.add_problem(&problem);
        if let Some(before) = self.problems.open(problem) {
            self.counts.remove_problem(&before);
        }
    }

    fn resolve_problem(&mut self, problem: &ProblemRow) {
        if let Some(before) = self.problems.resolve(problem) {
            self.counts.remove_problem(&before);
        }
    }
}

/// Whether a problem is one of a document that declares the entity elsewhere and does not count: nobody
/// can put an error on what another file declares.
fn is_of_rival(problem: &ProblemRow, record: &EntityRecord) -> bool {
    let is_about = problem.problem.entity_ref.as_ref() == Some(&record.entity_ref);
    is_about && problem.location_id != record.location_id
}

/// The entity after a row that carries one. `None` if the row lacks a part, which the log's writer
/// never lets happen.
fn record_of(row: &ChangeRow) -> Option<EntityRecord> {
    debug_assert!(row.document.is_some(), "revision {}", row.revision);
    Some(EntityRecord {
        entity_ref: row.entity_ref.clone()?,
        uid: row.uid?,
        version: row.version,
        revision: row.revision,
        digest: row.digest.clone().unwrap_or_default(),
        document: row.document.clone()?,
        relations: row.relations.clone().unwrap_or_default(),
        location_id: row.location_id,
        source_id: row.source_id,
        changed_at: row.committed_at,
    })
}
