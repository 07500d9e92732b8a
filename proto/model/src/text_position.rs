//! Places in files.

use serde::{Deserialize, Serialize};

/// A place in a file; both numbers start at 1, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
// As a pair, because there is one for every target of every Location entity.
#[serde(from = "(u32, u32)", into = "(u32, u32)")]
pub struct TextPosition {
    /// The line.
    pub line: u32,
    /// The character in the line.
    pub column: u32,
}

impl TextPosition {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// Where a line begins: the place of all that stands on it, such as a document.
    #[must_use]
    pub fn start_of_line(self) -> Self {
        Self { column: 1, ..self }
    }
}

impl From<(u32, u32)> for TextPosition {
    fn from((line, column): (u32, u32)) -> Self {
        Self { line, column }
    }
}

impl From<TextPosition> for (u32, u32) {
    fn from(at: TextPosition) -> Self {
        (at.line, at.column)
    }
}
