//! The text of a file, in which any place is found at once, however many are asked for.

use std::sync::Arc;

use freshet_processor::catalog_file::secrets;
use freshet_processor::yaml::TextPosition;

/// Bytes between two marks.
const MARK_EVERY: usize = 1_024;

/// The text of a file that may be shown. What looks like a secret is blanked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileText {
    text: Arc<str>,
    // Not line starts: the whole file may be one line.
    /// The places of all offsets that are multiples of [`MARK_EVERY`].
    marks: Arc<[TextPosition]>,
}

/// What surrounds a place in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineAround<'t> {
    /// What stands before it.
    pub(super) before: &'t str,
    /// What stands from there on.
    pub(super) after: &'t str,
}

impl FileText {
    /// The text of a file.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        // The reader skips it, and columns are counted behind it.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
        let text = secrets::blank_secrets(text);
        Self {
            marks: mark_places(text.as_bytes()),
            text: text.into(),
        }
    }

    /// What surrounds a place, with at most so many characters on each side. At the end of a line that is shorter;
    /// nothing if there is no such line.
    pub(super) fn look_around(
        &self,
        place: TextPosition,
        before_max: usize,
        after_max: usize,
    ) -> Option<LineAround<'_>> {
        let offset = self.find_offset(place)?;
        let (before, after) = self.text.split_at(offset);
        let start = before.char_indices().rev();
        let start = start
            .take_while(|(_, c)| *c != '\n')
            .take(before_max)
            .last();
        let end = after.char_indices().take(after_max);
        let end = end
            .take_while(|(at, _)| !starts_with_break(&after[*at..]))
            .last();
        Some(LineAround {
            before: &before[start.map_or(before.len(), |(at, _)| at)..],
            after: &after[..end.map_or(0, |(at, c)| at + c.len_utf8())],
        })
    }

    fn find_offset(&self, place: TextPosition) -> Option<usize> {
        let mark = self.marks.partition_point(|mark| *mark <= place);
        let mark = mark.checked_sub(1)?;
        let mut at = self.marks[mark];
        // A mark within a character is the place of the next one.
        let mut offset = mark * MARK_EVERY;
        while !self.text.is_char_boundary(offset) {
            offset += 1;
        }
        let rest = &self.text[offset..];
        for (index, character) in rest.char_indices() {
            let is_past_end = at.line == place.line && starts_with_break(&rest[index..]);
            if at >= place || is_past_end {
                return Some(offset + index);
            }
            at = next_place(at, character);
        }
        (at.line == place.line).then_some(self.text.len())
    }
}

/// A carriage return before the line feed, or the end, is no part of the line.
fn starts_with_break(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'\n', ..] | [b'\r', b'\n', ..] | [b'\r'])
}

fn mark_places(text: &[u8]) -> Arc<[TextPosition]> {
    let mut at = TextPosition::START;
    let mut marks = Vec::with_capacity(text.len() / MARK_EVERY + 1);
    for (offset, byte) in text.iter().enumerate() {
        if offset.is_multiple_of(MARK_EVERY) {
            marks.push(at);
        }
        // The bytes within a character are of the one that began.
        if !(0x80..0xC0).contains(byte) {
            at = next_place(at, char::from(*byte));
        }
    }
    if marks.is_empty() {
        marks.push(at);
    }
    marks.into()
}

fn next_place(at: TextPosition, character: char) -> TextPosition {
    match character {
        '\n' => TextPosition {
            line: at.line.saturating_add(1),
            column: 1,
        },
        _ => TextPosition {
            column: at.column.saturating_add(1),
            ..at
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: usize = 10;

    #[track_caller]
    fn check(text: &str, line: u32, column: u32, expected: Option<(&str, &str)>) {
        let text = FileText::new(text.as_bytes());
        let around = text.look_around(TextPosition { line, column }, WIDE, WIDE);
        assert_eq!(around.map(|it| (it.before, it.after)), expected);
    }

    #[test]
    fn a_place_is_seen_with_what_stands_around_it() {
        check("a: b\nc: d\r\ne", 2, 4, Some(("c: ", "d")));
        check("a: b\nc: d\r\ne", 2, 99, Some(("c: d", "")));
        check("a: b\nc: d\r\ne", 3, 1, Some(("", "e")));
        check("a\n", 2, 1, Some(("", "")));
        check("a\n", 3, 1, None);
        check("", 1, 1, Some(("", "")));
        check("0123456789012345", 1, 13, Some(("2345678901", "2345")));
    }

    #[test]
    fn every_place_is_found_however_long_the_text_and_its_lines_are() {
        for line in ["é: b\n", "é: b,"] {
            let text = line.repeat(MARK_EVERY);
            let file = FileText::new(text.as_bytes());
            let mut place = TextPosition::START;
            for (offset, character) in text.char_indices() {
                assert_eq!(file.find_offset(place), Some(offset), "{place:?}");
                place = next_place(place, character);
            }
        }
    }
}
