//! Running a list: filter, sort, page, and the text of what is left.

use std::sync::Arc;

use freshet_model::EntityRef;
use serde_json::Value;

use super::order::SortKey;
use super::search::Row;
use super::{Fields, Filter, Order, Page};
use crate::change::Record;
use crate::view::{State, View};

/// Entities looked at under one lock: a fold never waits for a whole list.
const SCANNED_AT_ONCE: usize = 256;

/// A list that is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// Which entities.
    pub(crate) filter: Filter,
    /// In which order.
    pub(crate) order: Order,
    /// Which part of them.
    pub(crate) page: Page,
    /// Which parts of each; `None` is everything.
    pub(crate) fields: Option<Fields>,
}

/// A list.
pub(crate) struct Listed {
    /// The page as a JSON array.
    pub(crate) json: String,
    /// Token of the page after it.
    pub(crate) next: Option<String>,
}

/// Runs a list over the view.
///
/// An entity that changes meanwhile may show either way; the caller's revision, taken before, is a
/// position from which the feed repeats everything that might be missing here.
pub(crate) fn list(view: &View, listing: &Listing) -> Listed {
    let sorted = sort(select(view, listing), listing);
    let next = listing.page.next(sorted.len());
    let page = listing.page.of(sorted);
    Listed {
        json: render(view, &page, listing.fields.as_ref()),
        next,
    }
}

fn select(view: &View, listing: &Listing) -> Vec<SortKey> {
    let order = effective_order(listing);
    let with_relations = listing.filter.asks_for_relations() || order.asks_for_relations();
    let refs: Vec<EntityRef> = view.read(|state| state.refs_by_uid().cloned().collect());
    let mut keys = Vec::new();
    for chunk in refs.chunks(SCANNED_AT_ONCE) {
        for (record, relations) in view.read(|state| candidates(state, chunk, with_relations)) {
            let mut row = Row::new(&record, &relations);
            if listing.filter.matches(&mut row) {
                keys.push(order.key(&mut row));
            }
        }
    }
    keys
}

type Candidate = (Arc<Record>, Vec<(String, EntityRef)>);

/// Reading relations off the graph is the larger part of the work, and seldom asked for.
fn candidates(state: &State, refs: &[EntityRef], with_relations: bool) -> Vec<Candidate> {
    refs.iter()
        .filter_map(|entity_ref| {
            let record = state.shared(entity_ref)?;
            if !with_relations {
                return Some((record, Vec::new()));
            }
            let shown = state.relations(entity_ref).into_iter();
            let relations = shown.map(|(relation, target)| (relation.to_owned(), target.clone()));
            Some((record, relations.collect()))
        })
        .collect()
}

fn effective_order(listing: &Listing) -> Order {
    if listing.page.is_given() {
        listing.order.clone()
    } else {
        listing.order.unpaged()
    }
}

/// Unpaged lists drop entities without the sort key, as Backstage does; paged ones keep them last.
fn sort(mut keys: Vec<SortKey>, listing: &Listing) -> Vec<EntityRef> {
    let order = effective_order(listing);
    match (listing.page.is_given(), order.is_given()) {
        (true, false) => keys.sort_by(|a, b| a.entity_ref.cmp(&b.entity_ref)),
        (false, false) => keys.sort_by_key(|key| key.uid),
        (true, true) => keys.sort_by(|a, b| order.compare(a, b)),
        (false, true) => {
            keys.retain(|key| key.values.iter().all(Option::is_some));
            keys.sort_by(|a, b| order.compare(a, b));
        }
    }
    keys.into_iter().map(|key| key.entity_ref).collect()
}

fn render(view: &View, refs: &[EntityRef], fields: Option<&Fields>) -> String {
    let mut json = String::from("[");
    for chunk in refs.chunks(SCANNED_AT_ONCE) {
        let served: Vec<String> =
            view.read(|state| chunk.iter().filter_map(|one| state.served(one)).collect());
        for entity in served {
            if json.len() > 1 {
                json.push(',');
            }
            match fields {
                None => json.push_str(&entity),
                Some(fields) => json.push_str(&project(fields, &entity)),
            }
        }
    }
    json.push(']');
    json
}

/// An entity's JSON text with nothing but the wanted fields.
pub(crate) fn project(fields: &Fields, entity: &str) -> String {
    let entity: Value = serde_json::from_str(entity).unwrap_or_default();
    fields.project(&entity).to_string()
}
