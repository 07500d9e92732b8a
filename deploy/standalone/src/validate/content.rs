//! Files on the disk: bounded reads, walks, and names for people.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::WalkBuilder;

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub(super) enum FileContent {
    /// On the disk, at a canonical path.
    OnDisk(PathBuf),
    /// Piped into the process.
    Piped(Arc<[u8]>),
}

impl FileContent {
    /// The bytes; one more than `bytes_max` if there are more, so that the reader sees it is too large.
    pub(super) fn read(&self, bytes_max: usize) -> io::Result<Arc<[u8]>> {
        match self {
            Self::OnDisk(path) => read_bounded(File::open(path)?, bytes_max),
            Self::Piped(bytes) => Ok(Arc::clone(bytes)),
        }
    }
}

/// Everything of a stream, but not more than one byte over `bytes_max`.
pub(super) fn read_bounded(stream: impl Read, bytes_max: usize) -> io::Result<Arc<[u8]>> {
    let bound = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    stream.take(bound).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// A walk of the files below a directory that git does not ignore, in the order of their names.
pub(super) fn walk_files(directory: &Path) -> ignore::Walk {
    WalkBuilder::new(directory)
        // `.github` is hidden, and catalog files are kept there.
        .hidden(false)
        // What one person ignores in all repositories says nothing of this one: the check is the same for all.
        .git_global(false)
        .ignore(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_name(std::cmp::Ord::cmp)
        .build()
}

/// Where the process runs, canonical: other paths are compared with it.
pub(super) fn current_folder() -> io::Result<PathBuf> {
    std::env::current_dir()?.canonicalize()
}

/// A canonical path as seen from where the process runs.
pub(super) fn display_path(path: &Path) -> String {
    let folder = current_folder().ok();
    let below = folder.and_then(|folder| path.strip_prefix(folder).ok());
    below.unwrap_or(path).display().to_string()
}
