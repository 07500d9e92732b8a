//! One document from its text.

use freshet_model::RuleId;
use serde_json::Value;

use super::causes::OddSpace;
use super::composer::Composer;
use super::position::{Positions, TextPosition};
use super::problem::SyntaxProblem;
use super::resolve::Resolver;
use super::size_budget::SizeBudget;
use super::split::DocumentText;
use super::syntax::parse_tree;
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
    /// The first key that begins with what only looks like a space.
    pub odd_space: Option<OddSpace>,
}

/// Reads a document.
pub(super) fn read_document(
    document: &DocumentText<'_>,
    limits: &ReadLimits,
    budget: &mut SizeBudget,
) -> Result<ParsedDocument, SyntaxProblem> {
    let (tree, fault) = parse_tree(document.text, limits);
    let is_cut = fault.is_some();
    let mut composer = Composer::new(document, limits, budget);
    let mut resolver = Resolver::new(document, &mut composer, is_cut);
    let Some(fault) = fault else {
        resolver.resolve_document(&tree)?;
        let odd_space = composer.odd_space();
        let (value, positions) = composer.into_value();
        return Ok(ParsedDocument {
            value,
            positions,
            start: document.start,
            odd_space,
        });
    };
    let is_limit = fault.rule != RuleId::YamlSyntax;
    let fault = resolver.problem_of(fault);
    if is_limit {
        return Err(fault);
    }
    // What is wrong before the end of the tree may well be why it ends there.
    match resolver.resolve_document(&tree) {
        Err(problem) if problem.position < fault.position => Err(problem),
        Err(_) | Ok(()) => Err(fault),
    }
}
