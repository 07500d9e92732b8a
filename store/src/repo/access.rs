//! What a transaction is for.

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessMode {
    /// Write; on SQLite the one writer is taken at once, so a transaction never fails half way for want of it.
    Write,
    /// Read one consistent state.
    Read,
}
