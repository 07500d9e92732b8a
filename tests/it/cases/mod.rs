//! The cases of Backstage's behaviour that only a whole system shows, and the deviations from it on purpose.

mod deviations;
mod deviations_over_time;
mod locations;
mod rules;
mod safety;
mod search;
mod siblings;
mod state;
mod targets;
