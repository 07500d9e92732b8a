//! The catalog in memory: a fold of the change log.
//!
//! Every read is served from here. The view is loaded from a snapshot and then only ever moves by
//! folding rows of the log in order, each exactly once, so that it equals the database at some
//! revision, and a replica that follows the log equals the writer. Folding a row again does
//! nothing; folding past a gap is refused, because a view with a hole would be wrong for ever.
//!
//! No lock is held across an await: [`View::read`] takes a closure.

mod counts;
mod follow;
mod index;
mod indexer;
mod open_problems;
mod served;
mod served_texts;
mod shared;
mod shared_relations;
mod state;

pub use counts::ProblemCounts;
pub use follow::ViewFollower;
pub(crate) use index::{
    Direction, KeyIndex, SearchIndex, Slot, ValueCount, collect_terms, fold_case, relation_key,
};
pub use indexer::ViewIndexer;
pub use shared::View;
pub use state::CatalogState;

#[cfg(test)]
mod tests;
