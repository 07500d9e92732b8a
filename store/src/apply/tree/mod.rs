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

mod aims;
mod facts;
mod judge;
mod links;
mod place;
mod reach;
mod review;
mod run;
mod seen;
mod verdict;

pub(super) use aims::aim_of;
pub(super) use facts::{Aim, Facts, Need};
pub(super) use judge::{Terms, judge};
pub(super) use links::key_of;
pub(super) use place::{generated_ref, is_generated, location_type, presence_of};
pub(super) use review::{Review, Scope};
pub(super) use seen::{Listed, Mark, Seen, SeenContent, Sights};
pub(super) use verdict::Verdict;

#[cfg(test)]
mod tests;
