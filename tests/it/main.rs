//! Whole-system stories, conformance on real servers, and the rules of the tree.

mod bus;
mod calls;
mod kill_run;
mod outage;
mod pay;
mod processes;
mod push;
mod repo;
mod tidy;
