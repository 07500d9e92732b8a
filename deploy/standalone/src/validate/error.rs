//! Why nothing could be checked.

use std::path::PathBuf;

use freshet_runtime::config::Mistakes;

use super::work_tree::BaseError;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// A path that was given cannot be read.
    #[error("cannot read {}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory that was given cannot be listed.
    #[error("cannot list {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: ignore::Error,
    },
    /// A file is not below the root that was given.
    #[error("{} is not below the root {}", path.display(), root.display())]
    NotBelowRoot {
        /// The file.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// The location is no base.
    #[error("cannot use --location")]
    Location(#[from] BaseError),
    /// The configuration has mistakes.
    #[error("cannot use the configuration")]
    Config(#[source] Mistakes),
}
