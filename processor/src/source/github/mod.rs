//! GitHub: the only code of Freshet that talks to it.
//!
//! [`query`] writes the questions and [`answer`] reads the answers (both pure), [`client`] sends them
//! within the budget, [`files`] and [`listing`] put them together for one batch of jobs.

pub mod answer;
pub mod client;
pub mod error;
pub mod files;
pub mod listing;
pub mod query;
pub mod tree;
