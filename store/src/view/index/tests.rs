use std::collections::BTreeMap;
use std::sync::Arc;

use freshet_model::{EntityRef, RelationDeclaration, Revision};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::change::sample::{change_row, entity};
use crate::change::{ChangeRow, EntityRecord, Op, Snapshot};
use crate::view::{CatalogState, View};

/// Everything an index says, spelled out: key and value → refs; and which refs have the key at all.
type Said = BTreeMap<(String, Option<String>), Vec<String>>;

fn said(state: &CatalogState, index: &SearchIndex) -> Said {
    let mut said = Said::new();
    let refs = |slots: &RoaringBitmap| {
        let mut refs: Vec<String> = slots
            .iter()
            .map(|slot| {
                state
                    .record_at(slot)
                    .expect("an entity")
                    .entity_ref
                    .to_string()
            })
            .collect();
        refs.sort();
        refs
    };
    for (key, known) in &index.keys {
        said.insert((format!("{key} (any)"), None), refs(known.valued()));
        said.insert((format!("{key} (all)"), None), refs(&known.present()));
        known
            .table()
            .walk(Direction::Ascending, None, |value, slots| {
                let value = Some(fold_case(value).into_owned());
                said.insert(
                    (key.to_string(), value),
                    refs(&slots.shared_with(index.all())),
                );
                std::ops::ControlFlow::Continue(())
            });
        let pairs: u64 = known.count_values(None).iter().map(|it| it.count).sum();
        said.insert((format!("{key} {pairs} pairs"), None), Vec::new());
    }
    said
}

/// One step of a history: which entity, whether it is there afterwards, and what it says then.
#[derive(Clone, Debug)]
struct Step {
    number: u8,
    is_there: bool,
    title: Option<&'static str>,
    targets: Vec<u8>,
    is_asked: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0_u8..6,
        proptest::bool::weighted(0.75),
        prop_oneof![
            Just(None),
            Just(Some("A")),
            Just(Some("a")),
            Just(Some("b"))
        ],
        proptest::collection::vec(0_u8..6, 0..4),
        proptest::bool::weighted(0.3),
    );
    let step = step.prop_map(|(number, is_there, title, targets, is_asked)| Step {
        number,
        is_there,
        title,
        targets,
        is_asked,
    });
    proptest::collection::vec(step, 1..60)
}

fn record(step: &Step) -> EntityRecord {
    let name = |number: u8| format!("component:default/e{number}");
    let targets: Vec<String> = step.targets.iter().map(|number| name(*number)).collect();
    let relations: Vec<(&str, &str)> = targets
        .iter()
        .map(|it| ("dependsOn", it.as_str()))
        .collect();
    let tags = [
        Some(format!("t{}", step.number)),
        step.title.map(str::to_owned),
    ];
    let tags: Vec<String> = tags.into_iter().flatten().collect();
    let metadata =
        json!({ "name": format!("e{}", step.number), "tags": tags, "title": step.title });
    let document = json!({ "kind": "Component", "metadata": metadata }).to_string();
    entity(&name(step.number), &document, &relations)
}

fn row(revision: i64, step: &Step) -> ChangeRow {
    let record = record(step);
    let relations: Arc<[RelationDeclaration]> = Arc::clone(&record.relations);
    ChangeRow {
        op: if step.is_there {
            Op::Updated
        } else {
            Op::Deleted
        },
        entity_ref: Some(record.entity_ref),
        uid: Some(record.uid),
        document: step.is_there.then_some(record.document),
        relations: step.is_there.then_some(relations),
        digest: step.is_there.then(String::new),
        ..change_row(revision)
    }
}

proptest! {
    #[test]
    fn an_index_that_followed_a_history_is_the_index_of_its_end(steps in steps()) {
        let view = View::load(Snapshot::default());
        let mut last: BTreeMap<EntityRef, EntityRecord> = BTreeMap::new();
        for (revision, step) in (1..).zip(&steps) {
            view.fold(&[row(revision, step)]);
            let record = record(step);
            if step.is_there {
                last.insert(record.entity_ref.clone(), record);
            } else {
                last.remove(&record.entity_ref);
            }
            if step.is_asked {
                view.search(|_, _| {});
            }
        }
        let fresh = View::load(Snapshot {
            entities: last.into_values().collect(),
            revision: Revision::new(1),
            ..Snapshot::default()
        });
        let followed = view.search(said);
        prop_assert_eq!(followed, fresh.search(said));
    }
}

#[test]
fn a_value_is_counted_as_it_is_spelled() {
    let named = |name: &str, title: &str| {
        let document =
            format!(r#"{{"kind":"Component","metadata":{{"name":"x","title":"{title}"}}}}"#);
        entity(&format!("component:default/{name}"), &document, &[])
    };
    let view = View::load(Snapshot {
        entities: vec![
            named("a", "Pay"),
            named("b", "pay"),
            named("c", "Pay"),
            named("d", "x"),
        ],
        ..Snapshot::default()
    });
    let counts = |view: &View| {
        view.search(|_, index| {
            let key = index.key("metadata.title").expect("a key");
            let counts = key.count_values(None).into_iter();
            let counts = counts.map(|it| format!("{} {}", it.value, it.count));
            counts.collect::<Vec<_>>().join(", ")
        })
    };
    assert_eq!(counts(&view), "Pay 2, pay 1, x 1");
}
