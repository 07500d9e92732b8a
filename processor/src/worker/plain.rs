//! Jobs about what is no repository: plain URLs and local files.
//!
//! Each job is a task of its own; what the files ask for is fetched by the same suppliers that
//! serve repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{Delivery, Inbox, Outbound, ReceiveError};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{
    Gone, Job, Lane, LocationObserved, Matched, Unchanged, WantedPath, job,
};
use freshet_runtime::error_chain::Chain;
use freshet_runtime::telemetry;
use futures::{FutureExt, StreamExt};
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::disposition::{
    DeadLetterReason, DispositionRunner, JobDisposition, after_panic, after_publish_error,
};
use super::handle::panic_message;
use super::job::{ReceivedJob, decoded, while_alive};
use super::panics::PanicCounts;
use super::{PauseEnd, RECEIVE_AGAIN_AFTER, WorkerContext, pause};
use crate::catalog_file::content::{content_of, too_large};
use crate::catalog_file::{FileOrigin, FileRequest, PendingFile};
use crate::failure::Failure;
use crate::fetch::fetcher::{FetchedFile, FetchedFiles, FileAsker};
use crate::fetch::reader::parted;
use crate::metrics::JobOutcome;
use crate::observation::{ObservationHeader, message_id, parts};
use crate::source::file::{self, FileShown};
use crate::source::url::reader::Page;

/// Jobs that are taken at once.
const JOBS_AT_ONCE: usize = 16;
/// Files of one job that are read at once.
const FILES_AT_ONCE: usize = 8;
/// How long a job waits for GitHub's limits, where one of its placeholders reads a repository.
const LIMITED_AGAIN_AFTER: Duration = Duration::from_secs(60);
/// How long a job may take after the stop was asked for.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// The worker of one lane of what is no repository.
pub(crate) struct PlainFileWorker {
    pub(crate) shared: Arc<WorkerContext>,
    pub(crate) lane: Lane,
    pub(crate) inbox: Inbox,
}

/// What is at one path.
enum Shown {
    Known(Outcome),
    Content { version: String, bytes: Vec<u8> },
}

/// What cannot be finished before GitHub's limits allow it.
struct GithubLimited;

impl PlainFileWorker {
    /// Runs until `shutdown`, then until every job in hand is settled.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        let places = Arc::new(Semaphore::new(JOBS_AT_ONCE));
        let panics = Arc::new(PanicCounts::default());
        loop {
            // The place comes before the message, which would run down its time without one.
            let place = tokio::select! {
                () = shutdown.cancelled() => break,
                place = Arc::clone(&places).acquire_owned() => {
                    Arc::new(place.expect("it is never closed"))
                }
            };
            let received = tokio::select! {
                () = shutdown.cancelled() => break,
                received = self.inbox.next(1) => received,
            };
            match received {
                Ok(deliveries) => {
                    for delivery in deliveries {
                        let shared = Arc::clone(&self.shared);
                        let work = handle(shared, self.lane, delivery, Arc::clone(&panics));
                        let stop = shutdown.clone();
                        let place = Arc::clone(&place);
                        tasks.spawn(async move {
                            let _place = place;
                            let stopped = async {
                                stop.cancelled().await;
                                tokio::time::sleep(STOP_GRACE).await;
                            };
                            // Dropped, its message comes again.
                            tokio::select! {
                                () = work => {}
                                () = stopped => {}
                            }
                        });
                    }
                }
                Err(ReceiveError::Closed { .. }) => break,
                Err(error @ ReceiveError::Unavailable { .. }) => {
                    tracing::warn!(error = %Chain(&error), "jobs cannot be received");
                    if pause(&shutdown, RECEIVE_AGAIN_AFTER).await == PauseEnd::Stopped {
                        break;
                    }
                }
            }
        }
        tasks.close();
        tasks.wait().await;
    }
}

async fn handle(
    shared: Arc<WorkerContext>,
    lane: Lane,
    delivery: Delivery,
    panics: Arc<PanicCounts>,
) {
    let settler = DispositionRunner {
        bus: shared.bus.clone(),
        subjects: shared.subjects.clone(),
        metrics: shared.metrics.clone(),
    };
    let job = match decoded(&delivery.payload) {
        Ok(job) => job,
        Err(error) => {
            let dead = JobDisposition::Dead(DeadLetterReason::Undecodable, error);
            return settler.settle(lane, delivery, dead).await;
        }
    };
    let held = ReceivedJob::new(delivery, job);
    let span = held.span.clone();
    let work = AssertUnwindSafe(observe(&shared, lane, &held)).catch_unwind();
    let ended = while_alive(&[&held.delivery], work.instrument(span)).await;
    let settlement = match ended {
        Ok(settlement) => settlement,
        Err(panic) => {
            let times = panics.count(&held.delivery.subject, held.delivery.sequence);
            tracing::error!(
                panics = times,
                panic = panic_message(&*panic),
                "handling a job panicked"
            );
            after_panic(times)
        }
    };
    settler.settle(lane, held.delivery, settlement).await;
}

async fn observe(shared: &WorkerContext, lane: Lane, held: &ReceivedJob) -> JobDisposition {
    let header = ObservationHeader {
        job: &held.job,
        fingerprint: &shared.fingerprint,
        fetched_at: shared.clock.now_micros(),
    };
    let observed = match looked_at(shared, lane, &held.job).await {
        Ok(locations) => header.files(locations),
        Err(GithubLimited) => return JobDisposition::GiveBack(LIMITED_AGAIN_AFTER),
    };
    for part in parts(observed) {
        let subject = shared
            .subjects
            .observation(lane, &part.installation, part.source_id);
        let envelope =
            Envelope::with_id(message_id(&part)).traced(telemetry::current_traceparent());
        let message = Outbound::new(subject, part.encode_to_vec()).enveloped(envelope);
        if let Err(error) = shared.bus.publish(message).await {
            tracing::warn!(error = %Chain(&error), "an observation could not be published");
            return after_publish_error(&error, held.delivery.attempt);
        }
    }
    JobDisposition::Done(JobOutcome::Observed)
}

async fn looked_at(
    shared: &WorkerContext,
    lane: Lane,
    job: &Job,
) -> Result<Vec<LocationObserved>, GithubLimited> {
    let is_local = matches!(job.target, Some(job::Target::File(_)));
    let wanted: &[WantedPath] = match &job.target {
        Some(job::Target::Url(target)) => &target.wanted,
        Some(job::Target::File(target)) => &target.wanted,
        _ => &[],
    };
    let wanted = if is_local {
        with_matches(shared, wanted).await
    } else {
        wanted.iter().cloned().map(|it| (it, None)).collect()
    };
    let read = futures::stream::iter(wanted)
        .map(|(wanted, outcome)| async move {
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => outcome_of(shared, lane, is_local, &wanted).await?,
            };
            Ok(LocationObserved {
                path: wanted.path,
                outcome: Some(outcome),
            })
        })
        .buffered(FILES_AT_ONCE);
    futures::TryStreamExt::try_collect(read).await
}

/// The wanted files, with those that the wanted patterns match; a pattern comes with its outcome.
async fn with_matches(
    shared: &WorkerContext,
    wanted: &[WantedPath],
) -> Vec<(WantedPath, Option<Outcome>)> {
    let mut all: BTreeMap<String, (WantedPath, Option<Outcome>)> = wanted
        .iter()
        .filter(|wanted| !wanted.is_glob)
        .map(|wanted| (wanted.path.clone(), (wanted.clone(), None)))
        .collect();
    for pattern in wanted.iter().filter(|wanted| wanted.is_glob) {
        let path = pattern.path.clone();
        let found = if shared.config.file_locations {
            off_thread(move || file::matches(&path)).await
        } else {
            Err(no_local_files())
        };
        let outcome = match found {
            Ok(paths) => {
                for path in &paths {
                    all.entry(path.clone()).or_insert_with(|| {
                        let wanted = WantedPath {
                            path: path.clone(),
                            ..WantedPath::default()
                        };
                        (wanted, None)
                    });
                }
                Outcome::Matched(Matched { paths })
            }
            Err(failure) => Outcome::Failed(failure.into()),
        };
        all.insert(pattern.path.clone(), (pattern.clone(), Some(outcome)));
    }
    all.into_values().collect()
}

async fn outcome_of(
    shared: &WorkerContext,
    lane: Lane,
    is_local: bool,
    wanted: &WantedPath,
) -> Result<Outcome, GithubLimited> {
    // What else it is made from must be looked at even if the file is as it was.
    let held = if wanted.dependencies.is_empty() {
        wanted.held_blob.as_str()
    } else {
        ""
    };
    let shown = if is_local {
        local(shared, wanted.path.clone()).await
    } else {
        page(shared, &wanted.path, held).await
    };
    let (version, bytes) = match shown {
        Shown::Known(outcome) => return Ok(outcome),
        Shown::Content { version, bytes } => (version, bytes),
    };
    if !held.is_empty() && version == held {
        return Ok(Outcome::Unchanged(Unchanged { blob: version }));
    }
    let base = if is_local {
        FileOrigin::File(PathBuf::from(&wanted.path))
    } else {
        FileOrigin::Url(wanted.path.clone())
    };
    let limits = shared.config.limits;
    let draft = off_thread(move || PendingFile::parse(&bytes, &limits)).await;
    let asked = draft.asks(&base, &shared.policy, &limits);
    let supplies = supplied(shared, lane, &asked).await?;
    if version == wanted.held_blob && are_as_held(&supplies, wanted) {
        return Ok(Outcome::Unchanged(Unchanged { blob: version }));
    }
    let (supplies, dependencies) = parted(supplies);
    let file = draft.finish(
        &base,
        &shared.policy,
        &supplies,
        &shared.config.kinds,
        &limits,
    );
    Ok(Outcome::Content(content_of(
        version,
        file,
        dependencies,
        &limits,
    )))
}

async fn supplied(
    shared: &WorkerContext,
    lane: Lane,
    asked: &BTreeSet<FileRequest>,
) -> Result<FetchedFiles, GithubLimited> {
    if asked.is_empty() {
        return Ok(FetchedFiles::new());
    }
    let askers: [FileAsker<'_>; 1] = [(None, asked)];
    let supplied = shared.supplier.supply(lane, &askers).await;
    let mut supplied = supplied.map_err(|_closed| GithubLimited)?;
    Ok(supplied.pop().unwrap_or_default())
}

/// Whether everything that was read besides the file is as it is held.
fn are_as_held(supplies: &FetchedFiles, wanted: &WantedPath) -> bool {
    supplies.len() == wanted.dependencies.len()
        && wanted.dependencies.iter().all(|held| {
            supplies
                .get(&FetchedFile::asked(held))
                .is_some_and(|now| now.dependency.blob == held.blob && now.supply.is_ok())
        })
}

fn no_local_files() -> Failure {
    Failure {
        kind: freshet_proto::message::FailureKind::Refused,
        message: "local files are not read: no location of the configuration names one".to_owned(),
    }
}

async fn local(shared: &WorkerContext, path: String) -> Shown {
    if !shared.config.file_locations {
        return Shown::Known(Outcome::Failed(no_local_files().into()));
    }
    let limits = shared.config.limits;
    let shown = off_thread(move || file::read(&path, limits.file_bytes)).await;
    match shown {
        FileShown::Content { version, bytes } => Shown::Content { version, bytes },
        FileShown::Gone => Shown::Known(Outcome::Gone(Gone {
            evidence: "there is no such file".to_owned(),
        })),
        FileShown::TooLarge { bytes } => Shown::Known(Outcome::Content(too_large(
            format!("size:{bytes}"),
            bytes,
            &limits,
        ))),
        FileShown::Failed(failure) => Shown::Known(Outcome::Failed(failure.into())),
    }
}

async fn page(shared: &WorkerContext, url: &str, held: &str) -> Shown {
    let limits = &shared.config.limits;
    match shared
        .supplier
        .pages
        .read(url, held, limits.file_bytes)
        .await
    {
        Page::Unchanged => Shown::Known(Outcome::Unchanged(Unchanged {
            blob: held.to_owned(),
        })),
        Page::Content { version, bytes } => Shown::Content {
            version,
            bytes: bytes.to_vec(),
        },
        Page::Gone { evidence } => Shown::Known(Outcome::Gone(Gone { evidence })),
        Page::TooLarge => {
            let bytes = u64::try_from(limits.file_bytes).unwrap_or(u64::MAX);
            Shown::Known(Outcome::Content(too_large(
                "too-large".to_owned(),
                bytes,
                limits,
            )))
        }
        Page::Failed(failure) => Shown::Known(Outcome::Failed(failure.into())),
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
