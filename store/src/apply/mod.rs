//! Apply: from what was observed to committed changes.
//!
//! A batch of observations passes these stages, one folder each, in one transaction ([`batch`]):
//!
//! 1. [`observed`]: whole observations, the newest of each source, who the repositories are, and what
//!    is proved of each location.
//! 2. [`roots`] and [`listing`]: what the configuration names and what the providers discover.
//! 3. [`locations`]: the graph of locations; what enters the catalog and what leaves it.
//! 4. [`entities`]: what files declare, and who holds which ref.
//! 5. [`changes`]: the rows of the change log, with relations and problems.
//! 6. [`removals`]: whether so much may be removed without asking.
//!
//! An observation that is too large for one transaction passes them in many ([`slices`]).
//!
//! Then everything is written ([`write`], [`source_state`]), committed and made visible
//! ([`transaction`]). A kill anywhere leaves all of it or nothing, and an observation that comes again
//! is stale.
//!
//! It refuses to delete anything because of a failure, and to let one message block the others.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | evidence | what one observation proves about one location: content, unchanged, absent, failed |
//! | absent, unreachable, removed | not in the source; no chain to a root; row deleted |
//! | root, target, link | registered or discovered location; what a Location entity points at; the edge between them |
//! | status | of an entity, as served: its own errors; of a Location entity also those of its targets |
//! | activate, prune | content enters the catalog; what no root reaches leaves it |
//! | claim, holder, conflict, promote | a location declares a ref; whose claim counts; several do; the next claim takes the ref |
//! | orphan | kept although nothing leads to it |
//! | refresh request | `wanted` is raised |
//! | withheld, pending removal | what the mass-removal limit keeps; what waits for a person |
//! | trigger | the source, delivery and commit that caused a change |

mod applier;
mod batch;
pub(crate) mod changes;
mod decision;
mod deletion;
pub(crate) mod entities;
mod error;
mod listing;
mod locations;
mod observed;
pub(crate) mod removals;
mod roots;
mod slices;
mod source_state;
mod transaction;
mod write;

pub use applier::{Applier, ApplyConfig};
pub(crate) use deletion::{Deletion, RegistrationFate};
pub use error::ApplyError;
pub(crate) use roots::PROVIDER as PROVIDER_ROOTS;
pub(crate) use roots::registered::{Registered, Registration, Retargeted, Unregistered};
pub(crate) use source_state::{BACK_OFF_LASTING_MAX, BACK_OFF_PASSING_MAX};
