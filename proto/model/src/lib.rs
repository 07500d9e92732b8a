//! The vocabulary of the catalog: what an entity, a reference, a kind, a relation and a
//! location are, and which documents are valid.
//!
//! Everything here is a pure function of its arguments, so that the service that reads
//! files, the one that stores them and a command line tool give the same answers. It
//! refuses to do input or output, to look at a clock and to know any message or database.

pub mod annotation;
mod digest;
mod entity;
mod entity_ref;
mod error_class;
mod git_ref;
pub mod glob;
mod identifier;
mod kind;
mod level;
pub mod location;
pub mod name;
mod number;
mod problem;
mod relation;
mod repository_name;
mod rule_id;
pub mod rules;
mod text_position;
mod validate;
mod violation;
mod word;

pub use digest::{canonical_json, digest, etag, utf16_order};
pub use entity::Entity;
pub use entity_ref::{DEFAULT_NAMESPACE, EntityRef, REF_CHARACTERS_MAX, RefError, RefPart};
pub use error_class::ErrorClass;
pub use git_ref::{EmptyGitRefError, GitRef};
pub use identifier::{LocationId, Revision, SourceId};
pub use kind::{KindError, KindSpec, Kinds, RelationField};
pub use level::Level;
pub use number::javascript_text;
pub use problem::Problem;
pub use relation::{RelationDeclaration, RelationType};
pub use repository_name::RepositoryName;
pub use rule_id::RuleId;
pub use text_position::TextPosition;
pub use validate::{ValidDocument, drop_overwritten, may_be_annotations, validate};
pub use violation::{BlastRadius, Violation};
pub use word::UnknownWordError;
