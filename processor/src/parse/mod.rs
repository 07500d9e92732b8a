//! Catalog files: YAML to values with positions, and values to entities.
//!
//! The answers are those of Backstage's parser, the npm package `yaml` with its defaults: the
//! core schema of YAML 1.2, duplicate keys refused, `<<` an ordinary key, and a broken document
//! that leaves its neighbours alone. Unlike there, everything has a line and a column.
//!
//! `tests/npm-yaml-2.9.1.json` holds what that package answers to some 1,300 texts. Where the
//! answer here differs it says so; the differences are these:
//! - an alias without an anchor, or inside its own value, is an error of its document, with a
//!   place, and a text that closes neither quote nor bracket ends at the next `---`;
//! - a continuation line of a quoted text or flow collection may be indented too little, and an
//!   empty key may have a mapping on its line: the scanner takes what the package refuses;
//! - an explicit key (`?`) with nothing after it, or with a value less indented than it should
//!   be, is refused;
//! - the name that a collection gets as a key keeps neither quotes nor empty values as written;
//! - half a character (`\ud83d` alone) becomes U+FFFD, as UTF-8 has no way to write it.
//!
//! What it refuses to do: read more than its [`Limits`] allow, guess at a broken document, or
//! panic. It does no I/O and knows nothing of where a file came from.

mod anchors;
mod budget;
mod collection;
mod compose;
mod document;
mod entity_file;
mod key;
mod legacy;
mod limits;
mod mend;
mod number;
mod position;
mod scalar;
pub mod secret;
mod split;
mod stand_in;
#[cfg(test)]
mod tests;
mod wording;

pub use entity_file::{CatalogFile, Emitted, FileEntity, FileProblem, read_catalog_file};
pub(crate) use entity_file::{Reading, Spoiled};
pub use limits::Limits;
pub use position::{Position, Positions};

use serde_json::Value;

use budget::Budget;
use stand_in::StandIns;

/// One YAML document of a stream, with positions.
#[derive(Clone, Debug)]
pub struct ParsedDocument {
    /// What it says. Null if it says nothing.
    pub value: Value,
    /// Where each part of it stands.
    pub positions: Positions,
    /// Where the document itself starts.
    pub start: Position,
}

/// Why one document, or the file, could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// One of [`rule`].
    pub rule: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where it is.
    pub position: Position,
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

/// Reads every document of a YAML stream, in order.
///
/// A stream of nothing but comments has no documents; an empty document between others is
/// null. Bytes that are not UTF-8 become U+FFFD.
pub fn read_documents(bytes: &[u8], limits: &Limits) -> Vec<Result<ParsedDocument, SyntaxProblem>> {
    if bytes.len() > limits.file_bytes {
        let message = format!("the file has more than {} bytes", limits.file_bytes);
        return vec![Err(problem(rule::FILE_TOO_LARGE, message, Position::START))];
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let (text, stand_ins) = StandIns::replace(text);
    let mut budget = Budget::new(limits);
    split::split(&text, limits.documents)
        .into_iter()
        .map(|chunk| document::read(&chunk?, &stand_ins, limits, &mut budget))
        .collect()
}

/// A problem of the given rule.
fn problem(rule: &'static str, message: impl Into<String>, position: Position) -> SyntaxProblem {
    SyntaxProblem {
        rule,
        message: message.into(),
        position,
    }
}
