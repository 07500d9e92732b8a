//! Pauses that a stop cuts short.

use std::time::Duration;

use freshet_runtime::progress::spell_time_of_day;
use tokio_util::sync::CancellationToken;

use crate::budget::BudgetClosed;

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

/// Tells the log that jobs wait for a limit, and until when. A store in another process cannot know it.
pub(super) fn log_limit(closed: BudgetClosed) {
    freshet_runtime::summed_up!(
        info,
        "Reading waits until {}, as a rate limit of GitHub asks",
        spell_time_of_day(closed.until)
    );
}
