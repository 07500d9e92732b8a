//! How far the catalog can be believed: what was proved equal to its source, and when.
//!
//! Age of truth belongs to sources, not to entities, and lives in the database, outside of documents
//! and of the change log. [`Freshness`] keeps a copy that is a few seconds old at most, because it is
//! looked at with every read.

mod ages;
mod poll;
mod verdict;

pub(crate) use ages::{AgeSummary, summarise_ages};
pub use poll::{Freshness, FreshnessPoller};
pub(crate) use verdict::SourceAge;
pub use verdict::{AgeBounds, FreshnessVerdict, SourceVerdict};
