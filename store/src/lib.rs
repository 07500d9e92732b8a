//! The store: what we know, and serving it.
//!
//! Signals become generations and jobs ([`ledger`]); observations become changes in one
//! transaction ([`apply`]); the log of changes is folded into memory ([`view`], [`graph`]), served
//! ([`api`], [`feed`]) and published ([`relay`]). [`freshness`] says how far all of that can be
//! believed. Only [`repo`] speaks SQL and only [`api`] speaks HTTP.

pub mod api;
pub mod apply;
mod batch_limits;
pub mod change;
mod config;
mod conflicts;
mod consumer;
pub mod feed;
pub mod freshness;
mod graph;
pub mod ledger;
mod lineage;
pub mod metrics;
mod micros;
mod progress;
mod query;
pub mod relay;
pub mod repo;
mod service;
pub mod view;

pub use api::{
    AccessRestrictions, ApiCertificate, AuthConfig, DefaultPolicy, ExternalAccess, ForeignIssuer,
    PermissionAction, PermissionPolicy, PluginEndpoints, PluginRestrictions,
};
pub use config::{
    CorsConfig, DatabaseConfig, FeedLimits, GithubProvider, LocationConflict, LocationWrites,
    OrphanStrategy, PostgresTls, ProviderFilters, Recheck, RegistrationConfig, RemovalLimits, Root,
    Rule, StoreConfig, TopicFilter,
};
pub use service::{StoreDeps, StoreHandle, StoreStartError, start};
