//! Whole-system stories, conformance on real servers, and the rules of the tree.

mod outage;
mod push;
mod tidy;
