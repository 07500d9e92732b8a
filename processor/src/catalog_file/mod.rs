//! What a catalog file means: its entities, what is wrong with it, and what it needs besides itself.
//!
//! A [`PendingFile`] is a file that was read but not validated, for its [`placeholders`] may need other files.

mod builder;
pub(crate) mod codeowners;
pub mod content;
pub mod entities;
mod hints;
pub mod pending;
pub mod placeholders;
pub mod request;
pub mod secrets;
mod subject;
#[cfg(test)]
mod tests;

pub use builder::read_catalog_file;
pub use entities::{CatalogFile, DeclaredKind, FileEntity};
pub use pending::PendingFile;
pub use placeholders::policy::ReadPolicy;
pub use request::{FileOrigin, FileRequest, RepositoryFile};
