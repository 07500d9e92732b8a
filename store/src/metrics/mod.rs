//! What the store measures: instance metrics as things happen, service metrics at scrape.

mod instance;
pub mod label;
mod service;

pub use instance::StoreMetrics;
pub(crate) use instance::seconds_between;
pub use label::{
    FeedEnd, JobTrigger, LaneLabel, Mechanism, ObservationOutcome, RefusedRead, SignalOutcome,
};
pub(crate) use service::{PublishedRevision, ServiceGauges, ServiceMetrics};
