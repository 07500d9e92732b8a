//! The process shell around Freshet's services: configuration, logs and traces, health and metrics,
//! signals, supervision, the clock.
//!
//! It knows nothing of catalogs, buses or databases, so that every service and test stands on the same
//! ground. It keeps no process globals of its own beyond the two the libraries demand, the tracing
//! subscriber and the TLS provider, and how often a line of the log was left out.

pub mod admin;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod error_chain;
pub mod listen;
pub mod metrics;
pub mod progress;
pub mod shutdown;
pub mod summed_up;
pub mod supervisor;
pub mod telemetry;
