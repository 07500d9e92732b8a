//! The entities that have one value.

use roaring::RoaringBitmap;

/// A number of an entity in the view, for as long as it is there.
pub(crate) type Slot = u32;

/// Entities by slot, at least one. Most values of a catalog belong to one entity, and a compressed set of one would cost
/// allocations of its own.
#[derive(Clone, Debug)]
pub(crate) enum EntitySet {
    One(Slot),
    Many(Box<RoaringBitmap>),
}

impl EntitySet {
    /// Those of a list that ascends and is not empty.
    pub(super) fn from_ascending(slots: &[Slot]) -> Self {
        match slots {
            [only] => Self::One(*only),
            slots => Self::Many(Box::new(
                RoaringBitmap::from_sorted_iter(slots.iter().copied())
                    .expect("the slots of a value ascend"),
            )),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many(slots) => slots.len(),
        }
    }

    /// How many of them are in `others`.
    pub(crate) fn count_in(&self, others: &RoaringBitmap) -> u64 {
        match self {
            Self::One(only) => u64::from(others.contains(*only)),
            Self::Many(slots) => slots.intersection_len(others),
        }
    }

    /// Adds them to `others`.
    pub(crate) fn add_to(&self, others: &mut RoaringBitmap) {
        match self {
            Self::One(only) => {
                others.insert(*only);
            }
            Self::Many(slots) => *others |= &**slots,
        }
    }

    /// Those that are in `others`.
    pub(crate) fn shared_with(&self, others: &RoaringBitmap) -> RoaringBitmap {
        match self {
            Self::One(only) => RoaringBitmap::from_iter(others.contains(*only).then_some(*only)),
            Self::Many(slots) => &**slots & others,
        }
    }

    /// Adds one; `false` if it was in.
    pub(super) fn insert(&mut self, slot: Slot) -> bool {
        match self {
            Self::One(only) if *only == slot => false,
            Self::One(only) => {
                *self = Self::Many(Box::new(RoaringBitmap::from_iter([*only, slot])));
                true
            }
            Self::Many(slots) => slots.insert(slot),
        }
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, slot: Slot) -> Removed {
        match self {
            Self::One(only) if *only == slot => Removed::Last,
            Self::One(_) => Removed::Nothing,
            Self::Many(slots) => {
                if !slots.remove(slot) {
                    return Removed::Nothing;
                }
                // Sets that were large once and are small now should not stay expensive.
                if slots.len() == 1
                    && let Some(only) = slots.min()
                {
                    *self = Self::One(only);
                }
                Removed::One
            }
        }
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
