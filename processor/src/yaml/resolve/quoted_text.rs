//! Texts with and without quotes: line breaks folded, escapes read.

use std::borrow::Cow;

use crate::yaml::syntax::Fault;

pub(super) fn read_plain(source: &str, offset: usize) -> Result<Cow<'_, str>, Fault> {
    let first = source.chars().next();
    match first {
        Some(c @ (',' | '%' | '@' | '`' | '|' | '>')) => {
            let message = format!("a text that starts with {c} needs quotes");
            Err(Fault::new(offset, message))
        }
        Some('\t') => Err(Fault::new(offset, "a text cannot start with a tab")),
        Some(_) | None => Ok(unfold_lines(source)),
    }
}

pub(super) fn read_single_quoted<'t>(
    source: &'t str,
    offset: usize,
    text: &str,
) -> Result<Cow<'t, str>, Fault> {
    let inner = source
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .ok_or_else(|| unclosed(source, offset, text))?;
    let unfolded = unfold_lines(inner);
    if unfolded.contains("''") {
        return Ok(Cow::Owned(unfolded.replace("''", "'")));
    }
    Ok(unfolded)
}

fn unclosed(source: &str, offset: usize, text: &str) -> Fault {
    let end = offset + source.len();
    if text[end..].trim().is_empty() {
        return Fault::new(offset, "this quote is never closed");
    }
    let message =
        "this quote is not closed before a line that is not indented enough to be inside of it";
    Fault::new(offset, message)
}

/// Joins lines as texts in several lines are: a line break is a space, and empty lines are line
/// breaks.
fn unfold_lines(source: &str) -> Cow<'_, str> {
    const BLANK: [char; 2] = [' ', '\t'];
    let Some((first, mut rest)) = split_line(source) else {
        return Cow::Borrowed(source);
    };
    let mut unfolded = first.trim_end_matches(BLANK).to_owned();
    let mut separator = " ";
    while let Some((line, after)) = split_line(rest) {
        rest = after;
        let line = line.trim_matches(BLANK);
        if !line.is_empty() {
            unfolded.push_str(separator);
            unfolded.push_str(line);
            separator = " ";
        } else if separator == "\n" {
            unfolded.push('\n');
        } else {
            separator = "\n";
        }
    }
    unfolded.push_str(separator);
    unfolded.push_str(rest.trim_start_matches(BLANK));
    Cow::Owned(unfolded)
}

fn split_line(text: &str) -> Option<(&str, &str)> {
    let (line, rest) = text.split_once('\n')?;
    Some((line.strip_suffix('\r').unwrap_or(line), rest))
}

pub(super) fn read_double_quoted<'t>(
    source: &'t str,
    offset: usize,
    text: &str,
) -> Result<Cow<'t, str>, Fault> {
    if source.len() < 2 || !source.ends_with('"') {
        return Err(unclosed(source, offset, text));
    }
    let inner = &source[1..source.len() - 1];
    if !inner.contains(['\\', '\n']) {
        return Ok(Cow::Borrowed(inner));
    }
    let mut reader = EscapeReader {
        source,
        at: 1,
        offset,
        read: HalvesText::default(),
    };
    while reader.at + 1 < source.len() {
        reader.read_piece()?;
    }
    Ok(Cow::Owned(reader.read.into_text()))
}

struct EscapeReader<'t> {
    /// With its quotes.
    source: &'t str,
    at: usize,
    /// Where it is in the document.
    offset: usize,
    read: HalvesText,
}

impl EscapeReader<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.source.as_bytes().get(at).copied()
    }

    fn is_line_end(&self, at: usize) -> bool {
        match self.byte(at) {
            Some(b'\n') => true,
            Some(b'\r') => self.byte(at + 1) == Some(b'\n'),
            _ => false,
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.byte(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn read_piece(&mut self) -> Result<(), Fault> {
        let start = self.at;
        match self.byte(start) {
            Some(b'\r') if self.is_line_end(start) => self.at += 1,
            Some(b'\n') => self.fold_newlines(),
            Some(b'\\') => return self.read_escape(),
            Some(b' ' | b'\t') => {
                self.skip_blanks();
                // Space at the end of a line is none of the text.
                if !self.is_line_end(self.at) {
                    self.read.push_text(&self.source[start..self.at]);
                }
            }
            _ => {
                let inner = &self.source[start..self.source.len() - 1];
                let is_special = |c: char| matches!(c, '\r' | '\n' | '\\' | ' ' | '\t');
                // The first character is none of them, or a carriage return that ends no line.
                let length = inner.chars().next().map_or(1, char::len_utf8);
                let rest = &inner[length..];
                let end = length + rest.find(is_special).unwrap_or(rest.len());
                self.read.push_text(&inner[..end]);
                self.at += end;
            }
        }
        Ok(())
    }

    /// One line break is a space, and n of them are n - 1.
    fn fold_newlines(&mut self) {
        let mut breaks = 0;
        self.at += 1;
        loop {
            match self.byte(self.at) {
                Some(b'\n') => breaks += 1,
                Some(b' ' | b'\t') => {}
                Some(b'\r') if self.is_line_end(self.at) => {}
                _ => break,
            }
            self.at += 1;
        }
        match breaks {
            0 => self.read.push_text(" "),
            breaks => self.read.push_text(&"\n".repeat(breaks)),
        }
    }

    fn read_escape(&mut self) -> Result<(), Fault> {
        let escape = self.at;
        let next = self.byte(escape + 1);
        self.at += 2;
        let plain = match next {
            Some(b'0') => "\0",
            Some(b'a') => "\x07",
            Some(b'b') => "\x08",
            Some(b'e') => "\x1b",
            Some(b'f') => "\x0c",
            Some(b'n') => "\n",
            Some(b'r') => "\r",
            Some(b't' | b'\t') => "\t",
            Some(b'v') => "\x0b",
            Some(b'N') => "\u{85}",
            Some(b'_') => "\u{a0}",
            Some(b'L') => "\u{2028}",
            Some(b'P') => "\u{2029}",
            Some(b' ') => " ",
            Some(b'"') => "\"",
            Some(b'/') => "/",
            Some(b'\\') => "\\",
            Some(b'\n') => {
                self.skip_blanks();
                return Ok(());
            }
            Some(b'\r') if self.byte(escape + 2) == Some(b'\n') => {
                self.at += 1;
                self.skip_blanks();
                return Ok(());
            }
            Some(b'x') => return self.read_code(escape, 2),
            Some(b'u') => return self.read_code(escape, 4),
            Some(b'U') => return self.read_code(escape, 8),
            _ => return Err(self.unknown_escape(escape)),
        };
        self.read.push_text(plain);
        Ok(())
    }

    fn read_code(&mut self, escape: usize, length: usize) -> Result<(), Fault> {
        let digits = self.source.get(self.at..self.at + length);
        let is_code = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = digits
            .filter(is_code)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .filter(|code| *code <= u32::from(char::MAX));
        let Some(code) = code else {
            return Err(self.unknown_escape(escape));
        };
        self.at += length;
        match char::from_u32(code) {
            Some(c) => self.read.push_text(c.encode_utf8(&mut [0; 4])),
            None => self.read.push_half(u16::try_from(code).unwrap_or_default()),
        }
        Ok(())
    }

    fn unknown_escape(&self, escape: usize) -> Fault {
        let message = "unknown escape after a backslash; use single quotes or double the backslash";
        Fault::new(self.offset + escape, message)
    }
}

/// A text that halves of characters are written to, as JSON escapes them.
#[derive(Default)]
struct HalvesText {
    text: String,
    /// A first half that waits for its second one.
    first_half: Option<u16>,
}

impl HalvesText {
    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.end_half();
            self.text.push_str(text);
        }
    }

    fn push_half(&mut self, half: u16) {
        let pair = self.first_half.map(|first| [first, half]);
        let joined = pair.and_then(|pair| String::from_utf16(&pair).ok());
        if let Some(joined) = joined {
            self.first_half = None;
            self.text.push_str(&joined);
            return;
        }
        self.end_half();
        self.first_half = Some(half);
    }

    // One alone cannot be written in UTF-8.
    fn end_half(&mut self) {
        if self.first_half.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn into_text(mut self) -> String {
        self.end_half();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let read = read_double_quoted(source, 0, source);
        assert_eq!(read.as_deref(), Ok(expected), "{source}");
    }

    #[test]
    fn two_halves_make_a_character() {
        check(r#""a\uD83D\uDE00b""#, "a\u{1F600}b");
        check(r#""\ud83dx\ude00""#, "\u{FFFD}x\u{FFFD}");
        check(r#""\ud83d\ud83d\ude00""#, "\u{FFFD}\u{1F600}");
        check(r#""\\ud83d\U0001F600""#, "\\ud83d\u{1F600}");
    }

    #[test]
    fn lines_are_folded() {
        check("\"a \t\r\n  b\n\n\n c\"", "a b\n\nc");
        check("\"a \\\n  b\\\r\n\tc \"", "a bc ");
        check("\"a\rb\"", "a\rb");
        assert_eq!(unfold_lines("a  \n\n  b\n c"), "a\nb c");
    }
}
