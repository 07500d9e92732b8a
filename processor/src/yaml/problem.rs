//! What is wrong with a text, and the names of the rules it breaks.

use super::position::TextPosition;

/// Why one document, or the file, could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// One of [`rule`].
    pub rule: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where it is.
    pub position: TextPosition,
}

/// The names of the rules a file can break before anybody asks what it means.
pub mod rule {
    /// It is not YAML.
    pub const SYNTAX: &str = "yaml.syntax";
    /// A mapping has the same key twice.
    pub const DUPLICATE_KEY: &str = "yaml.duplicate-key";
    /// An alias without an anchor before it in the same document.
    pub const ALIAS_UNDEFINED: &str = "yaml.alias.undefined";
    /// An alias inside the value it refers to.
    pub const ALIAS_CYCLE: &str = "yaml.alias.cycle";
    /// Aliases that expand too far.
    pub const ALIAS_LIMIT: &str = "yaml.alias.limit";
    /// Nested too deep.
    pub const TOO_DEEP: &str = "yaml.limit.depth";
    /// Too many values, or too much text in them.
    pub const TOO_LARGE: &str = "yaml.limit.content";
    /// The file has too many bytes.
    pub const FILE_TOO_LARGE: &str = "yaml.limit.file-size";
    /// The file has too many documents.
    pub const TOO_MANY_DOCUMENTS: &str = "yaml.limit.documents";
    /// The file has more problems than are reported.
    pub const TOO_MANY_PROBLEMS: &str = "yaml.limit.problems";
    /// A document is not a mapping.
    pub const ROOT: &str = "yaml.root";
    /// Two documents of the file declare the same entity.
    pub const DUPLICATE_ENTITY: &str = "entity.duplicate";
}

/// A problem of the given rule.
pub(super) fn problem(
    rule: &'static str,
    message: impl Into<String>,
    position: TextPosition,
) -> SyntaxProblem {
    SyntaxProblem {
        rule,
        message: message.into(),
        position,
    }
}
