//! Where catalog files are read from. GitHub is the only provider so far.

pub mod github;
