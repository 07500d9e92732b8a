//! Files that are not UTF-8.

use super::position::{PositionCursor, TextPosition};

/// The name of the encoding that the bytes are in, if they are text in one that is no UTF-8 at all.
pub(super) fn name_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        // Without a mark at the start: two characters, each with a byte that is zero.
        [first, 0, second, 0, ..] | [0, first, 0, second, ..] if *first != 0 && *second != 0 => {
            Some("UTF-16")
        }
        _ => None,
    }
}

/// Where the first byte is that is no UTF-8, and which, in a file that is read even so.
#[must_use]
pub fn find_wrong_byte(bytes: &[u8]) -> Option<(TextPosition, u8)> {
    if name_encoding(bytes).is_some() {
        return None;
    }
    let at = std::str::from_utf8(bytes).err()?.valid_up_to();
    let before = String::from_utf8_lossy(&bytes[..at]);
    let text = before.strip_prefix('\u{FEFF}').unwrap_or(&before);
    let position = PositionCursor::new(text, 0).position_at(text.len());
    Some((position, *bytes.get(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_by_their_first_bytes() {
        assert_eq!(name_encoding(b"\xFF\xFEa\0"), Some("UTF-16"));
        assert_eq!(name_encoding(b"\xFE\xFF\0a"), Some("UTF-16"));
        assert_eq!(name_encoding(b"\xFF\xFE\0\0a\0\0\0"), Some("UTF-32"));
        assert_eq!(name_encoding(b"k\0i\0"), Some("UTF-16"));
        assert_eq!(name_encoding(b"\0k\0i"), Some("UTF-16"));
        for text in ["", "a", "a\0", "\0\0\0\0", "kind: x", "\u{FEFF}kind: x"] {
            assert_eq!(name_encoding(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_byte_that_is_no_text_has_a_place() {
        let place =
            |bytes: &[u8]| find_wrong_byte(bytes).map(|(at, byte)| (at.line, at.column, byte));
        assert_eq!(place("\u{FEFF}a: é".as_bytes()), None);
        assert_eq!(
            place(b"\xEF\xBB\xBFa: 1\nb: \xC3\xA9\xFC"),
            Some((2, 5, 0xFC))
        );
    }
}
