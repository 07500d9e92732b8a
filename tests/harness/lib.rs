//! The test harness: stand-ins for the outside world, and what drives Freshet in stories and benches.

pub mod actors;
pub mod catalog;
pub mod chaos;
pub mod checker;
pub mod db;
pub mod history;
pub mod http;
pub mod nats;
pub mod process;
pub mod stage;
pub mod wait;
