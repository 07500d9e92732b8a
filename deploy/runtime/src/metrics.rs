//! The registry in which every crate of a process registers its metrics.
//!
//! Exposition is OpenMetrics text. Histograms are never registered with a library's default buckets:
//! whoever measures a push until it is visible uses [`PROPAGATION_BUCKETS`].

use std::sync::{Arc, Mutex, PoisonError};

pub use prometheus_client;
use prometheus_client::registry::Metric;

/// Seconds from a push until it is visible: fine where the objective lies, coarse up to the day on
/// which a sweep repairs a lost webhook.
pub const PROPAGATION_BUCKETS: [f64; 24] = [
    0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0,
    300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 28800.0, 86400.0,
];

/// What [`Registry::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of one process; clones share them.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Mutex<prometheus_client::registry::Registry>>);

impl Registry {
    /// An empty registry whose metrics are all called `<prefix>_…`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self(Arc::new(Mutex::new(
            prometheus_client::registry::Registry::with_prefix(prefix),
        )))
    }

    /// Adds a metric. Names carry the unit and no `_total`, which the encoding adds to counters.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .register(name, help, metric);
    }

    /// The metrics as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)
            .expect("writing into a String cannot fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn a_registered_counter_is_exposed_under_the_prefix() {
        let registry = Registry::new("catalog");
        let pushes: Counter = Counter::default();
        registry.register("ingestor_pushes", "Pushes received", pushes.clone());
        pushes.inc();
        let text = registry.clone().encode();
        assert!(text.contains("catalog_ingestor_pushes_total 1"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn the_buckets_ascend() {
        assert!(PROPAGATION_BUCKETS.is_sorted());
    }
}
