//! What one entity declares about another.

use serde::{Deserialize, Serialize};

use crate::EntityRef;

/// One relation as the declaring entity states it: self `--forward-->` target, and, when
/// there is a reverse name, target `--reverse-->` self.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelationDeclaration {
    /// Name of the relation from the declaring entity to the target, such as `ownedBy`.
    pub forward: String,
    /// Name of the relation from the target back, such as `ownerOf`.
    pub reverse: Option<String>,
    /// The other entity, which need not exist.
    pub target: EntityRef,
}
