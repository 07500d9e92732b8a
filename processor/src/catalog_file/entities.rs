//! What one catalog file declares: its entities, and what is wrong with it.
//!
//! Each document stands for itself, except where Backstage lets one document make the file invalid:
//! one that is not YAML, not a mapping, or has no envelope. Then nothing the file says may
//! change the catalog, and the file is called invalid. Entities and problems are reported
//! even so, because whoever checks a file before pushing it wants all of them.

use freshet_model::location::TargetPlaces;
use freshet_model::{Entity, EntityRef, Problem, RelationDeclaration};

use crate::yaml::TextPosition;

/// Everything one catalog file says.
#[derive(Clone, Debug, Default)]
pub struct CatalogFile {
    /// The valid entities in file order. If two documents declare the same one, the later.
    pub entities: Vec<FileEntity>,
    /// What is wrong, in file order.
    pub problems: Vec<Problem>,
    /// Whether a problem is of the kind for which the whole file must be disregarded.
    pub is_invalid: bool,
    /// Every document that says which entity it is about, valid or not, in file order.
    pub emitted: Vec<DeclaredKind>,
}

/// A document that says which entity it is about: what rules about kinds go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredKind {
    /// The entity, if that much can be read.
    pub entity_ref: Option<EntityRef>,
    /// `kind` as written.
    pub kind: String,
    /// `spec.type` as written, if it is a text.
    pub spec_type: Option<String>,
    /// Where the document starts.
    pub position: TextPosition,
}

/// One entity of a file.
#[derive(Clone, Debug)]
pub struct FileEntity {
    /// The entity.
    pub entity: Entity,
    /// What it declares about others.
    pub relations: Vec<RelationDeclaration>,
    /// Where its document starts.
    pub position: TextPosition,
    /// The number of its document, from 0; empty documents count.
    pub index: u32,
    /// Of a Location entity: where it says what it points at.
    pub target_places: Option<TargetPlaces>,
}
