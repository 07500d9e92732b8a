//! Whole-system stories, conformance on real servers, and the rules of the tree.

mod agreement;
mod bucket;
mod bus;
mod calls;
mod cases;
mod cold_start;
mod conformance;
mod deviations;
mod disk;
mod filters;
mod fuzz;
mod history_rebuild;
mod kill_run;
mod large_source;
mod outage;
mod pay;
mod processes;
mod push;
mod registered;
mod repo;
mod rule_ids;
mod sample;
mod statements;
mod story;
mod tidy;
mod unlisted;
