//! Whole-system stories, conformance on real servers, and the rules of the tree.

mod bus;
mod outage;
mod push;
mod tidy;
