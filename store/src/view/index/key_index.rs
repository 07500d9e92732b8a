//! Everything that is known of one key: which entities have it, and with which values.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use roaring::RoaringBitmap;

use super::entity_set::{EntitySet, Slot};
use super::value_table::{Direction, Inserted, ValueTable, fold_case};

/// One key of the search index.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyIndex {
    table: ValueTable,
    /// Entities with at least one value.
    valued: RoaringBitmap,
    /// Entities that have the key without a value that could be compared.
    valueless: RoaringBitmap,
    /// Pairs of an entity and a value.
    pairs: u64,
    /// Who spells a value otherwise than the table does, by the value in lower case. Hardly anybody.
    other_spellings: HashMap<Box<str>, BTreeMap<Box<str>, RoaringBitmap>>,
}

/// A value as it is spelled, and entities that have it, ascending.
#[derive(Debug)]
pub(super) struct FoundValue {
    pub(super) spelled: Box<str>,
    pub(super) slots: Vec<Slot>,
}

/// A value as it is spelled, and how many entities have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ValueCount {
    pub(crate) value: String,
    pub(crate) count: u64,
}

impl KeyIndex {
    /// A key with these values, in any order. A value may be given several times, for other entities or spelled otherwise.
    pub(super) fn from_values(mut values: Vec<FoundValue>) -> Self {
        values.sort_by_cached_key(|value| fold_case(&value.spelled).into_owned());
        let mut index = Self::default();
        let mut ordered = Vec::with_capacity(values.len());
        let is_same =
            |a: &FoundValue, b: &FoundValue| fold_case(&a.spelled) == fold_case(&b.spelled);
        for spellings in values.chunk_by_mut(is_same) {
            // The first spelling is that of the first entity, as it would be had they come one by one.
            spellings.sort_by_key(|value| value.slots.first().copied());
            ordered.push(index.add_spellings(spellings));
        }
        index.table = ValueTable::from_ascending(ordered.into_iter());
        index
    }

    /// Takes in everything of one value but its place in the table, with which it answers.
    fn add_spellings(&mut self, spellings: &mut [FoundValue]) -> (Box<str>, EntitySet) {
        let slots = spellings.iter().flat_map(|value| &value.slots);
        let mut all: Vec<Slot> = slots.copied().collect();
        all.sort_unstable();
        all.dedup();
        self.pairs += u64::try_from(all.len()).unwrap_or(u64::MAX);
        self.valued.extend(all.iter().copied());
        let (first, others) = spellings.split_first_mut().expect("a chunk has an item");
        for other in others.iter().filter(|it| it.spelled != first.spelled) {
            let folded = Box::from(&*fold_case(&other.spelled));
            let known = self.other_spellings.entry(folded).or_default();
            let slots = known.entry(other.spelled.clone()).or_default();
            slots.extend(other.slots.iter().copied());
        }
        (
            std::mem::take(&mut first.spelled),
            EntitySet::from_ascending(&all),
        )
    }

    /// Values in order, each with the entities that have it.
    pub(crate) fn table(&self) -> &ValueTable {
        &self.table
    }

    /// Entities that have the key with a value.
    pub(crate) fn valued(&self) -> &RoaringBitmap {
        &self.valued
    }

    /// Entities that have the key.
    pub(crate) fn present(&self) -> RoaringBitmap {
        &self.valued | &self.valueless
    }

    /// Whether an entity has more than one value.
    pub(crate) fn is_multi_valued(&self) -> bool {
        self.pairs > self.valued.len()
    }

    /// Values and how many of `entities` have them, by value as it is spelled.
    pub(crate) fn count_values(&self, entities: Option<&RoaringBitmap>) -> Vec<ValueCount> {
        let mut counts = Vec::new();
        let mut push = |value: &str, count: u64| {
            if count > 0 {
                let value = value.to_owned();
                counts.push(ValueCount { value, count });
            }
        };
        self.table.walk(Direction::Ascending, None, |text, slots| {
            let mut count = count_in(entities, slots);
            if !self.other_spellings.is_empty()
                && let Some(others) = self.other_spellings.get(&*fold_case(text))
            {
                for (other, slots) in others {
                    let own = entities.map_or(slots.len(), |all| slots.intersection_len(all));
                    count -= own;
                    push(other, own);
                }
            }
            push(text, count);
            ControlFlow::Continue(())
        });
        counts.sort();
        counts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.valued.is_empty() && self.valueless.is_empty()
    }

    pub(super) fn insert_value(&mut self, spelled: &str, slot: Slot) {
        let Inserted {
            is_other_spelling,
            is_news,
        } = self.table.insert(spelled, slot);
        self.pairs += u64::from(is_news);
        if is_other_spelling {
            let folded = Box::from(&*fold_case(spelled));
            let others = self.other_spellings.entry(folded).or_default();
            others.entry(Box::from(spelled)).or_default().insert(slot);
        }
    }

    pub(super) fn remove_value(&mut self, folded: &str, slot: Slot) {
        self.pairs -= u64::from(self.table.remove(folded, slot));
        if let Some(others) = self.other_spellings.get_mut(folded) {
            others.retain(|_, slots| {
                slots.remove(slot);
                !slots.is_empty()
            });
            if others.is_empty() {
                self.other_spellings.remove(folded);
            }
        }
    }

    /// Says of entities that they have the key without a value.
    pub(super) fn add_valueless(&mut self, slots: &[Slot]) {
        self.valueless.extend(slots.iter().copied());
    }

    /// Says how an entity has the key.
    pub(super) fn mark(&mut self, slot: Slot, presence: Presence) {
        set(&mut self.valued, slot, presence.has_value);
        set(&mut self.valueless, slot, presence.has_null);
    }
}

/// How an entity has a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Presence {
    /// With a value.
    pub(super) has_value: bool,
    /// With something that is no value.
    pub(super) has_null: bool,
}

impl Presence {
    /// With a value or not at all.
    pub(super) fn of_value(has_value: bool) -> Self {
        Self {
            has_value,
            has_null: false,
        }
    }
}

fn set(slots: &mut RoaringBitmap, slot: Slot, is_in: bool) {
    if is_in {
        slots.insert(slot);
    } else {
        slots.remove(slot);
    }
}

fn count_in(entities: Option<&RoaringBitmap>, slots: &EntitySet) -> u64 {
    entities.map_or_else(|| slots.len(), |entities| slots.count_in(entities))
}
