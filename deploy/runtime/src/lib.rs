//! The process shell: configuration, logs and traces, health, signals, supervision, time.
//!
//! It knows nothing of catalogs. Services get what they need from here as values; nothing is a process global.

pub mod admin;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod error_chain;
pub mod listen;
pub mod metrics;
pub mod shutdown;
pub mod supervisor;
pub mod telemetry;
