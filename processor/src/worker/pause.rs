//! Pauses that a stop cuts short.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PauseEnd {
    Over,
    Stopped,
}

/// Waits so long, or until the stop.
pub(super) async fn pause_for(shutdown: &CancellationToken, duration: Duration) -> PauseEnd {
    tokio::select! {
        () = shutdown.cancelled() => PauseEnd::Stopped,
        () = tokio::time::sleep(duration) => PauseEnd::Over,
    }
}
