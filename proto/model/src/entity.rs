//! A declared entity that has passed validation.

use serde_json::Value;

use crate::EntityRef;

/// A valid declared entity: its document with the namespace filled in, and its reference.
///
/// Only [`crate::validate`] makes one, so whoever holds it need not check again.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    entity_ref: EntityRef,
    document: Value,
    owner: Option<EntityRef>,
}

impl Entity {
    pub(crate) fn new(entity_ref: EntityRef, document: Value, owner: Option<EntityRef>) -> Self {
        Self {
            entity_ref,
            document,
            owner,
        }
    }

    /// The canonical name.
    #[must_use]
    pub fn entity_ref(&self) -> &EntityRef {
        &self.entity_ref
    }

    /// The declared document, an object.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The declared document, by value.
    #[must_use]
    pub fn into_document(self) -> Value {
        self.document
    }

    /// The target of its `ownedBy` relation, if its kind has one and it names one.
    #[must_use]
    pub fn owner(&self) -> Option<EntityRef> {
        // A reference is one counted text, so a copy is cheap and callers need no lifetime.
        self.owner.clone()
    }
}
