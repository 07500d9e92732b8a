//! What a processor measures.

use std::sync::Arc;
use std::time::Duration;

use freshet_proto::message::Lane;
use freshet_proto::subject::lane_token;
use freshet_runtime::metrics::Registry;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::budget::headers::Resource;

/// From a local answer to GitHub's own ten-second limit and beyond.
// Wide apart: what matters is whether a call was answered at once, late, or cut off by GitHub.
const CALL_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0,
];

macro_rules! label {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// The label's value.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    };
}

label! {
    /// What became of a job.
    JobOutcome {
        /// The state of the source was published.
        Observed => "observed",
        /// The source still showed the head from before the push.
        Behind => "behind",
        /// The source could not be read, which was published.
        Failed => "failed",
        /// Given back to be tried later: a limit, a full stream, a stop.
        GivenBack => "given_back",
        /// Could not be handled.
        Dead => "dead",
    }
}

label! {
    /// What GitHub is asked.
    CallKind {
        /// Heads and wanted files of repositories.
        Repositories => "repositories",
        /// A page of an account's repositories.
        Listing => "listing",
        /// One raw blob.
        Blob => "blob",
        /// The paths of a commit or folder.
        Tree => "tree",
    }
}

label! {
    /// What a call to GitHub came to.
    CallOutcome {
        /// An answer.
        Answered => "answered",
        /// A refusal because of a limit.
        Limited => "limited",
        /// No usable answer.
        Failed => "failed",
    }
}

label! {
    /// The lane of a job.
    LaneLabel {
        /// A webhook or a person is waiting.
        Hi => "hi",
        /// A sweep.
        Lo => "lo",
    }
}

label! {
    /// One of GitHub's separate windows.
    ResourceLabel {
        /// REST.
        Core => "core",
        /// GraphQL.
        Graphql => "graphql",
    }
}

impl From<Lane> for LaneLabel {
    fn from(lane: Lane) -> Self {
        if lane_token(lane) == "hi" {
            Self::Hi
        } else {
            Self::Lo
        }
    }
}

impl From<Resource> for ResourceLabel {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::Core => Self::Core,
            Resource::Graphql => Self::Graphql,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandledJobLabels {
    lane: LaneLabel,
    outcome: JobOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    kind: CallKind,
    outcome: CallOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallKindLabels {
    kind: CallKind,
}

/// The credential is configured, so its values are few.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WindowLabels {
    installation: String,
    resource: ResourceLabel,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InstallationLabels {
    installation: String,
}

/// The metrics of one processor. Cheap to clone.
#[derive(Clone, Default)]
pub struct ProcessorMetrics(Arc<Families>);

struct Families {
    /// Jobs handled.
    jobs: Family<HandledJobLabels, Counter>,
    /// Jobs answered by one reading.
    batch: Histogram,
    /// Calls to GitHub.
    calls: Family<CallLabels, Counter>,
    /// Time of one call to GitHub, its body included.
    call_seconds: Family<CallKindLabels, Histogram, fn() -> Histogram>,
    /// Calls left in the current window, as GitHub told last.
    remaining: Family<WindowLabels, Gauge>,
    /// Refusals because of a limit.
    limited: Family<InstallationLabels, Counter>,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            jobs: Family::default(),
            batch: Histogram::new([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            remaining: Family::default(),
            limited: Family::default(),
        }
    }
}

impl ProcessorMetrics {
    /// Makes the metrics and registers them.
    #[must_use]
    pub fn registered(registry: &Registry) -> Self {
        let metrics = Self::default();
        let families = &metrics.0;
        registry.register("processor_jobs", "Jobs handled", families.jobs.clone());
        registry.register(
            "processor_batch_jobs",
            "Jobs answered by one reading",
            families.batch.clone(),
        );
        registry.register("github_requests", "Calls to GitHub", families.calls.clone());
        registry.register(
            "github_request_duration_seconds",
            "Time of one call to GitHub, its body included",
            families.call_seconds.clone(),
        );
        registry.register(
            "github_ratelimit_remaining",
            "Calls left in the current window, as GitHub told last",
            families.remaining.clone(),
        );
        registry.register(
            "github_limited",
            "Refusals because of a limit",
            families.limited.clone(),
        );
        metrics
    }

    /// Counts a job.
    pub fn count_job(&self, lane: Lane, outcome: JobOutcome) {
        self.0
            .jobs
            .get_or_create(&HandledJobLabels {
                lane: lane.into(),
                outcome,
            })
            .inc();
    }

    /// Notes how many jobs one reading answers.
    pub fn note_batch(&self, jobs: usize) {
        self.0
            .batch
            // A batch is at most a hundred, far below where a double loses digits.
            .observe(f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)));
    }

    /// Counts a call and its time.
    pub fn count_call(&self, kind: CallKind, outcome: CallOutcome, took: Duration) {
        self.0
            .calls
            .get_or_create(&CallLabels { kind, outcome })
            .inc();
        self.0
            .call_seconds
            .get_or_create(&CallKindLabels { kind })
            .observe(took.as_secs_f64());
    }

    /// Notes the rest of a window, if GitHub has told.
    pub fn note_remaining(&self, installation: &str, resource: Resource, remaining: Option<u64>) {
        if let Some(remaining) = remaining {
            let labels = WindowLabels {
                installation: installation.to_owned(),
                resource: resource.into(),
            };
            self.0
                .remaining
                .get_or_create(&labels)
                .set(i64::try_from(remaining).unwrap_or(i64::MAX));
        }
    }

    /// Counts a refusal because of a limit.
    pub fn count_limit(&self, installation: &str) {
        self.0
            .limited
            .get_or_create(&InstallationLabels {
                installation: installation.to_owned(),
            })
            .inc();
    }
}
