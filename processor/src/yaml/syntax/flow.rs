//! Mappings and sequences in brackets.

use super::Fault;
use super::parser::TreeParser;
use super::token::{TokenKind, push_token};
use super::tree::{Item, Node, NodeKind};

impl TreeParser<'_> {
    pub(super) fn step_flow(&mut self) -> Result<(), Fault> {
        if !self.top().tail.is_empty() {
            return self.step_closed_flow();
        }
        let token = self.token;
        let item = self.top().items.last_mut().filter(|it| it.value.is_none());
        match token.kind {
            TokenKind::Comma | TokenKind::ExplicitKey => {
                let item = self.top().items.last_mut();
                match item.filter(|it| it.separator.is_none()) {
                    Some(item) => push_token(&mut item.start, token),
                    None => return self.push_flow_item(Item::starting_with(vec![token])),
                }
            }
            TokenKind::MapValue => match item {
                Some(item) => {
                    push_token(item.separator.get_or_insert_default(), token);
                }
                None => return self.push_flow_item(Item::pair(Vec::new(), None, vec![token])),
            },
            TokenKind::Space
            | TokenKind::Comment
            | TokenKind::Newline
            | TokenKind::Anchor
            | TokenKind::Tag => match item {
                Some(item) => push_token(item.last_tokens(), token),
                None => return self.push_flow_item(Item::starting_with(vec![token])),
            },
            TokenKind::FlowMapEnd | TokenKind::FlowSequenceEnd => self.top().tail.push(token),
            kind => match NodeKind::of_scalar(kind) {
                Some(kind) => {
                    let scalar = Node::new_scalar(kind, token);
                    match item {
                        Some(item) if item.separator.is_some() => return self.push(scalar),
                        Some(item) => {
                            item.key = Some(Box::new(scalar));
                            item.separator = Some(Vec::new());
                        }
                        None => {
                            let pair = Item::pair(Vec::new(), Some(scalar), Vec::new());
                            return self.push_flow_item(pair);
                        }
                    }
                }
                None => match self.start_value() {
                    Some(value) => return self.push(value),
                    None => {
                        self.pop();
                        return self.step();
                    }
                },
            },
        }
        Ok(())
    }

    fn push_flow_item(&mut self, item: Item) -> Result<(), Fault> {
        self.count_node(self.token.start())?;
        self.top().items.push(item);
        Ok(())
    }

    /// What follows the closing bracket.
    fn step_closed_flow(&mut self) -> Result<(), Fault> {
        let (kind, indent) = (self.token.kind, self.top().indent);
        let parent = self.stack.iter().rev().nth(1);
        let ends_value = parent
            .filter(|parent| parent.kind == NodeKind::BlockMap)
            .is_some_and(|map| match kind {
                TokenKind::MapValue => map.indent == indent,
                TokenKind::Newline => map.items.last().is_some_and(|it| it.separator.is_none()),
                _ => false,
            });
        if ends_value {
            self.pop();
            return self.step();
        }
        let is_in_flow = parent.is_some_and(|parent| parent.kind.is_flow_collection());
        if kind == TokenKind::MapValue && !is_in_flow {
            return self.make_flow_key();
        }
        self.end_line()
    }

    /// The brackets were a key.
    fn make_flow_key(&mut self) -> Result<(), Fault> {
        let mut key = self.stack.pop().expect("a step is of the top node");
        let start = self.take_first_properties();
        key.turn_keys_into_elements();
        let mut separator = key.tail.split_off(1);
        push_token(&mut separator, self.token);
        self.on_key_line = true;
        let (offset, indent) = (key.offset, key.indent);
        let first = Item::pair(start, Some(key), separator);
        self.push(Node::new_block(NodeKind::BlockMap, offset, indent, first))
    }
}
