//! The named conditions under which a process is ready.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// How often a watched condition is looked at. Whoever balances load asks every few seconds.
const WATCHED_EVERY: Duration = Duration::from_secs(1);

/// Whether one condition of readiness holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyState {
    /// It holds.
    Ready,
    /// It does not, and why.
    NotReady(String),
}

/// The named conditions under which a process is ready; clones share them.
///
/// A process names its conditions before it opens the admin listener; with none it is ready.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, ReadyState>>>);

/// One condition, as `/readyz` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ReadinessCondition {
    name: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Readiness {
    /// States a condition, replacing what was stated before.
    pub fn set(&self, name: &'static str, state: ReadyState) {
        self.lock_conditions().insert(name, state);
    }

    /// Whether every condition holds.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock_conditions()
            .values()
            .all(|state| *state == ReadyState::Ready)
    }

    /// Why a condition does not hold; `None` if it does, or nobody has stated it.
    #[must_use]
    pub fn reason(&self, name: &str) -> Option<String> {
        match self.lock_conditions().get(name)? {
            ReadyState::Ready => None,
            ReadyState::NotReady(reason) => Some(reason.clone()),
        }
    }

    /// Keeps stating whether something is connected until `shutdown`. The condition is named before
    /// this returns, so that no process is ready before its first look.
    pub fn watch_connection(
        self,
        condition: &'static str,
        subject: &'static str,
        is_connected: impl Fn() -> bool,
        shutdown: CancellationToken,
    ) -> impl Future<Output = Result<(), Infallible>> {
        // Stated at every look and not only when it changes: stating costs nothing, and nothing has
        // to be remembered.
        let state_now = move |readiness: &Self, is_connected: bool| {
            let state = if is_connected {
                ReadyState::Ready
            } else {
                ReadyState::NotReady(format!("{subject} is not connected"))
            };
            readiness.set(condition, state);
        };
        state_now(&self, is_connected());
        async move {
            let mut every = tokio::time::interval(WATCHED_EVERY);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return Ok(()),
                    _ = every.tick() => state_now(&self, is_connected()),
                }
            }
        }
    }

    pub(super) fn list_conditions(&self) -> Vec<ReadinessCondition> {
        let conditions = self.lock_conditions();
        conditions
            .iter()
            .map(|(name, state)| ReadinessCondition::new(name, state))
            .collect()
    }

    fn lock_conditions(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, ReadyState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadinessCondition {
    fn new(name: &'static str, state: &ReadyState) -> Self {
        match state {
            ReadyState::Ready => Self {
                name,
                ready: true,
                reason: None,
            },
            ReadyState::NotReady(reason) => Self {
                name,
                ready: false,
                reason: Some(reason.clone()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_is_told_until_it_is_back() {
        let (readiness, shutdown) = (Readiness::default(), CancellationToken::new());
        let connected = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&connected);
        let watching = readiness.clone().watch_connection(
            "store.bus",
            "the bus",
            move || asked.load(Ordering::Relaxed),
            shutdown.clone(),
        );
        assert!(!readiness.is_ready(), "the condition is named at once");
        let changes = async {
            for is_connected in [true, false, true] {
                connected.store(is_connected, Ordering::Relaxed);
                tokio::time::sleep(2 * WATCHED_EVERY).await;
                assert_eq!(readiness.is_ready(), is_connected);
            }
            shutdown.cancel();
        };
        let (ended, ()) = tokio::join!(watching, changes);
        assert_eq!(ended, Ok(()));
    }
}
