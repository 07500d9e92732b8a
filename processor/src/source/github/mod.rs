//! GitHub: the only code of Freshet that talks to it.
//!
//! [`query`] writes the questions and [`answer`] reads the answers (both pure), [`client`] sends them
//! within the budget, [`files`] and [`listing`] put them together for one batch of jobs, and [`tree`] lists
//! the files of a commit.

pub mod answer;
mod batch;
pub mod client;
mod connection;
pub mod endpoints;
pub mod error;
pub mod files;
pub mod listing;
pub mod listing_answer;
pub mod query;
mod redirect;
pub mod tree;
