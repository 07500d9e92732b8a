//! Stub being filled in.
use crate::{Entity, Kinds, RelationDeclaration, Violation};

/// A document that passed, with what it declares about others.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The entity.
    pub entity: Entity,
    /// Its relations, sorted, each once.
    pub relations: Vec<RelationDeclaration>,
}

/// Checks a declared document.
///
/// # Errors
/// Every violation, first the one Backstage would report.
pub fn validate(document: serde_json::Value, kinds: &Kinds) -> Result<Checked, Vec<Violation>> {
    let _ = kinds;
    let text = |p: &str| {
        document
            .pointer(p)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("default")
    };
    let entity_ref = crate::EntityRef::new(
        text("/kind"),
        text("/metadata/namespace"),
        text("/metadata/name"),
    )
    .map_err(|_| Vec::new())?;
    Ok(Checked {
        entity: Entity::new(entity_ref, document, None),
        relations: Vec::new(),
    })
}
