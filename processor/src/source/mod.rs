//! Where catalog files are read from.

pub mod github;
pub mod url;
