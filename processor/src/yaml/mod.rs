//! YAML to values with positions.
//!
//! The answers are those of Backstage's parser, the npm package `yaml` with its defaults: the
//! core schema of YAML 1.2, duplicate keys refused, `<<` an ordinary key, and a broken document
//! that leaves its neighbours alone. Unlike there, everything has a line and a column.
//!
//! `tests/npm-yaml-2.9.1.json` holds what that package answers to some 1,300 texts. Where the
//! answer here differs it says so; the differences are these:
//! - an alias without an anchor, or inside its own value, is an error of its document, with a
//!   place, and a text that closes neither quote nor bracket ends at the next `---`, as does what
//!   stands behind `...`;
//! - the name that a collection gets as a key keeps neither quotes nor empty values as written;
//! - half a character (`\ud83d` alone) becomes U+FFFD, as UTF-8 has no way to write it;
//! - a tag `!!merge` means nothing.
//!
//! What it refuses to do: read more than its [`ReadLimits`] allow, guess at a broken document, or
//! panic. It does no I/O and knows nothing of where a file came from.

mod anchors;
mod causes;
mod collection;
mod composer;
mod document;
mod encoding;
mod key;
mod number;
pub mod position;
pub mod problem;
mod resolve;
mod scalar;
mod scalar_value;
mod size_budget;
mod split;
mod syntax;
#[cfg(test)]
mod tests;
mod yaml11;

pub use causes::OddSpace;
pub use document::ParsedDocument;
pub use encoding::find_wrong_byte;
pub use position::{Positions, TextPosition};
pub use problem::SyntaxProblem;

use freshet_model::RuleId;

use crate::limits::ReadLimits;
use problem::syntax_problem;
use size_budget::SizeBudget;

/// Reads every document of a YAML stream, in order.
///
/// A stream of nothing but comments has no documents; an empty document between others is
/// null. Bytes that are not UTF-8 become U+FFFD.
pub fn read_documents(
    bytes: &[u8],
    limits: &ReadLimits,
) -> Vec<Result<ParsedDocument, SyntaxProblem>> {
    if bytes.len() > limits.file_bytes {
        let message = format!("the file has more than {} bytes", limits.file_bytes);
        return vec![Err(syntax_problem(
            RuleId::YamlLimitFileSize,
            message,
            TextPosition::START,
        ))];
    }
    if let Some(encoding) = encoding::name_encoding(bytes) {
        let message = format!("the file is {encoding}, and must be UTF-8");
        return vec![Err(syntax_problem(
            RuleId::YamlEncoding,
            message,
            TextPosition::START,
        ))];
    }
    // As Node.js decodes, so that what Backstage shows is what is here.
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut budget = SizeBudget::new(limits);
    split::split_documents(text, limits.documents)
        .into_iter()
        .map(|chunk| {
            let chunk = chunk?;
            document::read_document(&chunk, limits, &mut budget)
                .map_err(|problem| causes::find_cause(problem, &chunk))
        })
        .collect()
}
