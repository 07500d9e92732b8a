//! Running `GET /entities`: filter, sort, page. What is left is names; [`ListText`](super::ListText) makes the text.

use std::ops::Bound;

use freshet_model::EntityRef;
use roaring::RoaringBitmap;

use super::order::SortField;
use super::owned::expand_owners;
use super::predicate::EntityPredicate;
use super::select::select_entities;
use super::sort::{Catalog, Part, Row, pick_by_value, sort_by_fields};
use super::{FieldSelection, PageRequest};
use crate::view::View;

/// A list that is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListQuery {
    /// Which entities.
    pub(crate) predicate: EntityPredicate,
    /// In which order.
    pub(crate) order: Vec<SortField>,
    /// Which part of them.
    pub(crate) page: PageRequest,
    /// Which parts of each; `None` is everything.
    pub(crate) fields: Option<FieldSelection>,
}

/// The entities of a list, chosen and in order.
pub(crate) struct EntityList {
    /// Names and not entities: a client that reads slowly would keep old ones in memory.
    pub(crate) refs: Vec<EntityRef>,
    /// Token of the page after it.
    pub(crate) next: Option<String>,
}

/// Chooses the entities of a list from the view.
pub(crate) fn select_list(view: &View, query: &ListQuery) -> EntityList {
    view.search(|state, index| {
        let catalog = Catalog { state, index };
        let wanted = expand_owners(state, &query.predicate);
        let found = select_entities(index, &wanted);
        if query.page.is_given() {
            sort_page(catalog, &found, query)
        } else {
            sort_all(catalog, &found, query)
        }
    })
}

fn sort_page(catalog: Catalog<'_>, found: &RoaringBitmap, query: &ListQuery) -> EntityList {
    let total = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let next = query.page.next_token(total);
    let refs = if query.order.is_empty() {
        let mut refs: Vec<EntityRef> = refs_of(catalog, found).collect();
        refs.sort_unstable();
        refs
    } else {
        sort_by_fields(catalog, found, &query.order)
    };
    EntityList {
        refs: query.page.take_from(refs),
        next,
    }
}

/// Without a page only the first key counts, and entities without it vanish: Backstage's query joins its index by that key.
fn sort_all(catalog: Catalog<'_>, found: &RoaringBitmap, query: &ListQuery) -> EntityList {
    let refs = match query.order.first().map(SortField::folded) {
        None => refs_by_uid(catalog, found),
        Some(order) => {
            let all = Part {
                direction: order.direction,
                behind: None,
                offset: 0,
                limit: usize::MAX,
            };
            let rows = pick_by_value(catalog, found, &order, &all);
            rows.into_iter()
                .map(|Row { entity_ref, .. }| entity_ref)
                .collect()
        }
    };
    EntityList { refs, next: None }
}

fn refs_by_uid(catalog: Catalog<'_>, found: &RoaringBitmap) -> Vec<EntityRef> {
    let slots = catalog
        .state
        .slots_by_uid((Bound::Unbounded, Bound::Unbounded));
    slots
        .filter(|(_, slot)| found.contains(*slot))
        .filter_map(|(_, slot)| Some(catalog.state.record_at(slot)?.entity_ref.clone()))
        .collect()
}

fn refs_of(catalog: Catalog<'_>, found: &RoaringBitmap) -> impl Iterator<Item = EntityRef> {
    found
        .iter()
        .filter_map(move |slot| Some(catalog.state.record_at(slot)?.entity_ref.clone()))
}
