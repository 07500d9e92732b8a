//! Placeholder.

pub mod parse;
