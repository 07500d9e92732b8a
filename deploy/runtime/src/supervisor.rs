//! Owns every task of a process.
//!
//! The first task that fails, panics or ends before it was told to stops the others. A stop has one
//! deadline for all; tasks that exceed it are named and dropped.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error_chain::Chain;

type TaskError = Box<dyn Error + Send + Sync>;

/// Why a process stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// A task returned an error.
    #[error("the task `{task}` failed")]
    Failed {
        /// Its name.
        task: &'static str,
        /// What it returned.
        source: TaskError,
    },
    /// A task panicked.
    #[error("the task `{task}` panicked")]
    Panicked {
        /// Its name.
        task: &'static str,
    },
    /// A task returned although nobody had asked it to stop.
    #[error("the task `{task}` ended by itself")]
    Ended {
        /// Its name.
        task: &'static str,
    },
    /// Some tasks did not stop in time.
    #[error("these tasks did not stop within {deadline:?}: {tasks:?}")]
    DeadlineExceeded {
        /// The deadline of the stop.
        deadline: Duration,
        /// Their names.
        tasks: Vec<&'static str>,
    },
}

/// Owns every task of a process.
pub struct Supervisor {
    tasks: JoinSet<Result<(), TaskError>>,
    names: Vec<(Id, &'static str)>,
    shutdown: CancellationToken,
    deadline: Duration,
}

impl Supervisor {
    /// A supervisor whose tasks stop when `shutdown` is cancelled, within `deadline` all together.
    #[must_use]
    pub fn new(shutdown: CancellationToken, deadline: Duration) -> Self {
        Self {
            tasks: JoinSet::new(),
            names: Vec::new(),
            shutdown,
            deadline,
        }
    }

    /// The token every task watches.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task. It must return soon after the shutdown token is cancelled, and not before.
    pub fn spawn<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        let handle = self
            .tasks
            .spawn(async move { task.await.map_err(Into::into) });
        self.names.push((handle.id(), name));
    }

    /// Waits until every task has stopped.
    ///
    /// # Errors
    ///
    /// The first failure, or the tasks that did not stop in time.
    pub async fn run(mut self) -> Result<(), SupervisorError> {
        let mut first_failure = None;
        let stopping = self.shutdown.clone();
        loop {
            let ended = tokio::select! {
                () = stopping.cancelled() => break,
                ended = self.tasks.join_next_with_id() => ended,
            };
            let Some(ended) = ended else {
                return Ok(());
            };
            if let Some(failure) = self.outcome(ended, !stopping.is_cancelled()) {
                first_failure = Some(failure);
                stopping.cancel();
                break;
            }
        }
        let drained = self.drain(&mut first_failure).await;
        match (first_failure, drained) {
            (Some(failure), _) => Err(failure),
            (None, outcome) => outcome,
        }
    }

    async fn drain(
        &mut self,
        first_failure: &mut Option<SupervisorError>,
    ) -> Result<(), SupervisorError> {
        let until = tokio::time::Instant::now() + self.deadline;
        loop {
            match tokio::time::timeout_at(until, self.tasks.join_next_with_id()).await {
                Ok(None) => return Ok(()),
                Ok(Some(ended)) => {
                    let failure = self.outcome(ended, false);
                    first_failure.keep_first_or(failure);
                }
                Err(_elapsed) => {
                    let tasks: Vec<_> = self.names.iter().map(|(_, name)| *name).collect();
                    tracing::error!(tasks = ?tasks, "tasks did not stop in time");
                    self.tasks.abort_all();
                    return Err(SupervisorError::DeadlineExceeded {
                        deadline: self.deadline,
                        tasks,
                    });
                }
            }
        }
    }

    fn outcome(
        &mut self,
        ended: Result<(Id, Result<(), TaskError>), JoinError>,
        unexpected: bool,
    ) -> Option<SupervisorError> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let task = self.forget(id);
        match ended {
            Ok((_, Ok(()))) => unexpected.then_some(SupervisorError::Ended { task }),
            Ok((_, Err(source))) => {
                tracing::error!(task, error = %Chain(source.as_ref()), "a task failed");
                Some(SupervisorError::Failed { task, source })
            }
            Err(_panicked) => Some(SupervisorError::Panicked { task }),
        }
    }

    fn forget(&mut self, id: Id) -> &'static str {
        let Some(position) = self.names.iter().position(|(known, _)| *known == id) else {
            return "unknown";
        };
        self.names.swap_remove(position).1
    }
}

/// Keeps the failure that came first.
trait KeepFirst<T> {
    fn keep_first_or(&mut self, other: Option<T>);
}

impl<T> KeepFirst<T> for Option<T> {
    fn keep_first_or(&mut self, other: Option<T>) {
        if self.is_none() {
            *self = other;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(20);

    fn supervisor() -> Supervisor {
        Supervisor::new(CancellationToken::new(), DEADLINE)
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_failure_stops_the_others_and_is_reported() {
        let mut supervisor = supervisor();
        let stopped = Arc::new(Mutex::new(false));
        let (shutdown, seen) = (supervisor.shutdown(), Arc::clone(&stopped));
        supervisor.spawn("patient", async move {
            shutdown.cancelled().await;
            *seen.lock().expect("not poisoned") = true;
            Ok::<(), Infallible>(())
        });
        supervisor.spawn("failing", async { Err(std::io::Error::other("disk full")) });
        let error = supervisor.run().await.expect_err("a task failed");
        assert!(
            matches!(
                error,
                SupervisorError::Failed {
                    task: "failing",
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(*stopped.lock().expect("not poisoned"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_and_an_early_end_are_failures() {
        let mut panicking = supervisor();
        panicking.spawn("panicking", async {
            assert!(std::hint::black_box(false), "on purpose");
            Ok::<(), Infallible>(())
        });
        assert!(matches!(
            panicking.run().await,
            Err(SupervisorError::Panicked { task: "panicking" })
        ));
        let mut ending = supervisor();
        ending.spawn("ending", async { Ok::<(), Infallible>(()) });
        assert!(matches!(
            ending.run().await,
            Err(SupervisorError::Ended { task: "ending" })
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_stop_is_named_at_the_deadline() {
        let mut supervisor = supervisor();
        supervisor.spawn("stuck", std::future::pending::<Result<(), Infallible>>());
        supervisor.shutdown().cancel();
        let started = tokio::time::Instant::now();
        let error = supervisor.run().await.expect_err("it is stuck");
        assert!(
            matches!(error, SupervisorError::DeadlineExceeded { ref tasks, .. } if tasks == &["stuck"])
        );
        assert_eq!(started.elapsed(), DEADLINE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clean_stop_is_no_error() {
        let mut supervisor = supervisor();
        let shutdown = supervisor.shutdown();
        supervisor.spawn("patient", async move {
            shutdown.cancelled().await;
            Ok::<(), Infallible>(())
        });
        supervisor.shutdown().cancel();
        assert!(supervisor.run().await.is_ok());
    }
}
