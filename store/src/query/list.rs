//! Running a list: filter, sort, page, and the text of what is left.

use std::sync::Arc;

use freshet_model::EntityRef;
use serde_json::Value;

use super::order::SortKey;
use super::search::SearchCandidate;
use super::{EntityFilter, EntityOrder, FieldSelection, PageRequest};
use crate::change::EntityRecord;
use crate::view::{CatalogState, View};

/// Entities looked at under one lock: a fold never waits for a whole list.
const SCANNED_AT_ONCE: usize = 256;

/// A list that is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListQuery {
    /// Which entities.
    pub(crate) filter: EntityFilter,
    /// In which order.
    pub(crate) order: EntityOrder,
    /// Which part of them.
    pub(crate) page: PageRequest,
    /// Which parts of each; `None` is everything.
    pub(crate) fields: Option<FieldSelection>,
}

/// A list.
pub(crate) struct EntityPage {
    /// The page as a JSON array.
    pub(crate) json: String,
    /// Token of the page after it.
    pub(crate) next: Option<String>,
}

/// Runs a list over the view.
///
/// An entity that changes meanwhile may show either way; the caller's revision, taken before, is a
/// position from which the feed repeats everything that might be missing here.
pub(crate) fn run_list(view: &View, query: &ListQuery) -> EntityPage {
    let sorted = sort_matches(select_matching(view, query), query);
    let next = query.page.next_token(sorted.len());
    let page = query.page.take_from(sorted);
    EntityPage {
        json: render_entities(view, &page, query.fields.as_ref()),
        next,
    }
}

fn select_matching(view: &View, query: &ListQuery) -> Vec<SortKey> {
    let order = effective_order(query);
    let with_relations = query.filter.asks_for_relations() || order.asks_for_relations();
    // Only the names under the first lock: a fold waits for every reader.
    let refs: Vec<EntityRef> = view.read(|state| state.refs_by_uid().cloned().collect());
    let mut keys = Vec::new();
    for chunk in refs.chunks(SCANNED_AT_ONCE) {
        for (record, relations) in view.read(|state| load_candidates(state, chunk, with_relations))
        {
            let mut row = SearchCandidate::new(&record, &relations);
            if query.filter.matches_candidate(&mut row) {
                keys.push(order.sort_key_of(&mut row));
            }
        }
    }
    keys
}

type Candidate = (Arc<EntityRecord>, Vec<(String, EntityRef)>);

/// Reading relations off the graph is the larger part of the work, and seldom asked for.
fn load_candidates(
    state: &CatalogState,
    refs: &[EntityRef],
    with_relations: bool,
) -> Vec<Candidate> {
    refs.iter()
        .filter_map(|entity_ref| {
            let record = state.shared_record(entity_ref)?;
            if !with_relations {
                return Some((record, Vec::new()));
            }
            let shown = state.relations(entity_ref).into_iter();
            let relations = shown.map(|(relation, target)| (relation.to_owned(), target.clone()));
            Some((record, relations.collect()))
        })
        .collect()
}

fn effective_order(query: &ListQuery) -> EntityOrder {
    if query.page.is_given() {
        query.order.clone()
    } else {
        query.order.for_unpaged_list()
    }
}

/// Unpaged lists drop entities without the sort key, as Backstage does; paged ones keep them last.
fn sort_matches(mut keys: Vec<SortKey>, query: &ListQuery) -> Vec<EntityRef> {
    let order = effective_order(query);
    match (query.page.is_given(), order.is_given()) {
        (true, false) => keys.sort_by(|a, b| a.entity_ref.cmp(&b.entity_ref)),
        (false, false) => keys.sort_by_key(|key| key.uid),
        (true, true) => keys.sort_by(|a, b| order.compare_keys(a, b)),
        (false, true) => {
            // Its unpaged query joins the index by that key.
            keys.retain(|key| key.values.iter().all(Option::is_some));
            keys.sort_by(|a, b| order.compare_keys(a, b));
        }
    }
    keys.into_iter().map(|key| key.entity_ref).collect()
}

fn render_entities(view: &View, refs: &[EntityRef], fields: Option<&FieldSelection>) -> String {
    let mut json = String::from("[");
    for chunk in refs.chunks(SCANNED_AT_ONCE) {
        let served: Vec<String> = view.read(|state| {
            chunk
                .iter()
                // It may have been removed since it was sorted. A page that is one shorter costs
                // less than a lock over the whole list.
                .filter_map(|one| state.served_json(one))
                .collect()
        });
        for entity in served {
            if json.len() > 1 {
                json.push(',');
            }
            match fields {
                None => json.push_str(&entity),
                Some(fields) => json.push_str(&project_json(fields, &entity)),
            }
        }
    }
    json.push(']');
    json
}

/// An entity's JSON text with nothing but the wanted fields.
fn project_json(fields: &FieldSelection, entity: &str) -> String {
    let entity: Value = serde_json::from_str(entity).unwrap_or_default();
    fields.project_entity(&entity).to_string()
}
