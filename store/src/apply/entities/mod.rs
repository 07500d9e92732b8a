//! From what files declare to who holds which ref.

pub(crate) mod annotate;
mod claim_index;
pub(crate) mod claims;
pub(crate) mod collect;
pub(crate) mod declarations;
pub(crate) mod load;
pub(crate) mod orphans;
