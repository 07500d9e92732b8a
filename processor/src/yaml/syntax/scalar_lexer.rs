//! Where a scalar ends.

use super::lexer::{Lexer, LexerState, is_blank, is_flow_indicator};

/// What the header of a block text says about its lines.
#[derive(Clone, Copy)]
pub(super) struct BlockHeader {
    /// Indentation that is written out, less one.
    extra_indent: Option<usize>,
    /// Whether empty lines at the end belong to the text.
    keeps_end: bool,
}

impl Lexer<'_> {
    pub(super) fn lex_quoted(&mut self) -> LexerState {
        let end = match self.find_closing_quote() {
            Some(end) => self.find_short_line(end).unwrap_or(end + 1),
            None => self.bytes.len(),
        };
        self.push_until(end);
        self.around()
    }

    fn find_closing_quote(&self) -> Option<usize> {
        let quote = self.bytes[self.at];
        let mut end = self.find_byte(quote, self.at + 1)?;
        loop {
            let next = if quote == b'\'' {
                // Two of them are one that is meant.
                if self.byte(end + 1) != Some(quote) {
                    return Some(end);
                }
                end + 2
            } else {
                let before = self.bytes[..end].iter().rev();
                if before.take_while(|byte| **byte == b'\\').count() % 2 == 0 {
                    return Some(end);
                }
                end + 1
            };
            end = self.find_byte(quote, next)?;
        }
    }

    /// The end of the line before the first one that is not indented enough, up to `end`.
    fn find_short_line(&self, end: usize) -> Option<usize> {
        let newline_from = |from: usize| {
            let inside = self.bytes.get(from..end)?;
            let at = inside.iter().position(|byte| *byte == b'\n')?;
            Some(from + at)
        };
        let mut newline = newline_from(self.at)?;
        while let Some(next) = self.continue_scalar(newline + 1) {
            newline = newline_from(next)?;
        }
        Some(newline - usize::from(self.bytes[newline - 1] == b'\r'))
    }

    pub(super) fn push_block_header(&mut self) -> BlockHeader {
        let mut header = BlockHeader {
            extra_indent: None,
            keeps_end: false,
        };
        let mut at = self.at;
        loop {
            at += 1;
            match self.byte(at) {
                Some(b'+') => header.keeps_end = true,
                Some(digit @ b'1'..=b'9') => header.extra_indent = Some(usize::from(digit - b'1')),
                Some(b'-') => {}
                _ => break,
            }
        }
        while !is_blank(self.byte(at)) && self.byte(at) != Some(b'#') {
            at += 1;
        }
        self.push_until(at);
        header
    }

    pub(super) fn lex_block_scalar(&mut self, header: BlockHeader) -> LexerState {
        let (mut next_line, indent) = self.find_first_content();
        if indent >= self.indent_next {
            self.indent_next = match header.extra_indent {
                None => indent,
                Some(extra) => extra + self.indent_next.max(1),
            };
            while let Some(from) = self.continue_scalar(next_line) {
                match self.find_byte(b'\n', from) {
                    Some(newline) => next_line = newline + 1,
                    None => {
                        next_line = self.bytes.len() + 1;
                        break;
                    }
                }
            }
        }
        let end = match self.skip_tabbed_lines(next_line) {
            Some(end) => end,
            None if header.keeps_end => next_line,
            None => self.drop_empty_lines(next_line, indent),
        };
        self.push_scalar(end);
        self.start_line()
    }

    /// Where the first line that is not empty begins, and its indentation.
    fn find_first_content(&self) -> (usize, usize) {
        let (mut line, mut indent) = (self.at, 0);
        let mut at = self.at;
        loop {
            match (self.byte(at), self.byte(at + 1)) {
                (Some(b' '), _) => indent += 1,
                (Some(b'\n'), _) => {
                    line = at + 1;
                    indent = 0;
                }
                (Some(b'\r'), Some(b'\n')) => {}
                _ => return (line, indent),
            }
            at += 1;
        }
    }

    /// The end of lines after a block text that look empty and begin with too little space and a
    /// tab. They are handed on as part of it, to be found wrong there.
    fn skip_tabbed_lines(&self, next_line: usize) -> Option<usize> {
        let is_one_of =
            |at: usize, wanted: &[u8]| self.byte(at).is_some_and(|byte| wanted.contains(&byte));
        let mut at = next_line;
        while is_one_of(at, b" ") {
            at += 1;
        }
        if !is_one_of(at, b"\t") {
            return None;
        }
        while is_one_of(at, b"\t \r\n") {
            at += 1;
        }
        Some(at)
    }

    /// The end of a block text without the empty lines at its end.
    fn drop_empty_lines(&self, next_line: usize, indent: usize) -> usize {
        let mut end = next_line;
        while let Some(mut at) = end.checked_sub(2) {
            let step_back = |at: &mut usize, wanted: u8| {
                let is_wanted = self.byte(*at) == Some(wanted) && *at > 0;
                *at -= usize::from(is_wanted);
                is_wanted
            };
            step_back(&mut at, b'\r');
            let last = at;
            while step_back(&mut at, b' ') {}
            let is_empty = self.byte(at) == Some(b'\n') && at >= self.at;
            if !is_empty || at + 1 + indent <= last {
                break;
            }
            end = at + 1;
        }
        end
    }

    pub(super) fn lex_plain(&mut self) -> LexerState {
        let is_in_flow = self.flow_level > 0;
        let ends_here = |byte| is_in_flow && is_flow_indicator(byte);
        let (mut end, mut at) = (self.at, self.at);
        while let Some(byte) = self.byte(at) {
            let mut next = self.byte(at + 1);
            match byte {
                b':' if is_blank(next) || ends_here(next) => break,
                b' ' | b'\t' | b'\r' | b'\n' => {
                    let mut is_newline = byte == b'\n';
                    if byte == b'\r' && next == Some(b'\n') {
                        at += 1;
                        is_newline = true;
                        next = self.byte(at + 1);
                    } else if byte == b'\r' {
                        // Alone it is a character like others.
                        end = at + 1;
                    }
                    if next == Some(b'#') || ends_here(next) {
                        break;
                    }
                    if is_newline {
                        let Some(from) = self.continue_scalar(at + 1) else {
                            break;
                        };
                        // One back, for a `#` after space begins a comment.
                        at = at.max(from.saturating_sub(2));
                    }
                }
                _ if ends_here(Some(byte)) => break,
                _ => end = at + 1,
            }
            at += 1;
        }
        self.push_scalar(end);
        self.around()
    }

    /// Where the content of the line at `offset` begins, if the line continues the scalar at hand.
    fn continue_scalar(&self, offset: usize) -> Option<usize> {
        if self.indent_next == 0 {
            return (!self.is_document_marker(offset)).then_some(offset);
        }
        let mut at = offset;
        while self.byte(at) == Some(b' ') {
            at += 1;
        }
        match (self.byte(at), self.byte(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => Some(at + 1),
            (Some(b'\n'), _) => Some(at),
            _ => (at - offset >= self.indent_next).then_some(at),
        }
    }
}
