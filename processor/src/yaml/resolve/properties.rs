//! Anchors, tags and indicators before a node.

use super::Resolver;
use crate::yaml::problem::SyntaxProblem;
use crate::yaml::syntax::token::{Token, TokenKind};
use crate::yaml::syntax::tree::{Node, NodeKind};

const TABS: &str = "tabs are not allowed as indentation";

/// What stands before a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Properties {
    pub(super) anchor: Option<Token>,
    pub(super) tag: Option<Token>,
    /// The indicator that was looked for.
    pub(super) found: Option<Token>,
    pub(super) comma: Option<Token>,
    pub(super) has_newline: bool,
    /// The line break behind an anchor or a tag.
    pub(super) newline_after: Option<Token>,
    /// Where the first anchor or tag begins, or where all this ends.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What may stand there.
#[derive(Clone, Copy)]
pub(super) struct PropertyRules {
    /// The indicator that belongs there.
    pub(super) indicator: TokenKind,
    pub(super) is_in_flow: bool,
    pub(super) parent_indent: usize,
    /// Whether a line begins there.
    pub(super) is_at_newline: bool,
}

/// What comes behind.
#[derive(Clone, Copy)]
pub(super) struct NextNode {
    kind: Option<NodeKind>,
    /// Where it begins, if an anchor or a tag must not touch it.
    touches_at: Option<usize>,
}

impl NextNode {
    pub(super) const NOTHING: Self = Self {
        kind: None,
        touches_at: None,
    };

    pub(super) fn of_node(node: &Node) -> Self {
        let is_empty = node.kind == NodeKind::Plain && node.source.is_empty();
        Self {
            kind: Some(node.kind),
            touches_at: (!is_empty).then_some(node.offset),
        }
    }

    pub(super) fn of_token(token: Option<&Token>) -> Self {
        let touching = token.filter(|token| {
            !matches!(
                token.kind,
                TokenKind::Space | TokenKind::Newline | TokenKind::Comma
            )
        });
        Self {
            kind: None,
            touches_at: touching.map(Token::start),
        }
    }

    /// A key, or what stands behind where one could be.
    pub(super) fn of_key(key: Option<&Node>, separator: Option<&[Token]>) -> Self {
        match key {
            Some(key) => Self::of_node(key),
            None => Self::of_token(separator.and_then(<[Token]>::first)),
        }
    }

    pub(super) fn of_value(value: Option<&Node>) -> Self {
        value.map_or(Self::NOTHING, Self::of_node)
    }

    fn is_block_collection(self) -> bool {
        self.kind.is_some_and(NodeKind::is_block_collection)
    }

    fn is_flow_collection(self) -> bool {
        self.kind.is_some_and(NodeKind::is_flow_collection)
    }
}

/// The walk over the tokens.
#[derive(Default)]
struct PropertyWalk {
    found: Properties,
    is_at_newline: bool,
    has_space: bool,
    /// Whether an anchor or a tag came last.
    needs_space: bool,
    tab: Option<Token>,
}

impl Resolver<'_, '_> {
    /// Sorts what stands before a node, which begins at `offset` if nothing does.
    pub(super) fn resolve_properties(
        &mut self,
        tokens: &[Token],
        next: NextNode,
        rules: PropertyRules,
        offset: usize,
    ) -> Result<Properties, SyntaxProblem> {
        let mut walk = PropertyWalk {
            is_at_newline: rules.is_at_newline,
            has_space: rules.is_at_newline,
            ..PropertyWalk::default()
        };
        for token in tokens {
            self.take_property(&mut walk, token, next, rules)?;
        }
        let end = tokens.last().map_or(offset, Token::end);
        if walk.needs_space
            && let Some(at) = next.touches_at
        {
            return Err(self.missing_space_at(at));
        }
        if let Some(tab) = walk.tab {
            let is_indent = walk.is_at_newline && tab.indent() <= rules.parent_indent;
            if is_indent || next.is_block_collection() {
                return Err(self.problem_at(tab.start(), TABS));
            }
        }
        let first = walk.found.anchor.into_iter().chain(walk.found.tag);
        Ok(Properties {
            start: first.map(|it| it.start()).min().unwrap_or(end),
            end,
            ..walk.found
        })
    }

    fn take_property(
        &mut self,
        walk: &mut PropertyWalk,
        token: &Token,
        next: NextNode,
        rules: PropertyRules,
    ) -> Result<(), SyntaxProblem> {
        let is_separator = matches!(
            token.kind,
            TokenKind::Space | TokenKind::Newline | TokenKind::Comma
        );
        if std::mem::take(&mut walk.needs_space) && !is_separator {
            return Err(self.missing_space_at(token.start()));
        }
        if let Some(tab) = walk.tab.take()
            && walk.is_at_newline
            && !matches!(token.kind, TokenKind::Comment | TokenKind::Newline)
        {
            return Err(self.problem_at(tab.start(), TABS));
        }
        match token.kind {
            TokenKind::Space => {
                // Before a document that is all brackets, and within them, a tab indents nothing.
                let may_indent = !rules.is_in_flow
                    && (rules.indicator != TokenKind::DocumentStart || !next.is_flow_collection());
                if may_indent && token.text(self.text).contains('\t') {
                    walk.tab = Some(*token);
                }
                walk.has_space = true;
            }
            TokenKind::Comment => {
                if !walk.has_space {
                    return Err(self.missing_space_before(token));
                }
                walk.is_at_newline = false;
            }
            TokenKind::Newline => {
                walk.is_at_newline = true;
                walk.has_space = true;
                walk.found.has_newline = true;
                if walk.found.anchor.is_some() || walk.found.tag.is_some() {
                    walk.found.newline_after = Some(*token);
                }
            }
            TokenKind::Anchor | TokenKind::Tag => self.take_anchor_or_tag(walk, token)?,
            kind if kind == rules.indicator => self.take_indicator(walk, token)?,
            TokenKind::Comma if rules.is_in_flow && walk.found.comma.is_none() => {
                walk.found.comma = Some(*token);
                walk.is_at_newline = false;
                walk.has_space = false;
            }
            kind => return Err(self.unexpected_token(token, kind)),
        }
        Ok(())
    }

    fn take_anchor_or_tag(
        &mut self,
        walk: &mut PropertyWalk,
        token: &Token,
    ) -> Result<(), SyntaxProblem> {
        let (slot, name) = match token.kind {
            TokenKind::Anchor => (&mut walk.found.anchor, "anchor"),
            _ => (&mut walk.found.tag, "tag"),
        };
        if slot.replace(*token).is_some() {
            let message = format!("a value can have only one {name}");
            return Err(self.problem_at(token.start(), message));
        }
        walk.is_at_newline = false;
        walk.has_space = false;
        walk.needs_space = true;
        Ok(())
    }

    fn take_indicator(
        &mut self,
        walk: &mut PropertyWalk,
        token: &Token,
    ) -> Result<(), SyntaxProblem> {
        let what = token.kind.describe();
        if walk.found.anchor.is_some() || walk.found.tag.is_some() {
            let message = format!("an anchor or a tag must stand behind {what}");
            return Err(self.problem_at(token.start(), message));
        }
        if walk.found.found.replace(*token).is_some() {
            return Err(self.unexpected_token(token, token.kind));
        }
        // Behind these, a value that begins on the line is indented by what is before it.
        walk.is_at_newline = matches!(
            token.kind,
            TokenKind::SequenceEntry | TokenKind::ExplicitKey
        );
        walk.has_space = false;
        Ok(())
    }

    fn unexpected_token(&mut self, token: &Token, kind: TokenKind) -> SyntaxProblem {
        let what = kind.describe();
        self.problem_at(token.start(), format!("unexpected {what}"))
    }

    fn missing_space_at(&mut self, offset: usize) -> SyntaxProblem {
        self.problem_at(offset, "a space is missing behind an anchor or a tag")
    }
}
