//! What the ingestor counts as it happens.

const ANSWER_SECONDS_BUCKETS: [f64; 10] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0, 3.0, 10.0];

freshet_runtime::label_enum! {
    /// How one delivery was answered.
    pub(crate) enum WebhookAnswer {
        Accepted = "accepted",
        Ignored = "ignored",
        Duplicate = "duplicate",
        Forged = "forged",
        Refused = "refused",
        Unavailable = "unavailable",
    }
}

freshet_runtime::label_enum! {
    /// Which secret verified a delivery; tells when a rotation is finished.
    pub(crate) enum SignatureCheck {
        Current = "current",
        Previous = "previous",
        Bad = "bad",
    }
}

freshet_runtime::metrics! {
    /// The ingestor's instance metrics.
    pub(crate) struct IngestorMetrics {
        /// Webhook deliveries by how they were answered.
        "ingestor_hook_requests" => hook_requests: Counter by AnswerLabels { answer: WebhookAnswer };
        /// Webhook signatures by which secret verified them.
        "ingestor_hook_signatures" => hook_signatures: Counter by SignatureLabels { result: SignatureCheck };
        /// Time from a delivery's first byte to its answer.
        "ingestor_hook_answer_seconds" => hook_answer_seconds: Histogram in ANSWER_SECONDS_BUCKETS;
        /// Schedule ticks published.
        "ingestor_ticks" => ticks: Counter;
    }
}

impl IngestorMetrics {
    pub(crate) fn count_answer(&self, answer: WebhookAnswer, seconds: f64) {
        self.hook_requests
            .get_or_create(&AnswerLabels { answer })
            .inc();
        self.hook_answer_seconds.observe(seconds);
    }

    pub(crate) fn count_signature(&self, result: SignatureCheck) {
        self.hook_signatures
            .get_or_create(&SignatureLabels { result })
            .inc();
    }

    pub(crate) fn count_tick(&self) {
        self.ticks.inc();
    }
}
