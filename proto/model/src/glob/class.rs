//! Sets of characters: `[a-z]`, `[!0-9]`, `[[:alpha:]_]`.

use std::sync::LazyLock;

use regex::Regex;

/// POSIX classes, and the Unicode properties minimatch takes them for.
const POSIX: &[(&str, &str)] = &[
    ("[:alnum:]", r"\p{L}\p{Nl}\p{Nd}"),
    ("[:alpha:]", r"\p{L}\p{Nl}"),
    ("[:ascii:]", r"\x00-\x7f"),
    ("[:blank:]", r"\p{Zs}\t"),
    ("[:cntrl:]", r"\p{Cc}"),
    ("[:digit:]", r"\p{Nd}"),
    ("[:graph:]", r"[^\p{Z}\p{C}]"),
    ("[:lower:]", r"\p{Ll}"),
    ("[:print:]", r"[^\p{C}]"),
    ("[:punct:]", r"\p{P}\p{S}"),
    ("[:space:]", r"\p{Z}\t\r\n\x0b\x0c"),
    ("[:upper:]", r"\p{Lu}"),
    ("[:word:]", r"\p{L}\p{Nl}\p{Nd}\p{Pc}"),
    ("[:xdigit:]", "A-Fa-f0-9"),
];

/// A search in a table, against the comparison of two characters.
const POSIX_COST: usize = 32;

/// A POSIX class, with and without case.
struct PosixSet {
    exact: Regex,
    folded: Regex,
}

// Once for all patterns: a table of Unicode is large, and one pattern may name thousands.
static POSIX_SETS: LazyLock<Vec<PosixSet>> = LazyLock::new(|| {
    let compile = |flags: &str, properties: &str| {
        Regex::new(&format!("{flags}^[{properties}]$")).expect("POSIX classes are sets")
    };
    let sets = POSIX.iter().map(|(_, properties)| PosixSet {
        exact: compile("", properties),
        folded: compile("(?i)", properties),
    });
    sets.collect()
});

/// What begins with a bracket.
pub(super) enum ReadClass {
    /// A set of characters, and how many characters of the pattern it takes.
    Class(CharacterClass, usize),
    /// What nothing can match, nor anything behind it.
    Never,
    /// It is not closed: the bracket is a character like any other.
    NoClass,
}

/// A set of characters.
#[derive(Clone, Debug, Default)]
pub(super) struct CharacterClass {
    /// First and last of those in a row.
    ranges: Vec<(char, char)>,
    /// Indexes of [`POSIX`].
    posix: Vec<usize>,
    is_negated: bool,
    ignores_case: bool,
}

impl CharacterClass {
    pub(super) fn is_match(&self, character: char) -> bool {
        let is_member = self.is_within(character)
            || self.is_posix(character)
            || (self.ignores_case
                && (has_one(character.to_lowercase(), |it| self.is_within(it))
                    || has_one(character.to_uppercase(), |it| self.is_within(it))));
        is_member != self.is_negated
    }

    /// How many characters could be compared in the time this takes for one.
    pub(super) fn cost(&self) -> usize {
        self.ranges.len() + POSIX_COST * self.posix.len()
    }

    fn is_within(&self, character: char) -> bool {
        let holds = |(first, last): &(char, char)| (*first..=*last).contains(&character);
        self.ranges.iter().any(holds)
    }

    fn is_posix(&self, character: char) -> bool {
        let mut buffer = [0; 4];
        let text = character.encode_utf8(&mut buffer);
        let sets = self.posix.iter().filter_map(|it| POSIX_SETS.get(*it));
        let mut sets = sets.map(|set| {
            if self.ignores_case {
                &set.folded
            } else {
                &set.exact
            }
        });
        sets.any(|set| set.is_match(text))
    }

    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.posix.is_empty()
    }

    fn push_range(&mut self, first: char, last: char) {
        // One the wrong way round holds nothing.
        if first <= last && !self.ranges.contains(&(first, last)) {
            self.ranges.push((first, last));
        }
    }

    fn push_posix(&mut self, index: usize) {
        if !self.posix.contains(&index) {
            self.posix.push(index);
        }
    }
}

/// Whether the other case of a character is one character that is accepted.
fn has_one(
    mut folded: impl ExactSizeIterator<Item = char>,
    accepts: impl Fn(char) -> bool,
) -> bool {
    folded.len() == 1 && folded.next().is_some_and(accepts)
}

/// Reads the class at the beginning of `pattern`, which begins with a bracket.
pub(super) fn read_class(pattern: &[char], ignores_case: bool) -> ReadClass {
    let is_negated = matches!(pattern.get(1), Some('!' | '^'));
    let start = if is_negated { 2 } else { 1 };
    let Some((members, end)) = read_members(pattern, start) else {
        return ReadClass::NoClass;
    };
    if members.is_empty() {
        return ReadClass::Never;
    }
    let class = CharacterClass {
        is_negated,
        ignores_case,
        ..members
    };
    ReadClass::Class(class, end)
}

/// The members, and where the class ends; empty if it has none.
fn read_members(pattern: &[char], start: usize) -> Option<(CharacterClass, usize)> {
    let mut members = CharacterClass::default();
    let mut range_start: Option<char> = None;
    let mut at = start;
    loop {
        let mut character = *pattern.get(at)?;
        // A bracket right at the beginning is a member.
        if character == ']' && at > start {
            return Some((members, at + 1));
        }
        if character == '[' {
            if let Some((index, length)) = find_posix(&pattern[at..]) {
                if range_start.is_some() {
                    // `[a-[:alpha:]]` is no set, and minimatch lets nothing match all of it.
                    return Some((CharacterClass::default(), pattern.len()));
                }
                members.push_posix(index);
                at += length;
                continue;
            }
        } else if character == '\\' {
            at += 1;
            character = *pattern.get(at)?;
        }
        at += 1;
        if let Some(first) = range_start.take() {
            members.push_range(first, character);
        } else if pattern.get(at) == Some(&'-') && pattern.get(at + 1) != Some(&']') {
            range_start = Some(character);
            at += 1;
        } else {
            members.push_range(character, character);
        }
    }
}

/// The POSIX class that a text begins with, and its length.
fn find_posix(pattern: &[char]) -> Option<(usize, usize)> {
    // Not one by one for each bracket of a text that is full of them.
    if pattern.get(1) != Some(&':') {
        return None;
    }
    POSIX.iter().enumerate().find_map(|(index, (name, _))| {
        let mut rest = pattern.iter();
        let is_same = name.chars().all(|expected| rest.next() == Some(&expected));
        is_same.then_some((index, name.len()))
    })
}
