//! From what differs to the rows of the change log.

mod bodies;
pub(crate) mod event;
pub(crate) mod plan;
pub(crate) mod problems;
pub(crate) mod relations;
