//! One step of a pattern as a list of what it matches in turn.

use super::class::{CharacterClass, ReadClass, read_class};
use super::{GROUPS_MAX, PatternError};

/// What matches a part of a name.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Char(char),
    /// `?`.
    Any,
    /// `*`.
    Star,
    Class(CharacterClass),
    /// What nothing matches.
    Never,
    Group(Group),
}

/// `@(a|b)` and its like.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Tells the groups of a step apart.
    pub(super) id: usize,
    pub(super) kind: GroupKind,
    pub(super) alternatives: Vec<Vec<Item>>,
}

/// How often a group is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupKind {
    /// `@`: once.
    Once,
    /// `?`: at most once.
    Optional,
    /// `*`: any number of times.
    Any,
    /// `+`: at least once.
    Some,
    /// `!`: anything else is there.
    Not,
}

impl GroupKind {
    fn parse(sign: char) -> Option<Self> {
        match sign {
            '@' => Some(Self::Once),
            '?' => Some(Self::Optional),
            '*' => Some(Self::Any),
            '+' => Some(Self::Some),
            '!' => Some(Self::Not),
            _ => None,
        }
    }
}

enum Token {
    Item(Item),
    Open(char, GroupKind),
    Bar,
    Close,
}

/// Reads a step.
///
/// # Errors
/// If it has too many groups.
pub(super) fn parse_step(step: &str, ignores_case: bool) -> Result<Vec<Item>, PatternError> {
    let characters: Vec<char> = step.chars().collect();
    // Nothing but an empty group is taken by its letters; only "not nothing" means something.
    let has_groups = !matches!(characters.as_slice(), ['?' | '*' | '+' | '@', '(', ')']);
    let tokens = read_tokens(&characters, ignores_case, has_groups);
    let closed_at = find_pairs(&tokens);
    // Before they are built: groups within groups take their part of the stack.
    if closed_at.iter().flatten().count() > GROUPS_MAX {
        return Err(PatternError::TooManyGroups {
            step: step.to_owned(),
        });
    }
    let mut builder = Builder {
        closed_at,
        tokens: tokens.into_iter().map(Some).collect(),
        groups: 0,
    };
    let end = builder.tokens.len();
    let mut alternatives = builder.build(0, end, true);
    // Bars separate nothing at the top.
    Ok(alternatives.pop().unwrap_or_default())
}

fn read_tokens(characters: &[char], ignores_case: bool, has_groups: bool) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(characters.len());
    let mut at = 0;
    while let Some(character) = characters.get(at).copied() {
        at += 1;
        let opens = has_groups && characters.get(at) == Some(&'(');
        let group = GroupKind::parse(character).filter(|_| opens);
        tokens.push(match (character, group) {
            ('\\', _) => {
                // At the end it is itself.
                let escaped = characters.get(at).copied().unwrap_or(character);
                at += 1;
                Token::Item(Item::Char(escaped))
            }
            ('[', _) => match read_class(&characters[at - 1..], ignores_case) {
                ReadClass::Class(class, length) => {
                    at += length - 1;
                    Token::Item(Item::Class(class))
                }
                ReadClass::Never => {
                    at = characters.len();
                    Token::Item(Item::Never)
                }
                ReadClass::NoClass => Token::Item(Item::Char(character)),
            },
            (sign, Some(kind)) => {
                at += 1;
                Token::Open(sign, kind)
            }
            ('|', None) => Token::Bar,
            (')', None) => Token::Close,
            ('*', None) => Token::Item(Item::Star),
            ('?', None) if has_groups => Token::Item(Item::Any),
            ('?', None) => Token::Item(Item::Char(character)),
            (_, None) => Token::Item(Item::Char(character)),
        });
    }
    tokens
}

/// For each token that opens a group where it is closed.
fn find_pairs(tokens: &[Token]) -> Vec<Option<usize>> {
    let mut closed_at = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(..) => open.push(index),
            Token::Close => {
                if let Some(start) = open.pop() {
                    closed_at[start] = Some(index);
                }
            }
            Token::Item(_) | Token::Bar => {}
        }
    }
    closed_at
}

struct Builder {
    tokens: Vec<Option<Token>>,
    closed_at: Vec<Option<usize>>,
    groups: usize,
}

impl Builder {
    /// The alternatives between two tokens.
    fn build(&mut self, start: usize, end: usize, is_top: bool) -> Vec<Vec<Item>> {
        let mut alternatives = vec![Vec::new()];
        let mut at = start;
        while at < end {
            let token = self.tokens[at].take();
            let mut items = Vec::new();
            match (token, self.closed_at[at]) {
                (Some(Token::Open(_, kind)), Some(close)) => {
                    let id = self.groups;
                    self.groups += 1;
                    let alternatives = self.build(at + 1, close, false);
                    items.push(Item::Group(Group {
                        id,
                        kind,
                        alternatives,
                    }));
                    at = close;
                }
                // What is never closed is taken by its letters.
                (Some(Token::Open(sign, _)), None) => {
                    items.extend([Item::Char(sign), Item::Char('(')]);
                }
                (Some(Token::Bar), _) if !is_top => alternatives.push(Vec::new()),
                (Some(Token::Bar), _) => items.push(Item::Char('|')),
                (Some(Token::Close), _) => items.push(Item::Char(')')),
                (Some(Token::Item(item)), _) => items.push(item),
                (None, _) => {}
            }
            if let Some(last) = alternatives.last_mut() {
                last.extend(items);
            }
            at += 1;
        }
        alternatives
    }
}
