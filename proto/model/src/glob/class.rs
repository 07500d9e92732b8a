//! Sets of characters: `[a-z]`, `[!0-9]`, `[[:alpha:]_]`.

use std::fmt::Write as _;

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
#[derive(Clone, Debug)]
pub(super) struct CharacterClass(Regex);

impl CharacterClass {
    pub(super) fn is_match(&self, character: char) -> bool {
        self.0.is_match(character.encode_utf8(&mut [0; 4]))
    }
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
    let sign = if is_negated { "^" } else { "" };
    let flags = if ignores_case { "(?i)" } else { "" };
    match Regex::new(&format!("{flags}^[{sign}{members}]$")) {
        Ok(regex) => ReadClass::Class(CharacterClass(regex), end),
        // All that is written is escaped, so this is a set without any character in it.
        Err(_) => ReadClass::Never,
    }
}

/// The members as a regular expression has them, and where the class ends; empty if it has none.
fn read_members(pattern: &[char], start: usize) -> Option<(String, usize)> {
    let mut members = String::new();
    let mut range_start: Option<char> = None;
    let mut at = start;
    loop {
        let mut character = *pattern.get(at)?;
        // A bracket right at the beginning is a member.
        if character == ']' && at > start {
            return Some((members, at + 1));
        }
        if character == '[' {
            if let Some((name, properties)) = find_posix(&pattern[at..]) {
                if range_start.is_some() {
                    // `[a-[:alpha:]]` is no set, and minimatch lets nothing match all of it.
                    return Some((String::new(), pattern.len()));
                }
                members.push_str(properties);
                at += name.len();
                continue;
            }
        } else if character == '\\' {
            at += 1;
            character = *pattern.get(at)?;
        }
        at += 1;
        if let Some(first) = range_start.take() {
            // One the wrong way round holds nothing.
            if first <= character {
                push_range(&mut members, first, character);
            }
        } else if pattern.get(at) == Some(&'-') && pattern.get(at + 1) != Some(&']') {
            range_start = Some(character);
            at += 1;
        } else {
            push_range(&mut members, character, character);
        }
    }
}

fn push_range(members: &mut String, first: char, last: char) {
    let (first, last) = (u32::from(first), u32::from(last));
    // By number, so that no character means anything to the regular expression.
    write!(members, r"\x{{{first:x}}}-\x{{{last:x}}}").expect("writing to a string cannot fail");
}

fn find_posix(pattern: &[char]) -> Option<(&'static str, &'static str)> {
    POSIX.iter().copied().find(|(name, _)| {
        let mut rest = pattern.iter();
        name.chars().all(|expected| rest.next() == Some(&expected))
    })
}
