//! A GitHub that fits into a test: real git repositories behind GitHub's REST, GraphQL, smart HTTP
//! and webhooks, on a port of its own.
//!
//! It exists because no ready-made emulator answers organisation listings, GraphQL, hook signing
//! and redelivery together. Field names, media types, headers and error bodies are GitHub's; what
//! Freshet does not use is absent. It holds a thousand repositories without being the bottleneck:
//! heads, trees and blobs that are asked for are in memory, real git runs only for clone and push. Ten
//! thousand are generated: they can be listed and read, and nothing else.
//! It refuses to be a security boundary: one token, compared plainly, and pushes by anybody.

mod controls;
mod creation;
mod engine;
mod generated;
mod git;
mod git_http;
mod graphql;
mod handle;
mod hooks;
mod ids;
mod knobs;
mod payload;
mod rate;
mod ref_verbs;
mod repository;
mod requests;
mod rest;
pub mod sample;
mod server;
mod verbs;
mod view;
mod world;

pub use handle::{CommitSha, GithubEmulator, Options, PreparedPush};
pub use hooks::{DeliveryRecord, HookMode, ReleaseOrder};
pub use knobs::Fault;
pub use repository::{RepoOptions, StaleUntil, Visibility};
pub use requests::{RequestKind, RequestRecord};
pub use world::{Member, Team};

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]
mod tests;
