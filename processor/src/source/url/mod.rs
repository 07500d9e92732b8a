//! Plain URLs, on hosts that are no forge.

pub mod policy;
