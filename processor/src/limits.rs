//! How much of a catalog file the reader is willing to look at.
//!
//! A catalog file is written by anybody who can push to a repository, so every way in which
//! a small file can cost much has a named bound here. Backstage's own bound on aliases is
//! part of what "the same answer" means and therefore has the same value.

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
const FILE_BYTES_MAX: usize = 5 * 1024 * 1024;
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
const SCALAR_BYTES_MAX: usize = 16 * 1024 * 1024;
const PROBLEMS_MAX: usize = 1_000;
const PLACEHOLDERS_MAX: usize = 200;
const PLACEHOLDER_BYTES_MAX: usize = 10 * 1024 * 1024;
const PLACEHOLDERS_BYTES_MAX: usize = 32 * 1024 * 1024;
const OBSERVED_BYTES_MAX: usize = 32 * 1024 * 1024;

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
