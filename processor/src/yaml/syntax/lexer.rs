//! A text cut into lexemes: which piece of it is which.
//!
//! A state machine that looks at most at the rest of the current value. It never fails; what
//! makes no sense is handed on and does not fit into the tree.

use std::collections::VecDeque;
use std::ops::Range;

/// A piece of text, or a sign about the pieces around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lexeme {
    /// What comes next is a scalar without quotes, or the lines of a block text.
    Scalar,
    /// A line inside brackets is not indented enough to be inside.
    FlowEnd,
    /// A piece of text.
    Text(Range<usize>),
}

#[derive(Clone, Copy)]
pub(super) enum LexerState {
    LineStart,
    BlockStart,
    Block,
    Flow,
}

/// Whether tabs count as space.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tabs {
    Count,
    End,
}

pub(super) struct Lexer<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
    /// Levels of brackets around.
    pub(super) flow_level: usize,
    /// Whether a `:` may follow directly, inside brackets.
    pub(super) is_flow_key: bool,
    /// Indentation that the next lines need to belong to the value at hand.
    pub(super) indent_next: usize,
    /// Indentation of this line, indicators included.
    indent_value: usize,
    /// End of the line that was looked at last, its line break excluded.
    line_end: usize,
    state: LexerState,
    lexemes: VecDeque<Lexeme>,
}

impl Iterator for Lexer<'_> {
    type Item = Lexeme;

    fn next(&mut self) -> Option<Lexeme> {
        loop {
            if let Some(lexeme) = self.lexemes.pop_front() {
                return Some(lexeme);
            }
            if self.at >= self.bytes.len() {
                return None;
            }
            self.state = match self.state {
                LexerState::LineStart => self.start_line(),
                LexerState::BlockStart => self.start_block(),
                LexerState::Block => self.lex_block(),
                LexerState::Flow => self.lex_flow(),
            };
        }
    }
}

impl<'t> Lexer<'t> {
    /// For the text of one document.
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            flow_level: 0,
            is_flow_key: false,
            indent_next: 0,
            indent_value: 0,
            line_end: 0,
            state: LexerState::LineStart,
            lexemes: VecDeque::new(),
        }
    }

    pub(super) fn start_line(&mut self) -> LexerState {
        if self.is_document_marker(self.at) {
            self.push_bytes(3);
            self.indent_value = 0;
            self.indent_next = 0;
            return LexerState::Block;
        }
        self.indent_value = self.push_spaces(Tabs::End);
        if self.indent_next > self.indent_value && !is_blank(self.ahead(1)) {
            self.indent_next = self.indent_value;
        }
        self.start_block()
    }

    fn start_block(&mut self) -> LexerState {
        let is_indicator = matches!(self.ahead(0), Some(b'-' | b'?' | b':'));
        if !is_indicator || !is_blank(self.ahead(1)) {
            return LexerState::Block;
        }
        let width = self.push_bytes(1) + self.push_spaces(Tabs::Count);
        self.indent_next = self.indent_value + 1;
        self.indent_value += width;
        LexerState::BlockStart
    }

    fn lex_block(&mut self) -> LexerState {
        self.push_spaces(Tabs::Count);
        let line_end = self.find_line_end();
        self.push_indicators();
        match self.before(line_end) {
            None => {
                self.push_newline();
                self.start_line()
            }
            Some(b'#') => {
                self.push_until(line_end);
                self.push_newline();
                self.start_line()
            }
            Some(b'{' | b'[') => {
                self.push_bytes(1);
                self.is_flow_key = false;
                self.flow_level = 1;
                LexerState::Flow
            }
            // Closes nothing: the tree has no place for it.
            Some(b'}' | b']') => {
                self.push_bytes(1);
                LexerState::Block
            }
            Some(b'*') => {
                self.push_name();
                LexerState::Block
            }
            Some(b'"' | b'\'') => self.lex_quoted(),
            Some(b'|' | b'>') => {
                let header = self.push_block_header();
                self.push_spaces(Tabs::Count);
                self.push_until(line_end);
                self.push_newline();
                self.lex_block_scalar(header)
            }
            Some(_) => self.lex_plain(),
        }
    }

    fn lex_flow(&mut self) -> LexerState {
        let indent = self.push_flow_space();
        let line_end = self.find_line_end();
        if self.is_outside_of_flow(indent, line_end) {
            self.flow_level = 0;
            self.lexemes.push_back(Lexeme::FlowEnd);
            return self.start_line();
        }
        while self.before(line_end) == Some(b',') {
            self.push_bytes(1);
            self.push_spaces(Tabs::Count);
            self.is_flow_key = false;
        }
        self.push_indicators();
        match self.before(line_end) {
            None => LexerState::Flow,
            Some(b'#') => {
                self.push_until(line_end);
                LexerState::Flow
            }
            Some(b'{' | b'[') => {
                self.push_bytes(1);
                self.is_flow_key = false;
                self.flow_level += 1;
                LexerState::Flow
            }
            Some(b'}' | b']') => {
                self.push_bytes(1);
                self.is_flow_key = true;
                self.flow_level -= 1;
                self.around()
            }
            Some(b'*') => {
                self.push_name();
                LexerState::Flow
            }
            Some(b'"' | b'\'') => {
                self.is_flow_key = true;
                self.lex_quoted()
            }
            Some(b':') if self.is_flow_key => {
                self.is_flow_key = false;
                self.push_bytes(1);
                self.push_spaces(Tabs::Count);
                LexerState::Flow
            }
            Some(_) => {
                self.is_flow_key = false;
                self.lex_plain()
            }
        }
    }

    /// Pushes line breaks and space inside brackets. The indentation, if a line began.
    fn push_flow_space(&mut self) -> Option<usize> {
        let mut indent = None;
        loop {
            let is_new_line = self.push_newline();
            if is_new_line {
                let spaces = self.push_spaces(Tabs::End);
                self.indent_value = spaces;
                indent = Some(spaces);
            }
            let more = self.push_spaces(Tabs::Count);
            if !is_new_line && more == 0 {
                return indent;
            }
        }
    }

    /// Whether the line here is not indented enough to be inside of the brackets around.
    fn is_outside_of_flow(&self, indent: Option<usize>, line_end: usize) -> bool {
        let Some(indent) = indent else { return false };
        let first = self.before(line_end);
        let is_short = indent < self.indent_next && first != Some(b'#');
        let is_marker = indent == 0 && self.is_document_marker(self.at);
        // The last bracket may be as far left as the line that has the first one.
        let is_last_bracket = indent + 1 == self.indent_next
            && self.flow_level == 1
            && matches!(first, Some(b']' | b'}'));
        (is_short || is_marker) && !is_last_bracket
    }

    /// The state inside of what is around: brackets or lines.
    pub(super) fn around(&self) -> LexerState {
        if self.flow_level > 0 {
            LexerState::Flow
        } else {
            LexerState::Block
        }
    }

    /// Pushes tags, anchors, and the indicators of keys and elements.
    fn push_indicators(&mut self) {
        loop {
            match self.ahead(0) {
                Some(b'!') => self.push_tag(),
                Some(b'&') => self.push_name(),
                Some(b'-' | b'?' | b':') => {
                    let next = self.ahead(1);
                    let is_in_flow = self.flow_level > 0;
                    if !(is_blank(next) || is_in_flow && is_flow_indicator(next)) {
                        return;
                    }
                    if is_in_flow {
                        self.is_flow_key = false;
                    } else {
                        self.indent_next = self.indent_value + 1;
                    }
                    self.push_bytes(1);
                }
                _ => return,
            }
            self.push_spaces(Tabs::Count);
        }
    }

    fn push_tag(&mut self) {
        let is_hexadecimal = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        let mut end = self.at + 1;
        if self.byte(end) == Some(b'<') {
            end += 1;
            while !is_blank(self.byte(end)) && self.byte(end) != Some(b'>') {
                end += 1;
            }
            end += usize::from(self.byte(end) == Some(b'>'));
        } else {
            loop {
                match self.byte(end) {
                    Some(byte) if is_tag_byte(byte) => end += 1,
                    Some(b'%')
                        if is_hexadecimal(self.byte(end + 1))
                            && is_hexadecimal(self.byte(end + 2)) =>
                    {
                        end += 3;
                    }
                    _ => break,
                }
            }
        }
        self.push_until(end);
    }

    /// Pushes an anchor or an alias.
    fn push_name(&mut self) {
        let mut end = self.at;
        while !is_blank(self.byte(end)) && !is_flow_indicator(self.byte(end)) {
            end += 1;
        }
        self.push_until(end);
    }

    pub(super) fn push_newline(&mut self) -> bool {
        match (self.ahead(0), self.ahead(1)) {
            (Some(b'\n'), _) => self.push_bytes(1) > 0,
            (Some(b'\r'), Some(b'\n')) => self.push_bytes(2) > 0,
            _ => false,
        }
    }

    pub(super) fn push_spaces(&mut self, tabs: Tabs) -> usize {
        let start = self.at;
        let mut end = start;
        while self.byte(end) == Some(b' ') || (tabs == Tabs::Count && self.byte(end) == Some(b'\t'))
        {
            end += 1;
        }
        self.push_until(end);
        end - start
    }

    fn push_bytes(&mut self, count: usize) -> usize {
        self.push_until(self.at + count);
        count
    }

    /// Pushes the text up to `end`, if there is any.
    pub(super) fn push_until(&mut self, end: usize) {
        let end = end.min(self.bytes.len());
        if end > self.at {
            self.lexemes.push_back(Lexeme::Text(self.at..end));
            self.at = end;
        }
    }

    /// Pushes the text of a scalar, which may be empty.
    pub(super) fn push_scalar(&mut self, end: usize) {
        let end = end.min(self.bytes.len());
        self.lexemes.push_back(Lexeme::Scalar);
        self.lexemes.push_back(Lexeme::Text(self.at..end));
        self.at = end;
    }

    fn find_line_end(&mut self) -> usize {
        // Kept, or a long line of brackets would be searched once for each of them.
        if self.line_end < self.at || self.line_end == 0 {
            let end = self.find_byte(b'\n', self.at).unwrap_or(self.bytes.len());
            self.line_end = end;
        }
        let end = self.line_end;
        let is_return =
            end > self.at && self.byte(end) == Some(b'\n') && self.byte(end - 1) == Some(b'\r');
        end - usize::from(is_return)
    }

    pub(super) fn find_byte(&self, wanted: u8, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        rest.iter()
            .position(|byte| *byte == wanted)
            .map(|at| from + at)
    }

    pub(super) fn is_document_marker(&self, at: usize) -> bool {
        let marker = self.bytes.get(at..at + 3);
        matches!(marker, Some(b"---" | b"...")) && is_blank(self.byte(at + 3))
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn ahead(&self, count: usize) -> Option<u8> {
        self.byte(self.at + count)
    }

    /// The next byte, if it is before `end`.
    fn before(&self, end: usize) -> Option<u8> {
        (self.at < end).then(|| self.bytes[self.at])
    }
}

/// Whether nothing is there: space, or the end.
pub(super) fn is_blank(byte: Option<u8>) -> bool {
    matches!(byte, None | Some(b' ' | b'\n' | b'\r' | b'\t'))
}

pub(super) fn is_flow_indicator(byte: Option<u8>) -> bool {
    matches!(byte, Some(b',' | b'[' | b']' | b'{' | b'}'))
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-#;/?:@&=+$_.!~*'()".contains(&byte)
}
