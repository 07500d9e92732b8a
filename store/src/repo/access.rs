//! What a transaction is for.

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessMode {
    /// Write; on SQLite the one writer is taken at once, so a transaction never fails half way for want of it.
    Write,
    /// Look rows up in one consistent state.
    Read,
    /// Read whole tables of one consistent state.
    ReadAll,
    /// Execute one statement that reads.
    ReadOnce,
}
