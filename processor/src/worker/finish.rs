//! From the answers to a batch to its observations: each job on its own, except that what the files of all
//! of them ask for is fetched together.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use freshet_bus::Delivery;
use freshet_proto::message::Observation;
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::disposition::JobDisposition;
use super::handle::{JobHandler, panic_message};
use super::job::ReceivedJob;
use crate::budget::BudgetClosed;
use crate::catalog_file::FileRequest;
use crate::fetch::fetcher::{FetchedFiles, FileAsker};
use crate::fetch::reader::{FileReader, PendingFiles};
use crate::metrics::JobOutcome;
use crate::observation::{ObservationHeader, parts};
use crate::source::github::files::RepositoryAnswer;

/// Times that files may ask for more: a file that a pattern matched, what it reads, and one to spare.
const SUPPLY_ROUNDS_MAX: usize = 4;
/// Jobs of one batch that are parsed and published at once.
const FINISHING_MAX: usize = 32;
/// A job whose files ask for something.
struct PendingJob {
    held: ReceivedJob,
    unfinished: PendingFiles,
}

/// What to do next for one job.
enum JobStep {
    Begin(RepositoryAnswer),
    GoOn(PendingFiles, FetchedFiles),
    /// Report what is known; the rest has failed.
    Stop(PendingFiles),
}

/// What one step came to.
enum StepOutcome {
    Ended(JobDisposition),
    Waits(Box<PendingFiles>),
}

impl JobHandler {
    /// Reads, parses and publishes what was answered: each job on its own, except that what their files ask
    /// for is fetched for all together.
    pub(super) async fn finish(&self, ready: Vec<(ReceivedJob, RepositoryAnswer)>) {
        let places = Semaphore::new(FINISHING_MAX);
        let begun = ready
            .into_iter()
            .map(|(held, answer)| self.step(held, &places, JobStep::Begin(answer)));
        let mut waiting: Vec<PendingJob> = join_all(begun).await.into_iter().flatten().collect();
        for round in 1.. {
            if waiting.is_empty() {
                return;
            }
            let supplies = if round <= SUPPLY_ROUNDS_MAX {
                match self.supply(&mut waiting).await {
                    Some(supplies) => supplies.into_iter().map(Some).collect(),
                    None => return,
                }
            } else {
                vec![None; waiting.len()]
            };
            let stepped = waiting
                .into_iter()
                .zip(supplies)
                .map(|(waiting, supplies)| {
                    let step = match supplies {
                        Some(supplies) => JobStep::GoOn(waiting.unfinished, supplies),
                        None => JobStep::Stop(waiting.unfinished),
                    };
                    self.step(waiting.held, &places, step)
                });
            waiting = join_all(stepped).await.into_iter().flatten().collect();
        }
    }

    /// What the files of all jobs ask for now; `None` if the jobs are settled instead.
    async fn supply(&self, waiting: &mut Vec<PendingJob>) -> Option<Vec<FetchedFiles>> {
        let asked: Vec<BTreeSet<FileRequest>> = waiting
            .iter()
            .map(|waiting| waiting.unfinished.asks())
            .collect();
        let askers: Vec<FileAsker<'_>> = waiting
            .iter()
            .zip(&asked)
            .map(|(waiting, asked)| (Some(&waiting.unfinished.home), asked))
            .collect();
        let deliveries: Vec<&Delivery> = waiting
            .iter()
            .map(|waiting| &waiting.held.delivery)
            .collect();
        let supplying = self.0.shared.supplier.supply(self.0.lane, &askers);
        let supplied = self
            .unless_stopped(&deliveries, AssertUnwindSafe(supplying).catch_unwind())
            .await;
        let delay = match supplied {
            Some(Ok(Ok(supplies))) => return Some(supplies),
            Some(Ok(Err(closed))) => self.0.client.budget().remaining_wait(closed),
            Some(Err(panic)) => {
                tracing::error!(
                    panic = panic_message(&*panic),
                    "fetching what files ask for panicked"
                );
                for PendingJob { held, .. } in waiting.drain(..) {
                    let settlement = self.panicked(&held.delivery, &*panic);
                    self.end(held, Some(Ok(settlement))).await;
                }
                return None;
            }
            None => Duration::ZERO,
        };
        let held = waiting.drain(..).map(|waiting| waiting.held).collect();
        self.give_back(held, delay).await;
        None
    }

    /// Takes one job a step further, and settles it if that was the last one.
    async fn step(
        &self,
        held: ReceivedJob,
        places: &Semaphore,
        step: JobStep,
    ) -> Option<PendingJob> {
        let span = held.span.clone();
        let work = async {
            // Waited for in here, where the message is kept alive.
            let _place = places.acquire().await;
            self.stepped(&held, step).await
        };
        let work = AssertUnwindSafe(work).catch_unwind();
        let ended = self
            .unless_stopped(&[&held.delivery], work)
            .instrument(span)
            .await;
        let ended = match ended {
            Some(Ok(StepOutcome::Waits(unfinished))) => {
                return Some(PendingJob {
                    held,
                    unfinished: *unfinished,
                });
            }
            Some(Ok(StepOutcome::Ended(settlement))) => Some(Ok(settlement)),
            Some(Err(panic)) => Some(Err(panic)),
            None => None,
        };
        self.end(held, ended).await;
        None
    }

    async fn stepped(&self, held: &ReceivedJob, step: JobStep) -> StepOutcome {
        let header = self.header(&held.job);
        let contents = FileReader {
            shared: &self.0.shared,
            client: &self.0.client,
            lane: self.0.lane,
            delivery: &held.delivery,
        };
        let unfinished = match (step, held.repository()) {
            (JobStep::Begin(RepositoryAnswer::Read(reading)), Some(target)) => {
                contents.begin(&held.job.host, target, reading).await
            }
            (JobStep::Begin(RepositoryAnswer::Read(_)), None) => {
                unreachable!("only repositories are read")
            }
            (JobStep::GoOn(unfinished, supplies), _) => contents.go_on(unfinished, &supplies).await,
            (JobStep::Stop(unfinished), _) => {
                return self.observed(held, &header, unfinished).await;
            }
            (JobStep::Begin(RepositoryAnswer::Behind { shown_head }), _) => {
                let observation = header.behind(shown_head);
                return self.published(held, observation, JobOutcome::Behind).await;
            }
            (JobStep::Begin(RepositoryAnswer::Failed(failure)), _) => {
                let observation = header.failed(failure);
                return self.published(held, observation, JobOutcome::Failed).await;
            }
            (JobStep::Begin(RepositoryAnswer::Limited(closed)), _) => Err(closed),
        };
        match unfinished {
            Ok(unfinished) if unfinished.is_finished() => {
                self.observed(held, &header, unfinished).await
            }
            Ok(unfinished) => StepOutcome::Waits(Box::new(unfinished)),
            Err(closed) => StepOutcome::Ended(self.given_back(closed)),
        }
    }

    async fn observed(
        &self,
        held: &ReceivedJob,
        header: &ObservationHeader<'_>,
        unfinished: PendingFiles,
    ) -> StepOutcome {
        let (home, locations) = unfinished.observed();
        let observation = header.repository(&home.repository, &home.head, locations);
        self.published(held, observation, JobOutcome::Observed)
            .await
    }

    async fn published(
        &self,
        held: &ReceivedJob,
        observation: Observation,
        outcome: JobOutcome,
    ) -> StepOutcome {
        for part in parts(observation) {
            if let Err(settlement) = self.publish(part, held.delivery.attempt).await {
                return StepOutcome::Ended(settlement);
            }
        }
        StepOutcome::Ended(JobDisposition::Done(outcome))
    }

    fn given_back(&self, closed: BudgetClosed) -> JobDisposition {
        JobDisposition::GiveBack(self.0.client.budget().remaining_wait(closed))
    }
}
