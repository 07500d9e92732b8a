//! The names of the rules a placeholder can break.

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
