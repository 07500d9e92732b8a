//! Texts in order, each with the entities that have it.
//!
//! Order and equality are those of the texts in lower case; what is kept is the spelling that came first. Texts lie in
//! blocks of some dozens, and each is stored as what it does not share with the one before it: the longest columns of a
//! catalog are addresses, which begin alike, and a million of them must not cost what a map of strings does.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use super::block::{Block, Place};
use super::entity_set::{EntitySet, Removed, Slot};

/// Texts in a block that is made whole; it is cut in two when it has twice as many.
const TEXTS_PER_BLOCK: usize = 64;

/// Ordered texts and who has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueTable {
    /// By a text in lower case that no text in the block is smaller than.
    blocks: BTreeMap<Box<str>, Block>,
    len: usize,
}

/// From the smallest to the largest, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    /// The other way.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// In lower case, as everything is compared.
pub(crate) fn fold_case(text: &str) -> Cow<'_, str> {
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.bytes().all(is_folded) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// Compares a text as it is spelled with one in lower case.
pub(super) fn compare_folded(spelled: &str, folded: &str) -> Ordering {
    if spelled.is_ascii() {
        let lower = spelled.bytes().map(|byte| byte.to_ascii_lowercase());
        return lower.cmp(folded.bytes());
    }
    spelled.to_lowercase().as_str().cmp(folded)
}

impl ValueTable {
    /// A table of texts that ascend in lower case, no two of them equal.
    pub(super) fn from_ascending(texts: impl Iterator<Item = (Box<str>, EntitySet)>) -> Self {
        let mut table = Self::default();
        let mut block = Block::default();
        let mut start: Box<str> = Box::from("");
        let mut last: Box<str> = Box::from("");
        for (text, entities) in texts {
            if block.len() == TEXTS_PER_BLOCK {
                let next = Box::from(&*fold_case(&text));
                let full = std::mem::take(&mut block);
                let start = std::mem::replace(&mut start, next);
                table.blocks.insert(start, full);
                last = Box::from("");
            }
            block.push(&last, &text, entities);
            table.len += 1;
            last = text;
        }
        if block.len() > 0 {
            table.blocks.insert(start, block);
        }
        table
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Who has this text, given in lower case, and how it is spelled.
    pub(crate) fn get(&self, folded: &str) -> Option<(String, &EntitySet)> {
        let (_, block) = self.blocks.range::<str, _>(up_to(folded)).next_back()?;
        match block.find(folded) {
            Place::At { index, spelled } => Some((spelled.into_owned(), block.entities(index))),
            Place::Before { .. } => None,
        }
    }

    /// Says that an entity has this text; answers with whether that is news, and whether another spelling is kept.
    pub(super) fn insert(&mut self, spelled: &str, slot: Slot) -> Inserted {
        let folded = fold_case(spelled);
        if self.blocks.is_empty() {
            self.blocks.insert(Box::from(""), Block::default());
        }
        let (_, block) = self
            .blocks
            .range_mut::<str, _>(up_to(&folded))
            .next_back()
            .expect("the first block takes whatever is small");
        match block.find(&folded) {
            Place::At {
                index,
                spelled: kept,
            } => Inserted {
                is_other_spelling: kept != spelled,
                is_news: block.entities_mut(index).insert(slot),
            },
            Place::Before { index } => {
                block.insert(index, spelled, EntitySet::of(slot));
                self.len += 1;
                self.split_if_full(&folded);
                Inserted {
                    is_other_spelling: false,
                    is_news: true,
                }
            }
        }
    }

    /// Says that an entity no longer has this text; `false` if it had not.
    pub(super) fn remove(&mut self, folded: &str, slot: Slot) -> bool {
        let Some((start, block)) = self.blocks.range_mut::<str, _>(up_to(folded)).next_back()
        else {
            return false;
        };
        let Place::At { index, .. } = block.find(folded) else {
            return false;
        };
        match block.entities_mut(index).remove(slot) {
            Removed::Nothing => return false,
            Removed::One => {}
            Removed::Last => {
                block.remove(index);
                self.len -= 1;
                // The first one stays: it takes what is smaller than all others.
                if block.len() == 0 && !start.is_empty() {
                    let start = start.clone();
                    self.blocks.remove(&start);
                }
            }
        }
        true
    }

    /// Visits texts and their entities in order, from behind or at `from` (in lower case) on.
    pub(crate) fn walk(
        &self,
        direction: Direction,
        from: Option<&str>,
        mut visit: impl FnMut(&str, &EntitySet) -> ControlFlow<()>,
    ) {
        let _stopped = match direction {
            Direction::Ascending => self.walk_up(from.unwrap_or_default(), &mut visit),
            Direction::Descending => self.walk_down(from, &mut visit),
        };
    }

    fn walk_up(
        &self,
        from: &str,
        visit: &mut impl FnMut(&str, &EntitySet) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let first = self.blocks.range::<str, _>(up_to(from)).next_back();
        let start = first.map_or(from, |(start, _)| start);
        let behind = (Bound::Included(start), Bound::Unbounded);
        let mut is_reached = from.is_empty();
        for (_, block) in self.blocks.range::<str, _>(behind) {
            let mut texts = block.texts();
            while let Some((index, text)) = texts.next() {
                is_reached = is_reached || compare_folded(text, from).is_ge();
                if is_reached {
                    visit(text, block.entities(index))?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn walk_down(
        &self,
        from: Option<&str>,
        visit: &mut impl FnMut(&str, &EntitySet) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let blocks = match from {
            Some(from) => self.blocks.range::<str, _>(up_to(from)),
            None => self.blocks.range::<str, _>(..),
        };
        for (_, block) in blocks.rev() {
            let mut spelled = Vec::with_capacity(block.len());
            let mut texts = block.texts();
            while let Some((_, text)) = texts.next() {
                spelled.push(text.to_owned());
            }
            for (index, text) in spelled.iter().enumerate().rev() {
                if from.is_none_or(|from| compare_folded(text, from).is_le()) {
                    visit(text, block.entities(index))?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn split_if_full(&mut self, folded: &str) {
        let Some((_, block)) = self.blocks.range_mut::<str, _>(up_to(folded)).next_back() else {
            return;
        };
        if block.len() < 2 * TEXTS_PER_BLOCK {
            return;
        }
        let (start, upper) = block.split_in_half();
        self.blocks.insert(Box::from(&*fold_case(&start)), upper);
    }
}

/// What became of a text that was put into a table.
pub(super) struct Inserted {
    /// Whether the table spells it otherwise.
    pub(super) is_other_spelling: bool,
    /// Whether the entity had it not.
    pub(super) is_news: bool,
}

/// The blocks of which the last may have the text.
fn up_to(folded: &str) -> (Bound<&str>, Bound<&str>) {
    (Bound::Unbounded, Bound::Included(folded))
}

#[cfg(test)]
#[path = "value_table_tests.rs"]
mod tests;
