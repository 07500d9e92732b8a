//! Lexemes put together to a tree.
//!
//! The nodes that are not complete yet are a stack; every token goes to the one on top, which
//! takes it or ends.

use freshet_model::RuleId;

use super::Fault;
use super::lexer::Lexeme;
use super::token::{Token, TokenKind, push_token};
use super::tree::{AddedAs, DocumentTree, Item, Node, NodeKind};
use crate::limits::ReadLimits;

pub(super) struct TreeParser<'t> {
    text: &'t str,
    document: DocumentTree,
    is_document_complete: bool,
    pub(super) stack: Vec<Node>,
    /// The token at hand.
    pub(super) token: Token,
    /// Whether the text at hand is that of a scalar.
    is_scalar: bool,
    /// Whether nothing but space and indicators was on this line so far.
    at_line_start: bool,
    /// Indentation of this line, indicators included.
    pub(super) indent: usize,
    /// Whether a key without `?` is on this line.
    pub(super) on_key_line: bool,
    nodes: usize,
    nodes_max: usize,
    depth_max: usize,
}

impl<'t> TreeParser<'t> {
    pub(super) fn new(text: &'t str, limits: &ReadLimits) -> Self {
        Self {
            text,
            document: DocumentTree::default(),
            is_document_complete: false,
            stack: Vec::new(),
            token: Token::new(TokenKind::Newline, 0..0, 0),
            is_scalar: false,
            at_line_start: true,
            indent: 0,
            on_key_line: false,
            nodes: 0,
            // Twice, because commas and line breaks may be counted here that come to nothing: the
            // exact bound is kept where values are made.
            nodes_max: limits.nodes.saturating_mul(2),
            depth_max: limits.depth,
        }
    }

    /// The tree of what was taken so far.
    pub(super) fn into_tree(mut self) -> DocumentTree {
        while !self.stack.is_empty() {
            self.pop();
        }
        self.document
    }

    pub(super) fn take_lexeme(&mut self, lexeme: Lexeme) -> Result<(), Fault> {
        match lexeme {
            Lexeme::Scalar => {
                self.at_line_start = false;
                self.is_scalar = true;
                Ok(())
            }
            Lexeme::FlowEnd => Err(self.outside_of_flow()),
            Lexeme::Text(range) if std::mem::take(&mut self.is_scalar) => {
                self.token = Token::new(TokenKind::Plain, range, self.indent);
                self.step()
            }
            Lexeme::Text(range) => {
                let text = &self.text[range.clone()];
                let Some(kind) = TokenKind::of_text(text) else {
                    return Err(Fault::new(range.start, "unexpected text"));
                };
                self.token = Token::new(kind, range, self.indent);
                self.step()?;
                self.advance(kind, text);
                Ok(())
            }
        }
    }

    /// Keeps count of the indentation.
    fn advance(&mut self, kind: TokenKind, text: &str) {
        match kind {
            TokenKind::Newline => {
                self.at_line_start = true;
                self.indent = 0;
            }
            TokenKind::Space => {
                if self.at_line_start && text.starts_with(' ') {
                    self.indent += text.len();
                }
            }
            TokenKind::ExplicitKey | TokenKind::MapValue | TokenKind::SequenceEntry => {
                self.indent += usize::from(self.at_line_start);
            }
            _ => self.at_line_start = false,
        }
    }

    pub(super) fn step(&mut self) -> Result<(), Fault> {
        match self.stack.last().map(|top| top.kind) {
            None => self.step_document(),
            Some(
                NodeKind::Alias | NodeKind::Plain | NodeKind::SingleQuoted | NodeKind::DoubleQuoted,
            ) => self.step_scalar(),
            Some(NodeKind::BlockScalar) => self.step_block_scalar(),
            Some(NodeKind::BlockMap) => self.step_block_map(),
            Some(NodeKind::BlockSequence) => self.step_block_sequence(),
            Some(NodeKind::FlowMap | NodeKind::FlowSequence) => self.step_flow(),
        }
    }

    /// The node on top, which is known to be there.
    pub(super) fn top(&mut self) -> &mut Node {
        self.stack.last_mut().expect("a step is of the top node")
    }

    /// Puts a new node on top.
    pub(super) fn push(&mut self, node: Node) -> Result<(), Fault> {
        self.count_node(node.offset)?;
        let is_collection = node.kind.is_collection();
        let depth = || self.stack.iter().filter(|it| it.kind.is_collection());
        // Before it is opened: the tree is looked through, and dropped, level by level.
        if is_collection && depth().count() >= self.depth_max {
            return Err(Fault {
                rule: RuleId::YamlLimitDepth,
                offset: node.offset,
                message: format!("nested deeper than {} levels", self.depth_max),
            });
        }
        self.stack.push(node);
        Ok(())
    }

    /// Counts a node or an item: each takes many times the bytes it is written in.
    pub(super) fn count_node(&mut self, offset: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes <= self.nodes_max {
            return Ok(());
        }
        Err(Fault {
            rule: RuleId::YamlLimitContent,
            offset,
            message: format!("the document has more than {} values", self.nodes_max),
        })
    }

    /// Ends the node on top: it becomes part of the one below.
    pub(super) fn pop(&mut self) {
        let Some(mut node) = self.stack.pop() else {
            self.is_document_complete = true;
            return;
        };
        if node.kind == NodeKind::BlockScalar {
            node.indent = self.stack.last().map_or(0, |parent| parent.indent);
        }
        node.turn_keys_into_elements();
        let Some(parent) = self.stack.last_mut() else {
            if node.kind.is_flow_collection() {
                node.indent = 0;
            }
            if let Some(space) = node.take_trailing_space() {
                self.document.end = space;
            }
            self.document.value = Some(Box::new(node));
            return;
        };
        match parent.add_node(node) {
            AddedAs::Value => {}
            AddedAs::Key => self.on_key_line = true,
            AddedAs::ExplicitKey => self.on_key_line = false,
        }
    }

    fn step_document(&mut self) -> Result<(), Fault> {
        let kind = self.token.kind;
        let is_space = matches!(
            kind,
            TokenKind::Space | TokenKind::Comment | TokenKind::Newline
        );
        if self.is_document_complete {
            return if is_space {
                Ok(())
            } else {
                Err(self.unexpected("behind the end of the document"))
            };
        }
        if self.document.value.is_some() {
            return self.end_line();
        }
        let is_property = matches!(
            kind,
            TokenKind::DocumentStart | TokenKind::Anchor | TokenKind::Tag
        );
        if is_space || is_property {
            push_token(&mut self.document.start, self.token);
            return Ok(());
        }
        match self.start_value() {
            Some(value) => self.push(value),
            None => Err(self.unexpected("where a document begins")),
        }
    }

    fn step_scalar(&mut self) -> Result<(), Fault> {
        if self.token.kind != TokenKind::MapValue {
            return self.end_line();
        }
        // It was a key.
        let mut key = self.stack.pop().expect("a step is of the top node");
        let start = self.take_first_properties();
        let mut separator = std::mem::take(&mut key.tail);
        push_token(&mut separator, self.token);
        self.on_key_line = true;
        let (offset, indent) = (key.offset, key.indent);
        let first = Item::pair(start, Some(key), separator);
        self.push(Node::new_block(NodeKind::BlockMap, offset, indent, first))
    }

    fn step_block_scalar(&mut self) -> Result<(), Fault> {
        let token = self.token;
        match token.kind {
            TokenKind::Space | TokenKind::Comment | TokenKind::Newline => {
                push_token(&mut self.top().tail, token);
                Ok(())
            }
            TokenKind::Plain => {
                self.top().source = token.start()..token.end();
                // Its text includes the line break at the end.
                self.at_line_start = true;
                self.indent = 0;
                self.pop();
                Ok(())
            }
            _ => {
                self.pop();
                self.step()
            }
        }
    }

    /// What follows on the line of a complete value.
    pub(super) fn end_line(&mut self) -> Result<(), Fault> {
        let token = self.token;
        match token.kind {
            TokenKind::Comma
            | TokenKind::DocumentStart
            | TokenKind::DocumentEnd
            | TokenKind::FlowSequenceEnd
            | TokenKind::FlowMapEnd
            | TokenKind::MapValue => {
                self.pop();
                self.step()
            }
            kind => {
                let tail = match self.stack.last_mut() {
                    Some(top) => &mut top.tail,
                    None => &mut self.document.end,
                };
                push_token(tail, token);
                if kind == TokenKind::Newline {
                    self.on_key_line = false;
                    self.pop();
                }
                Ok(())
            }
        }
    }

    /// The node that begins with the token at hand, if one can.
    pub(super) fn start_value(&mut self) -> Option<Node> {
        let token = self.token;
        let (offset, indent) = (token.start(), self.indent);
        if let Some(kind) = NodeKind::of_scalar(token.kind) {
            return Some(Node::new_scalar(kind, token));
        }
        let block = |kind, first| Some(Node::new_block(kind, offset, indent, first));
        match token.kind {
            TokenKind::BlockHeader => Some(Node {
                tail: vec![token],
                ..Node::new(NodeKind::BlockScalar, offset, indent)
            }),
            TokenKind::FlowMapStart => Some(Node::new(NodeKind::FlowMap, offset, indent)),
            TokenKind::FlowSequenceStart => Some(Node::new(NodeKind::FlowSequence, offset, indent)),
            TokenKind::SequenceEntry => {
                block(NodeKind::BlockSequence, Item::starting_with(vec![token]))
            }
            TokenKind::ExplicitKey => {
                self.on_key_line = true;
                let mut start = self.take_first_properties();
                start.push(token);
                block(NodeKind::BlockMap, Item::explicit(start))
            }
            TokenKind::MapValue => {
                self.on_key_line = true;
                let start = self.take_first_properties();
                block(NodeKind::BlockMap, Item::pair(start, None, vec![token]))
            }
            _ => None,
        }
    }

    /// Takes the anchor and the tag that stand before the first key of a mapping: they are of the
    /// key, while those on a line before are of the mapping.
    pub(super) fn take_first_properties(&mut self) -> Vec<Token> {
        let tokens = match self.stack.last_mut() {
            None => &mut self.document.start,
            Some(parent) if parent.kind.is_block_collection() => {
                let item = parent.items.last_mut().expect("a block has an item");
                item.last_tokens()
            }
            Some(_) => return Vec::new(),
        };
        split_first_properties(tokens)
    }

    fn outside_of_flow(&self) -> Fault {
        let at = self.token.end();
        let outermost = self.stack.iter().find(|it| it.kind.is_flow_collection());
        if let Some(flow) = outermost.filter(|_| self.text[at..].trim().is_empty()) {
            return Fault::new(flow.offset, "this bracket is never closed");
        }
        let message = if self.text[at..].starts_with([']', '}']) {
            "this bracket is further left than the line on which the first one of its pair is"
        } else {
            "this line is inside brackets, so it must be further right than the key that they belong to; or a closing bracket is missing"
        };
        Fault::new(at, message)
    }

    /// What is wrong with a token for which there is no place.
    pub(super) fn unexpected(&self, place: &str) -> Fault {
        let what = self.token.kind.describe();
        Fault::new(self.token.start(), format!("unexpected {what} {place}"))
    }
}

/// Takes the tokens behind the last indicator or line break.
pub(super) fn split_first_properties(tokens: &mut Vec<Token>) -> Vec<Token> {
    let is_border = |token: &Token| {
        matches!(
            token.kind,
            TokenKind::DocumentStart
                | TokenKind::ExplicitKey
                | TokenKind::MapValue
                | TokenKind::SequenceEntry
                | TokenKind::Newline
        )
    };
    let mut first = tokens.iter().rposition(is_border).map_or(0, |at| at + 1);
    while tokens
        .get(first)
        .is_some_and(|it| it.kind == TokenKind::Space)
    {
        first += 1;
    }
    tokens.split_off(first)
}
