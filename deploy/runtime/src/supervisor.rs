//! Who owns the tasks of a process, and how they end.
//!
//! Every long-running task is spawned here. One that fails or panics takes the whole process down in an
//! orderly way, because a process that runs without one of its parts only looks healthy. For the same
//! reason a task that returns before the stop has failed, even with `Ok`.
//!
//! The stop begins at the doors: the tasks that let work in. The others go on until the doors are closed,
//! for what was let in needs them. The stop as a whole has one deadline; whoever overruns it is named and
//! aborted.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::error_chain::Chain;

/// The doors may take this part of the deadline, so that one that does not close leaves time for the rest.
const PARTS_OF_THE_DEADLINE: u32 = 2;

type TaskError = Box<dyn Error + Send + Sync>;
type Joined = Result<(Id, Result<(), TaskError>), JoinError>;

/// Owns every task of a process. Dropping it aborts them.
#[derive(Debug)]
pub struct Supervisor {
    /// The stop was asked for.
    closing: CancellationToken,
    /// Nothing comes in any more.
    shutdown: CancellationToken,
    deadline: Duration,
    // A set and not a tracker: a tracker forgets how a task ended, and a task that ends early is
    // what this is here to notice.
    tasks: JoinSet<Result<(), TaskError>>,
    names: HashMap<Id, &'static str>,
    doors: HashSet<Id>,
}

/// What a process is doing when one of its tasks ends.
#[derive(Clone, Copy)]
enum ProcessPhase {
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
    /// A supervisor without tasks, which stops them when `closing` is cancelled and allows the stop `deadline`.
    #[must_use]
    pub fn new(closing: CancellationToken, deadline: Duration) -> Self {
        Self {
            closing,
            shutdown: CancellationToken::new(),
            deadline,
            tasks: JoinSet::new(),
            names: HashMap::new(),
            doors: HashSet::new(),
        }
    }

    /// The token every task listens to that is no door.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// The token of the doors: cancelled first.
    #[must_use]
    pub fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Starts a task. It must return soon after [`Supervisor::shutdown`] is cancelled, and not before.
    pub fn spawn<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        self.spawn_named(name, task);
    }

    /// Starts a task that lets work in. It must return once it has finished what it let in before
    /// [`Supervisor::closing`] was cancelled, and not before.
    pub fn spawn_door<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        let id = self.spawn_named(name, task);
        self.doors.insert(id);
    }

    fn spawn_named<F, E>(&mut self, name: &'static str, task: F) -> Id
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        let handle = self
            .tasks
            .spawn(async move { task.await.map_err(Into::into) });
        self.names.insert(handle.id(), name);
        handle.id()
    }

    /// Runs until every task has ended, or until the deadline after the stop began.
    ///
    /// # Errors
    ///
    /// The first failure or panic, else the tasks that overran the deadline.
    pub async fn run(mut self) -> Result<(), SupervisorError> {
        let mut first = self.run_until_stop().await;
        let begin = Instant::now();
        // After a failure too: what the other tasks have accepted is finished or given back.
        self.closing.cancel();
        let half = begin + self.deadline / PARTS_OF_THE_DEADLINE;
        let failure = self.join_until(half, |rest| rest.doors.is_empty()).await;
        // The first failure is the reason; those behind it mostly follow from it.
        first = first.or(failure);
        self.shutdown.cancel();
        let end = begin + self.deadline;
        let failure = self.join_until(end, |rest| rest.tasks.is_empty()).await;
        first = first.or(failure);
        if !self.tasks.is_empty() {
            let overrun = self.abort_rest();
            first = first.or(Some(overrun));
        }
        first.map_or(Ok(()), Err)
    }

    /// Joins tasks until there are enough or it is `deadline`. Returns the first failure.
    async fn join_until(
        &mut self,
        deadline: Instant,
        are_enough: impl Fn(&Self) -> bool,
    ) -> Option<SupervisorError> {
        let mut first = None;
        while !are_enough(self) {
            let Ok(Some(joined)) = timeout_at(deadline, self.tasks.join_next_with_id()).await
            else {
                break;
            };
            let failure = self.note_ended(joined, ProcessPhase::Stopping);
            first = first.or(failure);
        }
        first
    }

    /// Returns when the stop begins: with the failure that causes it, or nothing.
    async fn run_until_stop(&mut self) -> Option<SupervisorError> {
        let closing = self.closing.clone();
        loop {
            // Both branches are cancel safe: a joined task is either returned or still in the set.
            let joined = tokio::select! {
                () = closing.cancelled() => return None,
                joined = self.tasks.join_next_with_id() => joined?,
            };
            let phase = if closing.is_cancelled() {
                ProcessPhase::Stopping
            } else {
                ProcessPhase::Running
            };
            if let Some(failure) = self.note_ended(joined, phase) {
                return Some(failure);
            }
        }
    }

    /// Forgets an ended task and logs how it ended, if badly.
    fn note_ended(&mut self, joined: Joined, phase: ProcessPhase) -> Option<SupervisorError> {
        // A panic carries the id as well, so a task is named however it ended.
        let id = joined.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let task = self
            .names
            .remove(&id)
            .expect("a task is named when it is spawned");
        self.doors.remove(&id);
        let failure = failure_of(task, joined, phase)?;
        tracing::error!(task, error = %Chain(&failure), "A task failed, so the process stops");
        Some(failure)
    }

    fn abort_rest(&mut self) -> SupervisorError {
        let mut tasks: Vec<_> = self.names.values().copied().collect();
        // The order of a map would make two equal failures read differently.
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

fn failure_of(task: &'static str, joined: Joined, phase: ProcessPhase) -> Option<SupervisorError> {
    match joined {
        Ok((_, Ok(()))) => match phase {
            ProcessPhase::Running => Some(SupervisorError::Ended { task }),
            ProcessPhase::Stopping => None,
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
#[path = "supervisor_tests.rs"]
mod tests;
