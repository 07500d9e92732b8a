//! Some dozens of texts in order, each stored as what it does not share with the one before it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::entity_set::EntitySet;
use super::value_table::compare_folded;

#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// The ends of all texts, one behind the other.
    ends: String,
    entries: Vec<Entry>,
    /// Whether a text is, or was, in other than ASCII's lower case; then what two texts share says little about their order.
    has_case: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Bytes that it has in common with the text before it.
    shared: u16,
    /// Bytes of its own behind them.
    own: u16,
    entities: EntitySet,
}

/// Where a text is, or would be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// There.
    At { index: usize, spelled: Cow<'a, str> },
    /// It is not in; this is the index it would have.
    Before { index: usize },
}

/// The texts of a block, written out one after the other.
pub(super) struct Texts<'a> {
    block: &'a Block,
    index: usize,
    offset: usize,
    text: String,
}

impl Texts<'_> {
    /// The next text and its index. The text lives until the one after it is asked for.
    pub(super) fn next(&mut self) -> Option<(usize, &str)> {
        let entry = self.block.entries.get(self.index)?;
        let end = self.offset + usize::from(entry.own);
        self.text.truncate(usize::from(entry.shared));
        self.text.push_str(&self.block.ends[self.offset..end]);
        self.offset = end;
        self.index += 1;
        Some((self.index - 1, &self.text))
    }
}

impl Block {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entities(&self, index: usize) -> &EntitySet {
        &self.entries[index].entities
    }

    pub(super) fn entities_mut(&mut self, index: usize) -> &mut EntitySet {
        &mut self.entries[index].entities
    }

    pub(super) fn texts(&self) -> Texts<'_> {
        Texts {
            block: self,
            index: 0,
            offset: 0,
            text: String::new(),
        }
    }

    pub(super) fn find<'a>(&self, folded: &'a str) -> Place<'a> {
        if self.has_case {
            self.find_by_text(folded)
        } else {
            self.find_by_ends(folded)
        }
    }

    /// Looks at the ends alone: how much a text shares with the one before it and how much that shares with what is looked for
    /// mostly tell which of them is greater.
    fn find_by_ends<'a>(&self, folded: &'a str) -> Place<'a> {
        let wanted = folded.as_bytes();
        let (mut alike, mut offset) = (0, 0);
        for (index, entry) in self.entries.iter().enumerate() {
            let (shared, own) = (usize::from(entry.shared), usize::from(entry.own));
            let end = &self.ends.as_bytes()[offset..offset + own];
            offset += own;
            match shared.cmp(&alike) {
                // It differs from what is wanted where the one before did, and in the same way.
                Ordering::Greater => {}
                Ordering::Less => return Place::Before { index },
                Ordering::Equal => {
                    let rest = &wanted[alike..];
                    match end.cmp(rest) {
                        Ordering::Less => alike += count_alike(end, rest),
                        Ordering::Equal => {
                            // Where nothing has another case, nothing is spelled otherwise.
                            let spelled = Cow::Borrowed(folded);
                            return Place::At { index, spelled };
                        }
                        Ordering::Greater => return Place::Before { index },
                    }
                }
            }
        }
        Place::Before { index: self.len() }
    }

    fn find_by_text<'a>(&self, folded: &'a str) -> Place<'a> {
        let mut texts = self.texts();
        while let Some((index, text)) = texts.next() {
            match compare_folded(text, folded) {
                Ordering::Less => {}
                Ordering::Equal => {
                    let spelled = Cow::Owned(text.to_owned());
                    return Place::At { index, spelled };
                }
                Ordering::Greater => return Place::Before { index },
            }
        }
        Place::Before { index: self.len() }
    }

    /// Puts a text behind all others, of which `last` is the last; nothing is before the first.
    pub(super) fn push(&mut self, last: &str, text: &str, entities: EntitySet) {
        self.has_case = self.has_case || !is_plain(text);
        let entry = encode(last, text, entities);
        self.ends.push_str(&text[usize::from(entry.shared)..]);
        self.entries.push(entry);
    }

    /// Puts a text before the one with this index.
    pub(super) fn insert(&mut self, index: usize, text: &str, entities: EntitySet) {
        self.has_case = self.has_case || !is_plain(text);
        let Around { before, at, after } = self.look_around(index);
        let entry = encode(&before, text, entities);
        self.ends.insert_str(at, &text[usize::from(entry.shared)..]);
        let behind = at + usize::from(entry.own);
        self.entries.insert(index, entry);
        if let Some(after) = after {
            self.recode(index + 1, behind, text, &after);
        }
    }

    /// Takes a text out.
    pub(super) fn remove(&mut self, index: usize) {
        let Around { before, at, .. } = self.look_around(index);
        let after = self.look_around(index + 1).after;
        let entry = self.entries.remove(index);
        self.ends.replace_range(at..at + usize::from(entry.own), "");
        if let Some(after) = after {
            self.recode(index, at, &before, &after);
        }
    }

    /// Cuts the block in two; answers with the larger texts and the first of them.
    pub(super) fn split_in_half(&mut self) -> (String, Self) {
        let middle = self.len() / 2;
        let Around { at, after, .. } = self.look_around(middle);
        let start = after.unwrap_or_default();
        let mut upper = Self {
            ends: self.ends.split_off(at),
            entries: self.entries.split_off(middle),
            has_case: self.has_case,
        };
        upper.recode(0, 0, "", &start);
        (start, upper)
    }

    /// Writes a text again that stands behind another one now.
    fn recode(&mut self, index: usize, at: usize, before: &str, text: &str) {
        let shared = shared_length(before, text);
        let entry = &mut self.entries[index];
        let old = usize::from(entry.own);
        entry.shared = shared;
        entry.own = length(text) - shared;
        self.ends
            .replace_range(at..at + old, &text[usize::from(shared)..]);
    }

    /// The text before an index, where that of the index begins, and that.
    fn look_around(&self, index: usize) -> Around {
        let mut texts = self.texts();
        for _ in 0..index {
            texts.next();
        }
        let (before, at) = (texts.text.clone(), texts.offset);
        let after = texts.next().map(|(_, text)| text.to_owned());
        Around { before, at, after }
    }
}

struct Around {
    before: String,
    at: usize,
    after: Option<String>,
}

fn encode(before: &str, text: &str, entities: EntitySet) -> Entry {
    let shared = shared_length(before, text);
    Entry {
        shared,
        own: length(text) - shared,
        entities,
    }
}

/// Whether its bytes are in the order that its lower case has.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    text.bytes().all(is_plain)
}

fn count_alike(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn length(text: &str) -> u16 {
    u16::try_from(text.len()).expect("what is indexed has few hundred characters at most")
}

/// Bytes that two texts begin with alike, up to the end of a character.
fn shared_length(before: &str, text: &str) -> u16 {
    let mut shared = count_alike(before.as_bytes(), text.as_bytes());
    while !text.is_char_boundary(shared) || !before.is_char_boundary(shared) {
        shared -= 1;
    }
    u16::try_from(shared).expect("what is indexed has few hundred characters at most")
}
