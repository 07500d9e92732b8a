//! Removals that are too large to be made without asking.

pub(crate) mod limits;
pub(crate) mod pending;
mod problems;
