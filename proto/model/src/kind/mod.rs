//! Kinds as data.

/// The kinds a catalog accepts.
#[derive(Clone, Debug, Default)]
pub struct Kinds {}

impl Kinds {
    /// Component, API, Resource, System, Domain, Group, User, Location and Template.
    #[must_use]
    pub fn builtin() -> Self {
        Self {}
    }
}
