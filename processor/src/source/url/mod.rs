//! Plain URLs, on hosts that are no forge.

pub mod address;
pub mod policy;
pub mod reader;
mod resolver;
