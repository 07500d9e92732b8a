//! Publishing a signal durably, or saying that it could not be.

use std::time::Duration;

use freshet_bus::{Bus, Expect, Outbound, PublishError};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::{Signal, signal};
use freshet_proto::subject::Subjects;
use prost::Message as _;

/// A publish that failed is tried this many times in all; the id makes a second attempt harmless.
const ATTEMPTS_MAX: u32 = 2;

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    /// It is durable now.
    New,
    /// It already was.
    Duplicate,
}

/// Puts signals on the bus.
#[derive(Clone)]
pub(crate) struct Publisher {
    bus: Bus,
    subjects: Subjects,
    timeout: Duration,
}

impl Publisher {
    pub(crate) fn new(bus: Bus, subjects: Subjects, timeout: Duration) -> Self {
        Self {
            bus,
            subjects,
            timeout,
        }
    }

    /// Resolves when the signal is durable.
    ///
    /// # Errors
    ///
    /// When neither attempt was confirmed. The signal may still have been stored: whoever answers
    /// for it must say "failed", and its id makes a repetition harmless.
    pub(crate) async fn publish(&self, signal: &Signal) -> Result<Published, PublishError> {
        let mut attempt = 1;
        loop {
            match self.attempt(signal).await {
                Err(error) if attempt < ATTEMPTS_MAX && error.is_transient() => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn attempt(&self, signal: &Signal) -> Result<Published, PublishError> {
        let publish = self.bus.publish(self.outbound(signal));
        let published = tokio::time::timeout(self.timeout, publish)
            .await
            .unwrap_or(Err(PublishError::Ambiguous))?;
        Ok(if published.duplicate {
            Published::Duplicate
        } else {
            Published::New
        })
    }

    fn outbound(&self, signal: &Signal) -> Outbound {
        let subject = self.subjects.signal(
            &signal.provider,
            &signal.event,
            &signal.host,
            &source_name(signal),
        );
        Outbound {
            subject,
            payload: signal.encode_to_vec().into(),
            envelope: Envelope::with_id(&signal.id)
                .traced(freshet_runtime::telemetry::current_traceparent()),
            headers: Vec::new(),
            expect: Expect::Nothing,
        }
    }
}

/// What the signal is about, for its subject.
fn source_name(signal: &Signal) -> String {
    match &signal.body {
        Some(signal::Body::Push(push)) => push
            .repository
            .as_ref()
            .map_or_else(String::new, |repository| repository.id.to_string()),
        Some(signal::Body::Tick(tick)) => tick.provider_id.clone(),
        Some(signal::Body::Refresh(refresh)) => refresh.source_id.to_string(),
        Some(signal::Body::Ignored(_)) | None => String::new(),
    }
}
