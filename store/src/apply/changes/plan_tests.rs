use std::borrow::Cow;
use std::sync::Arc;

use freshet_model::{ErrorClass, LocationId, Problem, RuleId};

use super::*;
use crate::apply::entities::declarations::{DeclaredEntity, Undeclared};
use crate::change::{Op, Snapshot};
use crate::repo::Location;
use crate::view::View;

fn entity_ref(name: &str) -> EntityRef {
    EntityRef::parse_with(name, Some("component"), "default").expect("a valid ref")
}

/// `a@1` is component `a` with content `1`.
fn declared(text: &str) -> DeclaredEntity {
    let (name, content) = text.split_once('@').expect("content");
    DeclaredEntity {
        entity_ref: entity_ref(name),
        document: Arc::from(format!("{{\"kind\":\"Component\",\"spec\":\"{content}\"}}")),
        relations: Arc::from([]),
        digest: content.to_owned(),
        line: 1,
        is_orphan: false,
    }
}

/// File `number`, in a source of its own of the same number.
fn file(number: i64, text: &str, undeclared: Undeclared) -> FileDeclarations {
    FileDeclarations {
        location_id: LocationId::new(number),
        source_id: SourceId::new(number),
        triggered_by: SourceId::new(number),
        declared: text.split_whitespace().map(declared).collect(),
        undeclared,
        problems: Some(Vec::new()),
    }
}

/// What is stored: `1:a@1` is held by location 1, `1:-a` is its tombstone.
fn world(text: &str) -> (Snapshot, StoredEntities<'static>) {
    let mut snapshot = Snapshot::default();
    let mut stored = StoredEntities::default();
    for word in text.split_whitespace() {
        let (location, entity) = word.split_once(':').expect("a location");
        let number: i64 = location.parse().expect("a number");
        let (location_id, source_id) = (LocationId::new(number), SourceId::new(number));
        let live = entity.strip_prefix('-').is_none();
        let declared = declared(&format!("{}@", entity.trim_start_matches('-')));
        let content = entity.split_once('@').map_or("", |(_, content)| content);
        let name = entity
            .trim_start_matches('-')
            .split('@')
            .next()
            .unwrap_or_default();
        let row = EntityRow {
            entity_ref: entity_ref(name).to_string(),
            uid: Uuid::nil().to_string(),
            version: 4,
            revision: Revision::new(40),
            document_revision: Revision::new(i64::from(live)),
            digest: content.to_owned(),
            is_orphan: content.starts_with("orphan:"),
            location_id,
            source_id,
            claimed_at: number,
            changed_at: 0,
        };
        if live {
            snapshot.entities.push(EntityRecord {
                entity_ref: entity_ref(name),
                uid: Uuid::nil(),
                version: row.version,
                revision: row.revision,
                digest: row.digest.clone(),
                document: declared.document,
                relations: declared.relations,
                location_id,
                source_id,
                changed_at: 0,
            });
        }
        stored.entities.insert(entity_ref(name), row);
    }
    (snapshot, stored)
}

fn planned(stored: &str, files: &[FileDeclarations]) -> ChangePlan {
    let (snapshot, stored) = world(stored);
    planned_from(snapshot, stored, files)
}

fn planned_from(
    snapshot: Snapshot,
    mut stored: StoredEntities<'_>,
    files: &[FileDeclarations],
) -> ChangePlan {
    for file in files {
        let location = Location::new(file.location_id, file.source_id, "f");
        let location = Cow::Owned(location);
        stored.locations.insert(file.location_id, location);
    }
    let view = View::load(snapshot);
    view.read(|state| {
        plan_changes(&PlanInputs {
            state,
            stored: &stored,
            files,
            reviews: &[],
            triggers: &HashMap::new(),
            revision: Revision::new(100),
            now: 1_000,
            new_uid: Uuid::nil,
        })
    })
    .expect("a plan")
}

fn spell(plan: &ChangePlan) -> String {
    let words = plan.rows.iter().map(|row| {
        let name = row.entity_ref.as_ref().map_or("", |it| it.name());
        let mark = match row.op {
            Op::Created => "+",
            Op::Updated => "~",
            Op::Deleted => "-",
            Op::Related => "%",
            Op::ProblemOpened | Op::ProblemUpdated | Op::ProblemResolved => "!",
        };
        format!("{mark}{name}#{}", row.version)
    });
    words.collect::<Vec<String>>().join(" ")
}

#[track_caller]
fn check(stored: &str, observed: &str, expected: &str) {
    let plan = planned(stored, &[file(1, observed, Undeclared::Removed)]);
    assert_eq!(spell(&plan), expected);
    for (row, revision) in plan.rows.iter().zip(101..) {
        assert_eq!(row.revision.get(), revision);
    }
}

#[test]
fn an_unchanged_entity_is_left_alone() {
    check("1:a@1", "a@1", "");
}

#[test]
fn a_changed_entity_gets_the_next_version() {
    check("1:a@1 1:b@1", "a@2 b@1", "~a#5");
}

#[test]
fn an_entity_missing_from_the_observation_is_deleted() {
    check("1:a@1 1:b@1", "a@2", "~a#5 -b#5");
}

#[test]
fn a_tombstone_does_not_come_back_by_itself_and_keeps_counting() {
    check("1:-a", "", "");
    check("1:-a", "a@1", "+a#5");
    check("", "a@1", "+a#1");
}

#[test]
fn a_ref_somebody_else_holds_is_claimed_and_not_taken() {
    check("2:a@1", "a@2", "!a#0");
    let plan = planned("2:a@1", &[file(1, "a@2", Undeclared::Removed)]);
    assert_eq!(plan.claims_put.len(), 1);
    assert!(plan.entities.is_empty());
}

#[test]
fn a_conflict_is_told_at_the_line_where_the_claim_stands_now() {
    let (snapshot, mut stored) = world("2:a@1");
    stored.claims.push(ClaimRow {
        location_id: LocationId::new(1),
        entity_ref: entity_ref("a").to_string(),
        claimed_at: 1,
        document: "{}".to_owned(),
        relations: "[]".to_owned(),
        digest: "2".to_owned(),
        line: 9,
    });
    let files = [file(1, "a@2", Undeclared::Removed)];
    let plan = planned_from(snapshot, stored, &files);
    assert_eq!(plan.problems_put[0].problem.line, 1);
    assert_eq!(plan.claims_put[0].line, 1);
}

#[test]
fn an_entity_whose_file_moved_in_one_transaction_keeps_its_identity() {
    let files = [
        file(1, "", Undeclared::Removed),
        file(2, "a@1", Undeclared::Removed),
    ];
    let plan = planned("1:a@1", &files);
    assert_eq!(spell(&plan), "~a#5");
    assert_eq!(plan.entities[0].location_id, LocationId::new(2));
    assert_eq!(plan.entities[0].uid, Uuid::nil().to_string());
}

#[test]
fn what_has_a_problem_stays_and_what_is_unproved_stays() {
    let named = Undeclared::KeptIfNamed(HashSet::from([entity_ref("a")]));
    assert_eq!(
        spell(&planned("1:a@1 1:b@1", &[file(1, "", named)])),
        "-b#5"
    );
    assert_eq!(
        spell(&planned("1:a@1 1:b@1", &[file(1, "", Undeclared::Kept)])),
        ""
    );
}

#[test]
fn a_problem_takes_a_revision_and_is_named_by_it() {
    let mut broken = file(1, "", Undeclared::Kept);
    let problem = Problem::error(RuleId::YamlSyntax, ErrorClass::Error, "broken").at(2, 3);
    broken.problems = Some(vec![FoundProblem {
        problem,
        status_of: Vec::new(),
    }]);
    let plan = planned("", &[broken]);
    let revision = plan.rows[0].revision.get();
    assert_eq!((revision, plan.problems_put[0].id), (101, 101));
    assert_eq!(
        plan.rows[0].problem.as_ref().map(|it| it.problem.line),
        Some(2)
    );
}

/// The changes when orphans are kept; digests of what is stored say whether it is one.
#[track_caller]
fn check_kept(stored: &str, mut files: Vec<FileDeclarations>, expected: &str) {
    let (snapshot, rows) = world(stored);
    let view = View::load(snapshot);
    view.read(|state| crate::apply::entities::orphans::keep_orphans(&mut files, &rows, state))
        .expect("documents that can be read");
    let plan = planned(stored, &files);
    assert_eq!(spell(&plan), expected);
}

#[test]
fn an_orphan_is_kept_with_a_mark_until_somebody_declares_it() {
    check_kept("1:a@1", vec![file(1, "", Undeclared::Removed)], "~a#5");
    check_kept("1:a@orphan:1", vec![file(1, "", Undeclared::Removed)], "");
    check_kept(
        "1:a@orphan:1",
        vec![file(1, "a@1", Undeclared::Removed)],
        "~a#5",
    );
    let adopted = vec![file(2, "a@2", Undeclared::Removed)];
    check_kept("1:a@orphan:1", adopted.clone(), "~a#5");
    let plan = planned("1:a@orphan:1", &adopted);
    assert_eq!(
        (plan.entities[0].location_id, plan.claims_put.len()),
        (LocationId::new(2), 0)
    );
}
