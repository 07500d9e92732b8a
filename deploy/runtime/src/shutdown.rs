//! Stopping on request of the operating system.
//!
//! The first SIGTERM or SIGINT asks for a graceful stop. A second one means that the person asking no
//! longer wants to wait: the process ends at once, which the rest of Freshet survives as any crash.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Added to the signal's number to make the exit code, as shells do.
const EXIT_CODE_BASE: i32 = 128;

/// Cancels `token` at the first SIGTERM or SIGINT and exits the process at the second.
pub async fn on_signal(token: CancellationToken) {
    // Registered together: with one of them missing, a stop would work from a terminal and not in a
    // cluster, or the other way round.
    let signals = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt) = match signals {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "Signals cannot be received, so the process can only be killed");
            return;
        }
    };
    let first = next_signal(&mut terminate, &mut interrupt).await;
    tracing::info!(
        signal = first.as_raw_value(),
        "Stopping on a signal; a second one stops at once"
    );
    token.cancel();
    let second = next_signal(&mut terminate, &mut interrupt).await;
    tracing::warn!(
        signal = second.as_raw_value(),
        "Stopping at once on a second signal"
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever signals twice wants no graceful stop"
    )]
    std::process::exit(EXIT_CODE_BASE + second.as_raw_value());
}

async fn next_signal(terminate: &mut Signal, interrupt: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    }
}
