//! What most often is behind a mistake, where the mistake itself does not tell.

use freshet_model::RuleId;

use super::position::TextPosition;
use super::problem::{SyntaxProblem, syntax_problem};
use super::split::DocumentText;

/// How git marks what it could not merge, at the start of a line.
const CONFLICT_MARKERS: [&str; 3] = ["<<<<<<< ", "=======", ">>>>>>> "];

/// A key that begins with what only looks like a space: most likely it was to be indented by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OddSpace {
    /// Where it is.
    pub position: TextPosition,
    /// The character.
    pub character: char,
}

impl std::fmt::Display for OddSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&name_space(self.character))
    }
}

/// The problem, or the one that is behind it.
pub(super) fn find_cause(problem: SyntaxProblem, document: &DocumentText<'_>) -> SyntaxProblem {
    let is_of_text = matches!(
        problem.rule,
        RuleId::YamlSyntax | RuleId::YamlDuplicateKey | RuleId::YamlAliasUndefined
    );
    if !is_of_text {
        return problem;
    }
    find_conflict(document)
        .or_else(|| find_odd_indentation(&problem, document))
        .unwrap_or(problem)
}

fn find_conflict(document: &DocumentText<'_>) -> Option<SyntaxProblem> {
    let (line, marker) = numbered_lines(document).find_map(|(number, line)| {
        let is_first = |marker: &&&str| line.starts_with(**marker);
        let marker = CONFLICT_MARKERS.iter().find(is_first)?;
        // Only this one has nothing behind it.
        let is_whole = marker.ends_with(' ') || line == *marker;
        is_whole.then_some((number, *marker))
    })?;
    let message = format!(
        "`{}` is a conflict marker of git: a merge of this file was not finished",
        marker.trim_end()
    );
    Some(syntax_problem(
        RuleId::YamlConflict,
        message,
        TextPosition { line, column: 1 },
    ))
}

/// The line of a problem, or the one before it, if its indentation holds what only looks like a
/// space.
fn find_odd_indentation(
    problem: &SyntaxProblem,
    document: &DocumentText<'_>,
) -> Option<SyntaxProblem> {
    let last = problem.position.line;
    let lines = numbered_lines(document)
        .filter(|(number, _)| (last.saturating_sub(1)..=last).contains(number));
    lines
        .filter_map(|(line, text)| {
            let (at, c) = text
                .chars()
                .enumerate()
                .take_while(|(_, c)| *c == ' ' || *c == '\t' || is_odd_space(*c))
                .find(|(_, c)| is_odd_space(*c))?;
            let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let position = TextPosition { line, column };
            let message = format!("{}, is in the indentation of this line", name_space(c));
            Some(syntax_problem(RuleId::YamlSpace, message, position))
        })
        .last()
}

fn numbered_lines<'t>(document: &DocumentText<'t>) -> impl Iterator<Item = (u32, &'t str)> {
    (document.lines_before + 1..).zip(document.text.lines())
}

/// Whether a character looks like a space and is none to YAML.
pub(super) fn is_odd_space(c: char) -> bool {
    (!c.is_ascii() && c.is_whitespace()) || matches!(c, '\u{200B}' | '\u{FEFF}')
}

/// Names a space that is none to YAML.
pub(super) fn name_space(c: char) -> String {
    let name = match c {
        '\u{A0}' => "a non-breaking space",
        '\u{200B}' => "a space without width",
        '\u{FEFF}' => "a byte order mark",
        _ => "a character that looks like a space",
    };
    format!("{name} (U+{:04X}), which is text to YAML", u32::from(c))
}
