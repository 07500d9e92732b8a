//! Jobs about what is no repository: plain URLs and local files.
//!
//! What their files ask for is fetched by the same fetcher that serves repositories.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{
    Dependency, Failed, FailureKind, Job, LocationObserved, Matched, Unchanged, WantedPath, job,
};
use futures::{StreamExt, TryStreamExt};

use super::disposition::JobDisposition;
use super::handler::JobHandler;
use super::job::ReceivedJob;
use crate::budget::BudgetClosed;
use crate::catalog_file::FileOrigin;
use crate::failure::Failure;
use crate::fetch::fetched_file::{FetchedFile, FetchedFiles};
use crate::fetch::fetcher::FileAsker;
use crate::fetch::parser::ParseStep;
use crate::metrics::JobOutcome;
use crate::source::fetched::Fetched;
use crate::source::file::{find_matches, read_file};

/// Files of one job that are read at once.
const FILES_AT_ONCE: usize = 8;
/// How long a job waits for GitHub's limits, where one of its placeholders reads a repository.
// Which of the budgets closed is not known here, so nobody can be asked how long it lasts.
const LIMITED_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Reads the files of a job that is about no repository.
pub(super) struct PlainFileWorker<'a> {
    pub(super) handler: &'a JobHandler,
}

/// One location of a job.
struct PlainLocation {
    wanted: WantedPath,
    /// What became of a pattern; a file is still to be read.
    outcome: Option<Outcome>,
}

impl PlainFileWorker<'_> {
    /// Observes all files of the job.
    pub(super) async fn read_job(&self, job: &ReceivedJob) -> JobDisposition {
        let header = self.handler.header_of(&job.job);
        match self.read_locations(&job.job).await {
            Ok(locations) => {
                let observation = header.files(locations);
                self.handler
                    .conclude(job, observation, JobOutcome::Observed)
                    .await
            }
            Err(BudgetClosed { .. }) => JobDisposition::GiveBack(LIMITED_AGAIN_AFTER),
        }
    }

    async fn read_locations(&self, job: &Job) -> Result<Vec<LocationObserved>, BudgetClosed> {
        type OriginOf = fn(&str) -> FileOrigin;
        let (locations, origin_of): (_, OriginOf) = match &job.target {
            Some(job::Target::File(target)) => {
                let locations = self.expand_patterns(&target.wanted).await;
                (locations, |path| FileOrigin::File(PathBuf::from(path)))
            }
            Some(job::Target::Url(target)) => {
                let files = target.wanted.iter().cloned().map(PlainLocation::of_file);
                (files.collect(), |url| FileOrigin::Url(url.to_owned()))
            }
            Some(job::Target::Repository(_) | job::Target::Listing(_)) | None => {
                unreachable!("only jobs about plain files come here")
            }
        };
        // In their order, so that an observation which says the same is the same.
        let read = futures::stream::iter(locations)
            .map(|PlainLocation { wanted, outcome }| async move {
                let outcome = match outcome {
                    Some(outcome) => outcome,
                    None => self.read_location(origin_of(&wanted.path), &wanted).await?,
                };
                Ok(LocationObserved {
                    path: wanted.path,
                    outcome: Some(outcome),
                })
            })
            .buffered(FILES_AT_ONCE);
        read.try_collect().await
    }

    /// The wanted files, with those that the wanted patterns match, and what became of the patterns.
    async fn expand_patterns(&self, wanted: &[WantedPath]) -> Vec<PlainLocation> {
        let (patterns, files): (Vec<_>, Vec<_>) =
            wanted.iter().cloned().partition(|wanted| wanted.is_glob);
        let files = files.into_iter().map(PlainLocation::of_file);
        let mut all: BTreeMap<String, PlainLocation> = files
            .map(|location| (location.wanted.path.clone(), location))
            .collect();
        for pattern in patterns {
            let path = pattern.path.clone();
            let config = &self.handler.context.config;
            let found = if config.file_locations {
                let limits = config.folder_limits;
                run_blocking(move || find_matches(&path, &limits)).await
            } else {
                Err(no_local_files())
            };
            let outcome = match found {
                Ok(paths) => {
                    for path in &paths {
                        let file = || WantedPath {
                            path: path.clone(),
                            ..WantedPath::default()
                        };
                        // A file wanted by itself too keeps its entry, which knows what is held.
                        all.entry(path.clone())
                            .or_insert_with(|| PlainLocation::of_file(file()));
                    }
                    Outcome::Matched(Matched { paths })
                }
                Err(failure) => Outcome::Failed(Failed::from(failure)),
            };
            let location = PlainLocation {
                wanted: pattern.clone(),
                outcome: Some(outcome),
            };
            all.insert(pattern.path, location);
        }
        all.into_values().collect()
    }

    async fn read_location(
        &self,
        origin: FileOrigin,
        wanted: &WantedPath,
    ) -> Result<Outcome, BudgetClosed> {
        // What else it is made from must be looked at even if the file is as it was.
        let held = if wanted.dependencies.is_empty() {
            wanted.held_blob.as_str()
        } else {
            ""
        };
        let fetched = self.fetch(&origin, &wanted.path, held).await;
        let parser = &self.handler.context.parser;
        let file = match parser.parse_file(origin, fetched, Vec::new()).await {
            ParseStep::Done(outcome) => return Ok(outcome),
            ParseStep::Waiting(file) => file,
        };
        let asker = FileAsker {
            at: None,
            requests: &file.requests,
        };
        let fetcher = &self.handler.context.fetcher;
        let mut fetched = fetcher.fetch_files(self.handler.lane, &[asker]).await?;
        let fetched = fetched.pop().unwrap_or_default();
        if file.version == wanted.held_blob && are_as_held(&fetched, wanted) {
            return Ok(Outcome::Unchanged(Unchanged { blob: file.version }));
        }
        Ok(parser.finish_file(file, fetched).await)
    }

    async fn fetch(&self, origin: &FileOrigin, path: &str, held: &str) -> Fetched {
        let context = &self.handler.context;
        let bytes_max = context.config.limits.file_bytes;
        match origin {
            FileOrigin::File(_) if !context.config.file_locations => {
                Fetched::Failed(no_local_files())
            }
            FileOrigin::File(_) => {
                let (path, held) = (path.to_owned(), held.to_owned());
                run_blocking(move || read_file(&path, &held, bytes_max)).await
            }
            FileOrigin::Url(_) | FileOrigin::Repository(_) => {
                context.fetcher.pages.read_page(path, held, bytes_max).await
            }
        }
    }
}

impl PlainLocation {
    fn of_file(wanted: WantedPath) -> Self {
        Self {
            wanted,
            outcome: None,
        }
    }
}

/// Whether everything that was read besides the file is as it is held.
fn are_as_held(fetched: &FetchedFiles, wanted: &WantedPath) -> bool {
    let now = fetched.values().flat_map(FetchedFile::dependencies);
    let now: Vec<&Dependency> = now.collect();
    // Nothing read and nothing held look alike; only content proves the same.
    let is_content = |file: &FetchedFile| matches!(file.fetched, Fetched::Content { .. });
    now.len() == wanted.dependencies.len()
        && fetched.values().all(is_content)
        && wanted.dependencies.iter().all(|held| {
            let request = FetchedFile::request_of(held);
            now.iter()
                .any(|now| now.blob == held.blob && FetchedFile::request_of(now) == request)
        })
}

fn no_local_files() -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message: "local files are not read: no location of the configuration names one".to_owned(),
    }
}

// The file system answers when it likes, and a network drive perhaps never.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
