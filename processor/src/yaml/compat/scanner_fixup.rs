//! Text that Backstage's parser reads and the scanner refuses, made readable for both.
//!
//! Where it matters is known only to the scanner, which stops there; so the text is fixed up at
//! that place and read again. How often is bounded by `ReadLimits::reread_bytes`.

/// One way to fix up a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::yaml) enum ScannerFixup {
    /// `key:<tab>value`: the tabs become spaces.
    TabsAfterColon,
    /// `{key:[value]}`: a space after the colon.
    SpaceAfterColon,
    /// A closing bracket at the very start of a line: a space before it.
    SpaceBeforeBracket,
}

impl ScannerFixup {
    /// How to fix up what the scanner complains of in these words, if it can be fixed up.
    pub(in crate::yaml) fn for_complaint(complaint: &str) -> Option<Self> {
        // By its words, since the scanner has no error codes: a new version may change them, so
        // the version is pinned.
        match complaint {
            "':' must be followed by a valid YAML whitespace" => Some(Self::TabsAfterColon),
            "':' may not precede any of `[{` in flow mapping" => Some(Self::SpaceAfterColon),
            "invalid indentation" => Some(Self::SpaceBeforeBracket),
            _ => None,
        }
    }

    /// The text, fixed up at the character where the scanner stopped; `None` if that is not the
    /// case this is for.
    pub(in crate::yaml) fn applied_to(self, text: &str, index: usize) -> Option<String> {
        let (at, found) = text.char_indices().nth(index)?;
        match (self, found) {
            (Self::TabsAfterColon, _) => {
                let start = text[..at].trim_end_matches('\t').len();
                let spaces = " ".repeat(at - start);
                Some([&text[..start], &spaces, &text[at..]].concat())
            }
            (Self::SpaceAfterColon, ':') => Some(insert_space(text, at + 1)),
            (Self::SpaceBeforeBracket, ']' | '}') => Some(insert_space(text, at)),
            (Self::SpaceAfterColon | Self::SpaceBeforeBracket, _) => None,
        }
    }

    /// Whether a character was inserted, which moves those after it.
    pub(in crate::yaml) fn inserts_character(self) -> bool {
        match self {
            Self::TabsAfterColon => false,
            Self::SpaceAfterColon | Self::SpaceBeforeBracket => true,
        }
    }
}

fn insert_space(text: &str, at: usize) -> String {
    [&text[..at], " ", &text[at..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fixup: ScannerFixup, text: &str, index: usize, expected: Option<&str>) {
        assert_eq!(fixup.applied_to(text, index).as_deref(), expected);
    }

    #[test]
    fn tabs_before_a_value_become_spaces() {
        check(
            ScannerFixup::TabsAfterColon,
            "é:\t\tb\tc",
            4,
            Some("é:  b\tc"),
        );
    }

    #[test]
    fn a_colon_before_a_bracket_gets_its_space() {
        check(ScannerFixup::SpaceAfterColon, "{é:[]}", 2, Some("{é: []}"));
        check(ScannerFixup::SpaceAfterColon, "{é:[]}", 9, None);
    }

    #[test]
    fn a_bracket_at_the_start_of_a_line_is_moved() {
        check(
            ScannerFixup::SpaceBeforeBracket,
            "a: [\n]",
            5,
            Some("a: [\n ]"),
        );
        check(ScannerFixup::SpaceBeforeBracket, "a: [\nb", 5, None);
    }
}
