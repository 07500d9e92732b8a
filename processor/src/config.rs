//! What a processor is told at start; every bound and wait of it has its default here.

use std::time::Duration;

use freshet_model::Kinds;
use freshet_proto::subject::DEFAULT_PREFIX;
use secrecy::SecretString;

use crate::limits::{FolderLimits, GithubLimits, ReadLimits};
use crate::source::github::query::REPOSITORIES_PER_QUERY_MAX;
pub use crate::source::url::policy::ReadingAllow;

/// Address of the API of github.com.
pub const GITHUB_API_BASE_URL: &str = "https://api.github.com";

/// Configuration of one processor.
#[derive(Clone)]
pub struct ProcessorConfig {
    /// First token of every subject.
    pub subject_prefix: String,
    /// The GitHubs it reads, one credential each.
    pub github: Vec<GithubIntegration>,
    /// Repositories that placeholders of any other may read, as `host/owner/name` with `*`.
    pub placeholders: Vec<String>,
    /// Plain URLs that may be read.
    pub reading_allow: Vec<ReadingAllow>,
    /// Whether owners come from CODEOWNERS where a file does not name them.
    pub codeowners: bool,
    /// Whether local files are read: for development only.
    pub file_locations: bool,
    /// The kinds entities may have.
    pub kinds: Kinds,
    /// How much of one file it is willing to look at.
    pub limits: ReadLimits,
    /// How much of a repository and of a list of them.
    pub github_limits: GithubLimits,
    /// How much of a local folder.
    pub folder_limits: FolderLimits,
    /// How long it waits for GitHub.
    pub timeouts: Timeouts,
    /// How often it asks again after a failed call.
    pub retry: RetryPolicy,
    /// Repositories per page of a listing.
    pub listing_page: usize,
    /// Most jobs answered by one query.
    pub read_batch: usize,
    /// How long a sweep's incomplete batch waits for the next job.
    pub sweep_linger: Duration,
    /// Most calls in flight per credential.
    pub max_concurrent_calls: usize,
    /// How long to wait before asking again each time GitHub still shows the head from before a push.
    pub behind_delays: Vec<Duration>,
    /// How old a push may be before a head that is still the one from before it counts as the truth:
    /// the branch was then set back, or the hooks came in the wrong order.
    pub behind_age_max: Duration,
    /// How long jobs already taken wait for GitHub's limits before they are given back.
    pub hold_max: Duration,
    /// How much each lane may have in hand.
    pub in_hand: InHandLimits,
}

/// How much one lane may have in hand: jobs that are being read, and readings that wait for room in the stream
/// of observations. One batch is taken whatever its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InHandLimits {
    /// Most jobs.
    pub jobs_max: usize,
    /// Most bytes, as far as they are known or to be expected.
    pub bytes_max: u64,
}

/// One GitHub and the credential for it.
#[derive(Clone)]
pub struct GithubIntegration {
    /// Host of its web pages, such as `github.com`; also the name of the credential in subjects.
    pub host: String,
    /// REST base URL; the GraphQL one follows from it.
    pub api_base_url: String,
    /// Personal or installation token; anonymous without.
    pub token: Option<SecretString>,
}

/// How long to wait for GitHub.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For one whole answer. GitHub itself stops at ten seconds.
    pub call: Duration,
}

/// How often to ask again after a failed call, with growing, jittered waits.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// First wait.
    pub delay_min: Duration,
    /// Longest wait.
    pub delay_max: Duration,
    /// Most repetitions.
    pub times_max: usize,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            // Longer than GitHub's own ten seconds, so that its answer about them still arrives.
            call: Duration::from_secs(15),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            delay_min: Duration::from_millis(200),
            delay_max: Duration::from_secs(5),
            times_max: 3,
        }
    }
}

impl Default for InHandLimits {
    fn default() -> Self {
        Self {
            // As many full batches as a sweep has calls in flight.
            jobs_max: 1_000,
            // Half of what sweeps may have in the stream: enough to fill it while the store empties it.
            bytes_max: 64 * 1024 * 1024,
        }
    }
}

impl Default for ProcessorConfig {
    fn default() -> Self {
        Self {
            subject_prefix: DEFAULT_PREFIX.to_owned(),
            github: Vec::new(),
            placeholders: Vec::new(),
            reading_allow: Vec::new(),
            codeowners: false,
            file_locations: false,
            kinds: Kinds::builtin(),
            limits: ReadLimits::default(),
            github_limits: GithubLimits::default(),
            folder_limits: FolderLimits::default(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            listing_page: 100,
            read_batch: REPOSITORIES_PER_QUERY_MAX,
            sweep_linger: Duration::from_millis(50),
            max_concurrent_calls: 20,
            // Seven seconds together, which the replicas of GitHub stay within.
            behind_delays: [1, 2, 4].map(Duration::from_secs).to_vec(),
            behind_age_max: Duration::from_secs(10 * 60),
            // Below the five minutes for which a message may be kept alive at most.
            hold_max: Duration::from_secs(4 * 60),
            in_hand: InHandLimits::default(),
        }
    }
}
