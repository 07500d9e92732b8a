//! Backstage's query languages over the entities of the view.
//!
//! What is asked for is parsed once into types here and then answered by set operations over the view's search index: which
//! entities ([`select`]), in which order and which part of them ([`sort`]), and what is shown ([`ListText`]). The
//! languages know nothing of HTTP; `api` turns an [`InvalidQuery`] into an answer.

mod cursor;
mod facets;
mod fields;
mod filter;
mod full_text;
mod list;
mod list_text;
mod location_page;
mod location_predicate;
mod offset_page;
mod order;
mod owned;
mod page;
mod predicate;
mod select;
mod sort;

pub(crate) use cursor::PageCursor;
pub(crate) use facets::{FacetQuery, count_facets};
pub(crate) use fields::FieldSelection;
pub(crate) use filter::parse_filters;
pub(crate) use full_text::FullTextFilter;
pub(crate) use list::{ListQuery, select_list};
pub(crate) use list_text::{Absent, ListText};
pub(crate) use location_page::{LocationPage, LocationQuery};
pub(crate) use offset_page::PageRequest;
pub(crate) use order::{SortField, parse_order_fields, parse_orders};
pub(crate) use owned::{expand_owners, owned_by};
pub(crate) use page::{PagePosition, PageQuery, PageTotal, select_page};
pub(crate) use predicate::EntityPredicate;
pub(crate) use select::select_entities;

/// A query that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidQuery(pub(crate) String);

#[cfg(test)]
mod tests;
