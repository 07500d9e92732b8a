//! Reads the files of jobs, and what those ask for besides themselves.

mod exact_paths;
pub(crate) mod fetched_file;
pub(crate) mod fetcher;
mod github_files;
mod links;
pub(crate) mod parser;
mod patterns;
pub(crate) mod pending;
pub(crate) mod reader;
pub(crate) mod repository;
