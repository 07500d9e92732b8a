//! Where catalog files are read from.

pub mod fetched;
pub mod file;
pub mod github;
pub mod url;
