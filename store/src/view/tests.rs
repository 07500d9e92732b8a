//! The fold against a model that remembers everything and computes the rest anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freshet_model::{
    EntityRef, ErrorClass, Level, LocationId, Problem, RelationDeclaration, Revision, RuleId,
    SourceId,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::change::{ChangeRow, EntityRecord, Op, ProblemRow, Snapshot};

const NAMES: u8 = 6;
const FILES: i64 = 3;
const SOURCE: SourceId = SourceId::new(1);
const SOURCES: i64 = 3;

/// One step of a random history. Steps that make no sense where they stand are left out.
#[derive(Clone, Debug)]
enum Step {
    /// Create or update an entity that declares relations to these.
    Put(u8, Vec<u8>),
    /// Delete an entity.
    Delete(u8),
    /// A derived change.
    Relate(u8),
    /// Open or update a problem.
    Break(u8),
    /// Resolve a problem.
    Mend(u8),
}

/// The naive catalog: what is there now, and nothing derived.
#[derive(Clone, Default)]
struct Model {
    revision: Revision,
    entities: BTreeMap<EntityRef, EntityRecord>,
    problems: BTreeMap<i64, ProblemRow>,
    births: u128,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = || 0..NAMES;
    let step = prop_oneof![
        4 => (name(), prop::collection::vec(name(), 0..4)).prop_map(|(of, to)| Step::Put(of, to)),
        2 => name().prop_map(Step::Delete),
        1 => name().prop_map(Step::Relate),
        1 => name().prop_map(Step::Break),
        1 => name().prop_map(Step::Mend),
    ];
    prop::collection::vec(step, 0..60)
}

fn name(number: u8) -> EntityRef {
    EntityRef::parse(&format!("component:default/e{number}")).expect("a valid ref")
}

fn file_of(number: u8) -> LocationId {
    LocationId::new(i64::from(number) % FILES)
}

fn row(revision: i64, op: Op) -> ChangeRow {
    ChangeRow {
        revision: Revision::new(revision),
        op,
        entity_ref: None,
        version: 0,
        uid: None,
        location_id: LocationId::default(),
        source_id: SourceId::default(),
        document: None,
        relations: None,
        digest: None,
        problem: None,
        data: String::new(),
        committed_at: revision * 10,
        fact_at: 0,
    }
}

impl Model {
    /// The row a step commits, taken into the model; `None` if the step makes no sense here.
    fn commit(&mut self, step: &Step) -> Option<ChangeRow> {
        let revision = self.revision.get() + 1;
        let row = match step {
            Step::Put(of, to) => self.put_record(revision, *of, to),
            Step::Delete(of) => self.delete(revision, *of)?,
            Step::Relate(of) => self.relate(revision, *of)?,
            Step::Break(of) => self.break_file(revision, *of),
            Step::Mend(of) => self.mend(revision, *of)?,
        };
        self.revision = Revision::new(revision);
        Some(row)
    }

    fn put_record(&mut self, revision: i64, of: u8, to: &[u8]) -> ChangeRow {
        let entity_ref = name(of);
        let relations: Arc<[RelationDeclaration]> = to
            .iter()
            .map(|target| RelationDeclaration {
                forward: "dependsOn".into(),
                reverse: target.is_multiple_of(2).then(|| "dependencyOf".into()),
                target: name(*target),
            })
            .collect();
        let before = self.entities.get(&entity_ref);
        let op = if before.is_some() {
            Op::Updated
        } else {
            Op::Created
        };
        self.births += 1;
        let record = EntityRecord {
            uid: before.map_or(Uuid::from_u128(self.births), |before| before.uid),
            version: before.map_or(1, |before| before.version + 1),
            revision: Revision::new(revision),
            digest: format!("{revision}"),
            document: Arc::from(format!(
                r#"{{"apiVersion":"v1","kind":"Component","metadata":{{"name":"e{of}"}},"spec":{{"n":{revision}}}}}"#
            )),
            relations,
            location_id: file_of(of),
            // A ref goes over to another source now and then.
            source_id: SourceId::new(1 + revision % SOURCES),
            changed_at: revision * 10,
            entity_ref: entity_ref.clone(),
        };
        self.entities.insert(entity_ref, record.clone());
        ChangeRow {
            entity_ref: Some(record.entity_ref),
            version: record.version,
            uid: Some(record.uid),
            location_id: record.location_id,
            source_id: record.source_id,
            document: Some(record.document),
            relations: Some(record.relations),
            digest: Some(record.digest),
            ..row(revision, op)
        }
    }

    fn delete(&mut self, revision: i64, of: u8) -> Option<ChangeRow> {
        let record = self.entities.remove(&name(of))?;
        Some(ChangeRow {
            entity_ref: Some(record.entity_ref),
            uid: Some(record.uid),
            version: record.version + 1,
            ..row(revision, Op::Deleted)
        })
    }

    fn relate(&mut self, revision: i64, of: u8) -> Option<ChangeRow> {
        let record = self.entities.get_mut(&name(of))?;
        record.version += 1;
        record.revision = Revision::new(revision);
        record.changed_at = revision * 10;
        Some(ChangeRow {
            entity_ref: Some(record.entity_ref.clone()),
            uid: Some(record.uid),
            version: record.version,
            ..row(revision, Op::Related)
        })
    }

    fn break_file(&mut self, revision: i64, of: u8) -> ChangeRow {
        let id = i64::from(of);
        let op = if self.problems.contains_key(&id) {
            Op::ProblemUpdated
        } else {
            Op::ProblemOpened
        };
        let message = format!("broken at {revision}");
        let problem = ProblemRow {
            id,
            location_id: file_of(of),
            source_id: SOURCE,
            provider: "github".to_owned(),
            repository: "acme/pay".to_owned(),
            path: "catalog-info.yaml".to_owned(),
            problem: Problem {
                entity_ref: of.is_multiple_of(2).then(|| name(of)),
                level: if revision % 2 == 0 {
                    Level::Error
                } else {
                    Level::Warning
                },
                ..Problem::error(RuleId::SpecSchema, ErrorClass::InputError, message).at(1, 1)
            },
            first_seen: 1,
            last_seen: revision,
            status_of: Vec::new(),
        };
        self.problems.insert(id, problem.clone());
        ChangeRow {
            problem: Some(problem),
            ..row(revision, op)
        }
    }

    fn mend(&mut self, revision: i64, of: u8) -> Option<ChangeRow> {
        let problem = self.problems.remove(&i64::from(of))?;
        Some(ChangeRow {
            problem: Some(problem),
            ..row(revision, Op::ProblemResolved)
        })
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            epoch: "e1".to_owned(),
            revision: self.revision,
            entities: self.entities.values().cloned().collect(),
            problems: self.problems.values().cloned().collect(),
        }
    }

    /// Relations computed by looking at everything.
    fn relations(&self, of: &EntityRef) -> Vec<(String, EntityRef)> {
        let mut relations = Vec::new();
        for (from, record) in &self.entities {
            for relation in record.relations.iter() {
                if from == of {
                    relations.push((relation.forward.to_string(), relation.target.clone()));
                }
                if let Some(reverse) = relation.reverse.as_ref().filter(|_| relation.target == *of)
                {
                    relations.push((reverse.to_string(), from.clone()));
                }
            }
        }
        relations.sort();
        relations.dedup();
        relations
    }
}

/// What is counted with every change is what there is.
fn check_counts(state: &CatalogState) {
    assert_eq!(state.slots().count(), state.len());
    let (mut kinds, mut sources) = (BTreeMap::new(), BTreeMap::new());
    for record in state.entities() {
        *kinds.entry(record.entity_ref.kind()).or_insert(0) += 1;
        *sources.entry(record.source_id).or_insert(0) += 1;
    }
    let counted: BTreeMap<&str, usize> = state.kind_counts().filter(|it| it.1 > 0).collect();
    assert_eq!(counted, kinds);
    let counted: BTreeMap<SourceId, usize> = state.source_counts().collect();
    assert_eq!(counted, sources);
    let errors = state.problems().filter(|it| it.problem.is_error()).count();
    let warnings = state.problems().count() - errors;
    assert_eq!(state.problem_counts(), ProblemCounts { errors, warnings });
}

/// Everything a reader can see, as text.
fn seen(view: &View) -> Vec<String> {
    view.read(|state| {
        let mut seen: Vec<String> = (0..NAMES)
            .filter_map(|number| {
                let entity_ref = name(number);
                let record = state.entity(&entity_ref)?;
                assert_eq!(state.entity_by_uid(&record.uid), Some(record));
                Some(format!("{record:?} {}", state.served_json(&entity_ref)?))
            })
            .collect();
        assert_eq!(seen.len(), state.len());
        check_counts(state);
        let mut problems: Vec<String> = state
            .problems()
            .map(|problem| format!("{problem:?}"))
            .collect();
        problems.sort();
        seen.extend(problems);
        seen
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folding_any_history_equals_loading_its_end(history in steps(), cut in 0_usize..60) {
        let mut model = Model::default();
        let rows: Vec<ChangeRow> = history.iter().filter_map(|step| model.commit(step)).collect();

        let folded = View::load(Snapshot { epoch: "e1".to_owned(), ..Snapshot::default() });
        let (first, second) = rows.split_at(cut.min(rows.len()));
        folded.fold(first);
        // What overlaps is skipped, whoever folds it again.
        folded.fold(&rows);
        folded.fold(second);
        prop_assert_eq!(folded.revision(), model.revision);

        let loaded = View::load(model.snapshot());
        prop_assert_eq!(seen(&folded), seen(&loaded));
        for number in 0..NAMES {
            let shown: Vec<(String, EntityRef)> = folded.read(|state| {
                let relations = state.entity(&name(number)).map(|_| state.relations(&name(number)));
                relations.into_iter().flatten().map(|(one, target)| (one.to_owned(), target.clone())).collect()
            });
            if model.entities.contains_key(&name(number)) {
                prop_assert_eq!(shown, model.relations(&name(number)));
            }
        }
    }
}

#[test]
fn a_gap_is_not_folded() {
    let view = View::load(Snapshot::default());
    view.fold(&[row(1, Op::Related), row(3, Op::Related)]);
    assert_eq!(view.revision(), Revision::new(1));
    view.fold(&[row(2, Op::Related), row(3, Op::Related)]);
    assert_eq!(view.revision(), Revision::new(3));
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_a_revision_or_gives_up() {
    let view = View::load(Snapshot::default());
    assert!(view.reached(Revision::default(), Duration::ZERO).await);
    let first = Revision::new(1);
    assert!(!view.reached(first, Duration::from_secs(2)).await);
    let waiting = view.reached(first, Duration::from_secs(2));
    let folding = async { view.fold(&[row(1, Op::Related)]) };
    assert_eq!(tokio::join!(waiting, folding), (true, ()));
}

/// A problem of a file: of all of it, or of the document that declares an entity.
fn problem_of(id: i64, location_id: LocationId, about: Option<u8>) -> ProblemRow {
    let error = Problem::error(
        RuleId::SpecSchema,
        ErrorClass::InputError,
        "broken".to_owned(),
    );
    ProblemRow {
        id,
        location_id,
        source_id: SourceId::new(1),
        provider: "github".to_owned(),
        repository: "acme/pay".to_owned(),
        path: "catalog-info.yaml".to_owned(),
        problem: Problem {
            entity_ref: about.map(name),
            is_file: about.is_none(),
            ..error
        },
        first_seen: 1,
        last_seen: 1,
        status_of: about.map(name).into_iter().collect(),
    }
}

#[track_caller]
fn check_shown(problem: &ProblemRow, expected: &[u8]) {
    let mut model = Model::default();
    for of in 0..NAMES {
        let put = Step::Put(of, Vec::new());
        model.commit(&put).expect("it makes sense");
    }
    let view = View::load(Snapshot {
        problems: vec![problem.clone()],
        ..model.snapshot()
    });
    view.read(|state| {
        let shows = |of: &u8| state.problems_shown_by(&name(*of)).count() > 0;
        let shown: Vec<u8> = (0..NAMES).filter(shows).collect();
        assert_eq!(shown, expected);
        let by_problem = state.shown_by(&[problem]);
        let expected: Vec<EntityRef> = expected.iter().copied().map(name).collect();
        assert!(
            by_problem[0].iter().copied().eq(&expected),
            "{by_problem:?}"
        );
    });
}

#[test]
fn a_broken_document_puts_no_error_on_what_another_file_declares() {
    check_shown(&problem_of(1, file_of(4), Some(4)), &[4]);
    check_shown(&problem_of(1, file_of(5), Some(4)), &[]);
}

#[test]
fn a_broken_file_is_shown_by_all_that_it_declared() {
    check_shown(&problem_of(1, file_of(1), None), &[1, 4]);
}
