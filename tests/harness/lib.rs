//! The test harness: stand-ins for the outside world, and what drives Freshet in stories and benches.

pub mod actors;
pub mod catalog;
pub mod db;
pub mod github;
pub mod http;
pub mod nats;
pub mod wait;
