//! Where a catalog file is, and what it asks for besides itself.

use std::path::PathBuf;

use freshet_model::{GitRef, RepositoryName};

/// Where the file with the placeholders is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOrigin {
    /// In a repository.
    Repository(RepositoryFile),
    /// At a plain URL.
    Url(String),
    /// On the local file system, where relative placeholders are refused, as in Backstage.
    File(PathBuf),
}

/// A file of a repository.
///
/// Invariant of what [`PendingFile::requests`](super::pending::PendingFile::requests) returns: `path` has no empty, `.` or `..` steps and no slash in front.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryFile {
    /// Which repository.
    pub repository: RepositoryName,
    /// Where in its history. In a [`FileOrigin`] the name of the default branch is better than
    /// [`GitRef::DefaultBranch`]: then a URL that names this branch is known to mean the same one, slashes and all.
    pub git_ref: GitRef,
    /// Path from the root of the repository, not percent-encoded.
    pub path: String,
}

/// What a catalog file needs besides itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileRequest {
    /// A file of a repository.
    File(RepositoryFile),
    /// A plain URL that the policy allows.
    Url(String),
}

impl std::fmt::Display for FileRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(file) => write!(
                f,
                "{} ({} at {})",
                file.path,
                file.repository.written_slug(),
                file.git_ref
            ),
            Self::Url(url) => f.write_str(url),
        }
    }
}
