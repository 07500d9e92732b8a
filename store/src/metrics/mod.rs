//! What the store measures: instance metrics as things happen, service metrics at scrape.

mod instance;
mod label;
mod service;

pub use instance::Metrics;
pub use label::{
    FeedEnd, JobTrigger, LaneLabel, Mechanism, ObservationOutcome, RefusedRead, SignalOutcome,
};
pub(crate) use service::{Gauges, ServiceMetrics};
