//! One document from its text, fixed up as often as the scanner asks for it.

use std::borrow::Cow;

use freshet_model::RuleId;
use saphyr_parser::Parser;
use serde_json::Value;

use super::compat::char_substitution::CharSubstitution;
use super::compat::trailing_indent::find_trailing_indent;
use super::composer::{ComposeStop, Composer};
use super::position::{Positions, TextPosition};
use super::problem::{SyntaxProblem, syntax_problem};
use super::size_budget::SizeBudget;
use super::split::DocumentText;
use crate::limits::ReadLimits;

/// One YAML document of a stream, with positions.
#[derive(Clone, Debug)]
pub struct ParsedDocument {
    /// What it says. Null if it says nothing.
    pub value: Value,
    /// Where each part of it stands.
    pub positions: Positions,
    /// Where the document itself starts.
    pub start: TextPosition,
}

/// Reads the document in `chunk`.
pub(super) fn read_document(
    chunk: &DocumentText<'_>,
    substitution: &CharSubstitution,
    limits: &ReadLimits,
    budget: &mut SizeBudget,
) -> Result<ParsedDocument, SyntaxProblem> {
    // Before the scanner sees it: a flow collection of a million brackets is held as tokens before
    // the first event comes.
    check_density(chunk, limits.indicators)?;
    check_indentation(chunk)?;
    let mut text = Cow::Borrowed(chunk.text);
    let mut inserted = Vec::new();
    loop {
        let before = budget.spent();
        let mut composer = Composer::new(chunk, substitution, limits, budget);
        composer.inserted = std::mem::take(&mut inserted);
        composer.trailing_indent = find_trailing_indent(&text);
        match composer.run_parser(Parser::new_from_str(&text)) {
            Ok(()) => {
                let (value, positions) = composer.into_value();
                return Ok(ParsedDocument {
                    value,
                    positions,
                    start: chunk.start,
                });
            }
            Err(ComposeStop::Problem(problem)) => return Err(problem),
            Err(ComposeStop::Fixable { fixup, at, problem }) => {
                inserted = std::mem::take(&mut composer.inserted);
                let Some(fixed) = fixup.applied_to(&text, at.index()) else {
                    return Err(problem);
                };
                // Each fixup reads from the start, so a file made of nothing else would cost its
                // square.
                if !budget.allow_reread(text.len()) {
                    return Err(problem);
                }
                // What was spent on the attempt that failed is spent again by the next one.
                budget.rewind_to(before);
                text = Cow::Owned(fixed);
                if fixup.inserts_character() {
                    inserted.push((at.line(), at.col()));
                }
            }
        }
    }
}

/// Refuses a text that could become too many tokens. What stands in a scalar counts too: only
/// the scanner could tell, and by then it would be too late.
fn check_density(chunk: &DocumentText<'_>, indicators_max: usize) -> Result<(), SyntaxProblem> {
    if chunk.text.len() <= indicators_max {
        return Ok(());
    }
    let indicators = chunk
        .text
        .bytes()
        .filter(|b| b":,[]{}?&*!".contains(b))
        .count();
    if indicators <= indicators_max {
        return Ok(());
    }
    let message = format!("the document has more than {indicators_max} indicator characters");
    Err(syntax_problem(
        RuleId::YamlLimitContent,
        message,
        chunk.start,
    ))
}

/// Refuses a document whose first line of content is indented with a tab, unless that line
/// begins a flow collection. The scanner would not mind.
fn check_indentation(chunk: &DocumentText<'_>) -> Result<(), SyntaxProblem> {
    let is_content = |line: &str| {
        let content = line.trim_matches([' ', '\t', '\r']);
        !content.is_empty() && !content.starts_with('#')
    };
    let first = (1u32..)
        .zip(chunk.text.split('\n'))
        .map(|(number, line)| (number, line.strip_prefix("---").unwrap_or(line)))
        .find(|(_, line)| is_content(line));
    let Some((number, line)) = first else {
        return Ok(());
    };
    let content = line.trim_start_matches([' ', '\t']);
    let indentation = &line[..line.len() - content.len()];
    // After its `---` a document may begin on the same line, which then is not indentation.
    let same_line = number == 1 && chunk.text.starts_with("---");
    let Some(before) = indentation.find('\t') else {
        return Ok(());
    };
    if same_line || content.starts_with(['{', '[']) {
        return Ok(());
    }
    let position = TextPosition {
        line: number.saturating_add(chunk.lines_before),
        column: u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1),
    };
    let message = "tabs are not allowed as indentation";
    Err(syntax_problem(RuleId::YamlSyntax, message, position))
}
