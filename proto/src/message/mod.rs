//! The messages between the services, generated from `freshet/v1/*.proto`.

pub mod change;

/// Version 1 of the internal messages.
#[expect(
    missing_docs,
    clippy::large_enum_variant,
    reason = "generated; the comments are in the .proto files, and a message holds one body"
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/freshet.v1.rs"));
}

pub use v1::{
    Behind, Cause, Content, EntityObserved, Failed, FailureKind, Gone, Ignored, Job, Lane,
    ListedRepository, ListingObserved, ListingTarget, LocationObserved, Observation,
    ProblemObserved, Push, Refresh, RelationObserved, Repository, RepositoryObserved,
    RepositoryTarget, Signal, Tick, Unchanged, WantedPath, job, location_observed, observation,
    signal,
};
