//! Running a list: filter, sort, page. What is left is names; [`ListText`](super::ListText) makes the text.

use std::sync::Arc;

use freshet_model::EntityRef;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

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

/// The entities of a list, chosen and in order.
pub(crate) struct EntityPage {
    /// Names and not entities: a client that reads slowly would keep old ones in memory.
    pub(crate) refs: Vec<EntityRef>,
    /// Token of the page after it.
    pub(crate) next: Option<String>,
}

/// Nobody waits for the list any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListAbandoned;

/// Chooses the entities of a list from the view.
///
/// An entity that changes meanwhile may show either way; the caller's revision, taken before, is a
/// position from which the feed repeats everything that might be missing here.
///
/// # Errors
///
/// If it is abandoned before all entities were looked at.
pub(crate) fn select_page(
    view: &View,
    query: &ListQuery,
    abandoned: &CancellationToken,
) -> Result<EntityPage, ListAbandoned> {
    let sorted = sort_matches(select_matching(view, query, abandoned)?, query);
    let next = query.page.next_token(sorted.len());
    let refs = query.page.take_from(sorted);
    Ok(EntityPage { refs, next })
}

/// What matches, by identity.
fn select_matching(
    view: &View,
    query: &ListQuery,
    abandoned: &CancellationToken,
) -> Result<Vec<SortKey>, ListAbandoned> {
    let order = effective_order(query);
    let with_relations = query.filter.asks_for_relations() || order.asks_for_relations();
    let mut keys = Vec::new();
    let mut last = None;
    loop {
        // The work runs on a thread of its own, which nothing stops from outside.
        if abandoned.is_cancelled() {
            return Err(ListAbandoned);
        }
        let candidates = view.read(|state| load_candidates(state, last, with_relations));
        let Some((newest, _)) = candidates.last() else {
            return Ok(keys);
        };
        last = Some(newest.uid);
        for (record, relations) in candidates {
            let mut row = SearchCandidate::new(&record, &relations);
            if query.filter.matches_candidate(&mut row) {
                keys.push(order.sort_key_of(&mut row));
            }
        }
    }
}

type Candidate = (Arc<EntityRecord>, Vec<(String, EntityRef)>);

/// The next few entities. Reading relations off the graph is the larger part of the work, and seldom asked for.
fn load_candidates(
    state: &CatalogState,
    after: Option<Uuid>,
    with_relations: bool,
) -> Vec<Candidate> {
    let records = state.records_after(after).take(SCANNED_AT_ONCE);
    records
        .map(|record| {
            if !with_relations {
                return (Arc::clone(record), Vec::new());
            }
            let shown = state.relations(&record.entity_ref).into_iter();
            let relations = shown.map(|(relation, target)| (relation.to_owned(), target.clone()));
            (Arc::clone(record), relations.collect())
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
        // They were looked at in that order.
        (false, false) => {}
        (true, true) => keys.sort_by(|a, b| order.compare_keys(a, b)),
        (false, true) => {
            // Its unpaged query joins the index by that key.
            keys.retain(|key| key.values.iter().all(Option::is_some));
            keys.sort_by(|a, b| order.compare_keys(a, b));
        }
    }
    keys.into_iter().map(|key| key.entity_ref).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Snapshot;
    use crate::query::order::tests::entity;

    #[test]
    fn a_list_that_nobody_waits_for_is_not_computed_to_its_end() {
        let view = View::load(Snapshot {
            entities: vec![entity("component:default/a", "{}", &[]).0],
            ..Snapshot::default()
        });
        let abandoned = CancellationToken::new();
        let page = select_page(&view, &ListQuery::default(), &abandoned).expect("it is wanted");
        assert_eq!(page.refs.len(), 1);
        abandoned.cancel();
        let page = select_page(&view, &ListQuery::default(), &abandoned);
        assert_eq!(page.err(), Some(ListAbandoned));
    }
}
