//! The files of one job on their way to observed locations. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{Failed, LocationObserved, RepositoryTarget, Unchanged};

use super::fetched_file::{FetchedFile, FetchedFiles};
use super::parser::{ParseStep, WaitingFile};
use super::repository::RepositoryAtCommit;
use crate::catalog_file::FileRequest;
use crate::failure::Failure;

/// The files of one job on their way.
#[derive(Debug)]
pub(crate) struct PendingFiles {
    pub(crate) home: RepositoryAtCommit,
    pub(super) files: Vec<WantedFile>,
    /// What was shown of the other files at the same commit, by path.
    pub(super) same_commit_files: HashMap<String, FetchedFile>,
}

#[derive(Debug)]
pub(super) struct WantedFile {
    pub(super) path: String,
    pub(super) state: FileState,
}

#[derive(Debug)]
pub(super) enum FileState {
    /// It is known what became of it.
    Known(Outcome),
    /// A file that a pattern matched, or at a branch that may be a longer one: to be read by its name.
    Unread,
    /// The blob we hold, if what it depends on outside of this repository's host is as it was.
    Doubtful {
        blob: String,
        depends_on: BTreeMap<FileRequest, String>,
    },
    /// Waits for what it asks for.
    Waiting(WaitingFile),
}

impl From<ParseStep> for FileState {
    fn from(step: ParseStep) -> Self {
        match step {
            ParseStep::Done(outcome) => Self::Known(outcome),
            ParseStep::Waiting(file) => Self::Waiting(file),
        }
    }
}

impl FileState {
    /// The state of a file of the list whose blob is the one we hold, before anybody looked beyond this host.
    pub(super) fn of_unchanged(
        host: &str,
        target: &RepositoryTarget,
        path: &str,
        blob: String,
    ) -> Self {
        let depends_on: BTreeMap<FileRequest, String> = target
            .wanted
            .iter()
            .filter(|wanted| wanted.path == path)
            .flat_map(|wanted| &wanted.dependencies)
            .filter(|dependency| {
                !dependency.url.is_empty() || !dependency.host.eq_ignore_ascii_case(host)
            })
            .map(|dependency| (FetchedFile::request_of(dependency), dependency.blob.clone()))
            .collect();
        if depends_on.is_empty() {
            Self::Known(Outcome::Unchanged(Unchanged { blob }))
        } else {
            Self::Doubtful { blob, depends_on }
        }
    }
}

impl PendingFiles {
    /// Whether nothing is to be fetched any more.
    pub(crate) fn is_finished(&self) -> bool {
        self.files
            .iter()
            .all(|file| matches!(file.state, FileState::Known(_)))
    }

    /// What has to be fetched next.
    pub(crate) fn requests(&self) -> BTreeSet<FileRequest> {
        let mut requests = BTreeSet::new();
        for file in &self.files {
            match &file.state {
                FileState::Known(_) => {}
                FileState::Unread => {
                    requests.insert(FileRequest::File(self.home.file_at(&file.path)));
                }
                // Files of this host were compared in the query about the repository already.
                FileState::Doubtful { depends_on, .. } => {
                    requests.extend(depends_on.keys().cloned());
                }
                FileState::Waiting(file) => {
                    let asked = file.requests.iter();
                    let missing = asked.filter(|it| self.find_same_commit_file(it).is_none());
                    requests.extend(missing.cloned());
                }
            }
        }
        requests
    }

    fn find_same_commit_file(&self, request: &FileRequest) -> Option<&FetchedFile> {
        self.same_commit_files.get(self.home.path_of(request)?)
    }

    /// What a file gets of what it asked for, as far as anybody looked.
    pub(super) fn take_requested(
        &self,
        file: &WaitingFile,
        fetched: &FetchedFiles,
    ) -> FetchedFiles {
        let find = |request| {
            self.find_same_commit_file(request)
                .or_else(|| fetched.get(request))
        };
        let requests = file.requests.iter();
        requests
            .filter_map(|request| Some((request.clone(), find(request)?.clone())))
            .collect()
    }

    /// What was observed; files that still wait for something have failed.
    pub(crate) fn into_observed(self) -> (RepositoryAtCommit, Vec<LocationObserved>) {
        let not_in_time =
            || Failure::unreadable("what the file needs could not be fetched in time");
        let observed = |WantedFile { path, state }| LocationObserved {
            path,
            outcome: Some(match state {
                FileState::Known(outcome) => outcome,
                FileState::Unread | FileState::Doubtful { .. } | FileState::Waiting(_) => {
                    Outcome::Failed(Failed::from(not_in_time()))
                }
            }),
        };
        (self.home, self.files.into_iter().map(observed).collect())
    }
}
