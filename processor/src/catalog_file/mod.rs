//! What a catalog file means: its entities, what is wrong with it, and what it needs besides itself.
//!
//! A [`PendingFile`] is a file that was read but not judged, for its [`placeholders`] may need other files.

pub(crate) mod codeowners;
pub mod content;
pub mod entities;
pub mod pending;
pub mod placeholders;
pub mod request;
pub mod secrets;
#[cfg(test)]
mod tests;

pub use entities::{CatalogFile, DeclaredKind, FileEntity, FileProblem, read_catalog_file};
pub use pending::PendingFile;
pub use placeholders::policy::ReadPolicy;
pub use request::{FileOrigin, FileRequest, RepositoryFile, Supply, SupplyError};
