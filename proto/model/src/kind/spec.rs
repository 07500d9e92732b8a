//! How a kind is written down.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{RelationType, name};

/// One kind: what its documents look like and which fields point at other entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KindSpec {
    /// The kind as written in documents, exactly.
    pub kind: String,
    /// The API versions under which it is recognised.
    #[serde(default)]
    pub api_versions: Vec<String>,
    /// JSON Schema (draft 7) of the whole document. The envelope (`apiVersion`, `kind`,
    /// `metadata`) is checked in any case. Absent: the kind exists already, and only the
    /// relation fields are added to it.
    #[serde(default)]
    pub schema: Option<Value>,
    /// The fields that declare relations.
    #[serde(default)]
    pub relations: Vec<RelationField>,
}

/// One field whose value, or each of whose items, is a reference to another entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelationField {
    /// Path of the field with dots, such as `spec.owner`.
    pub field: String,
    /// Kind of a reference that names none; absent where it must be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_kind: Option<String>,
    /// Name of the relation to the target.
    pub forward: RelationType,
    /// Name of the relation back from the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse: Option<RelationType>,
}

/// Why a kind cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// The name could never stand in a valid document.
    #[error("\"{kind}\" cannot be a kind: letters and digits only, a letter first")]
    Name {
        /// The kind.
        kind: String,
    },
    /// It has a schema but no usable API version.
    #[error("kind {kind}: \"{api_version}\" cannot be an API version")]
    ApiVersion {
        /// The kind.
        kind: String,
        /// The version as written, empty if there is none at all.
        api_version: String,
    },
    /// The same kind and version exist already.
    #[error("kind {kind} with API version {api_version} exists already")]
    Duplicate {
        /// The kind.
        kind: String,
        /// The version.
        api_version: String,
    },
    /// The schema is no JSON Schema.
    #[error("the schema of kind {kind} is not valid: {message}")]
    Schema {
        /// The kind.
        kind: String,
        /// What is wrong with it.
        message: String,
    },
    /// A relation field is malformed.
    #[error("kind {kind}: relation field \"{field}\" is not valid: {problem}")]
    Relation {
        /// The kind.
        kind: String,
        /// The field as written.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It has no schema, and there is no kind of that name to extend.
    #[error("kind {kind} has no schema, and no kind of that name exists to extend")]
    NothingToExtend {
        /// The kind.
        kind: String,
    },
}

impl KindSpec {
    /// What can be seen to be wrong without compiling the schema or knowing other kinds.
    pub(super) fn find_mistakes(&self) -> Vec<KindError> {
        let kind = || self.kind.clone();
        let mut mistakes = Vec::new();
        if !name::is_kind(&self.kind) {
            mistakes.push(KindError::Name { kind: kind() });
        }
        // Only with a schema: an entry without one adds to a kind, under all of its versions if it
        // names none.
        if self.schema.is_some() && self.api_versions.is_empty() {
            mistakes.push(KindError::ApiVersion {
                kind: kind(),
                api_version: String::new(),
            });
        }
        for version in self
            .api_versions
            .iter()
            .filter(|version| !name::is_api_version(version))
        {
            mistakes.push(KindError::ApiVersion {
                kind: kind(),
                api_version: version.clone(),
            });
        }
        for relation in &self.relations {
            mistakes.extend(relation.find_problem().map(|problem| KindError::Relation {
                kind: kind(),
                field: relation.field.clone(),
                problem,
            }));
        }
        mistakes
    }
}

impl RelationField {
    fn find_problem(&self) -> Option<&'static str> {
        let types = [Some(&self.forward), self.reverse.as_ref()];
        // An empty step would name the key "", and the relation would silently never exist.
        if self.field.split('.').any(str::is_empty) {
            Some("its path has an empty step")
        } else if !types
            .into_iter()
            .flatten()
            .all(|name| name::is_relation_type(name))
        {
            Some("a relation name has letters, digits and underscores only")
        } else if !self.default_kind.as_deref().is_none_or(name::is_kind) {
            Some("its default kind is no kind")
        } else {
            None
        }
    }
}
