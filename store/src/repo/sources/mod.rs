//! Sources: what can be looked at in one go, and how far each has been proved.

/// The table, for the statements that name all of its columns.
macro_rules! source_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "source",
            key: ["id"],
            kept: ["kind", "host"],
            written: [
                "provider", "installation", "external_id", "git_ref", "node_id", "owner", "name",
                "url", "default_branch", "archived", "wanted", "done", "lane", "head",
                "push_before", "push_after", "fingerprint", "cause", "verified_at", "changed_at",
                "mechanism", "fail_count", "last_error", "next_due_at", "enqueued_at",
                "recheck_every"
            ];
            $($rest)*
        )
    };
}

pub(super) use source_table;

mod find;
mod lane;
mod outstanding;
mod row;
mod status;
mod trigger;
mod write;

pub(crate) use find::EnqueueTimes;
pub use lane::Lane;
pub(crate) use outstanding::OutstandingReads;
pub use row::SourceKind;
pub(crate) use row::{
    GITHUB, PushRange, RecheckInterval, SourceGeneration, SourceKey, SourceNames, SourceRow,
};
pub use status::SourceStatus;
