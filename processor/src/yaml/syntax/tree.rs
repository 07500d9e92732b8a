//! The tree of a document: values, and the tokens between them.

use super::token::{Token, TokenKind, push_token};

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::yaml) enum NodeKind {
    Alias,
    Plain,
    SingleQuoted,
    DoubleQuoted,
    BlockScalar,
    BlockMap,
    BlockSequence,
    FlowMap,
    FlowSequence,
}

/// A value, or a key.
#[derive(Debug)]
pub(in crate::yaml) struct Node {
    pub(in crate::yaml) kind: NodeKind,
    /// Where it begins.
    pub(in crate::yaml) offset: usize,
    pub(in crate::yaml) indent: usize,
    /// The text of a scalar or alias; of a block text its lines.
    pub(in crate::yaml) source: std::ops::Range<usize>,
    /// What a collection holds.
    pub(in crate::yaml) items: Vec<Item>,
    /// What follows on its line; of a block text the header, of brackets the closing one first.
    pub(in crate::yaml) tail: Vec<Token>,
}

/// An element of a sequence, or a key with its value.
#[derive(Debug, Default)]
pub(in crate::yaml) struct Item {
    /// What stands before it.
    pub(in crate::yaml) start: Vec<Token>,
    /// Whether it has a `?`.
    pub(super) is_explicit: bool,
    pub(in crate::yaml) key: Option<Box<Node>>,
    /// What stands between key and value; none if no key was seen.
    pub(in crate::yaml) separator: Option<Vec<Token>>,
    pub(in crate::yaml) value: Option<Box<Node>>,
}

/// A document.
#[derive(Debug, Default)]
pub(in crate::yaml) struct DocumentTree {
    /// What stands before its value.
    pub(in crate::yaml) start: Vec<Token>,
    pub(in crate::yaml) value: Option<Box<Node>>,
    /// What stands behind.
    pub(in crate::yaml) end: Vec<Token>,
}

/// What a node became of the collection it was added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddedAs {
    Value,
    Key,
    /// A key behind a `?`.
    ExplicitKey,
}

impl NodeKind {
    /// Whether it is a scalar or an alias that may be followed by a `:`.
    fn is_flow_scalar(self) -> bool {
        match self {
            Self::Alias | Self::Plain | Self::SingleQuoted | Self::DoubleQuoted => true,
            Self::BlockScalar
            | Self::BlockMap
            | Self::BlockSequence
            | Self::FlowMap
            | Self::FlowSequence => false,
        }
    }

    pub(in crate::yaml) fn is_flow_collection(self) -> bool {
        matches!(self, Self::FlowMap | Self::FlowSequence)
    }

    pub(in crate::yaml) fn is_block_collection(self) -> bool {
        matches!(self, Self::BlockMap | Self::BlockSequence)
    }

    /// Whether it may stand on one line with others.
    pub(super) fn is_flow(self) -> bool {
        self.is_flow_scalar() || self.is_flow_collection()
    }

    pub(super) fn is_collection(self) -> bool {
        self.is_block_collection() || self.is_flow_collection()
    }

    /// The scalar or alias that a token is.
    pub(super) fn of_scalar(kind: TokenKind) -> Option<Self> {
        match kind {
            TokenKind::Alias => Some(Self::Alias),
            TokenKind::Plain => Some(Self::Plain),
            TokenKind::SingleQuoted => Some(Self::SingleQuoted),
            TokenKind::DoubleQuoted => Some(Self::DoubleQuoted),
            _ => None,
        }
    }
}

impl Node {
    pub(super) fn new(kind: NodeKind, offset: usize, indent: usize) -> Self {
        Self {
            kind,
            offset,
            indent,
            source: offset..offset,
            items: Vec::new(),
            tail: Vec::new(),
        }
    }

    pub(super) fn new_scalar(kind: NodeKind, token: Token) -> Self {
        Self {
            source: token.start()..token.end(),
            ..Self::new(kind, token.start(), token.indent())
        }
    }

    /// A collection in lines, with its first item.
    pub(super) fn new_block(kind: NodeKind, offset: usize, indent: usize, first: Item) -> Self {
        Self {
            items: vec![first],
            ..Self::new(kind, offset, indent)
        }
    }

    /// What follows on the line of a value that ends there.
    pub(super) fn end_tokens(&mut self) -> Option<&mut Vec<Token>> {
        self.kind.is_flow().then_some(&mut self.tail)
    }

    /// Whether a line break is in it, so that it can be no key without a `?`.
    pub(in crate::yaml) fn has_newline(&self, text: &str) -> bool {
        let is_in = |tokens: &[Token]| has_kind(tokens, TokenKind::Newline);
        if self.kind.is_flow_scalar() {
            return text[self.source.clone()].contains('\n') || is_in(&self.tail);
        }
        if !self.kind.is_flow_collection() {
            return true;
        }
        self.items.iter().any(|item| {
            let is_in_node =
                |node: &Option<Box<Self>>| node.as_ref().is_some_and(|it| it.has_newline(text));
            is_in(&item.start)
                || item.separator.as_ref().is_some_and(|tokens| is_in(tokens))
                || is_in_node(&item.key)
                || is_in_node(&item.value)
        })
    }

    /// Adds a complete node to this collection.
    pub(super) fn add_node(&mut self, mut node: Self) -> AddedAs {
        let is_flow = self.kind.is_flow_collection();
        // What a block ends with may belong to what comes behind it.
        let takes_space = !is_flow
            && (self.kind == NodeKind::BlockSequence
                || self.items.last().is_some_and(Item::awaits_value));
        let space = takes_space.then(|| node.take_trailing_space()).flatten();
        let added = match self.items.last_mut() {
            Some(item) if self.kind == NodeKind::BlockSequence && item.value.is_none() => {
                item.value = Some(Box::new(node));
                AddedAs::Value
            }
            Some(item) if item.awaits_value() => {
                item.value = Some(Box::new(node));
                AddedAs::Value
            }
            Some(item) if item.value.is_none() => {
                item.key = Some(Box::new(node));
                item.separator = Some(Vec::new());
                if item.is_explicit {
                    AddedAs::ExplicitKey
                } else {
                    AddedAs::Key
                }
            }
            Some(_) | None if self.kind == NodeKind::BlockSequence => {
                self.items.push(Item {
                    value: Some(Box::new(node)),
                    ..Item::default()
                });
                AddedAs::Value
            }
            Some(_) | None => {
                let pair = Item::pair(Vec::new(), Some(node), Vec::new());
                self.items.push(pair);
                AddedAs::Key
            }
        };
        self.items.extend(space.map(Item::starting_with));
        // Within brackets no line begins with a key.
        if is_flow { AddedAs::Value } else { added }
    }

    /// The pairs of a sequence in brackets that turned out to be elements.
    pub(super) fn turn_keys_into_elements(&mut self) {
        if self.kind != NodeKind::FlowSequence {
            return;
        }
        for item in &mut self.items {
            let is_pair = item.value.is_some()
                || has_kind(&item.start, TokenKind::ExplicitKey)
                || item.separator_has(TokenKind::MapValue);
            if is_pair {
                continue;
            }
            let Some(separator) = item.separator.take() else {
                continue;
            };
            item.value = item.key.take();
            match item.value.as_mut().and_then(|value| value.end_tokens()) {
                Some(end) => end.extend(separator),
                None => item.start.extend(separator),
            }
        }
    }

    /// Takes the tokens of an item that turned out to be nothing but space: they belong to
    /// what comes next around it.
    pub(super) fn take_trailing_space(&mut self) -> Option<Vec<Token>> {
        if !self.kind.is_block_collection() {
            return None;
        }
        let last = self.items.last()?;
        let is_outside =
            |token: &Token| token.kind != TokenKind::Comment || token.indent() < self.indent;
        let is_space = last.separator.is_none()
            && last.value.is_none()
            && !last.start.is_empty()
            && is_nothing(&last.start)
            && (self.indent == 0 || last.start.iter().all(is_outside));
        let item = is_space.then(|| self.items.pop())??;
        Some(item.start)
    }
}

impl Item {
    pub(super) fn starting_with(start: Vec<Token>) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// One with a `?`.
    pub(super) fn explicit(start: Vec<Token>) -> Self {
        Self {
            is_explicit: true,
            ..Self::starting_with(start)
        }
    }

    /// A key and what separates it from its value.
    pub(super) fn pair(start: Vec<Token>, key: Option<Node>, separator: Vec<Token>) -> Self {
        Self {
            key: key.map(Box::new),
            separator: Some(separator),
            ..Self::starting_with(start)
        }
    }

    /// The tokens that come last.
    pub(super) fn last_tokens(&mut self) -> &mut Vec<Token> {
        self.separator.as_mut().unwrap_or(&mut self.start)
    }

    /// Whether its key was seen and its value was not.
    fn awaits_value(&self) -> bool {
        self.separator.is_some() && self.value.is_none()
    }

    pub(super) fn separator_has(&self, kind: TokenKind) -> bool {
        let separator = self.separator.as_ref();
        separator.is_some_and(|tokens| has_kind(tokens, kind))
    }

    /// The line that ends behind its value: a comment there belongs to the value.
    pub(super) fn end_line(&mut self, token: Token) -> Option<Self> {
        let end = self.value.as_mut().and_then(|value| value.end_tokens());
        match end {
            Some(end) if end.last().is_some_and(|it| it.kind == TokenKind::Comment) => {
                push_token(end, token);
                None
            }
            Some(_) | None => Some(Self::starting_with(vec![token])),
        }
    }
}

pub(super) fn has_kind(tokens: &[Token], kind: TokenKind) -> bool {
    tokens.iter().any(|token| token.kind == kind)
}

/// Whether the tokens are nothing but space and comments.
pub(super) fn is_nothing(tokens: &[Token]) -> bool {
    tokens.iter().all(|token| {
        matches!(
            token.kind,
            TokenKind::Space | TokenKind::Comment | TokenKind::Newline
        )
    })
}
