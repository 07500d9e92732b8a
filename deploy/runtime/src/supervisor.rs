//! Who owns the tasks of a process, and how they end.
//!
//! Every long-running task is spawned here. One that fails or panics takes the whole process down in an
//! orderly way, because a process that runs without one of its parts only looks healthy. For the same
//! reason a task that returns before the stop has failed, even with `Ok`. The stop as a whole has one
//! deadline; whoever overruns it is named and aborted.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error_chain::Chain;

type TaskError = Box<dyn Error + Send + Sync>;
type Joined = Result<(Id, Result<(), TaskError>), JoinError>;

/// Owns every task of a process. Dropping it aborts them.
#[derive(Debug)]
pub struct Supervisor {
    shutdown: CancellationToken,
    deadline: Duration,
    tasks: JoinSet<Result<(), TaskError>>,
    names: HashMap<Id, &'static str>,
}

/// What a process is doing when one of its tasks ends.
#[derive(Clone, Copy)]
enum Phase {
    Running,
    Stopping,
}

/// Why a process did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// A task returned an error.
    #[error("{task} failed")]
    Failed {
        /// Which task.
        task: &'static str,
        /// What it returned.
        source: TaskError,
    },
    /// A task panicked.
    #[error("{task} panicked: {message}")]
    Panicked {
        /// Which task.
        task: &'static str,
        /// What it said.
        message: String,
    },
    /// A task returned although nobody had asked it to stop.
    #[error("{task} ended by itself")]
    Ended {
        /// Which task.
        task: &'static str,
    },
    /// The stop took too long.
    #[error("not stopped within {deadline:?}: {}", tasks.join(", "))]
    Overrun {
        /// The tasks that were aborted.
        tasks: Vec<&'static str>,
        /// How long the stop may take.
        deadline: Duration,
    },
}

impl Supervisor {
    /// A supervisor without tasks, which stops them when `shutdown` is cancelled and allows the stop `deadline`.
    #[must_use]
    pub fn new(shutdown: CancellationToken, deadline: Duration) -> Self {
        Self {
            shutdown,
            deadline,
            tasks: JoinSet::new(),
            names: HashMap::new(),
        }
    }

    /// The token every task listens to.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task. It must return soon after the token is cancelled, and not before.
    pub fn spawn<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        let handle = self
            .tasks
            .spawn(async move { task.await.map_err(Into::into) });
        self.names.insert(handle.id(), name);
    }

    /// Runs until every task has ended, or until the deadline after the stop began.
    ///
    /// # Errors
    ///
    /// The first failure or panic, else the tasks that overran the deadline.
    pub async fn run(mut self) -> Result<(), SupervisorError> {
        let mut first = self.run_until_stop().await;
        self.shutdown.cancel();
        let stop = tokio::time::timeout(self.deadline, async {
            while let Some(joined) = self.tasks.join_next_with_id().await {
                let failure = self.settle(joined, Phase::Stopping);
                first = first.take().or(failure);
            }
        });
        if stop.await.is_err() {
            let overrun = self.abort_rest();
            first = first.or(Some(overrun));
        }
        first.map_or(Ok(()), Err)
    }

    /// Returns when the stop begins: with the failure that causes it, or nothing.
    async fn run_until_stop(&mut self) -> Option<SupervisorError> {
        let shutdown = self.shutdown.clone();
        loop {
            // Both branches are cancel safe: a joined task is either returned or still in the set.
            let joined = tokio::select! {
                () = shutdown.cancelled() => return None,
                joined = self.tasks.join_next_with_id() => joined?,
            };
            let phase = if shutdown.is_cancelled() {
                Phase::Stopping
            } else {
                Phase::Running
            };
            if let Some(failure) = self.settle(joined, phase) {
                return Some(failure);
            }
        }
    }

    /// Forgets an ended task and logs how it ended, if badly.
    fn settle(&mut self, joined: Joined, phase: Phase) -> Option<SupervisorError> {
        let id = joined.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let task = self
            .names
            .remove(&id)
            .expect("a task is named when it is spawned");
        let failure = failure(task, joined, phase)?;
        tracing::error!(task, error = %Chain(&failure), "A task failed, so the process stops");
        Some(failure)
    }

    fn abort_rest(&mut self) -> SupervisorError {
        let mut tasks: Vec<_> = self.names.values().copied().collect();
        tasks.sort_unstable();
        let overrun = SupervisorError::Overrun {
            tasks,
            deadline: self.deadline,
        };
        tracing::error!(error = %overrun, "The stop took too long; the rest was aborted");
        self.tasks.abort_all();
        overrun
    }
}

fn failure(task: &'static str, joined: Joined, phase: Phase) -> Option<SupervisorError> {
    match joined {
        Ok((_, Ok(()))) => match phase {
            Phase::Running => Some(SupervisorError::Ended { task }),
            Phase::Stopping => None,
        },
        Ok((_, Err(source))) => Some(SupervisorError::Failed { task, source }),
        Err(error) => match error.try_into_panic() {
            Ok(payload) => Some(SupervisorError::Panicked {
                task,
                message: panic_message(payload.as_ref()),
            }),
            // Only this supervisor holds the handles, and it aborts when it no longer joins.
            Err(_cancelled) => None,
        },
    }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

#[cfg(test)]
mod tests {
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
    fn spawn_tidy(
        supervisor: &mut Supervisor,
        name: &'static str,
        after: Duration,
    ) -> Arc<AtomicBool> {
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
}
