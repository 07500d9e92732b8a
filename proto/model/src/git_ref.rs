//! Where in a repository's history something is read.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands for the default branch in columns, messages and queries to a forge. A branch of
/// this name could not be told from it; git itself refuses to make one.
const DEFAULT_BRANCH: &str = "HEAD";

/// The default branch, whatever it is called now, or a ref by its name.
///
/// Invariant, as long as [`GitRef::parse`] makes it: a name is not empty and not `HEAD`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum GitRef {
    /// The default branch; follows it when another becomes the default.
    DefaultBranch,
    /// A branch, tag or commit; may hold slashes.
    Named(String),
}

/// There is no ref without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a git ref must not be empty")]
pub struct EmptyGitRefError;

impl GitRef {
    /// Reads what [`GitRef::as_str`] writes.
    ///
    /// # Errors
    /// If the text is empty.
    pub fn parse(text: &str) -> Result<Self, EmptyGitRefError> {
        match text {
            "" => Err(EmptyGitRefError),
            DEFAULT_BRANCH => Ok(Self::DefaultBranch),
            name => Ok(Self::Named(name.to_owned())),
        }
    }

    /// `HEAD`, or the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::DefaultBranch => DEFAULT_BRANCH,
            Self::Named(name) => name,
        }
    }

    /// Whether it follows the default branch.
    #[must_use]
    pub fn is_default_branch(&self) -> bool {
        *self == Self::DefaultBranch
    }

    /// The name, where the default branch is called `default_branch`.
    #[must_use]
    pub fn resolve_name<'a>(&'a self, default_branch: &'a str) -> &'a str {
        match self {
            Self::DefaultBranch => default_branch,
            Self::Named(name) => name,
        }
    }
}

// By the text, as the database orders its column: the oldest claim of several wins a ref, and
// ties are broken by the git ref, in SQL and in memory alike.
impl Ord for GitRef {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for GitRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<GitRef> for String {
    fn from(git_ref: GitRef) -> Self {
        git_ref.as_str().to_owned()
    }
}

impl TryFrom<String> for GitRef {
    type Error = EmptyGitRefError;

    fn try_from(text: String) -> Result<Self, EmptyGitRefError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_reads_back_as_what_was_written() {
        let named = |name: &str| GitRef::Named(name.to_owned());
        for (text, expected) in [
            ("HEAD", Ok(GitRef::DefaultBranch)),
            ("main", Ok(named("main"))),
            ("feature/x", Ok(named("feature/x"))),
            ("head", Ok(named("head"))),
            ("", Err(EmptyGitRefError)),
        ] {
            assert_eq!(GitRef::parse(text), expected, "{text}");
            if let Ok(git_ref) = expected {
                assert_eq!(git_ref.to_string(), text);
                assert_eq!(String::from(git_ref), text);
            }
        }
    }

    #[test]
    fn only_the_default_branch_is_called_what_the_repository_says() {
        assert_eq!(GitRef::DefaultBranch.resolve_name("main"), "main");
        let named = GitRef::parse("dev").expect("a name");
        assert_eq!(named.resolve_name("main"), "dev");
        assert!(!named.is_default_branch());
        assert!(GitRef::parse("A").expect("a name") < GitRef::DefaultBranch);
    }
}
