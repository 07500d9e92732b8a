use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

fn supervisor() -> (Supervisor, CancellationToken) {
    let shutdown = CancellationToken::new();
    (Supervisor::new(shutdown.clone(), DEADLINE), shutdown)
}

/// A task that ends `after` the stop began, and says that it did.
fn spawn_tidy(supervisor: &mut Supervisor, name: &'static str, after: Duration) -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let (shutdown, flag) = (supervisor.shutdown(), Arc::clone(&ended));
    supervisor.spawn(name, async move {
        shutdown.cancelled().await;
        tokio::time::sleep(after).await;
        flag.store(true, Ordering::SeqCst);
        Ok::<(), Infallible>(())
    });
    ended
}

#[tokio::test(start_paused = true)]
async fn a_requested_stop_waits_for_every_task() {
    let (mut supervisor, shutdown) = supervisor();
    let quick = spawn_tidy(&mut supervisor, "quick", Duration::ZERO);
    let slow = spawn_tidy(&mut supervisor, "slow", Duration::from_secs(4));
    shutdown.cancel();
    supervisor.run().await.expect("a clean stop");
    assert!(quick.load(Ordering::SeqCst) && slow.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_stops_the_others_and_is_reported() {
    let (mut supervisor, shutdown) = supervisor();
    let tidy = spawn_tidy(&mut supervisor, "tidy", Duration::from_secs(1));
    supervisor.spawn("relay", async { Err(io::Error::other("no stream")) });
    let error = supervisor.run().await.expect_err("the relay failed");
    assert_eq!(Chain(&error).to_string(), "relay failed: no stream");
    assert!(
        tidy.load(Ordering::SeqCst),
        "the other task was stopped, not aborted"
    );
    assert!(shutdown.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_panic_stops_the_others_and_is_named() {
    let (mut supervisor, _shutdown) = supervisor();
    let tidy = spawn_tidy(&mut supervisor, "tidy", Duration::ZERO);
    supervisor.spawn("apply", async {
        if true {
            panic!("row {} is missing", 7);
        }
        Ok::<(), Infallible>(())
    });
    let error = supervisor.run().await.expect_err("apply panicked");
    assert_eq!(error.to_string(), "apply panicked: row 7 is missing");
    assert!(tidy.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_stopping_is_reported_too() {
    let (mut supervisor, shutdown) = supervisor();
    let token = supervisor.shutdown();
    supervisor.spawn("flush", async move {
        token.cancelled().await;
        Err(io::Error::other("disk full"))
    });
    shutdown.cancel();
    let error = supervisor.run().await.expect_err("the flush failed");
    assert_eq!(Chain(&error).to_string(), "flush failed: disk full");
}

#[tokio::test(start_paused = true)]
async fn whoever_overruns_the_deadline_is_named() {
    let (mut supervisor, shutdown) = supervisor();
    spawn_tidy(&mut supervisor, "tidy", Duration::ZERO);
    spawn_tidy(&mut supervisor, "stuck", Duration::from_secs(3_600));
    shutdown.cancel();
    let begin = tokio::time::Instant::now();
    let error = supervisor.run().await.expect_err("one task is stuck");
    assert_eq!(error.to_string(), "not stopped within 5s: stuck");
    assert_eq!(begin.elapsed(), DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_before_the_stop_has_failed() {
    let (mut supervisor, _shutdown) = supervisor();
    let tidy = spawn_tidy(&mut supervisor, "tidy", Duration::ZERO);
    supervisor.spawn("worker", async { Ok::<(), Infallible>(()) });
    let error = supervisor.run().await.expect_err("the worker ended");
    assert_eq!(error.to_string(), "worker ended by itself");
    assert!(tidy.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn what_came_in_is_finished_before_the_rest_stops() {
    let (mut supervisor, shutdown) = supervisor();
    let (closing, rest_stops) = (supervisor.closing(), supervisor.shutdown());
    supervisor.spawn_door("hooks", async move {
        closing.cancelled().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        if rest_stops.is_cancelled() {
            return Err(io::Error::other("nobody is left to record the last hook"));
        }
        Ok(())
    });
    let tidy = spawn_tidy(&mut supervisor, "tidy", Duration::ZERO);
    shutdown.cancel();
    supervisor.run().await.expect("a clean stop");
    assert!(tidy.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_door_that_does_not_close_leaves_time_for_the_rest() {
    let (mut supervisor, shutdown) = supervisor();
    supervisor.spawn_door("jammed", std::future::pending::<Result<(), Infallible>>());
    let tidy = spawn_tidy(&mut supervisor, "tidy", Duration::from_secs(1));
    shutdown.cancel();
    let begin = Instant::now();
    let error = supervisor.run().await.expect_err("a door is jammed");
    assert_eq!(error.to_string(), "not stopped within 5s: jammed");
    assert!(tidy.load(Ordering::SeqCst));
    assert_eq!(begin.elapsed(), DEADLINE);
}
