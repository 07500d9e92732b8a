//! How many entities have which value of a key.

use super::owned::expand_owners;
use super::predicate::EntityPredicate;
use super::select::select_entities;
use crate::view::{ValueCount, View, fold_case};

/// Facets that are wanted.
#[derive(Clone, Debug)]
pub(crate) struct FacetQuery {
    /// Keys, as they were asked for.
    pub(crate) keys: Vec<String>,
    /// Among which entities.
    pub(crate) predicate: EntityPredicate,
}

/// The values of each key, by value, in the order of the query.
pub(crate) fn count_facets(view: &View, query: &FacetQuery) -> Vec<Vec<ValueCount>> {
    view.search(|state, index| {
        let wanted = expand_owners(state, &query.predicate);
        let found = select_entities(index, &wanted);
        // Counting all of them is counting what is kept anyway.
        let found = (found.len() < index.all().len()).then_some(&*found);
        let facets = query.keys.iter().map(|key| {
            let key = index.key(&fold_case(key));
            key.map_or_else(Vec::new, |key| key.count_values(found))
        });
        facets.collect()
    })
}
