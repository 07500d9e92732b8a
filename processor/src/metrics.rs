//! What a processor measures.

use std::time::Duration;

use freshet_proto::message::Lane;
use freshet_proto::subject::lane_token;
use freshet_runtime::metrics::Gauge;

use crate::budget::headers::Resource;

/// From a local answer to GitHub's own ten-second limit and beyond.
// Wide apart: what matters is whether a call was answered at once, late, or cut off by GitHub.
const CALL_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0,
];
// These end at a hundred because no query asks for more repositories.
const BATCH_JOBS: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

freshet_runtime::label_enum! {
    /// What became of a job.
    pub enum JobOutcome {
        /// The state of the source was published.
        Observed = "observed",
        /// The source still showed the head from before the push.
        Behind = "behind",
        /// The source could not be read, which was published.
        Failed = "failed",
        /// Given back to be tried later: a limit, a full stream, a stop.
        GivenBack = "given_back",
        /// Could not be handled.
        Dead = "dead",
    }
}

freshet_runtime::label_enum! {
    /// What GitHub is asked.
    pub enum CallKind {
        /// Heads and wanted files of repositories.
        Repositories = "repositories",
        /// A page of an account's repositories.
        Listing = "listing",
        /// One raw blob.
        Blob = "blob",
        /// The paths of a commit or folder.
        Tree = "tree",
    }
}

freshet_runtime::label_enum! {
    /// What a call to GitHub came to.
    pub enum CallOutcome {
        /// An answer.
        Answered = "answered",
        /// A refusal because of a limit.
        Limited = "limited",
        /// No usable answer.
        Failed = "failed",
    }
}

freshet_runtime::label_enum! {
    /// The lane of a job.
    pub enum LaneLabel {
        /// A webhook or a person is waiting.
        Hi = "hi",
        /// A sweep.
        Lo = "lo",
    }
}

freshet_runtime::label_enum! {
    /// One of GitHub's separate windows.
    pub enum ResourceLabel {
        /// REST.
        Core = "core",
        /// GraphQL.
        Graphql = "graphql",
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

// The credential is configured, so its values are few.
freshet_runtime::metrics! {
    /// The metrics of one processor. Cheap to clone.
    pub struct ProcessorMetrics {
        /// Jobs handled.
        "processor_jobs" => jobs: Counter by HandledJobLabels { lane: LaneLabel, outcome: JobOutcome };
        /// Jobs answered by one reading.
        "processor_batch_jobs" => batch_jobs: Histogram in BATCH_JOBS;
        /// Readings in hand that wait for room in the stream of observations.
        "processor_readings_waiting" => waiting: Gauge by WaitingLabels { lane: LaneLabel };
        /// Calls to GitHub.
        "github_requests" => calls: Counter by CallLabels { kind: CallKind, outcome: CallOutcome };
        /// Time of one call to GitHub, its body included.
        "github_request_duration_seconds" => call_seconds: Histogram by CallKindLabels { kind: CallKind } in CALL_SECONDS;
        /// Calls left in the current window, as GitHub told last.
        "github_ratelimit_remaining" => remaining_calls: Gauge by WindowLabels { installation: String, resource: ResourceLabel };
        /// Refusals because of a limit.
        "github_limited" => refusals: Counter by InstallationLabels { installation: String };
    }
}

/// A reading that waits; over when it is dropped.
#[must_use]
pub struct WaitGuard(Gauge);

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl ProcessorMetrics {
    /// Counts a job.
    pub fn count_job(&self, lane: Lane, outcome: JobOutcome) {
        let lane = lane.into();
        self.jobs
            .get_or_create(&HandledJobLabels { lane, outcome })
            .inc();
    }

    /// Counts a reading that waits for room while the guard lives.
    pub fn start_wait(&self, lane: Lane) -> WaitGuard {
        let lane = lane.into();
        let gauge = self.waiting.get_or_create(&WaitingLabels { lane }).clone();
        gauge.inc();
        WaitGuard(gauge)
    }

    /// Notes how many jobs one reading answers.
    pub fn note_batch(&self, jobs: usize) {
        self.batch_jobs
            .observe(f64::from(u32::try_from(jobs).unwrap_or(u32::MAX)));
    }

    /// Counts a call and its time.
    pub fn count_call(&self, kind: CallKind, outcome: CallOutcome, took: Duration) {
        self.calls
            .get_or_create(&CallLabels { kind, outcome })
            .inc();
        self.call_seconds
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
            self.remaining_calls
                .get_or_create(&labels)
                .set(i64::try_from(remaining).unwrap_or(i64::MAX));
        }
    }

    /// Counts a refusal because of a limit.
    pub fn count_limit(&self, installation: &str) {
        let installation = installation.to_owned();
        self.refusals
            .get_or_create(&InstallationLabels { installation })
            .inc();
    }
}
