//! Placeholders: `$text`, `$json` and `$yaml` put the content of another file in the place of an
//! object such as `{ $text: ./openapi.yaml }`. Pure, in two phases.
//!
//! A [`Draft`] is a catalog file that was read but not judged yet. It says what it
//! [asks](Draft::asks) for; somebody fetches that; and with what was supplied it becomes a
//! [`CatalogFile`](crate::parse::CatalogFile). So the worker and a command line without a network give the same answers.
//!
//! The answers are those of Backstage, apart from what a placeholder may read: files of its own
//! repository, at any branch of it, and nothing else unless the operator allows it. Targets are
//! resolved to (repository, branch, path), never to a text that somebody resolves again; whatever could
//! mean two things to two readers (`..` beyond the root, a backslash, an encoded dot or slash, a
//! control character) is refused.

mod codeowners;
mod draft;
mod find;
mod load;
mod policy;
mod target;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

pub use draft::Draft;
pub use policy::Policy;

/// Where the file with the placeholders is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// In a repository.
    Repository(RepositoryFile),
    /// At a plain URL.
    Url(String),
    /// On the local file system, where relative placeholders are refused, as in Backstage.
    File(PathBuf),
}

/// A file of a repository.
///
/// Invariant of what [`Draft::asks`] returns: `path` has no empty, `.` or `..` steps and no slash in front.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryFile {
    /// Host of the web pages, such as `github.com`.
    pub host: String,
    /// Owner as written.
    pub owner: String,
    /// Name as written.
    pub name: String,
    /// Branch, tag or commit; `HEAD` for the default branch. In a [`Base`] the name of the default branch
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
pub enum Asked {
    /// A file of a repository.
    File(RepositoryFile),
    /// A plain URL that the policy allows.
    Url(String),
}

impl std::fmt::Display for Asked {
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

/// What came of fetching one [`Asked`].
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

/// The names of the rules a placeholder can break.
pub mod rule {
    /// Its value is no text.
    pub const VALUE: &str = "placeholder.value";
    /// Its value names no file, or leaves the repository.
    pub const TARGET: &str = "placeholder.target";
    /// It names a file of a repository that may not be read from here.
    pub const REPOSITORY: &str = "placeholder.repository";
    /// It names a URL that may not be read.
    pub const URL: &str = "placeholder.url";
    /// There is no such file.
    pub const NOT_FOUND: &str = "placeholder.not-found";
    /// The file could not be read.
    pub const UNREADABLE: &str = "placeholder.unreadable";
    /// The file is too large, or all files together are, or there are too many placeholders.
    pub const LIMIT: &str = "placeholder.limit";
    /// The file is not JSON.
    pub const JSON: &str = "placeholder.json";
    /// The file is not one YAML document.
    pub const YAML: &str = "placeholder.yaml";
    /// The file that says who owns what could not be read.
    pub const CODEOWNERS: &str = "codeowners.unreadable";
}
