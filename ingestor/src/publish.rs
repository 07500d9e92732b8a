//! Publishing a signal durably, or saying that it could not be.

use std::time::Duration;

use freshet_bus::{Bus, Expect, Outbound, PublishError, RETRY_UNAVAILABLE_AFTER};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::{Signal, signal};
use freshet_proto::subject::Subjects;
use prost::Message as _;
use tokio::time::{Instant, sleep, timeout_at};

/// One attempt may take this part of the whole time, so that a message that was lost on the way is
/// sent again.
const ATTEMPTS_THAT_FIT: u32 = 2;

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalPublication {
    /// It is durable now.
    New,
    /// It already was.
    Duplicate,
}

/// Puts signals on the bus.
#[derive(Clone)]
pub(crate) struct SignalPublisher {
    bus: Bus,
    subjects: Subjects,
    timeout: Duration,
}

impl SignalPublisher {
    pub(crate) fn new(bus: Bus, subjects: Subjects, timeout: Duration) -> Self {
        Self {
            bus,
            subjects,
            timeout,
        }
    }

    /// Resolves when the signal is durable. A bus that is away for a moment is waited for: its id
    /// makes a repetition harmless.
    ///
    /// # Errors
    ///
    /// The last one, when nothing was confirmed in time or no repetition can help. The signal may
    /// still have been stored: whoever answers for it must say "failed".
    pub(crate) async fn publish_signal(
        &self,
        signal: &Signal,
    ) -> Result<SignalPublication, PublishError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let error = match self.try_publish(signal, deadline).await {
                Ok(published) => return Ok(published),
                Err(error) => error,
            };
            // No growing back-off: GitHub waits ten seconds for its answer, so there is time for a
            // few quick attempts and for nothing else.
            let next = Instant::now() + RETRY_UNAVAILABLE_AFTER;
            if !error.is_transient() || next >= deadline {
                return Err(error);
            }
            sleep(RETRY_UNAVAILABLE_AFTER).await;
        }
    }

    async fn try_publish(
        &self,
        signal: &Signal,
        deadline: Instant,
    ) -> Result<SignalPublication, PublishError> {
        let until = deadline.min(Instant::now() + self.timeout / ATTEMPTS_THAT_FIT);
        let publish = self.bus.publish(self.to_outbound(signal));
        let published = timeout_at(until, publish)
            .await
            // Ours is over before the bus has said so; the message may be stored, and its id makes
            // another try harmless.
            .unwrap_or(Err(PublishError::Ambiguous))?;
        Ok(if published.duplicate {
            SignalPublication::Duplicate
        } else {
            SignalPublication::New
        })
    }

    fn to_outbound(&self, signal: &Signal) -> Outbound {
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
                // The delivery, the job and the change it causes are one trace.
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
