//! What a catalog file asks for besides itself, and what came of it.

use std::path::PathBuf;
use std::sync::Arc;

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
/// Invariant of what [`PendingFile::asks`](super::pending::PendingFile::asks) returns: `path` has no empty, `.` or `..` steps and no slash in front.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryFile {
    /// Host of the web pages, such as `github.com`.
    pub host: String,
    /// Owner as written.
    pub owner: String,
    /// Name as written.
    pub name: String,
    /// Branch, tag or commit; `HEAD` for the default branch. In a [`FileOrigin`] the name of the default branch
    /// is better: then a URL that names this branch is known to mean the same one, slashes and all.
    pub git_ref: String,
    /// Path from the root of the repository, not percent-encoded.
    pub path: String,
}

impl RepositoryFile {
    /// Whether both are in one repository. GitHub tells owners and names apart without regard to case.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && self.owner.eq_ignore_ascii_case(&other.owner)
            && self.name.eq_ignore_ascii_case(&other.name)
    }
}

/// What a draft needs to be supplied with.
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
                "{} ({}/{} at {})",
                file.path, file.owner, file.name, file.git_ref
            ),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// What came of fetching one [`FileRequest`].
pub type Supply = Result<Arc<[u8]>, SupplyError>;

/// Why something asked for could not be supplied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupplyError {
    /// It is certain that there is no such file.
    #[error("there is no such file")]
    NotFound,
    /// It is too large; it was not read.
    #[error("it has {bytes} bytes, more than {bytes_max}")]
    TooLarge {
        /// Its size as far as known.
        bytes: u64,
        /// Most that is read.
        bytes_max: usize,
    },
    /// It may not be read: by the configuration, or by the credential.
    #[error("it may not be read: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// It could not be read now.
    #[error("it could not be read: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}
