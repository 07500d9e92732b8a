//! How the ledger and apply part with messages: acknowledged, given back, or kept as a dead letter.

use std::time::Duration;

use freshet_bus::{Bus, Delivery, Outbound};
use freshet_proto::subject::Subject;
use freshet_runtime::error_chain::Chain;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

/// How long until a message that was given back comes again, and between looks at an outage.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Whatever went wrong with one message.
pub(crate) type Failure = dyn std::error::Error + Send + Sync + 'static;

/// Acknowledges what is committed. One that is not confirmed comes again and changes nothing then.
pub(crate) async fn acknowledge(deliveries: Vec<Delivery>) {
    let acknowledged = join_all(deliveries.into_iter().map(Delivery::ack)).await;
    for error in acknowledged.into_iter().filter_map(Result::err) {
        tracing::debug!(error = %Chain(&error), "an acknowledgement was not confirmed");
    }
}

/// Lets the messages come again after [`RETRY_AFTER`].
pub(crate) async fn give_back(deliveries: Vec<Delivery>) {
    let given_back = deliveries
        .into_iter()
        .map(|delivery| delivery.retry_after(RETRY_AFTER));
    join_all(given_back).await;
}

/// Keeps a message nobody can handle under `letter_subject` and ends it; it comes again if it cannot be kept.
pub(crate) async fn keep_as_dead_letter(
    bus: &Bus,
    letter_subject: Subject,
    delivery: Delivery,
    reason: &'static str,
) {
    let letter = Outbound::new(letter_subject, delivery.payload.clone());
    match bus.publish(letter).await {
        Ok(_) => delivery.terminate(reason).await,
        // There are no dead letters on a bus that keeps nothing; the caller's log line is all.
        Err(_) if !bus.is_durable() => delivery.terminate(reason).await,
        Err(_) => delivery.retry_after(RETRY_AFTER).await,
    }
}

/// Waits [`RETRY_AFTER`], or until the process stops.
pub(crate) async fn pause(shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = tokio::time::sleep(RETRY_AFTER) => {}
    }
}
