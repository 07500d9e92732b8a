//! How long an answer of GitHub may be. Pure.
//!
//! What poses as GitHub may answer without end, and several calls are under way at once. Each limit is
//! what the largest honest answer of its kind takes, with room to spare.

use crate::metrics::CallKind;

const MEBIBYTE: usize = 1024 * 1024;
/// A hundred files of 512,000 bytes, the largest that GraphQL shows, and what is said about them.
const REPOSITORIES_BYTES_MAX: usize = 64 * MEBIBYTE;
/// A hundred repositories with names, heads and blob ids, at far below 10 KiB each.
const LISTING_BYTES_MAX: usize = 4 * MEBIBYTE;
/// GitHub itself cuts a tree off after 100,000 entries or 7 MB.
const TREE_BYTES_MAX: usize = 16 * MEBIBYTE;

/// Most bytes of an answer to this kind of call that are read.
pub(super) fn answer_bytes_max(kind: CallKind) -> usize {
    match kind {
        CallKind::Repositories => REPOSITORIES_BYTES_MAX,
        CallKind::Listing => LISTING_BYTES_MAX,
        // Whoever asks for a file says how long it may be.
        CallKind::Blob => usize::MAX,
        CallKind::Tree => TREE_BYTES_MAX,
    }
}
