//! Where catalog files are read from.

pub mod file;
pub mod github;
pub mod url;
