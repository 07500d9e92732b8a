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

use super::disposition::Settlement;
use super::handle::{Handler, said};
use super::job::Held;
use crate::budget::Closed;
use crate::catalog_file::Asked;
use crate::fetch::fetcher::{Asker, Supplies};
use crate::fetch::reader::{Contents, Unfinished};
use crate::metrics::JobOutcome;
use crate::observation::{Occasion, parts};
use crate::source::github::files::Answered;

/// Times that files may ask for more: a file that a pattern matched, what it reads, and one to spare.
const SUPPLY_ROUNDS_MAX: usize = 4;
/// Jobs of one batch that are parsed and published at once.
const FINISHING_MAX: usize = 32;
/// A job whose files ask for something.
struct Waiting {
    held: Held,
    unfinished: Unfinished,
}

/// What to do next for one job.
enum Step {
    Begin(Answered),
    GoOn(Unfinished, Supplies),
    /// Report what is known; the rest has failed.
    Stop(Unfinished),
}

/// What one step came to.
enum Stepped {
    Ended(Settlement),
    Waits(Box<Unfinished>),
}

impl Handler {
    /// Reads, parses and publishes what was answered: each job on its own, except that what their files ask
    /// for is fetched for all together.
    pub(super) async fn finish(&self, ready: Vec<(Held, Answered)>) {
        let places = Semaphore::new(FINISHING_MAX);
        let begun = ready
            .into_iter()
            .map(|(held, answer)| self.step(held, &places, Step::Begin(answer)));
        let mut waiting: Vec<Waiting> = join_all(begun).await.into_iter().flatten().collect();
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
                        Some(supplies) => Step::GoOn(waiting.unfinished, supplies),
                        None => Step::Stop(waiting.unfinished),
                    };
                    self.step(waiting.held, &places, step)
                });
            waiting = join_all(stepped).await.into_iter().flatten().collect();
        }
    }

    /// What the files of all jobs ask for now; `None` if the jobs are settled instead.
    async fn supply(&self, waiting: &mut Vec<Waiting>) -> Option<Vec<Supplies>> {
        let asked: Vec<BTreeSet<Asked>> = waiting
            .iter()
            .map(|waiting| waiting.unfinished.asks())
            .collect();
        let askers: Vec<Asker<'_>> = waiting
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
                    panic = said(&*panic),
                    "fetching what files ask for panicked"
                );
                for Waiting { held, .. } in waiting.drain(..) {
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
    async fn step(&self, held: Held, places: &Semaphore, step: Step) -> Option<Waiting> {
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
            Some(Ok(Stepped::Waits(unfinished))) => {
                return Some(Waiting {
                    held,
                    unfinished: *unfinished,
                });
            }
            Some(Ok(Stepped::Ended(settlement))) => Some(Ok(settlement)),
            Some(Err(panic)) => Some(Err(panic)),
            None => None,
        };
        self.end(held, ended).await;
        None
    }

    async fn stepped(&self, held: &Held, step: Step) -> Stepped {
        let occasion = self.occasion(&held.job);
        let contents = Contents {
            shared: &self.0.shared,
            client: &self.0.client,
            lane: self.0.lane,
            delivery: &held.delivery,
        };
        let unfinished = match (step, held.repository()) {
            (Step::Begin(Answered::Read(reading)), Some(target)) => {
                contents.begin(&held.job.host, target, reading).await
            }
            (Step::Begin(Answered::Read(_)), None) => unreachable!("only repositories are read"),
            (Step::GoOn(unfinished, supplies), _) => contents.go_on(unfinished, &supplies).await,
            (Step::Stop(unfinished), _) => {
                return self.observed(held, &occasion, unfinished).await;
            }
            (Step::Begin(Answered::Behind { shown_head }), _) => {
                let observation = occasion.behind(shown_head);
                return self.published(held, observation, JobOutcome::Behind).await;
            }
            (Step::Begin(Answered::Failed(failure)), _) => {
                let observation = occasion.failed(failure);
                return self.published(held, observation, JobOutcome::Failed).await;
            }
            (Step::Begin(Answered::Limited(closed)), _) => Err(closed),
        };
        match unfinished {
            Ok(unfinished) if unfinished.is_finished() => {
                self.observed(held, &occasion, unfinished).await
            }
            Ok(unfinished) => Stepped::Waits(Box::new(unfinished)),
            Err(closed) => Stepped::Ended(self.given_back(closed)),
        }
    }

    async fn observed(
        &self,
        held: &Held,
        occasion: &Occasion<'_>,
        unfinished: Unfinished,
    ) -> Stepped {
        let (home, locations) = unfinished.observed();
        let observation = occasion.repository(&home.repository, &home.head, locations);
        self.published(held, observation, JobOutcome::Observed)
            .await
    }

    async fn published(
        &self,
        held: &Held,
        observation: Observation,
        outcome: JobOutcome,
    ) -> Stepped {
        for part in parts(observation) {
            if let Err(settlement) = self.publish(part, held.delivery.attempt).await {
                return Stepped::Ended(settlement);
            }
        }
        Stepped::Ended(Settlement::Done(outcome))
    }

    fn given_back(&self, closed: Closed) -> Settlement {
        Settlement::GiveBack(self.0.client.budget().remaining_wait(closed))
    }
}
