//! Declaring metrics: field, name, help, labels, buckets and registration in one place.
//!
//! A metric used to be spelled in four places (a label struct, a field, its construction, its
//! registration), which drifted apart. The help of a metric is its doc comment.

/// Declares a struct of metrics with `register(&Registry)`, and `unregistered()` for metrics
/// that nobody scrapes.
///
/// Each line is `"name" => field: Kind`, where the kind is `Counter`, `Gauge` (whole numbers),
/// `FloatGauge` or `Histogram in BUCKETS`; a kind `by Labels { label: Type }` is a family of
/// them, and `Labels` is declared too. A counter's name has no `_total`: the encoding adds it.
/// The crate that uses it depends on `prometheus-client`, whose derive macro names it.
///
/// ```
/// use freshet_runtime::metrics::Registry;
///
/// freshet_runtime::label_enum! {
///     /// How a door was found.
///     pub enum Door { Open = "open", Closed = "closed" }
/// }
///
/// freshet_runtime::metrics! {
///     /// What a house counts.
///     pub struct HouseMetrics {
///         /// Visits by how the door was found.
///         "house_visits" => visits: Counter by VisitLabels { door: Door };
///         /// Time from the bell to the door.
///         "house_wait_seconds" => wait_seconds: Histogram in [0.1, 1.0, 10.0];
///     }
/// }
///
/// let registry = Registry::new("catalog");
/// let metrics = HouseMetrics::register(&registry);
/// metrics.visits.get_or_create(&VisitLabels { door: Door::Open }).inc();
/// assert!(registry.encode().contains(r#"catalog_house_visits_total{door="open"} 1"#));
/// ```
#[macro_export]
macro_rules! metrics {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $struct:ident {
            $(
                $(#[doc = $help:literal])+
                $name:literal => $field:ident: $kind:ident
                    $(by $labels:ident { $($label:ident: $value:ty),+ $(,)? })?
                    $(in $buckets:expr)?;
            )+
        }
    ) => {
        $($(
            #[doc = concat!("The labels of `", $name, "`.")]
            #[derive(
                Clone,
                Debug,
                PartialEq,
                Eq,
                Hash,
                $crate::metrics::prometheus_client::encoding::EncodeLabelSet,
            )]
            $visibility struct $labels {
                $($label: $value,)+
            }
        )?)+

        $(#[$attribute])*
        #[derive(Clone, Debug)]
        $visibility struct $struct {
            $(
                $(#[doc = $help])+
                $field: $crate::metrics!(@type $kind $($labels)?),
            )+
        }

        impl $struct {
            /// Makes the metrics and registers each of them.
            #[must_use]
            $visibility fn register(registry: &$crate::metrics::Registry) -> Self {
                let metrics = Self::unregistered();
                $(registry.register($name, concat!($($help),+), metrics.$field.clone());)+
                metrics
            }

            /// Metrics that nobody scrapes.
            #[must_use]
            $visibility fn unregistered() -> Self {
                Self {
                    $($field: $crate::metrics!(@new $kind $($labels)? $(in $buckets)?),)+
                }
            }
        }
    };
    // A family makes its members itself, and a histogram has no default without its buckets. It
    // stands before the general arm, which would match it too.
    (@type Histogram $labels:ident) => {
        $crate::metrics::Family<$labels, $crate::metrics::Histogram, fn() -> $crate::metrics::Histogram>
    };
    (@type $kind:ident $labels:ident) => {
        $crate::metrics::Family<$labels, $crate::metrics::$kind>
    };
    (@type $kind:ident) => { $crate::metrics::$kind };
    (@new Histogram $labels:ident in $buckets:expr) => {
        $crate::metrics::Family::new_with_constructor(|| {
            $crate::metrics::Histogram::new($buckets)
        })
    };
    (@new Histogram in $buckets:expr) => { $crate::metrics::Histogram::new($buckets) };
    (@new $kind:ident $($labels:ident)?) => { ::std::default::Default::default() };
}

/// Declares an enum whose values are all a label may have. A label never holds a ref, a
/// repository, a URL or a message: each value is a time series for ever.
#[macro_export]
macro_rules! label_enum {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $enum:ident {
            $($(#[doc = $doc:literal])* $variant:ident = $text:literal),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $visibility enum $enum {
            $($(#[doc = $doc])* #[doc = concat!("Shown as `", $text, "`.")] $variant,)+
        }

        impl $enum {
            /// Every value, for gauges that show a 0 where there is nothing.
            #[allow(dead_code, reason = "only gauges need all the values")]
            $visibility const ALL: &[Self] = &[$(Self::$variant),+];

            /// The value as it is shown.
            #[must_use]
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl $crate::metrics::prometheus_client::encoding::EncodeLabelValue for $enum {
            fn encode(
                &self,
                encoder: &mut $crate::metrics::prometheus_client::encoding::LabelValueEncoder<'_>,
            ) -> Result<(), ::std::fmt::Error> {
                $crate::metrics::prometheus_client::encoding::EncodeLabelValue::encode(
                    &self.as_str(),
                    encoder,
                )
            }
        }
    };
}
