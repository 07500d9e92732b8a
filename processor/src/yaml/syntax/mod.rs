//! The syntax of one YAML document, as the npm package `yaml` sees it.
//!
//! Text becomes [lexemes](lexer), these a [tree](tree) that still has every token that may be
//! wrong where it is. Nothing here knows what a value means. Which lines belong to a value is
//! decided exactly as in the package, since other readers of YAML draw that line elsewhere: at
//! tabs, at brackets at the margin, at keys without values.
//!
//! Lexing stops at the first text that is no token at all; what comes before it is a tree even
//! so, and may have a mistake that explains it better.

mod block;
mod flow;
mod lexer;
mod parser;
mod scalar_lexer;
pub(super) mod token;
pub(super) mod tree;

use freshet_model::RuleId;

use crate::limits::ReadLimits;
use lexer::Lexer;
use parser::TreeParser;
use tree::DocumentTree;

/// What is wrong with a text, by the byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rule: RuleId,
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self {
            rule: RuleId::YamlSyntax,
            offset,
            message: message.into(),
        }
    }
}

/// The tree of the one document in `text`, and why the tree ends early if it does.
pub(super) fn parse_tree(text: &str, limits: &ReadLimits) -> (DocumentTree, Option<Fault>) {
    let mut parser = TreeParser::new(text, limits);
    for lexeme in Lexer::new(text) {
        if let Err(fault) = parser.take_lexeme(lexeme) {
            return (parser.into_tree(), Some(fault));
        }
    }
    (parser.into_tree(), None)
}
