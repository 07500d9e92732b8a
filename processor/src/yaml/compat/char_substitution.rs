//! Characters that the scanner and Backstage's parser see differently.
//!
//! To the scanner a NUL ends the input, a carriage return alone breaks a line, a byte order
//! mark ends a document, and half a character written as `\ud83d` is an error. To Backstage's
//! parser the first three are ordinary characters and two halves make one, as JSON writes
//! them. So each, and the backslash of such a half, is replaced by a character that the file
//! does not contain, and put back in every scalar. No column changes.

use std::borrow::Cow;

/// Private-use characters, of which a file uses at most as many as it has bytes.
const CANDIDATES: std::ops::RangeInclusive<char> = '\u{F0000}'..='\u{FFFFD}';

const NUL: char = '\0';
const CARRIAGE_RETURN: char = '\r';
const BYTE_ORDER_MARK: char = '\u{FEFF}';
const BACKSLASH: char = '\\';
const SPECIALS: [char; 4] = [NUL, CARRIAGE_RETURN, BYTE_ORDER_MARK, BACKSLASH];

/// Which character stands for which.
#[derive(Debug, Default)]
pub(in crate::yaml) struct CharSubstitution {
    /// Original and replacement; empty for almost every file.
    pairs: Vec<(char, char)>,
}

impl CharSubstitution {
    /// The text as the scanner may see it.
    pub(in crate::yaml) fn replace_specials(text: &str) -> (Cow<'_, str>, Self) {
        let needed: Vec<char> = SPECIALS
            .into_iter()
            .filter(|special| occurs_in(text, *special))
            .collect();
        if needed.is_empty() {
            return (Cow::Borrowed(text), Self::default());
        }
        // Looked up in this file and not fixed, for a file may use any character there is.
        let free = CANDIDATES.filter(|candidate| !text.contains(*candidate));
        let pairs: Vec<_> = needed.into_iter().zip(free).collect();
        let substitution = Self { pairs };
        (Cow::Owned(substitution.applied_to(text)), substitution)
    }

    /// The scalar as the file has it.
    pub(in crate::yaml) fn restore_scalar<'a>(
        &self,
        scalar: &'a str,
        escapes: EscapeHandling,
    ) -> Cow<'a, str> {
        if self.pairs.is_empty() {
            return Cow::Borrowed(scalar);
        }
        let scalar = match (escapes, self.substitute_of(BACKSLASH)) {
            (EscapeHandling::Read, Some(backslash)) if scalar.contains(backslash) => {
                Cow::Owned(join_halves(scalar, backslash))
            }
            _ => Cow::Borrowed(scalar),
        };
        let original = |c| {
            let pair = self.pairs.iter().find(|(_, substitute)| *substitute == c);
            pair.map_or(c, |(original, _)| *original)
        };
        Cow::Owned(scalar.chars().map(original).collect())
    }

    fn substitute_of(&self, special: char) -> Option<char> {
        let pair = self.pairs.iter().find(|(original, _)| *original == special);
        pair.map(|(_, substitute)| *substitute)
    }

    fn applied_to(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut escaped = false;
        for (at, c) in text.char_indices() {
            // An escaped backslash in front makes the next one plain text.
            let applies = !escaped && is_special(text, at, c);
            let substitute = self.substitute_of(c).filter(|_| applies);
            replaced.push(substitute.unwrap_or(c));
            escaped = c == BACKSLASH && !escaped;
        }
        replaced
    }
}

/// Whether backslashes mean something in a scalar: only between double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::yaml) enum EscapeHandling {
    Read,
    Text,
}

fn occurs_in(text: &str, special: char) -> bool {
    text.match_indices(special)
        .any(|(at, _)| is_special(text, at, special))
}

/// Whether the character `c` at `at` is one the scanner must not see.
fn is_special(text: &str, at: usize, c: char) -> bool {
    let next = text.as_bytes().get(at + 1);
    match c {
        NUL | BYTE_ORDER_MARK => true,
        // Before a line feed it is part of the line break.
        CARRIAGE_RETURN => next != Some(&b'\n'),
        BACKSLASH => next == Some(&b'u') && read_half(&text[at + 2..]).is_some(),
        _ => false,
    }
}

/// The half of a character (a surrogate) that `text` begins with in hexadecimal.
fn read_half(text: &str) -> Option<u16> {
    let digits = text.get(..4)?;
    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let unit = u16::from_str_radix(digits, 16)
        .ok()
        .filter(|_| hexadecimal)?;
    (0xD800..=0xDFFF).contains(&unit).then_some(unit)
}

/// Two halves that belong together become their character; one alone cannot be written in
/// UTF-8 and becomes U+FFFD.
fn join_halves(scalar: &str, backslash: char) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(scalar.len());
    let mut rest = scalar;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let unit = if c == backslash {
            rest.strip_prefix('u').and_then(read_half)
        } else {
            None
        };
        match unit {
            Some(unit) => {
                units.push(unit);
                rest = &rest[5..];
            }
            None => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        }
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, changed: bool) {
        let (replaced, substitution) = CharSubstitution::replace_specials(text);
        assert_eq!(matches!(replaced, Cow::Owned(_)), changed);
        assert_eq!(
            substitution.restore_scalar(&replaced, EscapeHandling::Text),
            text
        );
    }

    #[test]
    fn what_is_replaced_is_restored() {
        check("a: b\r\n", false);
        check("a: b\rc", true);
        check("\0", true);
        check("a\u{FEFF}\0\r\n\r", true);
        check("\0\u{F0000}\u{F0001}", true);
        check(r"\ud83d\ude00", true);
        check(r"\u00e9 \d83d \ud8", false);
    }

    #[track_caller]
    fn check_halves(text: &str, expected: &str) {
        let (replaced, substitution) = CharSubstitution::replace_specials(text);
        assert_eq!(
            substitution.restore_scalar(&replaced, EscapeHandling::Read),
            expected
        );
    }

    #[test]
    fn two_halves_make_a_character() {
        check_halves(r"a\uD83D\uDE00b", "a\u{1F600}b");
        check_halves(r"\ud83dx", "\u{FFFD}x");
        check_halves(r"\\ud83d\ude00", "\\\\ud83d\u{FFFD}");
    }
}
