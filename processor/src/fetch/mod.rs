//! Reads the files of jobs, and what those ask for besides themselves.

pub(crate) mod fetcher;
pub(crate) mod patterns;
pub(crate) mod reader;
