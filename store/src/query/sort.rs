//! A part of what was selected, in order.
//!
//! There are two ways to the same answer, and the cheaper is taken: walk the order from where the part begins and pick what was
//! selected, which is short if much was; or look at everything selected and sort it, which is short if little was. Neither
//! sorts a catalog to show a page of it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};

use freshet_model::EntityRef;
use roaring::RoaringBitmap;
use uuid::Uuid;

use super::order::SortField;
use crate::change::EntityRecord;
use crate::view::{
    CatalogState, Direction, SearchIndex, Slot, collect_terms, fold_case, relation_key,
};

/// What it costs to read one value out of a document, in texts walked over.
const READ_COST: u64 = 150;
/// What it costs if the ref says it.
const REF_COST: u64 = 2;

/// A catalog to pick from.
#[derive(Clone, Copy)]
pub(super) struct Catalog<'a> {
    pub(super) state: &'a CatalogState,
    pub(super) index: &'a SearchIndex,
}

/// Which part of what is in order.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Which way.
    pub(super) direction: Direction,
    /// Behind this row, if it is not the beginning.
    pub(super) behind: Option<SortMark>,
    /// Rows left out in front.
    pub(super) offset: usize,
    /// Most rows.
    pub(super) limit: usize,
}

/// Where a row stands: its value, if the list is sorted by one, and its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortMark {
    /// In lower case.
    pub(crate) value: Option<String>,
    pub(crate) uid: Uuid,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) mark: SortMark,
    pub(super) entity_ref: EntityRef,
}

impl Part {
    fn wanted(&self) -> usize {
        self.offset.saturating_add(self.limit)
    }

    /// Whether a row lies in the part, as far as its beginning says.
    fn begins_before(&self, mark: (&str, Uuid)) -> bool {
        self.behind.as_ref().is_none_or(|behind| {
            let behind = (behind.value.as_deref().unwrap_or_default(), behind.uid);
            ordered(mark.cmp(&behind), self.direction) == Ordering::Greater
        })
    }
}

/// The part of `found` in the order of identities.
pub(super) fn pick_by_uid(catalog: Catalog<'_>, found: &RoaringBitmap, part: &Part) -> Vec<Row> {
    let (all, few) = (catalog.index.all().len(), found.len());
    let rows = if is_walk_shorter(all, few, part.wanted(), REF_COST) {
        walk_uids(catalog, found, part)
    } else {
        let rows = found
            .iter()
            .filter_map(|slot| catalog.state.record_at(slot));
        let rows = rows.map(|record| row_of(record, None));
        sort_rows(rows.collect(), part)
    };
    cut(rows, part)
}

/// The part of `found` in the order of the values of a key, equal ones by identity. Entities without a value are not in it.
/// The part may be walked against the order, for a page before another.
pub(super) fn pick_by_value(
    catalog: Catalog<'_>,
    found: &RoaringBitmap,
    order: &SortField,
    part: &Part,
) -> Vec<Row> {
    let Some(key) = catalog.index.key(&order.field) else {
        return Vec::new();
    };
    let found = found & key.valued();
    let values = u64::try_from(key.table().len()).unwrap_or(u64::MAX);
    let cost = if is_said_by_ref(&order.field) {
        REF_COST
    } else {
        READ_COST
    };
    let rows = if is_walk_shorter(values.max(found.len()), found.len(), part.wanted(), cost) {
        walk_values(catalog, &found, order, part)
    } else {
        let records = found.iter().filter_map(|slot| {
            let record = catalog.state.record_at(slot)?;
            let value = read_value(catalog.state, slot, record, order)?;
            Some(row_of(record, Some(value)))
        });
        sort_rows(records.collect(), part)
    };
    cut(rows, part)
}

/// Everything in `found` by several keys, the most significant first; who lacks one comes last in it whatever the direction.
pub(super) fn sort_by_fields(
    catalog: Catalog<'_>,
    found: &RoaringBitmap,
    fields: &[SortField],
) -> Vec<EntityRef> {
    let ranks: Vec<Ranks> = fields
        .iter()
        .map(|field| Ranks::of_field(catalog.index, found, field))
        .collect();
    let records = found
        .iter()
        .filter_map(|slot| Some((slot, catalog.state.record_at(slot)?)));
    let mut rows: Vec<(Slot, &EntityRecord)> = records.collect();
    rows.sort_unstable_by(|(a, first), (b, second)| {
        let by_fields = ranks.iter().map(|ranks| ranks.compare(*a, *b));
        by_fields
            .into_iter()
            .find(|ordering| ordering.is_ne())
            // Pages are cut by position, so equal entities must keep their order from one request to
            // the next.
            .unwrap_or_else(|| first.uid.cmp(&second.uid))
    });
    rows.into_iter()
        .map(|(_, record)| record.entity_ref.clone())
        .collect()
}

/// Where each entity stands in the order of one key.
struct Ranks(HashMap<Slot, u64>);

impl Ranks {
    fn of_field(index: &SearchIndex, found: &RoaringBitmap, field: &SortField) -> Self {
        let mut ranks = HashMap::new();
        let Some(key) = index.key(&field.field) else {
            return Self(ranks);
        };
        let mut rank = 0;
        key.table().walk(field.direction, None, |_, entities| {
            for slot in entities.shared_with(found) {
                // Of several values, the one that comes first.
                ranks.entry(slot).or_insert(rank);
            }
            rank += 1;
            ControlFlow::Continue(())
        });
        Self(ranks)
    }

    fn compare(&self, a: Slot, b: Slot) -> Ordering {
        let rank = |slot| self.0.get(&slot).copied().unwrap_or(u64::MAX);
        rank(a).cmp(&rank(b))
    }
}

fn walk_uids(catalog: Catalog<'_>, found: &RoaringBitmap, part: &Part) -> Vec<Row> {
    let mark = part.behind.as_ref().map(|behind| behind.uid);
    let excluded = mark.map_or(Bound::Unbounded, Bound::Excluded);
    let rows = |slots: &mut dyn Iterator<Item = (&uuid::Uuid, Slot)>| {
        slots
            .filter(|(_, slot)| found.contains(*slot))
            .filter_map(|(_, slot)| catalog.state.record_at(slot))
            .take(part.wanted())
            .map(|record| row_of(record, None))
            .collect()
    };
    match part.direction {
        Direction::Ascending => rows(&mut catalog.state.slots_by_uid((excluded, Bound::Unbounded))),
        Direction::Descending => rows(
            &mut catalog
                .state
                .slots_by_uid((Bound::Unbounded, excluded))
                .rev(),
        ),
    }
}

fn walk_values(
    catalog: Catalog<'_>,
    found: &RoaringBitmap,
    order: &SortField,
    part: &Part,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let Some(key) = catalog.index.key(&order.field) else {
        return rows;
    };
    let from = part
        .behind
        .as_ref()
        .and_then(|behind| behind.value.as_deref());
    key.table().walk(part.direction, from, |value, entities| {
        let value = fold_case(value);
        let own = entities.shared_with(found);
        let of_value = own.iter().filter_map(|slot| {
            let record = catalog.state.record_at(slot)?;
            // An entity with several values stands where the first of them does.
            let is_first = !key.is_multi_valued()
                || read_value(catalog.state, slot, record, order).as_deref() == Some(&*value);
            (is_first && part.begins_before((&value, record.uid))).then_some(record)
        });
        let by_uid =
            |a: &&EntityRecord, b: &&EntityRecord| ordered(a.uid.cmp(&b.uid), part.direction);
        // A value may be that of half the catalog, so rows are made of those that stay.
        let own = first_of(of_value.collect(), part.wanted() - rows.len(), by_uid);
        let own = own.into_iter();
        rows.extend(own.map(|record| row_of(record, Some(value.clone().into_owned()))));
        if rows.len() < part.wanted() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    rows
}

/// Everything that lies in the part, in order, as far as it is wanted.
fn sort_rows(mut rows: Vec<Row>, part: &Part) -> Vec<Row> {
    rows.retain(|row| {
        let value = row.mark.value.as_deref().unwrap_or_default();
        part.begins_before((value, row.mark.uid))
    });
    first_of(rows, part.wanted(), |a, b| {
        let by_value = a.mark.value.cmp(&b.mark.value);
        ordered(by_value.then(a.mark.uid.cmp(&b.mark.uid)), part.direction)
    })
}

/// The first in order; the others are not sorted.
fn first_of<T>(
    mut rows: Vec<T>,
    most: usize,
    compare: impl Fn(&T, &T) -> Ordering + Copy,
) -> Vec<T> {
    if most < rows.len() {
        rows.select_nth_unstable_by(most, compare);
        rows.truncate(most);
    }
    rows.sort_unstable_by(compare);
    rows
}

fn cut(rows: Vec<Row>, part: &Part) -> Vec<Row> {
    rows.into_iter()
        .skip(part.offset)
        .take(part.limit)
        .collect()
}

fn row_of(record: &EntityRecord, value: Option<String>) -> Row {
    Row {
        mark: SortMark {
            value,
            uid: record.uid,
        },
        entity_ref: record.entity_ref.clone(),
    }
}

fn ordered(ordering: Ordering, direction: Direction) -> Ordering {
    match direction {
        Direction::Ascending => ordering,
        Direction::Descending => ordering.reverse(),
    }
}

/// Whether walking over `all` until enough of the `few` were met is shorter than looking at each of the few.
fn is_walk_shorter(all: u64, few: u64, wanted: usize, cost: u64) -> bool {
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let met_after = all.saturating_mul(wanted).checked_div(few).unwrap_or(0);
    met_after.min(all) <= few.saturating_mul(cost)
}

fn is_said_by_ref(field: &str) -> bool {
    matches!(field, "kind" | "metadata.name" | "metadata.namespace")
}

/// The value an entity is sorted by, in lower case: of several the one that comes first, whichever way the list is walked.
fn read_value(
    state: &CatalogState,
    slot: Slot,
    record: &EntityRecord,
    order: &SortField,
) -> Option<String> {
    let field = order.field.as_str();
    match field {
        "kind" => return Some(record.entity_ref.kind().to_owned()),
        "metadata.name" => return Some(record.entity_ref.name().to_owned()),
        "metadata.namespace" => return Some(record.entity_ref.namespace().to_owned()),
        _ => {}
    }
    let values = collect_terms(record)
        .into_iter()
        .filter(|term| term.key == field)
        .filter_map(|term| term.folded().map(str::to_owned));
    let relations = state.relations_at(slot).into_iter();
    let targets = relations
        .filter(|(relation, _)| field.starts_with("relations.") && relation_key(relation) == field)
        .map(|(_, target)| target.as_str().to_owned());
    let values = values.chain(targets);
    match order.direction {
        Direction::Ascending => values.min(),
        Direction::Descending => values.max(),
    }
}
