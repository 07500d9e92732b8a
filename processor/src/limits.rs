//! How much of a catalog file, of GitHub and of a folder the reader is willing to look at.
//!
//! A catalog file is written by anybody who can push to a repository, so every way in which
//! a small file can cost much has a named bound here. Backstage's own bound on aliases is
//! part of what "the same answer" means and therefore has the same value.

use crate::metrics::CallKind;

const MEBIBYTE: usize = 1024 * 1024;

/// The bounds of one read. `Default` is what production uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Longest file in bytes.
    pub file_bytes: usize,
    /// Most documents in one file.
    pub documents: usize,
    /// Deepest nesting of mappings and sequences in one document.
    pub depth: usize,
    /// Most uses of one anchor, multiplied through nested anchors; the definition counts as one.
    pub alias_uses: u64,
    /// Most values in one file, with aliases expanded.
    pub nodes: usize,
    /// Most bytes of keys and scalars in one file, with aliases expanded.
    pub scalar_bytes: usize,
    /// Most problems reported for one file; a file with more says so in its last one.
    pub problems: usize,
    /// Most placeholders in one file.
    pub placeholders: usize,
    /// Longest file that a placeholder reads, in bytes.
    pub placeholder_bytes: usize,
    /// Most bytes that the placeholders of one file bring, each use counted.
    pub placeholders_bytes: usize,
    /// Most bytes that what one file declares takes in an observation.
    pub observed_bytes: usize,
}

/// Most files that all patterns of one repository at one ref match together: each is a location of its own in
/// the catalog and a file to be read.
pub const PATTERN_MATCHES_MAX: usize = 5_000;

/// 5 MiB: the largest descriptor seen in practice embeds an API definition of about 4 MiB.
const FILE_BYTES_MAX: usize = 5 * MEBIBYTE;
/// Generated files reach thousands: an organisation's people in one.
const DOCUMENTS_MAX: usize = 10_000;
const DEPTH_MAX: usize = 100;
/// The deepest nesting that may be allowed: readers of JSON stop at 128, and events and answers
/// wrap what is read here.
pub const DEPTH_HIGHEST: usize = 120;
/// The default of the npm package `yaml`, which Backstage does not change.
const ALIAS_USES_MAX: u64 = 100;
// An empty list takes two bytes of text and many times that in memory.
const NODES_MAX: usize = 500_000;
// More than a file may have, because an alias brings its text again for a few bytes.
const SCALAR_BYTES_MAX: usize = 16 * MEBIBYTE;
const PROBLEMS_MAX: usize = 1_000;
const PLACEHOLDERS_MAX: usize = 200;
const PLACEHOLDER_BYTES_MAX: usize = 10 * MEBIBYTE;
const PLACEHOLDERS_BYTES_MAX: usize = 32 * MEBIBYTE;
const OBSERVED_BYTES_MAX: usize = 32 * MEBIBYTE;

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            file_bytes: FILE_BYTES_MAX,
            documents: DOCUMENTS_MAX,
            depth: DEPTH_MAX,
            alias_uses: ALIAS_USES_MAX,
            nodes: NODES_MAX,
            scalar_bytes: SCALAR_BYTES_MAX,
            problems: PROBLEMS_MAX,
            placeholders: PLACEHOLDERS_MAX,
            placeholder_bytes: PLACEHOLDER_BYTES_MAX,
            placeholders_bytes: PLACEHOLDERS_BYTES_MAX,
            observed_bytes: OBSERVED_BYTES_MAX,
        }
    }
}

/// The bounds of what is read of a repository and of an organisation's list. `Default` is what production uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GithubLimits {
    /// Longest answer about many repositories, in bytes.
    pub repositories_bytes: usize,
    /// Longest answer with a page of an organisation's repositories, in bytes.
    pub listing_bytes: usize,
    /// Longest answer with the paths of a commit, in bytes.
    pub tree_bytes: usize,
    /// Most folders of one commit that are listed one by one, where GitHub cuts the list of all of them off.
    pub tree_folders: usize,
    /// Most pages of one listing.
    pub listing_pages: usize,
    /// Most files that the patterns of one repository may match together.
    pub matches: usize,
    /// Most symbolic links in a row that are followed.
    pub links: usize,
}

// What poses as GitHub may answer without end, and several calls are under way at once. Each of the three is what
// the largest honest answer of its kind takes, with room to spare.
/// A hundred files of 512,000 bytes, the largest that GraphQL shows, and what is said about them.
const REPOSITORIES_BYTES_MAX: usize = 64 * MEBIBYTE;
/// A hundred repositories with names, heads and blob ids, at far below 10 KiB each.
const LISTING_BYTES_MAX: usize = 4 * MEBIBYTE;
/// GitHub itself cuts a tree off after 100,000 entries or 7 MB.
const TREE_BYTES_MAX: usize = 16 * MEBIBYTE;
/// A call each.
const TREE_FOLDERS_MAX: usize = 300;
/// A cursor that never ends must not keep a worker for ever.
const LISTING_PAGES_MAX: usize = 2_000;
/// Each is another call, and two that lead to each other have no end.
const LINKS_MAX: usize = 8;

impl Default for GithubLimits {
    fn default() -> Self {
        Self {
            repositories_bytes: REPOSITORIES_BYTES_MAX,
            listing_bytes: LISTING_BYTES_MAX,
            tree_bytes: TREE_BYTES_MAX,
            tree_folders: TREE_FOLDERS_MAX,
            listing_pages: LISTING_PAGES_MAX,
            matches: PATTERN_MATCHES_MAX,
            links: LINKS_MAX,
        }
    }
}

impl GithubLimits {
    /// Most bytes of an answer to this kind of call that are read.
    pub(crate) fn answer_bytes(&self, kind: CallKind) -> usize {
        match kind {
            CallKind::Repositories => self.repositories_bytes,
            CallKind::Listing => self.listing_bytes,
            // Whoever asks for a file says how long it may be.
            CallKind::Blob => usize::MAX,
            CallKind::Tree => self.tree_bytes,
        }
    }
}

/// The bounds of looking for a pattern in a local folder. `Default` is what production uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderLimits {
    /// Most files and folders that are looked at.
    pub looked_at: usize,
    /// Most files that match.
    pub matches: usize,
    /// Most folders within each other, below the one that the pattern begins in.
    pub depth: usize,
}

/// A pattern at the root of a disk would otherwise walk all of it on every job.
const LOCAL_LOOKED_AT_MAX: usize = 100_000;
const LOCAL_MATCHES_MAX: usize = 10_000;
/// Deep enough for any monorepo, and an end for a folder that is mounted into itself.
const LOCAL_DEPTH_MAX: usize = 32;

impl Default for FolderLimits {
    fn default() -> Self {
        Self {
            looked_at: LOCAL_LOOKED_AT_MAX,
            matches: LOCAL_MATCHES_MAX,
            depth: LOCAL_DEPTH_MAX,
        }
    }
}
