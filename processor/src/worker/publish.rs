//! Passes on what was observed.
//!
//! A reading waits in hand for room in the stream, however long that takes: it is given back only by a stop.
//! Reading it again would cost a call, and the next reading would find the stream as full as this one.

use std::time::Duration;

use freshet_bus::{Outbound, ROOM_LOOK_EVERY};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::{Lane, Observation};
use freshet_runtime::error_chain::Chain;
use freshet_runtime::telemetry;
use prost::Message as _;

use super::context::WorkerContext;
use super::disposition::{JobDisposition, PublishStep, step_after_publish_error};
use super::handler::JobHandler;
use super::job::ReceivedJob;
use super::pause::{PauseEnd, pause_for};
use crate::metrics::JobOutcome;
use crate::observation::{message_id, split_observation};

impl JobHandler {
    /// Publishes all that was observed for a job, in parts if it is too large for one message.
    pub(super) async fn conclude(
        &self,
        job: &ReceivedJob,
        observation: Observation,
        outcome: JobOutcome,
    ) -> JobDisposition {
        job.note_bytes(observation.encoded_len());
        for part in split_observation(observation) {
            if let Err(disposition) = self.publish_part(part, job.delivery.attempt).await {
                return disposition;
            }
        }
        JobDisposition::Done(outcome)
    }

    /// Publishes one part of an observation, once there is room for it.
    ///
    /// # Errors
    /// What becomes of the job if that is not possible.
    pub(super) async fn publish_part(
        &self,
        observation: Observation,
        attempt: u64,
    ) -> Result<(), JobDisposition> {
        // The lane of the job and not of this worker: what somebody waits for goes first on its way back, too.
        let lane = Lane::try_from(observation.lane).unwrap_or(Lane::Lo);
        let message = self.message_of(lane, &observation);
        for sends in 1.. {
            self.wait_for_room(lane, &message).await?;
            let Err(error) = self.context.bus.publish(message.clone()).await else {
                return Ok(());
            };
            let pause = match step_after_publish_error(&error, sends, attempt) {
                PublishStep::WaitForRoom(pause) => {
                    self.context.in_hand(lane).room.note_full().await;
                    pause
                }
                PublishStep::SendAgain(pause) => pause,
                PublishStep::End(disposition) => {
                    freshet_runtime::summed_up!(warn, error = %Chain(&error), "an observation could not be published");
                    return Err(disposition);
                }
            };
            if pause_for(&self.shutdown, pause).await == PauseEnd::Stopped {
                break;
            }
        }
        Err(JobDisposition::GiveBack(Duration::ZERO))
    }

    fn message_of(&self, lane: Lane, observation: &Observation) -> Outbound {
        let WorkerContext { subjects, .. } = &*self.context;
        let Observation {
            installation,
            source_id,
            ..
        } = observation;
        let subject = subjects.observation(lane, installation, *source_id);
        let envelope =
            Envelope::with_id(message_id(observation)).traced(telemetry::current_traceparent());
        Outbound::new(subject, observation.encode_to_vec()).enveloped(envelope)
    }

    /// Waits until there is room for a message.
    ///
    /// # Errors
    /// What becomes of its job, if the stop comes first.
    async fn wait_for_room(&self, lane: Lane, message: &Outbound) -> Result<(), JobDisposition> {
        let room = &self.context.in_hand(lane).room;
        let bytes = message.stored_bytes();
        if room.take(bytes).await {
            return Ok(());
        }
        let _wait = (room.wait(), self.context.metrics.start_wait(lane));
        while pause_for(&self.shutdown, ROOM_LOOK_EVERY).await == PauseEnd::Over {
            if room.take(bytes).await {
                return Ok(());
            }
        }
        // At once: another process may pass it on, and this one was told to go.
        Err(JobDisposition::GiveBack(Duration::ZERO))
    }
}
