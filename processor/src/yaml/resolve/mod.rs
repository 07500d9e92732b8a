//! The tree of a document resolved to values, and everything that may be wrong with it.
//!
//! The tree takes nearly any text. What the npm package `yaml` refuses is refused here: tokens
//! that nothing asked for, keys that are none, tabs for indentation. It stops at the first.

mod block;
mod block_text;
mod flow;
mod properties;
mod quoted_text;
mod tags;

use std::collections::HashMap;

use freshet_model::RuleId;

use super::composer::{Composer, NodeProperties};
use super::position::{PositionCursor, TextPosition};
use super::problem::{SyntaxProblem, syntax_problem};
use super::scalar::Quoting;
use super::split::{DocumentText, TagHandles};
use super::syntax::Fault;
use super::syntax::token::{Token, TokenKind};
use super::syntax::tree::{DocumentTree, Node, NodeKind};
use properties::{NextNode, Properties, PropertyRules};

/// One document on its way from tree to value.
pub(super) struct Resolver<'a, 'c> {
    text: &'a str,
    composer: &'c mut Composer<'a>,
    positions: PositionCursor<'a>,
    tags: &'a TagHandles<'a>,
    /// The anchors so far, by name.
    anchors: HashMap<&'a str, usize>,
    last_anchor: usize,
    /// Whether nothing is around the node at hand.
    is_at_root: bool,
    /// Whether the tree ends before the text does.
    is_cut: bool,
}

/// A node, or that there is none, which means null.
#[derive(Clone, Copy)]
enum NodeToResolve<'n> {
    Node(&'n Node),
    /// Where it is shown.
    Empty(TextPosition),
}

impl<'a, 'c> Resolver<'a, 'c> {
    pub(super) fn new(
        document: &'a DocumentText<'a>,
        composer: &'c mut Composer<'a>,
        is_cut: bool,
    ) -> Self
    where
        'a: 'c,
    {
        Self {
            text: document.text,
            composer,
            positions: PositionCursor::new(document.text, document.lines_before),
            tags: &document.tags,
            anchors: HashMap::new(),
            last_anchor: 0,
            is_at_root: true,
            is_cut,
        }
    }

    /// Hands everything in the document to the composer.
    pub(super) fn resolve_document(&mut self, tree: &DocumentTree) -> Result<(), SyntaxProblem> {
        let next = match &tree.value {
            Some(value) => NextNode::of_node(value),
            None => NextNode::of_token(tree.end.first()),
        };
        let rules = PropertyRules {
            indicator: TokenKind::DocumentStart,
            is_in_flow: false,
            parent_indent: 0,
            is_at_newline: true,
        };
        let properties = self.resolve_properties(&tree.start, next, rules, 0)?;
        let value = match &tree.value {
            Some(value) => {
                let is_on_marker_line = properties.found.is_some() && !properties.has_newline;
                if is_on_marker_line && value.kind.is_block_collection() {
                    let message = "a mapping or list in lines cannot begin on the line of `---`";
                    return Err(self.problem_at(value.offset, message));
                }
                NodeToResolve::Node(value)
            }
            None => {
                let start = tree.start.first().map_or(0, Token::start);
                NodeToResolve::Empty(self.position_at(start))
            }
        };
        self.resolve_node(value, &properties)?;
        self.check_end(&tree.end, CommentRule::Anywhere)
    }

    /// What is wrong, as it is told.
    pub(super) fn problem_of(&mut self, fault: Fault) -> SyntaxProblem {
        let at = self.position_at(fault.offset);
        syntax_problem(fault.rule, fault.message, at)
    }

    fn problem_at(&mut self, offset: usize, message: impl Into<String>) -> SyntaxProblem {
        self.problem_of(Fault::new(offset, message))
    }

    fn position_at(&mut self, offset: usize) -> TextPosition {
        self.positions.position_at(offset)
    }

    fn resolve_node(
        &mut self,
        node: NodeToResolve<'_>,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let NodeToResolve::Node(node) = node else {
            return self.resolve_empty(node, properties);
        };
        match node.kind {
            NodeKind::Alias => self.resolve_alias(node, properties),
            NodeKind::BlockMap => self.resolve_block_map(node, properties),
            NodeKind::BlockSequence => self.resolve_block_sequence(node, properties),
            NodeKind::FlowMap | NodeKind::FlowSequence => self.resolve_flow(node, properties),
            NodeKind::Plain
            | NodeKind::SingleQuoted
            | NodeKind::DoubleQuoted
            | NodeKind::BlockScalar => self.resolve_scalar(node, properties),
        }
    }

    fn resolve_empty(
        &mut self,
        node: NodeToResolve<'_>,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let at = match node {
            NodeToResolve::Empty(at) => at,
            NodeToResolve::Node(node) => self.position_at(node.offset),
        };
        let properties = self.read_properties(properties)?;
        self.is_at_root = false;
        self.composer
            .add_scalar("", Quoting::Plain, &properties, at)
    }

    fn resolve_scalar(
        &mut self,
        node: &Node,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let source = &self.text[node.source.clone()];
        let text = match node.kind {
            NodeKind::BlockScalar => block_text::read_block_text(node, self.text, self.is_at_root),
            NodeKind::SingleQuoted => {
                quoted_text::read_single_quoted(source, node.offset, self.text)
            }
            NodeKind::DoubleQuoted => {
                quoted_text::read_double_quoted(source, node.offset, self.text)
            }
            NodeKind::Plain
            | NodeKind::Alias
            | NodeKind::BlockMap
            | NodeKind::BlockSequence
            | NodeKind::FlowMap
            | NodeKind::FlowSequence => quoted_text::read_plain(source, node.offset),
        };
        let text = text.map_err(|fault| self.problem_of(fault))?;
        let quoting = match node.kind {
            NodeKind::Plain => Quoting::Plain,
            _ => Quoting::Quoted,
        };
        let at = self.position_at(node.offset);
        let properties = self.read_properties(properties)?;
        self.is_at_root = false;
        self.composer.add_scalar(&text, quoting, &properties, at)?;
        if node.kind == NodeKind::BlockScalar {
            return Ok(());
        }
        self.check_end(&node.tail, CommentRule::BehindSpace)
    }

    fn resolve_alias(&mut self, node: &Node, properties: &Properties) -> Result<(), SyntaxProblem> {
        let name = &self.text[node.source.start + 1..node.source.end];
        let at = self.position_at(node.offset);
        if name.is_empty() {
            return Err(syntax_problem(
                RuleId::YamlSyntax,
                "a `*` alone means nothing here; a text that starts with * needs quotes",
                at,
            ));
        }
        let Some(id) = self.anchors.get(name) else {
            let message = format!(
                "`*{name}` is read as an alias, and no anchor `&{name}` is before it in its document; a text that starts with * needs quotes"
            );
            return Err(syntax_problem(RuleId::YamlAliasUndefined, message, at));
        };
        if properties.anchor.is_some() || properties.tag.is_some() {
            let message = "an alias can have neither an anchor nor a tag";
            return Err(syntax_problem(RuleId::YamlSyntax, message, at));
        }
        self.composer.add_alias(*id, at)?;
        self.check_end(&node.tail, CommentRule::BehindSpace)
    }

    /// Makes an anchor known, and looks up what a tag stands for.
    fn read_properties(
        &mut self,
        properties: &Properties,
    ) -> Result<NodeProperties, SyntaxProblem> {
        let tag = match properties.tag {
            Some(tag) => {
                let name = tags::resolve_tag(tag.text(self.text), self.tags);
                Some(name.map_err(|message| self.problem_at(tag.start(), message))?)
            }
            None => None,
        };
        let mut anchor = 0;
        if let Some(token) = properties.anchor {
            let name = &token.text(self.text)[1..];
            if name.is_empty() {
                let message = "a `&` alone names no anchor; a text that starts with & needs quotes";
                return Err(self.problem_at(token.start(), message));
            }
            self.last_anchor += 1;
            anchor = self.last_anchor;
            self.anchors.insert(name, anchor);
        }
        Ok(NodeProperties { anchor, tag })
    }

    /// What follows a complete value on its line must be nothing but space and a comment.
    fn check_end(&mut self, tokens: &[Token], rule: CommentRule) -> Result<(), SyntaxProblem> {
        let mut has_space = rule == CommentRule::Anywhere;
        for token in tokens {
            match token.kind {
                TokenKind::Space | TokenKind::Newline => has_space = true,
                TokenKind::Comment if has_space => {}
                TokenKind::Comment => return Err(self.missing_space_before(token)),
                kind => {
                    let what = kind.describe();
                    let message = format!("unexpected {what} behind a value that is complete");
                    return Err(self.problem_at(token.start(), message));
                }
            }
        }
        Ok(())
    }

    fn missing_space_before(&mut self, comment: &Token) -> SyntaxProblem {
        let message = "a comment needs a space before its #";
        self.problem_at(comment.start(), message)
    }
}

/// Where a comment may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CommentRule {
    Anywhere,
    BehindSpace,
}
