//! The test harness: stand-ins for the outside world, and what drives Freshet in stories and benches.

pub mod github;
