//! What the ingestor is told. Every bound has its default here.

use std::time::Duration;

use freshet_proto::subject::DEFAULT_PREFIX;
use secrecy::SecretString;

const MEBIBYTE: usize = 1024 * 1024;

/// Everything the ingestor is told.
#[derive(Clone, Debug)]
pub struct IngestorConfig {
    /// First token of every subject.
    pub subject_prefix: String,
    /// Whose deliveries are authentic.
    pub webhooks: Vec<WebhookSecret>,
    /// Which providers are swept, and how often.
    pub schedules: Vec<Schedule>,
    /// Bounds of the webhook listener.
    pub limits: WebhookLimits,
}

impl Default for IngestorConfig {
    fn default() -> Self {
        Self {
            subject_prefix: DEFAULT_PREFIX.to_owned(),
            webhooks: Vec::new(),
            schedules: Vec::new(),
            limits: WebhookLimits::default(),
        }
    }
}

/// The secrets of one host's hooks.
#[derive(Clone, Debug)]
pub struct WebhookSecret {
    /// Host of the integration whose hooks are signed with it, such as `github.com`.
    pub host: String,
    /// The current secret, then previous ones that still verify while a rotation is under way.
    pub secrets: Vec<SecretString>,
}

/// When one provider is swept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Id of the provider in the configuration.
    pub provider_id: String,
    /// Host of its integration.
    pub host: String,
    /// Account whose repositories are listed.
    pub organization: String,
    /// Names everything the provider is told about what to read. When it differs after a restart,
    /// the slot is swept again.
    pub settings: String,
    /// Length of a slot. Slots are aligned to 1970, so all ingestors agree on them.
    pub frequency: Duration,
    /// How long after the start of the process the first tick is published.
    pub initial_delay: Duration,
}

/// Bounds of the webhook listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookLimits {
    /// Largest accepted body. GitHub sends at most 25 MB and never retries, so less would lose pushes.
    pub body_bytes_max: usize,
    /// Bodies held in memory at once, together; beyond it deliveries are shed with 503.
    pub in_flight_bytes_max: usize,
    /// Deliveries handled at once; beyond it they are shed with 503.
    pub concurrency_max: usize,
    /// How long a body may take to arrive.
    pub read_timeout: Duration,
    /// How long all attempts to publish may take together. GitHub gives up after 10 s, of which the
    /// body may take `read_timeout`.
    pub publish_timeout: Duration,
}

impl Default for WebhookLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 26 * MEBIBYTE,
            in_flight_bytes_max: 256 * MEBIBYTE,
            concurrency_max: 256,
            // Together with the publish below GitHub's ten seconds: an answer after those is a
            // failed delivery.
            read_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(3),
        }
    }
}
