//! What a batch of messages comes to: whole observations, the newest of each source, who they are
//! about, and what they prove of each location.

pub(crate) mod evidence;
pub(crate) mod failure;
pub(crate) mod identity;
pub(crate) mod newest;
pub(crate) mod reassemble;
