//! An observation that is too large for one transaction, applied in slices.
//!
//! Its parts are kept in the database, and what they say is applied in many transactions of about the size of an
//! ordinary batch; between two of them whatever else waits is applied. In this order ([`run`]):
//!
//! 1. Survey: everything is read once, and nothing written.
//! 2. Identity: whose source it is, as one observation of it would tell.
//! 3. Patterns: what they match besides what they did. Nothing is let go.
//! 4. Contents: the files, a slice at a time. A file that takes something away is put aside.
//! 5. Count: all that the files put aside take away is counted, and withheld where it is too much.
//! 6. Release: the files put aside, those that hand a ref to each other in one transaction.
//! 7. Review: patterns let go of what they do not match any more, and Location entities are told what became of
//!    their targets, each of them once. The last transaction sets `done` and covers the deliveries.
//!
//! So what moves from one file to another keeps its identity, as it does in one transaction: it is declared anew
//! before it is let go. A file is never split.
//!
//! From the first slice to the last the source is *half read*: it has no fingerprint, so its reading list holds no
//! blobs, and whatever comes after a kill reads all of it again. A newer observation of the source ends the slices
//! of an older one.
//!
//! It refuses to decide about files one by one what has to be decided about all of them: what may be removed.

mod conclude;
mod count;
mod deferred;
mod parts;
mod queue;
mod reader;
mod release;
mod review;
mod run;
mod survey;
mod write;

pub(super) use queue::SlicedRuns;
