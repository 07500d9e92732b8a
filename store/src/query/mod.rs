//! Backstage's query languages over the entities of the view.
//!
//! Filters, orders, pages and projections are parsed once into types here; what they mean is
//! decided over [`SearchCandidate`]s, one candidate at a time. There is no index yet: a filter looks at every
//! entity, and parses a document only when it asks for something the record does not say.
//! The languages know nothing of HTTP; `api` turns an [`InvalidQuery`] into an answer.

mod cursor;
mod fields;
mod filter;
mod list;
mod list_text;
mod location_page;
mod location_predicate;
mod order;
mod search;

pub(crate) use cursor::PageRequest;
pub(crate) use fields::FieldSelection;
pub(crate) use filter::EntityFilter;
pub(crate) use list::{ListQuery, select_page};
pub(crate) use list_text::ListText;
pub(crate) use location_page::{LocationPage, LocationQuery};
pub(crate) use order::EntityOrder;

/// A query that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidQuery(pub(crate) String);
