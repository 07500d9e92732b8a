//! From a reading to observed locations.
//!
//! A file that is to be read becomes a draft, a draft may ask for other files, and only with those it
//! says what it declares. So the files of one job are taken through in steps: what they need
//! next is collected over all jobs of a batch, fetched together, and given back to each.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use freshet_bus::Delivery;
use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{
    Dependency, Failed, Gone, Lane, LocationObserved, Matched, Repository, RepositoryTarget,
    Unchanged,
};

use super::fetcher::{FetchedFile, FetchedFiles, RepositoryAtCommit};
use super::patterns::{PatternMatches, matches};
use crate::budget::BudgetClosed;
use crate::catalog_file::content::{content_of, too_large};
use crate::catalog_file::{FileOrigin, FileRequest, PendingFile, Supply, SupplyError};
use crate::failure::Failure;
use crate::reconcile::{LocationOutcome, LocationRead, ObjectShown, RepositoryReading, TextShown};
use crate::source::github::client::GithubClient;
use crate::worker::WorkerContext;
use crate::worker::job::while_alive;

/// Files from this size on are parsed off the runtime's own threads.
const BLOCKING_FROM_BYTES: usize = 64 * 1024;

/// What it takes to read the files of one job.
pub(crate) struct FileReader<'a> {
    pub(crate) shared: &'a WorkerContext,
    pub(crate) client: &'a GithubClient,
    pub(crate) lane: Lane,
    pub(crate) delivery: &'a Delivery,
}

/// The files of one job on their way.
#[derive(Debug)]
pub(crate) struct PendingFiles {
    pub(crate) home: RepositoryAtCommit,
    files: Vec<WantedFile>,
    /// What was shown of the other files at the same commit.
    beside: HashMap<String, FetchedFile>,
}

#[derive(Debug)]
struct WantedFile {
    path: String,
    state: FileState,
}

#[derive(Debug)]
enum FileState {
    /// It is known what became of it.
    Known(Outcome),
    /// A file that a pattern matched, to be read.
    Unread,
    /// The blob we hold, if what it depends on besides files of this host is as it was.
    Doubtful {
        blob: String,
        depends_on: BTreeMap<FileRequest, String>,
    },
    /// Waits for what it asks for.
    Pending {
        blob: String,
        draft: PendingFile,
        asked: BTreeSet<FileRequest>,
        base: FileOrigin,
    },
}

impl PendingFiles {
    /// Whether nothing is to be fetched any more.
    pub(crate) fn is_finished(&self) -> bool {
        self.files
            .iter()
            .all(|file| matches!(file.state, FileState::Known(_)))
    }

    /// What has to be fetched next.
    pub(crate) fn asks(&self) -> BTreeSet<FileRequest> {
        let mut asks = BTreeSet::new();
        for file in &self.files {
            match &file.state {
                FileState::Known(_) => {}
                FileState::Unread => {
                    asks.insert(FileRequest::File(self.home.file(&file.path)));
                }
                FileState::Doubtful { depends_on, .. } => asks.extend(depends_on.keys().cloned()),
                FileState::Pending { asked, .. } => {
                    asks.extend(asked.iter().filter(|asked| !self.is_beside(asked)).cloned());
                }
            }
        }
        asks
    }

    fn is_beside(&self, asked: &FileRequest) -> bool {
        self.home
            .path_of(asked)
            .is_some_and(|path| self.beside.contains_key(path))
    }

    /// What was observed; files that still wait for something have failed.
    pub(crate) fn observed(self) -> (RepositoryAtCommit, Vec<LocationObserved>) {
        let locations = self
            .files
            .into_iter()
            .map(|WantedFile { path, state }| LocationObserved {
                path,
                outcome: Some(match state {
                    FileState::Known(outcome) => outcome,
                    FileState::Unread | FileState::Doubtful { .. } | FileState::Pending { .. } => {
                        failed(Failure::unreadable(
                            "what the file needs could not be fetched in time",
                        ))
                    }
                }),
            })
            .collect();
        (self.home, locations)
    }
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed(Failed::from(failure))
}

impl FileReader<'_> {
    /// Begins with what was read of a repository.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading more of it.
    pub(crate) async fn begin(
        &self,
        host: &str,
        target: &RepositoryTarget,
        reading: RepositoryReading,
    ) -> Result<PendingFiles, BudgetClosed> {
        let RepositoryReading {
            repository,
            head,
            locations,
            beside,
        } = reading;
        let home = RepositoryAtCommit {
            host: host.to_owned(),
            repository,
            git_ref: target.r#ref.clone(),
            head,
        };
        let matched = self.matched(&home, target, &locations).await?;
        let beside = beside
            .into_iter()
            .filter_map(|(path, object)| {
                let supplied = shown(&home, &path, object)?;
                Some((path, supplied))
            })
            .collect();
        let mut unfinished = PendingFiles {
            files: Vec::with_capacity(locations.len() + matched.len()),
            home,
            beside,
        };
        for LocationRead { path, outcome } in locations {
            let state = match outcome {
                LocationOutcome::Unchanged { blob } => unchanged(host, target, &path, blob),
                LocationOutcome::Gone { .. } if unfinished.home.may_be_longer(&path) => {
                    FileState::Unread
                }
                outcome => self.read(&unfinished, &path, outcome).await?,
            };
            unfinished.files.push(WantedFile { path, state });
        }
        unfinished.files.extend(matched);
        if unfinished.is_finished() || !unfinished.asks().is_empty() {
            return Ok(unfinished);
        }
        // All that is needed was shown beside.
        self.go_on(unfinished, &FetchedFiles::new()).await
    }

    /// What became of the patterns, and the files they match that the list does not name.
    async fn matched(
        &self,
        home: &RepositoryAtCommit,
        target: &RepositoryTarget,
        named: &[LocationRead],
    ) -> Result<Vec<WantedFile>, BudgetClosed> {
        if !target.wanted.iter().any(|wanted| wanted.is_glob) {
            return Ok(Vec::new());
        }
        let matching = matches(self.client, self.lane, home, target);
        let evaluated = while_alive(&[self.delivery], matching).await?;
        let mut known: BTreeSet<String> = named.iter().map(|read| read.path.clone()).collect();
        let mut files = Vec::new();
        for (wanted, matches) in evaluated {
            let unread: Vec<String> = match &matches {
                PatternMatches::Paths(paths) => paths
                    .iter()
                    .filter(|path| known.insert((*path).clone()))
                    .cloned()
                    .collect(),
                PatternMatches::Unchanged
                | PatternMatches::NoCommit
                | PatternMatches::Failed(_) => Vec::new(),
            };
            let outcome = match matches {
                PatternMatches::Paths(paths) => Outcome::Matched(Matched { paths }),
                PatternMatches::Unchanged => Outcome::Unchanged(Unchanged {
                    blob: wanted.held_blob.clone(),
                }),
                PatternMatches::NoCommit => Outcome::Gone(Gone {
                    evidence: "the branch has no commit".to_owned(),
                }),
                PatternMatches::Failed(failure) => failed(failure),
            };
            files.push(WantedFile {
                path: wanted.path.clone(),
                state: FileState::Known(outcome),
            });
            files.extend(unread.into_iter().map(|path| WantedFile {
                path,
                state: FileState::Unread,
            }));
        }
        Ok(files)
    }

    /// Goes on with what was fetched.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading more.
    pub(crate) async fn go_on(
        &self,
        mut unfinished: PendingFiles,
        supplies: &FetchedFiles,
    ) -> Result<PendingFiles, BudgetClosed> {
        let files = std::mem::take(&mut unfinished.files);
        let mut done = Vec::with_capacity(files.len());
        for WantedFile { path, state } in files {
            let state = match state {
                known @ FileState::Known(_) => known,
                FileState::Unread => {
                    let asked = FileRequest::File(unfinished.home.file(&path));
                    self.arrived(&unfinished, &path, supplies.get(&asked)).await
                }
                FileState::Doubtful { blob, depends_on } => {
                    if depends_on.iter().all(|(asked, held)| {
                        supplies
                            .get(asked)
                            .is_none_or(|supplied| supplied.dependency.blob == *held)
                    }) {
                        FileState::Known(Outcome::Unchanged(Unchanged { blob }))
                    } else {
                        let outcome = LocationOutcome::Raw { blob, size: 0 };
                        self.read(&unfinished, &path, outcome).await?
                    }
                }
                FileState::Pending {
                    blob,
                    draft,
                    asked,
                    base,
                } => {
                    let had = asked
                        .into_iter()
                        .filter_map(|asked| {
                            let beside = unfinished.home.path_of(&asked);
                            let supplied = beside
                                .and_then(|path| unfinished.beside.get(path))
                                .or_else(|| supplies.get(&asked))?;
                            Some((asked, supplied.clone()))
                        })
                        .collect();
                    self.finished(blob, draft, base, had).await
                }
            };
            done.push(WantedFile { path, state });
        }
        unfinished.files = done;
        Ok(unfinished)
    }

    async fn read(
        &self,
        unfinished: &PendingFiles,
        path: &str,
        read: LocationOutcome,
    ) -> Result<FileState, BudgetClosed> {
        Ok(match read {
            LocationOutcome::Unchanged { blob } => {
                FileState::Known(Outcome::Unchanged(Unchanged { blob }))
            }
            LocationOutcome::Gone { evidence } => {
                FileState::Known(Outcome::Gone(Gone { evidence }))
            }
            LocationOutcome::Failed(failure) => FileState::Known(failed(failure)),
            LocationOutcome::Text { blob, text } => {
                self.drafted(unfinished, path, blob, Bytes::from(text))
                    .await
            }
            LocationOutcome::Raw { blob, size } => {
                let raw = self.raw(unfinished, path, blob, size);
                while_alive(&[self.delivery], raw).await?
            }
        })
    }

    async fn raw(
        &self,
        unfinished: &PendingFiles,
        path: &str,
        blob: String,
        size: u64,
    ) -> Result<FileState, BudgetClosed> {
        let limits = &self.shared.config.limits;
        if size > u64::try_from(limits.file_bytes).unwrap_or(u64::MAX) {
            return Ok(FileState::Known(Outcome::Content(too_large(
                blob, size, limits,
            ))));
        }
        let Repository { owner, name, .. } = &unfinished.home.repository;
        match self
            .client
            .blob(self.lane, owner, name, &blob, limits.file_bytes)
            .await
        {
            Ok(bytes) => Ok(self.drafted(unfinished, path, blob, bytes).await),
            Err(error) => error
                .failure()
                .map(|failure| FileState::Known(failed(failure))),
        }
    }

    /// A file that a pattern matched, with what came of reading it.
    async fn arrived(
        &self,
        unfinished: &PendingFiles,
        path: &str,
        supplied: Option<&FetchedFile>,
    ) -> FileState {
        let Some(FetchedFile { supply, dependency }) = supplied else {
            return FileState::Unread;
        };
        let blob = dependency.blob.clone();
        match supply {
            Ok(bytes) => {
                let bytes = Bytes::copy_from_slice(bytes);
                self.drafted(unfinished, path, blob, bytes).await
            }
            Err(SupplyError::TooLarge { bytes, .. }) => FileState::Known(Outcome::Content(
                too_large(blob, *bytes, &self.shared.config.limits),
            )),
            Err(SupplyError::NotFound) => FileState::Known(Outcome::Gone(Gone {
                evidence: match unfinished.home.head.as_str() {
                    "" => format!("the repository has no branch {}", unfinished.home.git_ref),
                    head => format!("not at commit {head}"),
                },
            })),
            Err(error @ (SupplyError::Refused { .. } | SupplyError::Failed { .. })) => {
                FileState::Known(failed(Failure::unreadable(error.to_string())))
            }
        }
    }

    /// Reads a file as far as that is possible without others.
    async fn drafted(
        &self,
        unfinished: &PendingFiles,
        path: &str,
        blob: String,
        bytes: Bytes,
    ) -> FileState {
        let limits = self.shared.config.limits;
        let base = FileOrigin::Repository(unfinished.home.file(path));
        let size = bytes.len();
        let draft = off_thread(size, move || PendingFile::parse(&bytes, &limits)).await;
        let asked = draft.asks(&base, &self.shared.policy, &limits);
        if asked.is_empty() {
            return self
                .finished_of(size, blob, draft, base, FetchedFiles::new())
                .await;
        }
        FileState::Pending {
            blob,
            draft,
            asked,
            base,
        }
    }

    async fn finished(
        &self,
        blob: String,
        draft: PendingFile,
        base: FileOrigin,
        had: FetchedFiles,
    ) -> FileState {
        let size = had
            .values()
            .filter_map(|supplied| supplied.supply.as_ref().ok())
            .map(|bytes| bytes.len())
            .sum();
        // An outage of the provider is no mistake of anybody's.
        let outage = had
            .iter()
            .find_map(|(asked, supplied)| match (asked, &supplied.supply) {
                (FileRequest::File(_), Err(error @ SupplyError::Failed { .. })) => {
                    Some(Failure::unreachable(format!("{asked}: {error}")))
                }
                _ => None,
            });
        match outage {
            Some(failure) => FileState::Known(failed(failure)),
            None => self.finished_of(size, blob, draft, base, had).await,
        }
    }

    async fn finished_of(
        &self,
        size: usize,
        blob: String,
        draft: PendingFile,
        base: FileOrigin,
        had: FetchedFiles,
    ) -> FileState {
        let limits = self.shared.config.limits;
        let kinds = self.shared.config.kinds.clone();
        let policy = Arc::clone(&self.shared.policy);
        let content = off_thread(size, move || {
            let (supplies, dependencies) = parted(had);
            let file = draft.finish(&base, &policy, &supplies, &kinds, &limits);
            content_of(blob, file, dependencies, &limits)
        });
        FileState::Known(Outcome::Content(content.await))
    }
}

/// Does work on a file of this size where it does not hold up others.
async fn off_thread<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes < BLOCKING_FROM_BYTES {
        return work();
    }
    match tokio::task::spawn_blocking(work)
        .await
        .map_err(tokio::task::JoinError::try_into_panic)
    {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(error)) => unreachable!("a parse is never aborted: {error}"),
    }
}

/// What a draft is finished with, and what it then depends on, in a fixed order.
pub(crate) fn parted(had: FetchedFiles) -> (HashMap<FileRequest, Supply>, Vec<Dependency>) {
    let mut had: Vec<(FileRequest, FetchedFile)> = had.into_iter().collect();
    had.sort_by(|(a, _), (b, _)| a.cmp(b));
    had.into_iter()
        .map(|(asked, supplied)| ((asked, supplied.supply), supplied.dependency))
        .unzip()
}

/// A file of the list whose blob is the one we hold, before anybody looked beyond this host.
fn unchanged(host: &str, target: &RepositoryTarget, path: &str, blob: String) -> FileState {
    let depends_on: BTreeMap<FileRequest, String> = target
        .wanted
        .iter()
        .filter(|wanted| wanted.path == path)
        .flat_map(|wanted| &wanted.dependencies)
        .filter(|dependency| {
            !dependency.url.is_empty() || !dependency.host.eq_ignore_ascii_case(host)
        })
        .map(|dependency| (FetchedFile::asked(dependency), dependency.blob.clone()))
        .collect();
    if depends_on.is_empty() {
        FileState::Known(Outcome::Unchanged(Unchanged { blob }))
    } else {
        FileState::Doubtful { blob, depends_on }
    }
}

/// A file beside those of the list, if its content was shown or it is known to be absent.
fn shown(home: &RepositoryAtCommit, path: &str, object: ObjectShown) -> Option<FetchedFile> {
    let (blob, supply) = match object {
        ObjectShown::Absent | ObjectShown::NotAFile => (String::new(), Err(SupplyError::NotFound)),
        ObjectShown::Blob {
            oid,
            text: TextShown::Text(text),
            ..
        } => (oid, Ok(Arc::from(text.into_bytes()))),
        ObjectShown::Blob { .. } | ObjectShown::Unreadable(_) => return None,
    };
    Some(FetchedFile {
        supply,
        dependency: home.dependency(path, blob),
    })
}
