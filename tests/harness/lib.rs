//! The test harness: stand-ins for the outside world, and what drives Freshet in stories and benches.

pub mod api;
pub mod backends;
pub mod catalog;
pub mod changes;
pub mod chaos;
pub mod checker;
pub mod db;
pub mod deliveries;
pub mod entity;
pub mod freeze;
pub mod history;
pub mod http;
pub mod nats;
pub mod people;
pub mod process;
pub mod repository;
pub mod services;
pub mod setup;
pub mod small_disk;
pub mod stage;
pub mod wall_clock;
