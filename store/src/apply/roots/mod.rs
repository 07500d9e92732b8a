//! The roots of the catalog: what the configuration names, and what the providers discover.

pub(crate) mod configured;
pub(crate) mod discovered;
