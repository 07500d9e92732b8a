//! What the ingestor counts as it happens.

use freshet_runtime::metrics::Registry;
use freshet_runtime::metrics::prometheus_client::encoding::{
    EncodeLabelSet, EncodeLabelValue, LabelValueEncoder,
};
use freshet_runtime::metrics::prometheus_client::metrics::counter::Counter;
use freshet_runtime::metrics::prometheus_client::metrics::family::Family;
use freshet_runtime::metrics::prometheus_client::metrics::histogram::Histogram;

const ANSWER_SECONDS_BUCKETS: [f64; 10] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0, 3.0, 10.0];

/// How one delivery was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Accepted,
    Ignored,
    Duplicate,
    Forged,
    Refused,
    Unavailable,
}

impl EncodeLabelValue for Answer {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Duplicate => "duplicate",
            Self::Forged => "forged",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

/// Which secret verified a delivery; tells when a rotation is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Signature {
    Current,
    Previous,
    Bad,
}

impl EncodeLabelValue for Signature {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Current => "current",
            Self::Previous => "previous",
            Self::Bad => "bad",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct AnswerLabels {
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SignatureLabels {
    result: Signature,
}

/// The ingestor's instance metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    hook_requests: Family<AnswerLabels, Counter>,
    hook_signatures: Family<SignatureLabels, Counter>,
    hook_answer_seconds: Histogram,
    ticks: Counter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Self {
        let metrics = Self {
            hook_requests: Family::default(),
            hook_signatures: Family::default(),
            hook_answer_seconds: Histogram::new(ANSWER_SECONDS_BUCKETS),
            ticks: Counter::default(),
        };
        registry.register(
            "ingestor_hook_requests",
            "Webhook deliveries by how they were answered",
            metrics.hook_requests.clone(),
        );
        registry.register(
            "ingestor_hook_signatures",
            "Webhook signatures by which secret verified them",
            metrics.hook_signatures.clone(),
        );
        registry.register(
            "ingestor_hook_answer_seconds",
            "Time from a delivery's first byte to its answer",
            metrics.hook_answer_seconds.clone(),
        );
        registry.register(
            "ingestor_ticks",
            "Schedule ticks published",
            metrics.ticks.clone(),
        );
        metrics
    }

    pub(crate) fn answered(&self, answer: Answer, seconds: f64) {
        self.hook_requests
            .get_or_create(&AnswerLabels { answer })
            .inc();
        self.hook_answer_seconds.observe(seconds);
    }

    pub(crate) fn verified(&self, result: Signature) {
        self.hook_signatures
            .get_or_create(&SignatureLabels { result })
            .inc();
    }

    pub(crate) fn ticked(&self) {
        self.ticks.inc();
    }
}
