//! Mappings and sequences in lines.

use freshet_model::RuleId;

use super::properties::{NextNode, Properties, PropertyRules};
use super::{NodeToResolve, Resolver};
use crate::yaml::position::TextPosition;
use crate::yaml::problem::{SyntaxProblem, syntax_problem};
use crate::yaml::syntax::token::{Token, TokenKind};
use crate::yaml::syntax::tree::{Item, Node, NodeKind};

/// Longest key without a `?`, with what stands before its `:`.
const IMPLICIT_KEY_UNITS_MAX: usize = 1024;

const NO_KEY: &str =
    "this is no key, as no `:` follows it, and not indented enough to continue a text";
const MULTILINE_KEY: &str = "a key without a `?` must be on a single line, together with its `:`";
const COLUMN: &str = "the keys of a mapping must begin in the same column";

impl Resolver<'_, '_> {
    pub(super) fn resolve_block_map(
        &mut self,
        map: &Node,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let at = self.position_at(map.offset);
        let own = self.read_properties(properties)?;
        self.is_at_root = false;
        self.composer.open_mapping(&own, at)?;
        let mut space_before = None;
        for item in &map.items {
            let is_pair = self.resolve_block_pair(map, item)?;
            match space_before {
                Some(end) if is_pair => {
                    return Err(self.problem_at(end, "unexpected text behind a mapping"));
                }
                _ if !is_pair => space_before = item.start.last().map(Token::end),
                _ => {}
            }
        }
        self.composer.close_collection()
    }

    /// Hands on a key and its value. Whether there was one, and not only space.
    fn resolve_block_pair(&mut self, map: &Node, item: &Item) -> Result<bool, SyntaxProblem> {
        let (key, value) = (item.key.as_deref(), item.value.as_deref());
        let separator = item.separator.as_deref();
        let rules = PropertyRules {
            indicator: TokenKind::ExplicitKey,
            is_in_flow: false,
            parent_indent: map.indent,
            is_at_newline: true,
        };
        let next = NextNode::of_key(key, separator);
        let key_start = key.map_or(map.offset, |key| key.offset);
        let key_properties = self.resolve_properties(&item.start, next, rules, key_start)?;
        if let Some(found) = key_properties.found {
            if found.indent() != map.indent {
                return Err(self.problem_at(found.start(), COLUMN));
            }
        } else {
            self.check_implicit_key(map, key, &key_properties)?;
            let is_nothing = key_properties.anchor.is_none()
                && key_properties.tag.is_none()
                && separator.is_none();
            if is_nothing {
                return Ok(false);
            }
        }
        let is_block_scalar = key.is_some_and(|key| key.kind == NodeKind::BlockScalar);
        let key_end = self.resolve_key(key, &key_properties)?;
        let rules = PropertyRules {
            indicator: TokenKind::MapValue,
            is_at_newline: key.is_none() || is_block_scalar,
            ..rules
        };
        let next = NextNode::of_value(value);
        let tokens = separator.unwrap_or_default();
        let value_properties = self.resolve_properties(tokens, next, rules, key_end)?;
        if key_properties.found.is_none() {
            self.check_implicit_value(key, value, &key_properties, &value_properties)?;
        }
        let at = self.composer.last_key_position();
        // What follows a written out key without a `:` is no value of it, as in the package.
        let value = value.filter(|_| value_properties.found.is_some());
        let value = value.map_or(NodeToResolve::Empty(at), NodeToResolve::Node);
        self.resolve_node(value, &value_properties)?;
        Ok(true)
    }

    /// Hands on a key. Where it ends.
    pub(super) fn resolve_key(
        &mut self,
        key: Option<&Node>,
        properties: &Properties,
    ) -> Result<usize, SyntaxProblem> {
        let end = key.map_or(properties.end, |key| key.source.end.max(key.offset));
        let key = match key {
            Some(key) => NodeToResolve::Node(key),
            None => NodeToResolve::Empty(self.position_at(properties.end)),
        };
        self.resolve_node(key, properties)?;
        Ok(end)
    }

    /// A key without a `?` is one line, at the column of the mapping, and no sequence.
    fn check_implicit_key(
        &mut self,
        map: &Node,
        key: Option<&Node>,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let Some(key) = key else {
            return match properties.newline_after {
                Some(newline) => Err(self.problem_at(newline.start(), MULTILINE_KEY)),
                None => Ok(()),
            };
        };
        if key.kind == NodeKind::BlockSequence {
            let message = "expected a key here; the indentation does not match the keys above";
            return Err(self.problem_at(key.offset, message));
        }
        if key.indent != map.indent {
            return Err(self.problem_at(key.offset, COLUMN));
        }
        if properties.newline_after.is_some() || key.has_newline(self.text) {
            return Err(self.problem_at(key.offset, self.describe_multiline_key(key)));
        }
        Ok(())
    }

    fn describe_multiline_key(&self, key: &Node) -> &'static str {
        match key.kind {
            NodeKind::Plain if !self.text[key.source.clone()].contains('\n') => NO_KEY,
            _ => MULTILINE_KEY,
        }
    }

    /// What follows a key without a `?`.
    fn check_implicit_value(
        &mut self,
        key: Option<&Node>,
        value: Option<&Node>,
        key_properties: &Properties,
        value_properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let Some(found) = value_properties.found else {
            let at = key.map_or(key_properties.start, |key| key.offset);
            return Err(self.problem_at(at, NO_KEY));
        };
        let nested = value.filter(|value| value.kind == NodeKind::BlockMap);
        if let Some(nested) = nested.filter(|_| !value_properties.has_newline) {
            let second = nested
                .items
                .first()
                .and_then(|item| item.separator.as_ref());
            let colon = second.and_then(|tokens| {
                tokens
                    .iter()
                    .find(|token| token.kind == TokenKind::MapValue)
            });
            let at = colon.map_or(nested.offset, Token::start);
            let message = "unexpected `: `; either the indentation is wrong, or this is a text and needs quotes";
            return Err(self.problem_at(at, message));
        }
        self.check_key_length(key_properties.start, found)
    }

    pub(super) fn check_key_length(
        &mut self,
        start: usize,
        colon: Token,
    ) -> Result<(), SyntaxProblem> {
        let end = colon.start();
        // Bytes first: there are never more units of UTF-16 than those.
        if end.saturating_sub(start) <= IMPLICIT_KEY_UNITS_MAX
            || self.text[start..end].encode_utf16().count() <= IMPLICIT_KEY_UNITS_MAX
        {
            return Ok(());
        }
        let at = self.position_at(start);
        let message =
            format!("a key without a `?` has at most {IMPLICIT_KEY_UNITS_MAX} characters");
        Err(syntax_problem(RuleId::YamlSyntax, message, at))
    }

    pub(super) fn resolve_block_sequence(
        &mut self,
        sequence: &Node,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        self.check_sequence_properties(properties)?;
        let at = self.position_at(sequence.offset);
        let own = self.read_properties(properties)?;
        self.is_at_root = false;
        self.composer.open_sequence(&own, at)?;
        for item in &sequence.items {
            let value = item.value.as_deref();
            let rules = PropertyRules {
                indicator: TokenKind::SequenceEntry,
                is_in_flow: false,
                parent_indent: sequence.indent,
                is_at_newline: true,
            };
            let next = NextNode::of_value(value);
            let offset = value.map_or(sequence.offset, |value| value.offset);
            let properties = self.resolve_properties(&item.start, next, rules, offset)?;
            let has_property = properties.anchor.is_some() || properties.tag.is_some();
            if properties.found.is_none() {
                if value.is_none() && !has_property {
                    continue;
                }
                let at = value.map_or(properties.start, |value| value.offset);
                let message =
                    "expected `- ` here; the indentation does not match the elements above";
                return Err(self.problem_at(at, message));
            }
            let value = match value {
                Some(value) => NodeToResolve::Node(value),
                None => NodeToResolve::Empty(self.position_of_indicator(&properties)),
            };
            self.resolve_node(value, &properties)?;
        }
        self.composer.close_collection()
    }

    fn position_of_indicator(&mut self, properties: &Properties) -> TextPosition {
        let at = properties.found.map_or(properties.end, |it| it.start());
        self.position_at(at)
    }

    /// The anchor and the tag of a sequence in lines stand on a line before it.
    fn check_sequence_properties(&mut self, properties: &Properties) -> Result<(), SyntaxProblem> {
        let tokens = properties.anchor.into_iter().chain(properties.tag);
        let Some(last) = tokens.max_by_key(Token::start) else {
            return Ok(());
        };
        let newline = properties.newline_after;
        if newline.is_some_and(|newline| newline.start() > last.start()) {
            return Ok(());
        }
        let message = "a list in lines must begin on the line after its anchor or tag";
        Err(self.problem_at(last.start(), message))
    }
}
