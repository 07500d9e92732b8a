//! What is wrong with a text.

use freshet_model::RuleId;

use super::position::TextPosition;

/// Why one document, or the file, could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxProblem {
    /// The rule.
    pub rule: RuleId,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where it is.
    pub position: TextPosition,
}

/// A problem of the given rule.
pub(super) fn syntax_problem(
    rule: RuleId,
    message: impl Into<String>,
    position: TextPosition,
) -> SyntaxProblem {
    SyntaxProblem {
        rule,
        message: message.into(),
        position,
    }
}
