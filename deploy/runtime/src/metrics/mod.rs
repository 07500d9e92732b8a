//! The registry in which every crate of a process registers its metrics.
//!
//! Exposition is OpenMetrics text. Histograms are never registered with a library's default buckets:
//! whoever measures a push until it is visible uses [`PROPAGATION_BUCKETS`].

mod declare;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

pub use prometheus_client;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Metric;

/// A gauge of fractions, such as seconds.
pub type FloatGauge = Gauge<f64, AtomicU64>;

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
        // The encoding ends every help with a full stop, so one that has its own loses it here.
        let help = help.trim().trim_end_matches('.');
        self.lock_inner().register(name, help, metric);
    }

    /// The metrics as OpenMetrics text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.lock_inner())
            .expect("writing into a String cannot fail");
        text
    }

    // A panic while the registry was locked left at worst one metric unregistered; the others are
    // still worth serving.
    fn lock_inner(&self) -> std::sync::MutexGuard<'_, prometheus_client::registry::Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::label_enum! {
        enum Weather { Rain = "rain", Sun = "sun" }
    }

    crate::metrics! {
        struct WeatherMetrics {
            /// Days by weather,
            /// and by month.
            "weather_days" => days: Counter by DayLabels { weather: Weather, month: u8 };
            /// Hours of rain.
            "weather_rain_seconds" => rain_seconds: Histogram in [60.0, 3600.0];
            /// Temperature now.
            "weather_degrees" => degrees: FloatGauge;
            /// Time between two clouds.
            "weather_gap_seconds" => gap_seconds: Histogram by GapLabels { weather: Weather } in [1.0];
        }
    }

    #[test]
    fn declared_metrics_are_exposed_under_the_prefix_with_help_and_labels() {
        let registry = Registry::new("catalog");
        let metrics = WeatherMetrics::register(&registry);
        let labels = DayLabels {
            weather: Weather::Rain,
            month: 4,
        };
        metrics.days.get_or_create(&labels).inc();
        metrics.rain_seconds.observe(90.0);
        metrics.degrees.set(-1.5);
        let weather = Weather::ALL[1];
        metrics
            .gap_seconds
            .get_or_create(&GapLabels { weather })
            .observe(0.5);
        let text = registry.clone().encode();
        for line in [
            "# HELP catalog_weather_days Days by weather, and by month.\n",
            "catalog_weather_days_total{weather=\"rain\",month=\"4\"} 1\n",
            "catalog_weather_rain_seconds_bucket{le=\"3600.0\"} 1\n",
            "catalog_weather_degrees -1.5\n",
            "catalog_weather_gap_seconds_bucket{le=\"1.0\",weather=\"sun\"} 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn the_buckets_ascend() {
        assert!(PROPAGATION_BUCKETS.is_sorted());
    }
}
