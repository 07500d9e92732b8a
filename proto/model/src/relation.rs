//! What one entity declares about another.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::EntityRef;

/// Name of a relation, such as `ownedBy`. There are a few dozen of them and millions of relations, so cloning costs one
/// reference count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelationType(Arc<str>);

/// One relation as the declaring entity states it: self `--forward-->` target, and, when
/// there is a reverse name, target `--reverse-->` self.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelationDeclaration {
    /// Name of the relation from the declaring entity to the target, such as `ownedBy`.
    pub forward: RelationType,
    /// Name of the relation from the target back, such as `ownerOf`.
    pub reverse: Option<RelationType>,
    /// The other entity, which need not exist.
    pub target: EntityRef,
}

impl RelationType {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for RelationType {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RelationType {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl From<String> for RelationType {
    fn from(name: String) -> Self {
        Self(Arc::from(name))
    }
}

impl fmt::Display for RelationType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for RelationType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl Serialize for RelationType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RelationType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
