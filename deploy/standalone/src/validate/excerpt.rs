//! The line a problem is about, with a mark under the place.
//!
//! Files are written by anybody, and terminals obey control characters, so none passes. What
//! looks like a secret is blanked before anything else sees it.

use freshet_processor::yaml::TextPosition;

use super::file_text::FileText;

/// Most characters of one line that are shown.
const SHOWN_CHARACTERS_MAX: usize = 100;
/// How many of them stand before the place.
const SHOWN_CHARACTERS_BEFORE: usize = 40;
/// Most characters before the place that are looked at: they tell whether it is within brackets.
const LOOKED_BACK_MAX: usize = 1_000;
/// What a text that goes on beyond the excerpt ends with.
const ELLIPSIS: char = '…';
/// What stands for a character that must not reach a terminal.
const UNPRINTABLE: char = '\u{FFFD}';

/// One line and the place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// The line, or the part of it around the place.
    pub(super) text: String,
    /// Characters in front of the place.
    pub(super) offset: usize,
    /// Characters of the place, at least one.
    pub(super) width: usize,
}

impl FileText {
    /// The line of this number, from 1, around a column, from 1. Nothing if there is no such line. Costs what is
    /// shown: a file may have thousands of problems, and all of them in one line.
    ///
    /// A secret may be written in a way that only a parser sees through; `hidden_from` is the column
    /// from which nothing of the line may be shown because of one.
    pub(super) fn find_excerpt(
        &self,
        line: u32,
        column: u32,
        hidden_from: Option<u32>,
    ) -> Option<Excerpt> {
        let place = TextPosition {
            line,
            column: column.max(1),
        };
        let around = self.look_around(place, LOOKED_BACK_MAX, SHOWN_CHARACTERS_MAX + 1)?;
        let before: Vec<char> = around.before.chars().collect();
        let after: Vec<char> = around.after.chars().collect();
        let width = measure_value(&before, &after);
        let is_short = before.len() + after.len() <= SHOWN_CHARACTERS_MAX;
        let first = if is_short {
            0
        } else {
            before.len().saturating_sub(SHOWN_CHARACTERS_BEFORE)
        };
        let first_index = if before.len() < LOOKED_BACK_MAX {
            0
        } else {
            to_index(place.column)?.saturating_sub(before.len())
        };
        // Stars of the same number: the mark under the line must still point at the value.
        let hidden_from = hidden_from.and_then(to_index).unwrap_or(usize::MAX);
        let hide = |(index, c)| if index < hidden_from { c } else { '*' };
        let line = (first_index..).zip(before.iter().chain(&after).copied());
        let line: Vec<char> = line.map(hide).collect();
        Some(cut_out(&line, first, before.len() - first, width))
    }
}

fn to_index(number: u32) -> Option<usize> {
    Some(usize::try_from(number).ok()?.saturating_sub(1))
}

/// The part of a line that is shown: from `first` on, with the place so many characters behind it.
fn cut_out(line: &[char], first: usize, offset: usize, width: usize) -> Excerpt {
    let rest = &line[first..];
    let mut text = String::new();
    let shown = rest.iter().copied().map(replace_unprintable);
    if first > 0 {
        text.push(ELLIPSIS);
        text.extend(shown.skip(1).take(SHOWN_CHARACTERS_MAX));
    } else {
        text.extend(shown.take(SHOWN_CHARACTERS_MAX));
    }
    let shown = text.chars().count();
    if rest.len() > shown {
        text.push(ELLIPSIS);
    }
    let shown = text.chars().count();
    Excerpt {
        width: width.clamp(1, (shown - offset).max(1)),
        text,
        offset,
    }
}

/// How many characters the value at a place has: to its end on this line.
fn measure_value(before: &[char], value: &[char]) -> usize {
    let is_flow = before.iter().any(|c| matches!(c, '[' | '{'));
    let end = match value.first() {
        Some(quote @ ('"' | '\'')) => {
            let closing = value.iter().skip(1).position(|c| c == quote);
            closing.map_or(value.len(), |at| at + 2)
        }
        _ => (1..value.len())
            .find(|&at| match value[at] {
                '#' => value[at - 1] == ' ',
                ':' => value.get(at + 1).is_none_or(|next| *next == ' '),
                ',' | ']' | '}' => is_flow,
                _ => false,
            })
            .unwrap_or(value.len()),
    };
    let spaces = value[..end].iter().rev().take_while(|c| **c == ' ').count();
    (end - spaces).max(1)
}

/// A text in which no character steers a terminal; line breaks become spaces.
pub(super) fn make_printable(text: &str) -> String {
    text.chars().map(replace_unprintable).collect()
}

fn replace_unprintable(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        // They change the direction of what follows.
        '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => UNPRINTABLE,
        c if c.is_control() => UNPRINTABLE,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, column: u32, marked: &str) {
        let source = FileText::new(line.as_bytes());
        let excerpt = source.find_excerpt(1, column, None).expect("a line");
        let place: String = excerpt
            .text
            .chars()
            .skip(excerpt.offset)
            .take(excerpt.width)
            .collect();
        assert_eq!(place, marked);
    }

    #[test]
    fn the_mark_covers_the_value() {
        check("name: bad name  # why", 7, "bad name");
        check("name: \"a # b\" # c", 7, "\"a # b\"");
        check("kind: Component\r", 7, "Component");
        check("tags: [a b, c]", 8, "a b");
        check("spec:", 1, "spec");
        check("url: https://a:80/x", 6, "https://a:80/x");
        check("", 1, "");
        check("a", 9, "");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let line = format!("{}X{}", "a".repeat(5_000), "b".repeat(5_000));
        let source = FileText::new(line.as_bytes());
        let excerpt = source.find_excerpt(1, 5_001, None).expect("a line");
        assert!(excerpt.text.chars().count() <= SHOWN_CHARACTERS_MAX + 2);
        assert_eq!(excerpt.text.chars().nth(excerpt.offset), Some('X'));
    }

    #[test]
    fn a_place_far_into_a_long_line_is_shown_like_any_other() {
        let line = format!("tags: [{}\"{}\", b]", "a, ".repeat(1_000), "X".repeat(30));
        let column = 8 + 3 * 1_000;
        check(&line, column, &format!("\"{}\"", "X".repeat(30)));
        let source = FileText::new(line.as_bytes());
        let excerpt = source
            .find_excerpt(1, column, Some(column))
            .expect("a line");
        assert!(excerpt.text.ends_with(&"*".repeat(36)), "{}", excerpt.text);
    }

    #[test]
    fn a_secret_is_not_shown_however_it_is_written() {
        let token = format!("ghp_{}", "aB3dE5gH7jK9".repeat(3));
        let source = FileText::new(format!("a: {token}\nb: \"\\x67hp_oh\"").as_bytes());
        let excerpt = source.find_excerpt(1, 4, None).expect("a line");
        assert_eq!(excerpt.text, format!("a: {}", "*".repeat(40)));
        let excerpt = source.find_excerpt(2, 4, Some(4)).expect("a line");
        assert_eq!(excerpt.text, "b: ***********");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            make_printable("a\u{1b}[31m\tb\u{202e}c\n"),
            "a\u{FFFD}[31m b\u{FFFD}c "
        );
    }

    #[test]
    fn a_line_that_is_not_there_has_no_excerpt() {
        assert_eq!(FileText::new(b"a").find_excerpt(2, 1, None), None);
        assert_eq!(FileText::new(b"a").find_excerpt(0, 1, None), None);
    }
}
