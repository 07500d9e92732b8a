//! What the ledger is told.

use std::sync::Arc;
use std::time::Duration;

use freshet_proto::subject::Subjects;

use super::providers::Providers;
use crate::batch_limits::BatchLimits;
use crate::config::{Fingerprint, StoreConfig};

/// What the ledger is told.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    pub(crate) subjects: Subjects,
    pub(crate) providers: Arc<Providers>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) reconcile_every: Duration,
    pub(crate) enqueued_recently: Duration,
    pub(crate) batch: BatchLimits,
}

impl From<&StoreConfig> for LedgerConfig {
    fn from(config: &StoreConfig) -> Self {
        Self {
            subjects: Subjects::new(&config.subject_prefix),
            providers: Arc::new(Providers::new(&config.providers)),
            fingerprint: config.fingerprint(),
            reconcile_every: config.reconcile_every,
            enqueued_recently: config.enqueued_recently,
            batch: config.into(),
        }
    }
}
