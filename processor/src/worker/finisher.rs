//! From the answers to a batch to its observations: each job on its own, except that what the files of all
//! of them ask for is fetched together.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Semaphore;

use super::disposition::JobDisposition;
use super::handler::{Attempt, JobHandler, panic_message};
use super::job::ReceivedJob;
use super::pause::log_limit;
use crate::catalog_file::FileRequest;
use crate::fetch::fetched_file::FetchedFiles;
use crate::fetch::fetcher::FileAsker;
use crate::fetch::pending::PendingFiles;
use crate::fetch::reader::FileReader;
use crate::metrics::JobOutcome;
use crate::observation::ObservationHeader;
use crate::source::github::client::GithubClient;
use crate::source::github::error::NotRead;
use crate::source::github::files::RepositoryAnswer;

/// Times that files may ask for more: a file that a pattern matched, what it reads, and one to spare.
const FETCH_ROUNDS_MAX: usize = 4;
/// Jobs of one batch that are parsed and published at once.
const FINISHING_MAX: usize = 32;

/// Takes jobs whose repositories were read to their end.
pub(super) struct JobFinisher<'a> {
    pub(super) handler: &'a JobHandler,
    pub(super) client: &'a GithubClient,
}

/// A job whose files ask for something.
struct PendingJob {
    job: ReceivedJob,
    files: PendingFiles,
}

/// What to do next for one job.
enum JobStep {
    Begin(RepositoryAnswer),
    GoOn(PendingFiles, FetchedFiles),
    /// Report what is known; the rest has failed.
    Report(PendingFiles),
}

/// What one step came to.
enum StepOutcome {
    Ended(JobDisposition),
    Waits(Box<PendingFiles>),
}

impl JobFinisher<'_> {
    /// Reads, parses and publishes what was answered: each job on its own, except that what their files ask
    /// for is fetched for all together.
    pub(super) async fn finish_jobs(&self, ready: Vec<(ReceivedJob, RepositoryAnswer)>) {
        // A hundred large files parsed at once would hold all their documents in memory together.
        let places = Semaphore::new(FINISHING_MAX);
        let steps = ready.into_iter();
        let steps = steps.map(|(job, answer)| (job, JobStep::Begin(answer)));
        let mut pending = self.take_steps(&places, steps).await;
        for round in 1.. {
            if pending.is_empty() {
                return;
            }
            // Files that ask and ask are reported as failed instead of being waited for without
            // end.
            let steps: Vec<(ReceivedJob, JobStep)> = if round > FETCH_ROUNDS_MAX {
                let steps = pending.into_iter();
                steps
                    .map(|it| (it.job, JobStep::Report(it.files)))
                    .collect()
            } else {
                self.fetch_for_all(pending).await
            };
            pending = self.take_steps(&places, steps.into_iter()).await;
        }
    }

    async fn take_steps(
        &self,
        places: &Semaphore,
        steps: impl Iterator<Item = (ReceivedJob, JobStep)>,
    ) -> Vec<PendingJob> {
        let steps = steps.map(|(job, step)| self.take_step(places, job, step));
        join_all(steps).await.into_iter().flatten().collect()
    }

    /// Fetches what the files of all jobs ask for now; no steps if the jobs have ended instead.
    async fn fetch_for_all(&self, pending: Vec<PendingJob>) -> Vec<(ReceivedJob, JobStep)> {
        let requests: Vec<BTreeSet<FileRequest>> =
            pending.iter().map(|it| it.files.requests()).collect();
        let askers: Vec<FileAsker<'_>> = pending
            .iter()
            .zip(&requests)
            .map(|(pending, requests)| FileAsker {
                at: Some(&pending.files.home),
                requests,
            })
            .collect();
        let jobs: Vec<&ReceivedJob> = pending.iter().map(|it| &it.job).collect();
        let fetcher = &self.handler.context.fetcher;
        let fetching = fetcher.fetch_files(self.handler.lane, &askers);
        let delay = match self.handler.attempt(&jobs, fetching).await {
            Attempt::Done(Ok(fetched)) => {
                let steps = pending.into_iter().zip(fetched);
                return steps
                    .map(|(it, fetched)| (it.job, JobStep::GoOn(it.files, fetched)))
                    .collect();
            }
            Attempt::Done(Err(closed)) => {
                log_limit(closed);
                self.client.budget().remaining_wait(closed)
            }
            Attempt::Panicked(panic) => {
                freshet_runtime::summed_up!(
                    error,
                    panic = panic_message(&*panic),
                    "fetching what files ask for panicked"
                );
                // Nobody can tell whose request it was, so it counts against all of them.
                for PendingJob { job, .. } in pending {
                    let disposition = self.handler.count_panic(&job.delivery, &*panic);
                    self.handler.end_job(job, Attempt::Done(disposition)).await;
                }
                return Vec::new();
            }
            // At once, for another process may go on with it.
            Attempt::Stopped => Duration::ZERO,
        };
        let jobs = pending.into_iter().map(|it| it.job).collect();
        self.handler.give_back(jobs, delay).await;
        Vec::new()
    }

    /// Takes one job a step further, and ends it if that was the last one.
    async fn take_step(
        &self,
        places: &Semaphore,
        job: ReceivedJob,
        step: JobStep,
    ) -> Option<PendingJob> {
        let work = async {
            // Waited for in here, where the message is kept alive.
            let _place = places.acquire().await;
            // On the heap, for it may hold a whole call to GitHub: a stack of two megabytes was too small
            // for all that is around it.
            Box::pin(self.do_step(&job, step)).await
        };
        let ended = match self.handler.attempt(&[&job], work).await {
            Attempt::Done(StepOutcome::Waits(files)) => {
                return Some(PendingJob { job, files: *files });
            }
            Attempt::Done(StepOutcome::Ended(disposition)) => Attempt::Done(disposition),
            Attempt::Panicked(panic) => Attempt::Panicked(panic),
            Attempt::Stopped => Attempt::Stopped,
        };
        self.handler.end_job(job, ended).await;
        None
    }

    async fn do_step(&self, job: &ReceivedJob, step: JobStep) -> StepOutcome {
        // The time of the observation is that of this step: what it fetches is not older.
        let header = self.handler.header_of(&job.job);
        let reader = FileReader {
            parser: &self.handler.context.parser,
            client: self.client,
            lane: self.handler.lane,
        };
        let files = match (step, job.repository()) {
            (JobStep::Begin(RepositoryAnswer::Read(reading)), Some(target)) => {
                reader.start_files(&job.job.host, target, *reading).await
            }
            (JobStep::Begin(RepositoryAnswer::Read(_)), None) => {
                unreachable!("only repositories are read")
            }
            (JobStep::GoOn(files, fetched), _) => reader.continue_files(files, &fetched).await,
            (JobStep::Report(files), _) => {
                return StepOutcome::Ended(self.publish_files(job, &header, files).await);
            }
            (JobStep::Begin(RepositoryAnswer::Behind { shown_head }), _) => {
                let observation = header.behind(shown_head);
                let conclusion = self.handler.conclude(job, observation, JobOutcome::Behind);
                return StepOutcome::Ended(conclusion.await);
            }
            (JobStep::Begin(RepositoryAnswer::NotRead(NotRead::Failed(failure))), _) => {
                let observation = header.failed(failure);
                let conclusion = self.handler.conclude(job, observation, JobOutcome::Failed);
                return StepOutcome::Ended(conclusion.await);
            }
            (JobStep::Begin(RepositoryAnswer::NotRead(NotRead::Limited(closed))), _) => Err(closed),
        };
        match files {
            Ok(files) if files.is_finished() => {
                StepOutcome::Ended(self.publish_files(job, &header, files).await)
            }
            Ok(files) => StepOutcome::Waits(Box::new(files)),
            Err(closed) => {
                log_limit(closed);
                let wait = self.client.budget().remaining_wait(closed);
                StepOutcome::Ended(JobDisposition::GiveBack(wait))
            }
        }
    }

    async fn publish_files(
        &self,
        job: &ReceivedJob,
        header: &ObservationHeader<'_>,
        files: PendingFiles,
    ) -> JobDisposition {
        let (home, locations) = files.into_observed();
        let observation = header.repository(&home.repository, &home.head, locations);
        self.handler
            .conclude(job, observation, JobOutcome::Observed)
            .await
    }
}
