//! The rights that Backstage's catalog knows, and what each is about. Pure.

use serde_json::{Value, json};

/// What Backstage calls the things that a right may be restricted to some of.
pub(in crate::api) const ENTITY_RESOURCE: &str = "catalog-entity";

/// A right that a caller may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::api) enum Permission {
    /// To see entities.
    EntityRead,
    /// To make entities.
    EntityCreate,
    /// To take entities out of the catalog.
    EntityDelete,
    /// To have entities read again.
    EntityRefresh,
    /// To have an entity checked.
    EntityValidate,
    /// To see what is registered.
    LocationRead,
    /// To register.
    LocationCreate,
    /// To take back a registration.
    LocationDelete,
    /// To ask what a registration would lead to.
    LocationAnalyze,
    /// To see how the catalog is kept.
    IngestionRead,
    /// To say how the catalog is kept.
    IngestionManage,
}

/// What a right does, in Backstage's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionAction {
    /// Makes something.
    Create,
    /// Shows something.
    Read,
    /// Changes something.
    Update,
    /// Takes something away.
    Delete,
}

impl PermissionAction {
    /// Every word that is one.
    pub const WORDS: [&str; 4] = ["create", "read", "update", "delete"];

    /// The action of this name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Create, Self::Read, Self::Update, Self::Delete];
        all.into_iter().find(|action| action.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl Permission {
    /// All of them, in the order in which Backstage lists them.
    pub(in crate::api) const ALL: [Self; 11] = [
        Self::EntityRead,
        Self::EntityCreate,
        Self::EntityDelete,
        Self::EntityRefresh,
        Self::EntityValidate,
        Self::LocationRead,
        Self::LocationCreate,
        Self::LocationDelete,
        Self::LocationAnalyze,
        Self::IngestionRead,
        Self::IngestionManage,
    ];

    /// Its name on the wire and in access restrictions.
    pub(in crate::api) fn name(self) -> &'static str {
        match self {
            Self::EntityRead => "catalog.entity.read",
            Self::EntityCreate => "catalog.entity.create",
            Self::EntityDelete => "catalog.entity.delete",
            Self::EntityRefresh => "catalog.entity.refresh",
            Self::EntityValidate => "catalog.entity.validate",
            Self::LocationRead => "catalog.location.read",
            Self::LocationCreate => "catalog.location.create",
            Self::LocationDelete => "catalog.location.delete",
            Self::LocationAnalyze => "catalog.location.analyze",
            Self::IngestionRead => "catalog.ingestion.read",
            Self::IngestionManage => "catalog.ingestion.manage",
        }
    }

    /// What it does; Backstage leaves open what two of them do.
    pub(in crate::api) fn action(self) -> Option<PermissionAction> {
        match self {
            Self::EntityRead | Self::LocationRead | Self::IngestionRead => {
                Some(PermissionAction::Read)
            }
            Self::EntityCreate | Self::LocationCreate => Some(PermissionAction::Create),
            Self::EntityDelete | Self::LocationDelete => Some(PermissionAction::Delete),
            Self::EntityRefresh | Self::IngestionManage => Some(PermissionAction::Update),
            Self::EntityValidate | Self::LocationAnalyze => None,
        }
    }

    /// Whether it may be given for some entities and not for others.
    fn is_about_entities(self) -> bool {
        match self {
            Self::EntityRead | Self::EntityDelete | Self::EntityRefresh => true,
            Self::EntityCreate
            | Self::EntityValidate
            | Self::LocationRead
            | Self::LocationCreate
            | Self::LocationDelete
            | Self::LocationAnalyze
            | Self::IngestionRead
            | Self::IngestionManage => false,
        }
    }

    /// As Backstage's plugins tell it to each other.
    pub(in crate::api) fn to_json(self) -> Value {
        let name = self.name();
        let attributes = self
            .action()
            .map_or_else(|| json!({}), |action| json!({ "action": action.word() }));
        if self.is_about_entities() {
            json!({ "type": "resource", "name": name, "attributes": attributes, "resourceType": ENTITY_RESOURCE })
        } else {
            json!({ "type": "basic", "name": name, "attributes": attributes })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_told_as_backstage_tells_it() {
        assert_eq!(
            Permission::EntityRefresh.to_json(),
            json!({"type": "resource", "name": "catalog.entity.refresh", "attributes": {"action": "update"}, "resourceType": "catalog-entity"})
        );
        assert_eq!(
            Permission::LocationAnalyze.to_json(),
            json!({"type": "basic", "name": "catalog.location.analyze", "attributes": {}})
        );
    }

    #[test]
    fn every_word_for_an_action_is_understood() {
        for word in PermissionAction::WORDS {
            assert_eq!(
                PermissionAction::parse(word).map(PermissionAction::word),
                Some(word)
            );
        }
        assert_eq!(PermissionAction::parse("Read"), None);
    }
}
