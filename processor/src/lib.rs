//! The processor: finds out what is true at a source.
//!
//! A job says where to look and what the catalog holds; the processor reads the source as it is now,
//! parses, validates and relates what it finds, and publishes an observation of all of it. It is the
//! only service that talks to GitHub and the owner of the rate budget. It keeps no state: jobs may be
//! lost, repeated or reordered, and the answer is the same.
//!
//! It refuses to decide what the catalog should become: it reports what is in the files, what
//! is proven absent, and what could not be read.

pub mod budget;
pub mod catalog_file;
pub mod config;
pub mod failure;
mod fetch;
mod fingerprint;
mod json_depth;
mod json_pointer;
pub mod limits;
pub mod metrics;
pub mod observation;
mod off_thread;
pub mod reconcile;
mod service;
pub mod source;
mod worker;
pub mod yaml;

pub use config::{GithubIntegration, ProcessorConfig, ReadingAllow};
pub use fingerprint::{ENGINE_VERSION, fingerprint};
pub use service::{ProcessorDeps, ProcessorHandle, ProcessorStartError, start};
