//! What a document says about itself before anybody knows whether it is valid.

use freshet_model::{EntityRef, ErrorClass, Problem, RuleId};
use serde_json::Value;

use super::entities::DeclaredKind;
use crate::yaml::TextPosition;

/// What a document says about itself, valid or not.
#[derive(Default)]
pub(super) struct DocumentSubject {
    pub(super) entity_ref: Option<EntityRef>,
    pub(super) owner: Option<String>,
}

impl DocumentSubject {
    pub(super) fn read(document: &Value) -> Self {
        let owner = document.get("spec").and_then(|spec| spec.get("owner"));
        Self {
            entity_ref: declared_ref(document),
            owner: owner.and_then(Value::as_str).map(str::to_owned),
        }
    }

    pub(super) fn declared_kind(
        &self,
        document: &Value,
        position: TextPosition,
    ) -> Option<DeclaredKind> {
        let kind = document
            .get("kind")?
            .as_str()
            .filter(|kind| !kind.is_empty())?;
        // Without a name nobody can be told which entity a rule refused.
        document.get("metadata")?.get("name")?.as_str()?;
        let spec_type = document.get("spec").and_then(|spec| spec.get("type"));
        Some(DeclaredKind {
            entity_ref: self.entity_ref.clone(),
            kind: kind.to_owned(),
            spec_type: spec_type.and_then(Value::as_str).map(str::to_owned),
            position,
        })
    }

    /// A problem of the document, in want of words.
    pub(super) fn problem_of(&self, rule: RuleId, class: ErrorClass, at: TextPosition) -> Problem {
        Problem {
            entity_ref: self.entity_ref.clone(),
            owner: self.owner.clone(),
            ..Problem::error(rule, class, "").at(at.line, at.column)
        }
    }
}

/// The entity that a document means to declare, valid or not.
fn declared_ref(document: &Value) -> Option<EntityRef> {
    let kind = document.get("kind")?.as_str()?;
    let metadata = document.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    let namespace = match metadata.get("namespace") {
        Some(namespace) => namespace.as_str()?,
        // An explicit namespace of another type names nobody, while none at all is the default
        // one.
        None => freshet_model::DEFAULT_NAMESPACE,
    };
    EntityRef::new(kind, namespace, name).ok()
}
