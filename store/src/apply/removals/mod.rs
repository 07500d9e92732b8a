//! Removals that are too large to be made without asking.

pub(crate) mod check;
pub(crate) mod pending;
