//! How tests wait: for something to become true, with a reason when it does not. Nothing else in them sleeps,
//! and no other deadline is written down.
//!
//! What one observer has seen says nothing about another: the API may show what the feed has not told yet, the
//! ledger may have done what the API does not show yet. So whatever grows (events, deliveries, requests, rows,
//! log lines) is not read but waited for. That nothing came can only be said after something that comes later.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take. Only a failure ever takes this long, so it is made for a machine that is busy
/// with something else and costs a good run nothing.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long many things may take together: a thousand repositories, everything after an outage.
pub const PATIENCE_FOR_MANY: Duration = Duration::from_secs(600);

const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A pause is this part of the time waited so far: whoever looks all the time at what takes long, such as a list
/// of a thousand sources, keeps the machine from it.
const PAUSE_PART: u32 = 50;

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
pub async fn within<T, F>(limit: Duration, what: &str, probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    match try_within(limit, probe).await {
        Ok(value) => value,
        Err(reason) => panic!("waited {limit:?} until {what}: {reason}"),
    }
}

/// As [`within`], for who goes on when it does not happen.
///
/// # Errors
///
/// The last reason.
pub async fn try_within<T, F>(limit: Duration, mut probe: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(reason) if started.elapsed() >= limit => return Err(reason),
            Err(_) => {
                let pause = started.elapsed() / PAUSE_PART;
                tokio::time::sleep(pause.clamp(PAUSE_MIN, PAUSE_MAX)).await;
            }
        }
    }
}

/// Waits for one thing that ends by itself.
///
/// # Panics
///
/// With `what` if it takes longer than [`PATIENCE`].
pub async fn in_time<F: Future>(what: &str, thing: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, thing).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// Lets time pass on purpose: for who acts in time, as a developer who pushes now and then or a machine that
/// stays away for a while. Nobody learns anything by pausing.
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}
