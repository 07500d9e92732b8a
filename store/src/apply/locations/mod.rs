//! The graph of locations: what a root reaches, and what of it is in the catalog.
//!
//! Location entities point at locations, and the files there may declare Location entities again.
//! A location is in the graph while a chain of links leads to it from a root. Each target stands on
//! its own: what is wrong with one is told in the status of the Location entity and as a problem,
//! and holds back neither its siblings nor the Location entity (Backstage keeps all of them as they
//! were; in a monorepo one broken file would freeze a thousand).
//!
//! [`load::decide`] loads the part of the graph that a batch concerns, [`evaluate::evaluate`] decides
//! over it, purely, and [`diff::LocationDiff`] says what is written. An ordinary push costs the links
//! of its files and no more, however large the graph.
//!
//! It refuses to remove anything because something could not be read.

pub(crate) mod activate;
pub(crate) mod diff;
pub(crate) mod evaluate;
pub(crate) mod evaluation;
pub(crate) mod graph;
pub(crate) mod links;
pub(crate) mod load;
pub(crate) mod naming;
pub(crate) mod problems;
pub(crate) mod prune;
pub(crate) mod resolve;
pub(crate) mod succession;
pub(crate) mod target;

#[cfg(test)]
mod tests;
