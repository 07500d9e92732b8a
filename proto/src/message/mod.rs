//! The messages between the services, generated from `freshet/v1/*.proto`.

pub mod change;
mod problem;

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
    Behind, Cause, Chunk, Content, Dependency, Emitted, EntityObserved, Failed, FailureKind,
    FileTarget, FilesObserved, Gone, Ignored, Job, Lane, ListedRepository, ListingObserved,
    ListingTarget, LocationObserved, Matched, Observation, Place, ProblemObserved, Push, Refresh,
    RelationObserved, Repository, RepositoryObserved, RepositoryTarget, RepositoryTraits, Signal,
    TargetPlaces, Tick, Unchanged, UrlTarget, WantedPath, job, location_observed, observation,
    signal,
};
