//! What is asked for, answered by the index and by looking at every entity, must be the same.

use std::cmp::Ordering;
use std::sync::Arc;

use freshet_model::EntityRef;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::order::SortField;
use super::predicate::KeyCondition;
use super::*;
use crate::change::sample::entity;
use crate::change::{EntityRecord, Snapshot};
use crate::view::{Direction, View, collect_terms};

const KEYS: [&str; 5] = [
    "metadata.title",
    "spec.rank",
    "spec.tags",
    "metadata.name",
    "spec.none",
];

fn records() -> impl Strategy<Value = Vec<EntityRecord>> {
    let title = prop_oneof![Just(Value::Null), "[abAB]{0,2}".prop_map(Value::from)];
    let rank = prop_oneof![Just(None), (0..4).prop_map(Some)];
    let tags = proptest::collection::vec("[xyz]", 0..3);
    let one = (title, rank, tags).prop_map(|(title, rank, tags)| {
        let mut spec = Map::new();
        if let Some(rank) = rank {
            spec.insert("rank".to_owned(), json!(rank));
        }
        spec.insert("tags".to_owned(), json!(tags));
        (title, spec)
    });
    proptest::collection::vec(one, 0..40).prop_map(|all| {
        let all = all.into_iter().enumerate().map(|(number, (title, spec))| {
            let metadata = json!({ "name": format!("e{number}"), "title": title });
            let document = json!({ "kind": "Component", "metadata": metadata, "spec": spec });
            entity(
                &format!("component:default/e{number}"),
                &document.to_string(),
                &[],
            )
        });
        all.collect()
    })
}

fn predicates() -> impl Strategy<Value = EntityPredicate> {
    let key = prop::sample::select(&KEYS[..]);
    let condition = prop_oneof![
        Just(KeyCondition::Exists),
        proptest::collection::vec("[abxyz0-3]?", 0..3).prop_map(KeyCondition::In),
        "[abe]?".prop_map(KeyCondition::Prefix),
    ];
    let leaf = (key, condition).prop_map(|(key, condition)| EntityPredicate::Key {
        key: key.to_owned(),
        condition,
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(EntityPredicate::All),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(EntityPredicate::Any),
            inner.prop_map(|part| EntityPredicate::Not(Box::new(part))),
        ]
    })
}

fn orders() -> impl Strategy<Value = Option<SortField>> {
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    let field = prop::sample::select(&KEYS[..]);
    let order = (field, direction).prop_map(|(field, direction)| SortField {
        field: field.to_owned(),
        direction,
    });
    proptest::option::weighted(0.8, order)
}

/// Values of a key in lower case; `None` stands for one that cannot be compared.
fn values_of(record: &EntityRecord, key: &str) -> Vec<Option<String>> {
    let terms = collect_terms(record).into_iter();
    let own = terms.filter(|term| term.key == key);
    own.map(|term| term.folded().map(str::to_owned)).collect()
}

fn holds(predicate: &EntityPredicate, record: &EntityRecord) -> bool {
    match predicate {
        EntityPredicate::All(parts) => parts.iter().all(|part| holds(part, record)),
        EntityPredicate::Any(parts) => parts.iter().any(|part| holds(part, record)),
        EntityPredicate::Not(part) => !holds(part, record),
        EntityPredicate::Key { key, condition } => {
            let values = values_of(record, key);
            let mut texts = values.iter().flatten();
            match condition {
                KeyCondition::Exists => !values.is_empty(),
                KeyCondition::In(wanted) => texts.any(|value| wanted.contains(value)),
                KeyCondition::Prefix(prefix) => texts.any(|value| value.starts_with(prefix)),
            }
        }
    }
}

fn sort_value(record: &EntityRecord, order: &SortField) -> Option<String> {
    let values = values_of(record, &order.field).into_iter().flatten();
    match order.direction {
        Direction::Ascending => values.min(),
        Direction::Descending => values.max(),
    }
}

/// Names in the order of a by-query.
fn expected(
    records: &[EntityRecord],
    predicate: &EntityPredicate,
    text: &FullTextFilter,
    order: Option<&SortField>,
) -> Vec<String> {
    let field = order.map_or("metadata.uid", |order| order.field.as_str());
    let fields: Vec<&str> = match text.fields.as_slice() {
        [] => vec![field],
        fields => fields.iter().map(String::as_str).collect(),
    };
    let has_text = |record: &EntityRecord| {
        let mut values = fields
            .iter()
            .flat_map(|field| values_of(record, field))
            .flatten();
        !text.is_given() || values.any(|value| value.contains(&text.term))
    };
    let found = records
        .iter()
        .filter(|it| holds(predicate, it) && has_text(it));
    let mut found: Vec<(Option<String>, &EntityRecord)> = found
        .map(|it| (order.and_then(|order| sort_value(it, order)), it))
        .filter(|(value, _)| order.is_none() || value.is_some())
        .collect();
    found.sort_by(|(a, first), (b, second)| {
        let ordering = a.cmp(b).then(first.uid.cmp(&second.uid));
        match order.map(|order| order.direction) {
            Some(Direction::Descending) => ordering.reverse(),
            Some(Direction::Ascending) | None => ordering,
        }
    });
    found
        .into_iter()
        .map(|(_, it)| it.entity_ref.name().to_owned())
        .collect()
}

fn view_of(records: &[EntityRecord]) -> Arc<View> {
    View::load(Snapshot {
        entities: records.to_vec(),
        ..Snapshot::default()
    })
}

/// All pages from the first to the last and back again, as the cursors lead.
fn walk_pages(view: &View, query: &PageQuery) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let names = |page: &super::page::EntityPage| -> Vec<String> {
        page.refs.iter().map(|it| it.name().to_owned()).collect()
    };
    let follow = |cursor: &str| PageQuery {
        cursor: PageCursor::parse(cursor).expect("our own"),
        ..query.clone()
    };
    let mut page = select_page(view, query);
    let total = page.total;
    let mut forward = vec![names(&page)];
    while let Some(next) = &page.next {
        page = select_page(view, &follow(next));
        assert_eq!(page.total, total);
        forward.push(names(&page));
    }
    let mut backward = Vec::new();
    while let Some(previous) = &page.previous {
        page = select_page(view, &follow(previous));
        assert!(page.next.is_some(), "there is a way back");
        backward.push(names(&page));
    }
    (forward, backward)
}

proptest! {
    #[test]
    fn pages_are_the_sorted_matches_in_pieces(
        records in records(),
        predicate in predicates(),
        order in orders(),
        text in prop_oneof![Just(FullTextFilter::default()), "[abxe1]".prop_map(|term| {
            FullTextFilter::new(&term, ["metadata.title", "spec.tags"]).expect("valid")
        }), "[ae1]".prop_map(|term| FullTextFilter::new(&term, []).expect("valid"))],
        limit in 1_usize..9,
        offset in 0_usize..4,
    ) {
        let view = view_of(&records);
        let expected = expected(&records, &predicate, &text, order.as_ref());
        let cursor = PageCursor {
            predicate,
            text,
            order,
            position: PagePosition::Start { offset },
            total: PageTotal::Count,
        };
        let visible = EntityPredicate::default();
        let query = PageQuery { cursor, visible, limit, fields: None };
        let (forward, backward) = walk_pages(&view, &query);
        let shown = expected.get(offset..).unwrap_or_default();
        prop_assert_eq!(forward.concat(), shown);
        // Back at the first page, everything before the last one was seen again.
        let mut again: Vec<Vec<String>> = backward;
        again.reverse();
        let last = forward.last().map_or(0, Vec::len);
        prop_assert_eq!(again.concat(), &shown[..shown.len() - last]);
        let total = select_page(&view, &PageQuery { limit: 0, ..query }).total;
        prop_assert_eq!(total, expected.len() as u64);
    }

    #[test]
    fn facets_count_what_the_list_shows(records in records(), predicate in predicates()) {
        let view = view_of(&records);
        let keys: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
        let query = FacetQuery { keys, predicate };
        for (key, counted) in KEYS.iter().zip(count_facets(&view, &query)) {
            let mut counts = std::collections::BTreeMap::new();
            for record in records.iter().filter(|it| holds(&query.predicate, it)) {
                let terms = collect_terms(record).into_iter().filter(|term| term.key == *key);
                for text in terms.filter_map(|term| term.text) {
                    *counts.entry(text).or_insert(0) += 1;
                }
            }
            let counted: Vec<(String, u64)> = counted.into_iter().map(|it| (it.value, it.count)).collect();
            prop_assert_eq!(counted, counts.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_paged_list_keeps_who_lacks_a_key_and_puts_him_last(
        records in records(),
        predicate in predicates(),
        orders in proptest::collection::vec(orders(), 1..3),
    ) {
        let view = view_of(&records);
        let orders: Vec<SortField> = orders.into_iter().flatten().collect();
        let mut found: Vec<&EntityRecord> = records.iter().filter(|it| holds(&predicate, it)).collect();
        found.sort_by(|a, b| compare_by_all(a, b, &orders));
        let page = PageRequest { limit: Some(1_000), offset: Some(1) };
        let query = ListQuery { predicate, order: orders, page, fields: None };
        let list = select_list(&view, &query);
        let names: Vec<&str> = list.refs.iter().map(EntityRef::name).collect();
        let expected: Vec<&str> = found.iter().skip(1).map(|it| it.entity_ref.name()).collect();
        prop_assert_eq!(names, expected);
    }
}

fn compare_by_all(a: &EntityRecord, b: &EntityRecord, orders: &[SortField]) -> Ordering {
    if orders.is_empty() {
        return a.entity_ref.cmp(&b.entity_ref);
    }
    for order in orders {
        let ordering = match (sort_value(a, order), sort_value(b, order)) {
            (Some(a), Some(b)) if order.direction == Direction::Descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    a.uid.cmp(&b.uid)
}
