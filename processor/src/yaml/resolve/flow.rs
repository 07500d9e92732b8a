//! Mappings and sequences in brackets.

use super::properties::{NextNode, Properties, PropertyRules};
use super::{CommentRule, NodeToResolve, Resolver};
use crate::yaml::composer::NodeProperties;
use crate::yaml::problem::SyntaxProblem;
use crate::yaml::syntax::token::{Token, TokenKind};
use crate::yaml::syntax::tree::{Item, Node, NodeKind};

const MULTILINE_KEY: &str =
    "a key in a list in brackets must be on a single line, together with its `:`";

impl Resolver<'_, '_> {
    pub(super) fn resolve_flow(
        &mut self,
        flow: &Node,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let is_map = flow.kind == NodeKind::FlowMap;
        let at = self.position_at(flow.offset);
        let own = self.read_properties(properties)?;
        self.is_at_root = false;
        if is_map {
            self.composer.open_mapping(&own, at)?;
        } else {
            self.composer.open_sequence(&own, at)?;
        }
        let mut offset = flow.offset + 1;
        let last = flow.items.len().saturating_sub(1);
        for (index, item) in flow.items.iter().enumerate() {
            let place = ItemPlace {
                is_first: index == 0,
                is_last: index == last,
            };
            offset = self.resolve_flow_item(flow, item, place, offset)?;
        }
        self.check_closing(flow)?;
        self.composer.close_collection()
    }

    /// Where the item ends.
    fn resolve_flow_item(
        &mut self,
        flow: &Node,
        item: &Item,
        place: ItemPlace,
        offset: usize,
    ) -> Result<usize, SyntaxProblem> {
        let is_map = flow.kind == NodeKind::FlowMap;
        let (key, value) = (item.key.as_deref(), item.value.as_deref());
        let separator = item.separator.as_deref();
        let rules = PropertyRules {
            indicator: TokenKind::ExplicitKey,
            is_in_flow: true,
            parent_indent: flow.indent,
            is_at_newline: false,
        };
        let next = NextNode::of_key(key, separator);
        let properties = self.resolve_properties(&item.start, next, rules, offset)?;
        let has_property = properties.anchor.is_some() || properties.tag.is_some();
        let is_explicit = properties.found.is_some();
        if !is_explicit && !has_property && separator.is_none() && value.is_none() {
            self.check_empty_item(place, &properties)?;
            return Ok(properties.end);
        }
        let is_multiline = || key.is_some_and(|key| key.has_newline(self.text));
        if !is_explicit && !is_map && is_multiline() {
            let at = key.map_or(properties.start, |key| key.offset);
            return Err(self.problem_at(at, MULTILINE_KEY));
        }
        self.check_comma(flow, item, place, &properties)?;
        if !is_map && separator.is_none() && !is_explicit {
            let at = self.position_at(properties.end);
            let node = value.map_or(NodeToResolve::Empty(at), NodeToResolve::Node);
            self.check_no_block(value)?;
            self.resolve_node(node, &properties)?;
            return Ok(properties.end);
        }
        self.resolve_flow_pair(flow, item, &properties)
    }

    /// A comma is before every item but the first.
    fn check_comma(
        &mut self,
        flow: &Node,
        item: &Item,
        place: ItemPlace,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        match (place.is_first, properties.comma) {
            (true, None) | (false, Some(_)) => Ok(()),
            (true, Some(comma)) => {
                let message = "unexpected `,` before the first element";
                Err(self.problem_at(comma.start(), message))
            }
            (false, None) => {
                let node = item.key.as_deref().or(item.value.as_deref());
                let at = node.map_or(properties.start, |node| node.offset);
                Err(self.problem_at(at, name_expected(flow.kind)))
            }
        }
    }

    /// Between two commas something must be; before the closing bracket nothing need be.
    fn check_empty_item(
        &mut self,
        place: ItemPlace,
        properties: &Properties,
    ) -> Result<(), SyntaxProblem> {
        let at = match (properties.comma, place) {
            (Some(comma), ItemPlace { is_first: true, .. }) => comma.start(),
            (_, ItemPlace { is_last: false, .. }) => properties.start,
            _ => return Ok(()),
        };
        Err(self.problem_at(at, "unexpected `,`: nothing is before it"))
    }

    fn resolve_flow_pair(
        &mut self,
        flow: &Node,
        item: &Item,
        key_properties: &Properties,
    ) -> Result<usize, SyntaxProblem> {
        let is_map = flow.kind == NodeKind::FlowMap;
        let (key, value) = (item.key.as_deref(), item.value.as_deref());
        let separator = item.separator.as_deref().unwrap_or_default();
        if !is_map {
            let at = self.position_at(key.map_or(key_properties.end, |key| key.offset));
            self.composer.open_mapping(&NodeProperties::default(), at)?;
        }
        self.check_no_block(key)?;
        let key_end = self.resolve_key(key, key_properties)?;
        let rules = PropertyRules {
            indicator: TokenKind::MapValue,
            is_in_flow: true,
            parent_indent: flow.indent,
            is_at_newline: false,
        };
        let next = NextNode::of_value(value);
        let properties = self.resolve_properties(separator, next, rules, key_end)?;
        match (properties.found, value) {
            (Some(found), _) if !is_map && key_properties.found.is_none() => {
                self.check_flow_colon(key_properties, separator, found)?;
            }
            (None, Some(value)) => return Err(self.missing_colon_before(flow, value, &properties)),
            (Some(_), _) | (None, None) => {}
        }
        self.check_no_block(value)?;
        let at = self.composer.last_key_position();
        let node = value.map_or(NodeToResolve::Empty(at), NodeToResolve::Node);
        self.resolve_node(node, &properties)?;
        if !is_map {
            self.composer.close_collection()?;
        }
        Ok(properties.end)
    }

    /// The `:` of a pair in a list is on the line of its key, and not far behind it.
    fn check_flow_colon(
        &mut self,
        key_properties: &Properties,
        separator: &[Token],
        colon: Token,
    ) -> Result<(), SyntaxProblem> {
        let mut before = separator.iter().take_while(|token| **token != colon);
        if let Some(newline) = before.find(|token| token.kind == TokenKind::Newline) {
            return Err(self.problem_at(newline.start(), MULTILINE_KEY));
        }
        self.check_key_length(key_properties.start, colon)
    }

    fn missing_colon_before(
        &mut self,
        flow: &Node,
        value: &Node,
        properties: &Properties,
    ) -> SyntaxProblem {
        if self.text[value.source.clone()].starts_with(':') {
            return self.problem_at(value.offset, "a space is missing behind this `:`");
        }
        self.problem_at(properties.start, name_expected(flow.kind))
    }

    fn check_no_block(&mut self, node: Option<&Node>) -> Result<(), SyntaxProblem> {
        let Some(block) = node.filter(|node| node.kind.is_block_collection()) else {
            return Ok(());
        };
        let message = match block.kind {
            NodeKind::BlockSequence => "a list with `- ` cannot stand inside brackets",
            _ => "unexpected `:` between brackets; is a closing bracket missing before it?",
        };
        Err(self.problem_at(block.offset, message))
    }

    fn check_closing(&mut self, flow: &Node) -> Result<(), SyntaxProblem> {
        let (closing, opening) = match flow.kind {
            NodeKind::FlowMap => (TokenKind::FlowMapEnd, TokenKind::FlowMapStart),
            _ => (TokenKind::FlowSequenceEnd, TokenKind::FlowSequenceStart),
        };
        match flow.tail.split_first() {
            Some((first, rest)) if first.kind == closing => {
                self.check_end(rest, CommentRule::BehindSpace)
            }
            Some((first, _)) => {
                let (found, wanted) = (first.kind.describe(), closing.describe());
                let message = format!(
                    "{found} cannot close {}; expected {wanted}",
                    opening.describe()
                );
                Err(self.problem_at(first.start(), message))
            }
            None if self.is_cut => Ok(()),
            None => {
                let message = format!("this {} is never closed", opening.describe());
                Err(self.problem_at(flow.offset, message))
            }
        }
    }
}

/// What may stand behind an item.
fn name_expected(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::FlowMap => "expected `,` or `}` in this mapping in braces",
        _ => "expected `,` or `]` in this list in brackets",
    }
}

/// Where among the items of its collection one is.
#[derive(Clone, Copy)]
struct ItemPlace {
    is_first: bool,
    is_last: bool,
}
