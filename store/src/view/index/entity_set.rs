//! The entities that have one value.

use std::num::NonZeroU8;

use roaring::RoaringBitmap;

/// A number of an entity in the view, for as long as it is there.
pub(crate) type Slot = u32;

/// Entities by slot, at least one. Most values of a catalog belong to one entity or to a few, and a compressed set of so
/// few would cost allocations of its own.
#[derive(Clone, Debug)]
pub(crate) enum EntitySet {
    Few(FewSlots),
    Many(Box<RoaringBitmap>),
}

/// As many slots as have room beside a pointer.
const FEW_MAX: usize = 3;

/// One to [`FEW_MAX`] slots, ascending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FewSlots {
    slots: [Slot; FEW_MAX],
    /// Never zero, which is what tells the two sorts of sets apart without a word more.
    len: NonZeroU8,
}

impl EntitySet {
    /// A set of one.
    pub(super) fn of(slot: Slot) -> Self {
        Self::Few(FewSlots {
            slots: [slot, 0, 0],
            len: NonZeroU8::MIN,
        })
    }

    /// Those of a list that ascends and is not empty.
    pub(super) fn from_ascending(slots: &[Slot]) -> Self {
        match FewSlots::from_ascending(slots) {
            Some(few) => Self::Few(few),
            None => Self::Many(Box::new(
                RoaringBitmap::from_sorted_iter(slots.iter().copied())
                    .expect("the slots of a value ascend"),
            )),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Few(few) => u64::from(few.len.get()),
            Self::Many(slots) => slots.len(),
        }
    }

    /// How many of them are in `others`.
    pub(crate) fn count_in(&self, others: &RoaringBitmap) -> u64 {
        match self {
            Self::Few(few) => few.shared_with(others).map(|_| 1).sum(),
            Self::Many(slots) => slots.intersection_len(others),
        }
    }

    /// Adds them to `others`.
    pub(crate) fn add_to(&self, others: &mut RoaringBitmap) {
        match self {
            Self::Few(few) => others.extend(few.as_slice()),
            Self::Many(slots) => *others |= &**slots,
        }
    }

    /// Those that are in `others`.
    pub(crate) fn shared_with(&self, others: &RoaringBitmap) -> RoaringBitmap {
        match self {
            Self::Few(few) => few.shared_with(others).collect(),
            Self::Many(slots) => &**slots & others,
        }
    }

    /// Adds one; `false` if it was in.
    pub(super) fn insert(&mut self, slot: Slot) -> bool {
        match self {
            Self::Many(slots) => slots.insert(slot),
            Self::Few(few) => {
                let slots = few.as_slice();
                let Err(place) = slots.binary_search(&slot) else {
                    return false;
                };
                let more: Vec<Slot> = [&slots[..place], &[slot], &slots[place..]].concat();
                *self = Self::from_ascending(&more);
                true
            }
        }
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, slot: Slot) -> Removed {
        match self {
            Self::Few(few) => few.remove(slot),
            Self::Many(slots) => {
                if !slots.remove(slot) {
                    return Removed::Nothing;
                }
                // Sets that were large once and are small now should not stay expensive.
                if slots.len() == 1
                    && let Some(only) = slots.min()
                {
                    *self = Self::of(only);
                }
                Removed::One
            }
        }
    }
}

impl FewSlots {
    fn from_ascending(slots: &[Slot]) -> Option<Self> {
        let len = NonZeroU8::new(u8::try_from(slots.len()).ok()?)?;
        let mut few = Self {
            slots: [0; FEW_MAX],
            len,
        };
        few.slots.get_mut(..slots.len())?.copy_from_slice(slots);
        Some(few)
    }

    fn as_slice(&self) -> &[Slot] {
        &self.slots[..usize::from(self.len.get())]
    }

    fn shared_with(&self, others: &RoaringBitmap) -> impl Iterator<Item = Slot> {
        let slots = self.as_slice().iter().copied();
        slots.filter(|slot| others.contains(*slot))
    }

    fn remove(&mut self, slot: Slot) -> Removed {
        let Ok(place) = self.as_slice().binary_search(&slot) else {
            return Removed::Nothing;
        };
        let Some(len) = NonZeroU8::new(self.len.get() - 1) else {
            return Removed::Last;
        };
        self.slots.copy_within(place + 1.., place);
        self.len = len;
        Removed::One
    }
}

/// What became of a set that something was to be taken out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It was not in.
    Nothing,
    /// It was in, and others still are.
    One,
    /// It was the only one: the set stands for nothing any more.
    Last,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn slots_of(set: &EntitySet) -> Vec<Slot> {
        let mut all = RoaringBitmap::new();
        set.add_to(&mut all);
        all.iter().collect()
    }

    #[test]
    fn a_few_take_no_more_room_than_one_did() {
        assert_eq!(size_of::<EntitySet>(), 16);
    }

    #[test]
    fn a_set_grows_and_shrinks_as_others_do() {
        let others: RoaringBitmap = (0..50).step_by(2).collect();
        let mut set = EntitySet::of(20);
        let mut expected = BTreeSet::from([20]);
        // Up over the edge of the few, and down again to the last one, in no order.
        for slot in [30, 10, 20, 11, 5, 30, 45] {
            assert_eq!(set.insert(slot), expected.insert(slot), "{slot}");
            check(&set, &expected, &others);
        }
        for slot in [20, 20, 45, 5, 11, 7, 30] {
            let is_in = expected.remove(&slot);
            assert_eq!(set.remove(slot) == Removed::One, is_in, "{slot}");
            check(&set, &expected, &others);
        }
        assert_eq!(set.remove(11), Removed::Nothing);
        assert_eq!(set.remove(10), Removed::Last);
    }

    #[track_caller]
    fn check(set: &EntitySet, expected: &BTreeSet<Slot>, others: &RoaringBitmap) {
        let listed: Vec<Slot> = expected.iter().copied().collect();
        assert_eq!(slots_of(set), listed);
        assert_eq!(slots_of(&EntitySet::from_ascending(&listed)), listed);
        assert_eq!(set.len(), u64::try_from(listed.len()).expect("a few"));
        let shared: RoaringBitmap = listed.iter().filter(|it| others.contains(**it)).collect();
        assert_eq!(set.shared_with(others), shared);
        assert_eq!(set.count_in(others), shared.len());
    }
}
