//! Removals that are too large to be made without asking.

mod by_person;
pub(crate) mod limits;
pub(crate) mod pending;
mod problems;
