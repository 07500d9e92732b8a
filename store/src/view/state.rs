//! What the view holds, and how one row of the log changes it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use freshet_model::{EntityRef, LocationId, RelationDeclaration, Revision, SourceId};
use freshet_runtime::progress::{Total, Work};
use uuid::Uuid;

use super::counts::{CatalogCounts, ProblemCounts};
use super::served::{SplicePoint, StatusJson};
use crate::change::{ChangeRow, EntityRecord, Op, ProblemRow, Snapshot};
use crate::graph::{Declares, RelationGraph};

/// The catalog at one revision.
#[derive(Debug, Default)]
pub struct CatalogState {
    epoch: String,
    revision: Revision,
    entities: RelationGraph<ViewEntity>,
    by_uid: BTreeMap<Uuid, EntityRef>,
    counts: CatalogCounts,
    problems: HashMap<LocationId, BTreeMap<i64, ProblemRow>>,
    /// Problems that the status of an entity shows: their ids, with their locations.
    shown_by: HashMap<EntityRef, BTreeMap<i64, LocationId>>,
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
        self.entity(self.by_uid.get(uid)?)
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
        self.problems
            .get(&location_id)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    /// All open problems, in no particular order.
    pub fn problems(&self) -> impl Iterator<Item = &ProblemRow> {
        self.problems.values().flat_map(BTreeMap::values)
    }

    /// Problems that the status of this entity shows, in the order they were opened: its own, those of
    /// what it points at, and those that keep its whole file from being taken over.
    pub fn problems_shown_by(&self, entity_ref: &EntityRef) -> impl Iterator<Item = &ProblemRow> {
        let record = self.entity(entity_ref);
        let named = self.shown_by.get(entity_ref).into_iter().flatten();
        let named = named
            .filter_map(|(id, location_id)| self.problems.get(location_id)?.get(id))
            .filter(|problem| record.is_none_or(|record| !is_of_rival(problem, record)));
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

    /// Entities by identity, which is the order of an unsorted list, from behind this one on. A list reads them
    /// few by few, and each time under a lock of its own.
    pub(crate) fn records_after(
        &self,
        uid: Option<Uuid>,
    ) -> impl Iterator<Item = &Arc<EntityRecord>> {
        let start = uid.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_uid
            .range((start, Bound::Unbounded))
            .filter_map(|(_, entity_ref)| self.entities.get(entity_ref))
            .map(|held| &held.record)
    }

    /// The entity as the catalog API serves it, as JSON text.
    #[must_use]
    pub fn served_json(&self, entity_ref: &EntityRef) -> Option<String> {
        let held = self.entities.get(entity_ref)?;
        let relations = self.entities.served_relations(entity_ref);
        let status = StatusJson::of_problems(self.problems_shown_by(entity_ref));
        Some(held.splice.render_entity(&held.record, &relations, &status))
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

    fn put_record(&mut self, record: EntityRecord) {
        let entity_ref = record.entity_ref.clone();
        let uid = record.uid;
        let splice = SplicePoint::find(&record.document);
        self.counts.add_entity(&record);
        let held = ViewEntity {
            record: Arc::new(record),
            splice,
        };
        if let Some(before) = self.entities.insert(&entity_ref, held) {
            // By what it was: a ref may have gone over to another source.
            self.counts.remove_entity(&before.record);
            // Should a ref ever get a new identity without a deletion, the old one must not lead to it.
            if before.record.uid != uid {
                self.by_uid.remove(&before.record.uid);
            }
        }
        self.by_uid.insert(uid, entity_ref);
    }

    fn remove_record(&mut self, entity_ref: &EntityRef) {
        let Some(before) = self.entities.remove(entity_ref) else {
            return;
        };
        self.by_uid.remove(&before.record.uid);
        self.counts.remove_entity(&before.record);
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
        // It may have been open, and shown by others.
        self.resolve_problem(&problem);
        // Backstage has no status of an entity that is in order, so a warning shows in the list of
        // problems only.
        if problem.problem.is_error() {
            for entity_ref in &problem.status_of {
                self.shown_by
                    .entry(entity_ref.clone())
                    .or_default()
                    .insert(problem.id, problem.location_id);
            }
        }
        self.counts.add_problem(&problem);
        self.problems
            .entry(problem.location_id)
            .or_default()
            .insert(problem.id, problem);
    }

    fn resolve_problem(&mut self, problem: &ProblemRow) {
        let Some(problems) = self.problems.get_mut(&problem.location_id) else {
            return;
        };
        let before = problems.remove(&problem.id);
        if problems.is_empty() {
            self.problems.remove(&problem.location_id);
        }
        if let Some(before) = &before {
            self.counts.remove_problem(before);
        }
        for entity_ref in before.iter().flat_map(|before| &before.status_of) {
            if let Some(shown) = self.shown_by.get_mut(entity_ref) {
                shown.remove(&problem.id);
                if shown.is_empty() {
                    self.shown_by.remove(entity_ref);
                }
            }
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
