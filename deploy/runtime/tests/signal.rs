//! Signals in a process of their own.

use std::process::Command;

use freshet_runtime::shutdown::on_signal;
use freshet_wait::in_time;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_termination_signal_asks_for_a_graceful_stop() {
    let token = CancellationToken::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with its runtime"
    )]
    let watch = tokio::spawn(on_signal(token.clone()));
    // On this one thread the watch now runs to its first wait, which is after its handlers are installed.
    tokio::task::yield_now().await;
    assert!(!token.is_cancelled());

    let pid = std::process::id().to_string();
    let sent = Command::new("kill")
        .args(["-TERM", &pid])
        .status()
        .expect("a kill command");
    assert!(sent.success());
    in_time("the stop", token.cancelled()).await;
    watch.abort();
}
