//! From the reading of a repository to observed locations.
//!
//! A file that is to be read may ask for other files, and only with those it says what it declares.
//! So the files of one job are taken through in steps: what they need next is collected over all
//! jobs of a batch, fetched together, and given back to each.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{Dependency, Failed, Lane, RepositoryTarget, Unchanged};

use super::fetched_file::{FetchedFile, FetchedFiles};
use super::github_files::fetch_raw_blob;
use super::links::{may_be_link, refuse_pointer};
use super::parser::{FileParser, WaitingFile};
use super::patterns::evaluate_patterns;
use super::pending::{FileState, PendingFiles, WantedFile};
use super::repository::RepositoryAtCommit;
use crate::budget::BudgetClosed;
use crate::catalog_file::{FileOrigin, FileRequest};
use crate::failure::Failure;
use crate::reconcile::{
    FileFound, LocationRead, ObjectShown, RepositoryReading, TextShown, git_ref_of,
};
use crate::source::fetched::Fetched;
use crate::source::github::client::GithubClient;

/// What it takes to read the files of one job.
pub(crate) struct FileReader<'a> {
    pub(crate) parser: &'a FileParser,
    pub(crate) client: &'a GithubClient,
    pub(crate) lane: Lane,
}

impl FileReader<'_> {
    /// Begins with what was read of a repository.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading more of it.
    pub(crate) async fn start_files(
        &self,
        host: &str,
        target: &RepositoryTarget,
        reading: RepositoryReading,
    ) -> Result<PendingFiles, BudgetClosed> {
        let git_ref = git_ref_of(&target.r#ref);
        let home = RepositoryAtCommit::new(host, reading.repository, git_ref, reading.head);
        let matched = self
            .match_patterns(&home, target, &reading.locations)
            .await?;
        let same_commit_files = reading.same_commit_objects.into_iter();
        let same_commit_files: HashMap<String, FetchedFile> = same_commit_files
            .filter_map(|(path, object)| {
                let file = fetched_from_object(&home, &path, object)?;
                Some((path, file))
            })
            .collect();
        let mut files = Vec::with_capacity(reading.locations.len() + matched.len());
        for LocationRead { path, found } in reading.locations {
            let state = match found {
                FileFound::Fetched(Fetched::Unchanged { version }) => {
                    FileState::of_unchanged(host, target, &path, version)
                }
                FileFound::Fetched(Fetched::Absent { .. }) if home.may_be_longer_branch(&path) => {
                    FileState::Unread
                }
                FileFound::Fetched(Fetched::Content { bytes, .. }) if may_be_link(&bytes) => {
                    FileState::Unread
                }
                // A submodule may be where its folder should be, which only the tree tells.
                FileFound::Fetched(Fetched::Absent { reason: None, .. }) if path.contains('/') => {
                    FileState::Unread
                }
                FileFound::Fetched(fetched) => {
                    self.parse_file(&home, &path, fetched, Vec::new()).await
                }
                FileFound::RawBlob { oid, size } => {
                    self.read_raw_blob(&home, &path, oid, size).await?
                }
            };
            files.push(WantedFile { path, state });
        }
        files.extend(matched);
        let pending = PendingFiles {
            home,
            files,
            same_commit_files,
        };
        if pending.is_finished() || !pending.requests().is_empty() {
            return Ok(pending);
        }
        // All that is needed was shown at the same commit.
        self.continue_files(pending, &FetchedFiles::new()).await
    }

    /// What became of the patterns, and the files they match that the list does not name.
    async fn match_patterns(
        &self,
        home: &RepositoryAtCommit,
        target: &RepositoryTarget,
        named: &[LocationRead],
    ) -> Result<Vec<WantedFile>, BudgetClosed> {
        if !target.wanted.iter().any(|wanted| wanted.is_glob) {
            return Ok(Vec::new());
        }
        let evaluated = evaluate_patterns(self.client, self.lane, home, target).await?;
        // A file that is both in the list and matched by a pattern is one location.
        let mut known: BTreeSet<String> = named.iter().map(|read| read.path.clone()).collect();
        let mut files = Vec::new();
        for (pattern, outcome) in evaluated {
            let unread: Vec<WantedFile> = match &outcome {
                Outcome::Matched(matched) => {
                    let paths = matched.paths.iter().cloned();
                    let unread = paths.filter(|path| known.insert(path.clone()));
                    let unread_at = |path| WantedFile {
                        path,
                        state: FileState::Unread,
                    };
                    unread.map(unread_at).collect()
                }
                _ => Vec::new(),
            };
            files.push(WantedFile {
                path: pattern.path.clone(),
                state: FileState::Known(outcome),
            });
            files.extend(unread);
        }
        Ok(files)
    }

    /// Goes on with what was fetched.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading more.
    pub(crate) async fn continue_files(
        &self,
        mut pending: PendingFiles,
        fetched: &FetchedFiles,
    ) -> Result<PendingFiles, BudgetClosed> {
        let files = std::mem::take(&mut pending.files);
        let mut done = Vec::with_capacity(files.len());
        for WantedFile { path, state } in files {
            let state = match state {
                known @ FileState::Known(_) => known,
                FileState::Unread => {
                    let request = FileRequest::File(pending.home.file_at(&path));
                    match fetched.get(&request) {
                        Some(file) => {
                            let (fetched, linked) = (file.fetched.clone(), file.linked.clone());
                            self.parse_file(&pending.home, &path, fetched, linked).await
                        }
                        None => FileState::Unread,
                    }
                }
                FileState::Doubtful { blob, depends_on } => {
                    let is_as_held = depends_on.iter().all(|(request, held)| {
                        let now = fetched.get(request);
                        // What could not be looked at proves no change; the next job looks again.
                        now.is_none_or(|now| now.dependency.blob == *held)
                    });
                    if is_as_held {
                        FileState::Known(Outcome::Unchanged(Unchanged { blob }))
                    } else {
                        self.read_raw_blob(&pending.home, &path, blob, 0).await?
                    }
                }
                FileState::Waiting(file) => {
                    let had = pending.take_requested(&file, fetched);
                    // In one step whatever is missing: what could not be fetched is a problem, and
                    // waiting would not bring it.
                    FileState::Known(self.finish_file(file, had).await)
                }
            };
            done.push(WantedFile { path, state });
        }
        pending.files = done;
        Ok(pending)
    }

    async fn parse_file(
        &self,
        home: &RepositoryAtCommit,
        path: &str,
        fetched: Fetched,
        linked: Vec<Dependency>,
    ) -> FileState {
        let origin = FileOrigin::Repository(home.file_at(path));
        self.parser.parse_file(origin, fetched, linked).await.into()
    }

    async fn read_raw_blob(
        &self,
        home: &RepositoryAtCommit,
        path: &str,
        oid: String,
        size: u64,
    ) -> Result<FileState, BudgetClosed> {
        let bytes_max = self.parser.limits.file_bytes;
        let repository = &home.repository;
        let fetched =
            fetch_raw_blob(self.client, self.lane, repository, oid, size, bytes_max).await?;
        // A link has its own blob, which is only the path it leads to.
        if let Fetched::Content { bytes, .. } = &fetched
            && may_be_link(bytes)
        {
            return Ok(FileState::Unread);
        }
        Ok(self.parse_file(home, path, fetched, Vec::new()).await)
    }

    // An outage of the provider is no mistake of the file's owner: the file fails and is tried
    // again with back-off, while a page that is down is a problem of the entity, as in Backstage.
    async fn finish_file(&self, file: WaitingFile, had: FetchedFiles) -> Outcome {
        let outage = had.iter().find_map(|(request, file)| match &file.fetched {
            Fetched::Failed(failure)
                if matches!(request, FileRequest::File(_)) && failure.is_outage() =>
            {
                let reason = file.fetched.describe_missing();
                Some(Failure::unreachable(format!("{request}: {reason}")))
            }
            _ => None,
        });
        match outage {
            Some(failure) => Outcome::Failed(Failed::from(failure)),
            None => self.parser.finish_file(file, had).await,
        }
    }
}

/// A file beside those of the list, if its content was shown or it is known to be absent.
fn fetched_from_object(
    home: &RepositoryAtCommit,
    path: &str,
    object: ObjectShown,
) -> Option<FetchedFile> {
    let fetched = match object {
        ObjectShown::Absent | ObjectShown::NotAFile => {
            Fetched::absent(format!("not at commit {}", home.head))
        }
        ObjectShown::Blob {
            oid,
            text: TextShown::Text(text),
            ..
        } => Fetched::Content {
            version: oid,
            bytes: Bytes::from(text),
        },
        ObjectShown::Blob { .. } | ObjectShown::Unreadable(_) => return None,
    };
    // Whether it is a link is known only where the tree is asked.
    if let Fetched::Content { bytes, .. } = &fetched
        && may_be_link(bytes)
    {
        return None;
    }
    Some(FetchedFile {
        dependency: home.dependency_on(path, fetched.version().to_owned()),
        fetched: refuse_pointer(fetched),
        linked: Vec::new(),
    })
}
