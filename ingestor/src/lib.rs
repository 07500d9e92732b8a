//! The ingestor: "something may have changed".
//!
//! It turns webhooks and schedule slots into signals on the bus and answers for nothing else. It
//! never calls GitHub and never touches SQL, so it is as fast as one durable publish and works
//! while everything behind it is down.

mod config;
mod metrics;
mod publish;
mod schedule;
mod service;
mod webhook;

pub use config::{IngestorConfig, Schedule, WebhookLimits, WebhookSecret};
pub use service::{IngestorDeps, RunningIngestor, start};
