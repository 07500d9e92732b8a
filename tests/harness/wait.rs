//! Waiting for something to become true, with a limit and a reason: the only way a story waits. (Actors that act in time, such as the faults of a kill run, pause by themselves.)

use std::future::Future;
use std::time::{Duration, Instant};

/// How long a story waits for something that should take milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

const PAUSE_FIRST: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Waits until `probe` returns a value.
///
/// # Panics
///
/// With `what` and the last reason if it takes longer than [`PATIENCE`].
pub async fn eventually<T, F>(what: &str, probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    within(PATIENCE, what, probe).await
}

/// As [`eventually`], with another limit.
///
/// # Panics
///
/// With `what` and the last reason if it takes longer than `limit`.
pub async fn within<T, F>(limit: Duration, what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(reason) => {
                assert!(
                    started.elapsed() < limit,
                    "waited {limit:?} until {what}: {reason}"
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
