//! How far long work is, and how long it will still take.
//!
//! Whoever does the work counts on a [`Work`], which costs an atomic operation; everything else is done by whoever looks.
//! A [`ProgressReporter`] looks once a second, and tells the log and the metrics; `/readyz` and a terminal read the
//! same [`ProgressBoard`]. [`Progress`] is what they read, and decides what is said. It never says more than is known: no
//! share while it is open how much there is, no estimate before a pace shows, and a reason instead of
//! an estimate while the work waits for something.

mod board;
mod estimate;
mod pace;
mod reporter;
mod text;

pub use board::{ProgressBoard, Work, WorkName};
pub use estimate::{Progress, Total, Wait};
pub use reporter::{PROGRESS_LOGGED_EVERY, ProgressReporter};
pub use text::{spell_count, spell_time_of_day};
