//! What the store measures: instance metrics as things happen, service metrics at scrape.

mod instance;
pub mod label;
mod service;

pub use instance::Metrics;
pub(crate) use instance::seconds_between;
pub(crate) use label::label;
pub use label::{
    FeedEnd, JobTrigger, LaneLabel, Mechanism, ObservationOutcome, RefusedRead, SignalOutcome,
};
pub(crate) use service::{ServiceGauges, ServiceMetrics};
