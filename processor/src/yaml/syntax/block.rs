//! Mappings and sequences in lines.

use super::Fault;
use super::parser::{TreeParser, split_first_properties};
use super::token::{Token, TokenKind, push_token};
use super::tree::{Item, Node, NodeKind, has_kind};

impl TreeParser<'_> {
    pub(super) fn step_block_map(&mut self) -> Result<(), Fault> {
        match self.token.kind {
            TokenKind::Newline => {
                self.on_key_line = false;
                self.take_block_newline();
                return Ok(());
            }
            TokenKind::Space | TokenKind::Comment => {
                self.take_block_space();
                return Ok(());
            }
            _ => {}
        }
        if self.indent < self.top().indent {
            self.pop();
            return self.step();
        }
        let place = self.find_place_in_map();
        match self.token.kind {
            TokenKind::Anchor | TokenKind::Tag => self.take_property(place),
            TokenKind::ExplicitKey => self.take_explicit_key(place),
            TokenKind::MapValue => self.take_map_value(place),
            kind => match NodeKind::of_scalar(kind) {
                Some(kind) => self.take_map_scalar(kind, place),
                None => self.take_map_block(place),
            },
        }
    }

    /// A line break behind a value, or within an item.
    fn take_block_newline(&mut self) {
        let token = self.token;
        let top = self.top();
        let item = top.items.last_mut().expect("a block has an item");
        if item.value.is_some() {
            let next = item.end_line(token);
            top.items.extend(next);
        } else {
            push_token(item.last_tokens(), token);
        }
    }

    /// Space or a comment between or within items.
    fn take_block_space(&mut self) {
        let (token, indent) = (self.token, self.indent);
        let top = self.top();
        let item = top.items.last_mut().expect("a block has an item");
        if item.value.is_some() {
            top.items.push(Item::starting_with(vec![token]));
            return;
        }
        let is_space = |token: &Token| matches!(token.kind, TokenKind::Newline | TokenKind::Space);
        let is_indented_comment = token.kind == TokenKind::Comment
            && indent > top.indent
            && item.separator.is_none()
            && item.start.iter().all(is_space);
        if is_indented_comment && let [.., before, last] = top.items.as_mut_slice() {
            let end = before.value.as_mut().and_then(|value| value.end_tokens());
            if let Some(end) = end {
                end.append(&mut last.start);
                push_token(end, token);
                top.items.pop();
                return;
            }
        }
        let item = top.items.last_mut().expect("a block has an item");
        push_token(item.last_tokens(), token);
    }

    /// Whether the token at hand begins the next item, and what was read of that item already.
    fn find_place_in_map(&mut self) -> PlaceInMap {
        let (kind, indent, on_key_line) = (self.token.kind, self.indent, self.on_key_line);
        let map = self.top();
        let map_indent = map.indent;
        let item = map.items.last_mut().expect("a block has an item");
        let is_at_indent = !on_key_line && indent == map_indent;
        let is_next = is_at_indent
            && (item.separator.is_some() || item.is_explicit)
            && kind != TokenKind::SequenceEntry;
        let start = match &mut item.separator {
            Some(separator) if is_next && item.value.is_none() => {
                split_empty_line(separator, map_indent)
            }
            _ => Vec::new(),
        };
        PlaceInMap {
            is_at_indent,
            begins_item: is_next || item.value.is_some(),
            start,
        }
    }

    fn last_item(&mut self) -> &mut Item {
        let items = &mut self.top().items;
        items.last_mut().expect("a block has an item")
    }

    fn push_item(&mut self, item: Item) -> Result<(), Fault> {
        self.count_node(self.token.start())?;
        self.top().items.push(item);
        Ok(())
    }

    /// Begins a mapping inside of this one.
    fn push_map(&mut self, first: Item) -> Result<(), Fault> {
        // The token at hand may be the `:` behind a key that was read already.
        let key = first.key.as_ref().map(|key| key.offset);
        let (offset, indent) = (key.unwrap_or(self.token.start()), self.indent);
        self.push(Node::new_block(NodeKind::BlockMap, offset, indent, first))
    }

    fn take_property(&mut self, mut place: PlaceInMap) -> Result<(), Fault> {
        let token = self.token;
        if !place.begins_item {
            push_token(self.last_item().last_tokens(), token);
            return Ok(());
        }
        place.start.push(token);
        self.on_key_line = true;
        self.push_item(Item::starting_with(place.start))
    }

    fn take_explicit_key(&mut self, mut place: PlaceInMap) -> Result<(), Fault> {
        let token = self.token;
        self.on_key_line = true;
        let item = self.last_item();
        if item.separator.is_none() && !item.is_explicit {
            push_token(&mut item.start, token);
            item.is_explicit = true;
            return Ok(());
        }
        if place.begins_item {
            place.start.push(token);
            return self.push_item(Item::explicit(place.start));
        }
        self.push_map(Item::explicit(vec![token]))
    }

    fn take_map_value(&mut self, place: PlaceInMap) -> Result<(), Fault> {
        let token = self.token;
        self.on_key_line = true;
        let item = self.last_item();
        if item.is_explicit {
            return self.take_explicit_value(place);
        }
        match &mut item.separator {
            None => {
                item.separator = Some(vec![token]);
                Ok(())
            }
            Some(_) if place.begins_item => {
                self.push_item(Item::pair(place.start, None, vec![token]))
            }
            Some(separator) if has_kind(separator, TokenKind::MapValue) => {
                self.push_map(Item::pair(Vec::new(), None, vec![token]))
            }
            Some(separator) => {
                push_token(separator, token);
                Ok(())
            }
        }
    }

    /// A `:` after a `?`: of the key there, or of a key inside of that one.
    fn take_explicit_value(&mut self, place: PlaceInMap) -> Result<(), Fault> {
        let token = self.token;
        let item = self.last_item();
        let Some(separator) = &mut item.separator else {
            if has_kind(&item.start, TokenKind::Newline) {
                item.separator = Some(vec![token]);
                return Ok(());
            }
            let start = split_first_properties(&mut item.start);
            return self.push_map(Item::pair(start, None, vec![token]));
        };
        if item.value.is_some() {
            return self.push_item(Item::pair(Vec::new(), None, vec![token]));
        }
        if has_kind(separator, TokenKind::MapValue) {
            return self.push_map(Item::pair(place.start, None, vec![token]));
        }
        let is_on_line = !has_kind(separator, TokenKind::Newline);
        if is_on_line && item.key.as_ref().is_some_and(|key| key.kind.is_flow()) {
            let mut separator = std::mem::take(separator);
            item.separator = None;
            let key = item.key.take().map(|key| *key);
            let start = split_first_properties(&mut item.start);
            push_token(&mut separator, token);
            return self.push_map(Item::pair(start, key, separator));
        }
        separator.extend(place.start);
        push_token(separator, token);
        Ok(())
    }

    fn take_map_scalar(&mut self, kind: NodeKind, place: PlaceInMap) -> Result<(), Fault> {
        let scalar = Node::new_scalar(kind, self.token);
        if place.begins_item {
            self.on_key_line = true;
            return self.push_item(Item::pair(place.start, Some(scalar), Vec::new()));
        }
        let item = self.last_item();
        if item.separator.is_some() {
            return self.push(scalar);
        }
        item.key = Some(Box::new(scalar));
        item.separator = Some(Vec::new());
        self.on_key_line = true;
        Ok(())
    }

    /// Whatever else may be a value of a mapping.
    fn take_map_block(&mut self, place: PlaceInMap) -> Result<(), Fault> {
        let Some(value) = self.start_value() else {
            self.pop();
            return self.step();
        };
        let item = self.last_item();
        if value.kind != NodeKind::BlockSequence {
            if place.is_at_indent {
                self.push_item(Item::starting_with(place.start))?;
            }
        } else if !item.is_explicit
            && item.separator.is_some()
            && !item.separator_has(TokenKind::Newline)
        {
            let message = "a list cannot start on the line of its key";
            return Err(Fault::new(self.token.start(), message));
        }
        self.push(value)
    }

    pub(super) fn step_block_sequence(&mut self) -> Result<(), Fault> {
        let (token, indent) = (self.token, self.indent);
        let own_indent = self.top().indent;
        let item = self.last_item();
        match token.kind {
            TokenKind::Newline => {
                self.take_block_newline();
                return Ok(());
            }
            TokenKind::Space | TokenKind::Comment => {
                self.take_block_space();
                return Ok(());
            }
            TokenKind::Anchor | TokenKind::Tag if item.value.is_none() && indent > own_indent => {
                push_token(&mut item.start, token);
                return Ok(());
            }
            TokenKind::SequenceEntry if indent == own_indent => {
                if item.value.is_none() && !has_kind(&item.start, TokenKind::SequenceEntry) {
                    push_token(&mut item.start, token);
                    return Ok(());
                }
                return self.push_item(Item::starting_with(vec![token]));
            }
            TokenKind::Anchor | TokenKind::Tag | TokenKind::SequenceEntry => {}
            _ => {}
        }
        if indent > own_indent
            && let Some(value) = self.start_value()
        {
            return self.push(value);
        }
        self.pop();
        self.step()
    }
}

/// Where in a mapping a token is.
struct PlaceInMap {
    /// At its indentation, on a line without a key.
    is_at_indent: bool,
    /// Behind an item that is complete, or at the start of the next line.
    begins_item: bool,
    /// What was taken for part of the item before and belongs to the next one.
    start: Vec<Token>,
}

/// Takes what comes after the first empty line at the end of the tokens after a key without a
/// value: it belongs to the next key.
fn split_empty_line(separator: &mut Vec<Token>, map_indent: usize) -> Vec<Token> {
    let mut newlines = Vec::new();
    for (at, token) in separator.iter().enumerate() {
        match token.kind {
            TokenKind::Newline => newlines.push(at),
            TokenKind::Space => {}
            TokenKind::Comment if token.indent() <= map_indent => {}
            _ => newlines.clear(),
        }
    }
    match newlines.as_slice() {
        [_, second, ..] => separator.split_off(*second),
        _ => Vec::new(),
    }
}
