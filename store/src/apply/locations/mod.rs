//! The tree of Location entities: which files count, and which of their contents. Pure.
//!
//! A Location entity has targets, and a *run* that is waiting, broken or ok. Only an ok run brings
//! its newest version into effect: the entity itself, its links, and the newest content of every
//! file it links. Until then its last good version and everything that points to stays as it is.
//! A file counts while a chain of links leads from a root to it.
//!
//! [`judge`] works on what is loaded and names what it lacks; its caller loads that and asks
//! again. So an ordinary push costs the links of its files and no more, however large the tree.
//!
//! It refuses to read anything, and to remove anything because something could not be read.

mod activate;
mod target;
pub(crate) mod load;
mod prune;
pub(crate) mod resolve;
mod graph;
mod evaluate;
mod links;
mod generated;
mod reach;
mod problems;
mod run;
mod seen;
mod diff;

pub(crate) use target::aim_of;
pub(crate) use graph::{Aim, Facts, Need};
pub(crate) use evaluate::{Terms, judge};
pub(crate) use links::key_of;
pub(crate) use generated::{generated_ref, is_generated, location_type, presence_of};
pub(crate) use problems::{Review, Scope};
pub(crate) use seen::{Listed, Mark, Seen, SeenContent, Sights};
pub(crate) use diff::Verdict;

#[cfg(test)]
mod tests;
