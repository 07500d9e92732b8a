//! Placeholders: `$text`, `$json` and `$yaml` put the content of another file in the place of an
//! object such as `{ $text: ./openapi.yaml }`. Pure, in two phases.
//!
//! A [`PendingFile`](super::pending::PendingFile) is a catalog file that was read but not validated yet. It says what it
//! [asks](super::pending::PendingFile::requests) for; somebody fetches that; and with what was fetched it becomes a
//! [`CatalogFile`](super::entities::CatalogFile). So the worker and a command line without a network give the same answers.
//!
//! The answers are those of Backstage, apart from what a placeholder may read: files of its own
//! repository, at any branch of it, and nothing else unless the operator allows it. Targets are
//! resolved to (repository, branch, path), never to a text that somebody resolves again; whatever could
//! mean two things to two readers (`..` beyond the root, an encoded dot or slash, a control
//! character) is refused.

pub(super) mod fill;
pub(super) mod find;
pub(super) mod load;
pub mod policy;
pub(super) mod target;
#[cfg(test)]
mod tests;
