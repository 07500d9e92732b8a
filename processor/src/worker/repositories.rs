//! Reads the repositories of a group of jobs together, and waits for limits and for heads that lag.

use std::sync::Arc;
use std::time::Duration;

use freshet_bus::Delivery;
use freshet_proto::message::RepositoryTarget;

use super::finisher::JobFinisher;
use super::handler::{Attempt, JobHandler, panic_message};
use super::job::ReceivedJob;
use super::pause::{PauseEnd, log_limit, pause_for};
use crate::budget::BudgetClosed;
use crate::source::github::client::GithubClient;
use crate::source::github::error::NotRead;
use crate::source::github::files::{RepositoryAnswer, read_repositories};

/// How long a group of jobs has been held, and why.
#[derive(Clone, Copy, Default)]
pub(super) struct WaitState {
    behind_tries: usize,
    waited: Duration,
}

/// Handles jobs about repositories of one GitHub.
#[derive(Clone)]
pub(super) struct RepositoryWorker {
    pub(super) handler: JobHandler,
    pub(super) client: Arc<GithubClient>,
}

impl RepositoryWorker {
    /// One reading for all jobs of a group, then each to its end.
    pub(super) async fn read_group(&self, mut group: Vec<ReceivedJob>, wait: WaitState) {
        self.handler.context.metrics.note_batch(group.len());
        let in_hand = self.handler.context.in_hand(self.handler.lane);
        group.iter_mut().for_each(|job| job.enter_hand(in_hand));
        // A group has one host: an inbox is that of one credential.
        let targets: Vec<&RepositoryTarget> =
            group.iter().filter_map(ReceivedJob::repository).collect();
        let host = group.first().map_or("", |job| &job.job.host);
        let reading = read_repositories(&self.client, host, self.handler.lane, &targets);
        let jobs: Vec<&ReceivedJob> = group.iter().collect();
        match self.handler.attempt(&jobs, reading).await {
            Attempt::Done(answers) => {
                let answered = group.into_iter().zip(answers).collect();
                self.handle_answers(answered, wait).await;
            }
            Attempt::Panicked(panic) if group.len() > 1 => {
                freshet_runtime::summed_up!(
                    error,
                    jobs = group.len(),
                    panic = panic_message(&*panic),
                    "reading repositories together panicked; each is read alone"
                );
                // The one that breaks the reading then breaks no other's.
                for job in group {
                    self.read_again_after(Duration::ZERO, vec![job], wait);
                }
            }
            Attempt::Panicked(panic) => {
                if let Some(job) = group.pop() {
                    self.handler.end_job(job, Attempt::Panicked(panic)).await;
                }
            }
            Attempt::Stopped => self.handler.give_back(group, Duration::ZERO).await,
        }
    }

    async fn handle_answers(
        &self,
        answered: Vec<(ReceivedJob, RepositoryAnswer)>,
        wait: WaitState,
    ) {
        let behind_delays = &self.handler.context.config.behind_delays;
        let delay = behind_delays.get(wait.behind_tries).copied();
        let (mut ready, mut behind, mut limited) = (Vec::new(), Vec::new(), Vec::new());
        let mut closed_until = None;
        for (job, answer) in answered {
            match answer {
                // GitHub's replicas lag behind the hook by a second or two, so most of these are
                // right the next time.
                RepositoryAnswer::Behind { .. } if delay.is_some() => behind.push(job),
                RepositoryAnswer::NotRead(NotRead::Limited(closed)) => {
                    closed_until = Some(closed);
                    limited.push(job);
                }
                answer => ready.push((job, answer)),
            }
        }
        if let (Some(delay), false) = (delay, behind.is_empty()) {
            let wait = WaitState {
                behind_tries: wait.behind_tries + 1,
                ..wait
            };
            self.read_again_after(delay, behind, wait);
        }
        if let Some(closed) = closed_until {
            self.hold_jobs(limited, closed, wait).await;
        }
        let finisher = JobFinisher {
            handler: &self.handler,
            client: &self.client,
        };
        finisher.finish_jobs(ready).await;
    }

    /// Holds jobs while GitHub's limits forbid calls, or gives them back if that takes too long.
    async fn hold_jobs(&self, limited: Vec<ReceivedJob>, closed: BudgetClosed, wait: WaitState) {
        let delay = self.client.budget().remaining_wait(closed);
        log_limit(closed);
        let waited = wait.waited + delay;
        if waited <= self.handler.context.config.hold_max {
            // Held and not given back: a short limit would otherwise cost every job a delivery.
            self.read_again_after(delay, limited, WaitState { waited, ..wait });
            return;
        }
        self.handler.give_back(limited, delay).await;
    }

    // A task of its own without a slot: it waits, and its calls are bounded by the budget anyway.
    fn read_again_after(&self, delay: Duration, mut jobs: Vec<ReceivedJob>, wait: WaitState) {
        let worker = self.clone();
        // Nothing was read for them, and other credentials must not wait for this one's limit.
        jobs.iter_mut().for_each(ReceivedJob::leave_hand);
        // Boxed, for it leads back here.
        let again: futures::future::BoxFuture<'static, ()> = Box::pin(async move {
            let deliveries: Vec<&Delivery> = jobs.iter().map(|job| &job.delivery).collect();
            let pause = pause_for(&worker.handler.shutdown, delay);
            match worker.handler.keep_alive(&deliveries, pause).await {
                PauseEnd::Over => worker.read_group(jobs, wait).await,
                PauseEnd::Stopped => worker.handler.give_back(jobs, Duration::ZERO).await,
            }
        });
        self.handler.tasks.spawn(again);
    }
}
