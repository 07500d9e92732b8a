//! Reads files of one GitHub by name: by GraphQL, all in as few queries as they fit into, and what
//! that does not show as raw blobs.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use freshet_model::GitRef;
use freshet_proto::message::{Dependency, Lane, Repository};
use futures::{StreamExt, TryStreamExt};

use super::fetched_file::FetchedFile;
use super::repository::canonical_ref;
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::reconcile::{ObjectShown, RepositoryShown, TextShown, describe_missing_ref};
use crate::source::fetched::Fetched;
use crate::source::github::client::GithubClient;
use crate::source::github::error::NotRead;
use crate::source::github::files::{PlaceRevision, RepositoryPlace, show_places};

/// Raw blobs of one batch that are read at once.
const BLOBS_AT_ONCE: usize = 8;
/// Most files of one place that are asked for together; more are asked for in several queries.
const PATHS_TOGETHER_MAX: usize = 100;
/// Most steps of a path that are taken for steps of a branch name.
const BRANCH_STEPS_MAX: usize = 4;

/// A file of a repository that is named, not known by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PlacedFile {
    pub(super) place: RepositoryPlace,
    pub(super) path: String,
}

impl PlacedFile {
    /// What came of fetching it, while nothing is known of its repository.
    pub(super) fn fetched_as(&self, fetched: Fetched) -> FetchedFile {
        let dependency = Dependency {
            host: self.place.repository.host().to_owned(),
            owner: self.place.repository.owner().to_owned(),
            name: self.place.repository.name().to_owned(),
            r#ref: self.place.git_ref().into(),
            path: self.path.clone(),
            ..Dependency::default()
        };
        FetchedFile {
            fetched,
            dependency,
            linked: Vec::new(),
        }
    }

    /// The same file at branches whose names go on into its path, the shortest first.
    // Nothing marks where in a URL such as `/blob/feature/x/docs/api.yaml` the branch ends.
    fn at_longer_branches(&self) -> Vec<Self> {
        let PlaceRevision::Branch(GitRef::Named(branch)) = &self.place.at else {
            return Vec::new();
        };
        self.path
            .match_indices('/')
            // Each step is a guess that costs an object of a query.
            .take(BRANCH_STEPS_MAX)
            .map(|(at, _)| {
                let longer = format!("{branch}/{}", &self.path[..at]);
                Self {
                    place: RepositoryPlace {
                        at: PlaceRevision::Branch(GitRef::Named(longer)),
                        ..self.place.clone()
                    },
                    path: self.path[at + 1..].to_owned(),
                }
            })
            .collect()
    }

    fn absent(&self, branch_exists: bool) -> Fetched {
        match &self.place.at {
            PlaceRevision::Commit(commit) => Fetched::absent(format!("not at commit {commit}")),
            PlaceRevision::Branch(branch) if branch_exists => {
                Fetched::absent(format!("not at {branch}"))
            }
            PlaceRevision::Branch(branch) => Fetched::absent_because(describe_missing_ref(branch)),
        }
    }
}

/// What was shown at one path.
#[derive(Clone)]
struct ShownFile {
    repository: Repository,
    /// Head of its branch; `None` if the branch does not exist.
    head: Option<String>,
    object: ObjectShown,
}

type ShownFiles = HashMap<PlacedFile, Result<ShownFile, NotRead>>;

/// What came of fetching a file, and where it was found.
#[derive(Clone, Debug)]
pub(super) struct LocatedFile {
    pub(super) file: FetchedFile,
    pub(super) repository: Option<Repository>,
    /// The commit it was shown at.
    pub(super) commit: Option<String>,
    pub(super) path: String,
}

/// Reads files of one GitHub.
pub(super) struct GithubFileReader<'a> {
    pub(super) client: &'a GithubClient,
    pub(super) lane: Lane,
    /// Most bytes of one file.
    pub(super) bytes_max: usize,
}

impl GithubFileReader<'_> {
    /// All these files of its host, with what links lead to in their place.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading one of them.
    pub(super) async fn fetch_files(
        &self,
        files: BTreeSet<PlacedFile>,
    ) -> Result<Vec<(PlacedFile, FetchedFile)>, BudgetClosed> {
        let located = self.locate_files(files).await?;
        self.follow_links(located).await
    }

    /// The files as they are in the repository.
    pub(super) async fn locate_files(
        &self,
        files: BTreeSet<PlacedFile>,
    ) -> Result<Vec<(PlacedFile, LocatedFile)>, BudgetClosed> {
        let shown = self.show_files(&files).await;
        let lacks_branch =
            |file: &&PlacedFile| matches!(shown.get(file), Some(Ok(it)) if it.head.is_none());
        let longer = files.iter().filter(lacks_branch);
        let longer = longer.flat_map(PlacedFile::at_longer_branches).collect();
        // All guesses at once, for a query more costs more than the objects in it.
        let shown_longer = self.show_files(&longer).await;
        let found_longer =
            |file: &PlacedFile| matches!(shown_longer.get(file), Some(Ok(it)) if it.head.is_some());
        futures::stream::iter(files)
            .map(|asked| {
                let longer = asked.at_longer_branches().into_iter().find(found_longer);
                let file = longer.unwrap_or_else(|| asked.clone());
                let answer = shown_longer.get(&file).or_else(|| shown.get(&file));
                let answer = answer.cloned();
                async move { Ok((asked, self.locate_shown(file, answer).await?)) }
            })
            .buffer_unordered(BLOBS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Looks at files, those of one place together.
    async fn show_files(&self, files: &BTreeSet<PlacedFile>) -> ShownFiles {
        let mut places: Vec<(RepositoryPlace, BTreeSet<String>)> = Vec::new();
        let mut asked: Vec<Vec<&PlacedFile>> = Vec::new();
        for file in files {
            let path = file.path.clone();
            match (places.last_mut(), asked.last_mut()) {
                (Some((last, paths)), Some(asked))
                    if *last == file.place && paths.len() < PATHS_TOGETHER_MAX =>
                {
                    paths.insert(path);
                    asked.push(file);
                }
                _ => {
                    places.push((file.place.clone(), BTreeSet::from([path])));
                    asked.push(vec![file]);
                }
            }
        }
        if places.is_empty() {
            return ShownFiles::new();
        }
        let answers = show_places(self.client, self.lane, &places).await;
        let mut shown = ShownFiles::new();
        for (files, answer) in asked.into_iter().zip(answers) {
            let each: Vec<Result<ShownFile, NotRead>> = match answer {
                Ok(RepositoryShown {
                    repository,
                    head,
                    objects,
                    ..
                }) => objects
                    .into_iter()
                    .map(|object| {
                        Ok(ShownFile {
                            repository: repository.clone(),
                            head: head.clone(),
                            object,
                        })
                    })
                    .collect(),
                Err(not_read) => vec![Err(not_read); files.len()],
            };
            shown.extend(files.into_iter().cloned().zip(each));
        }
        shown
    }

    async fn locate_shown(
        &self,
        file: PlacedFile,
        answer: Option<Result<ShownFile, NotRead>>,
    ) -> Result<LocatedFile, BudgetClosed> {
        let shown = answer.as_ref().and_then(|answer| answer.as_ref().ok());
        let repository = shown.map(|shown| shown.repository.clone());
        let commit = match &file.place.at {
            PlaceRevision::Commit(commit) => Some(commit.clone()),
            PlaceRevision::Branch(_) => shown.and_then(|shown| shown.head.clone()),
        };
        Ok(LocatedFile {
            file: self.fetch_shown(&file, answer).await?,
            repository,
            commit,
            path: file.path,
        })
    }

    async fn fetch_shown(
        &self,
        file: &PlacedFile,
        answer: Option<Result<ShownFile, NotRead>>,
    ) -> Result<FetchedFile, BudgetClosed> {
        let ShownFile {
            repository,
            head,
            object,
        } = match answer {
            Some(Ok(shown)) => shown,
            // A limit is no fact about a file, so none of the askers gets an answer.
            Some(Err(NotRead::Limited(closed))) => return Err(closed),
            Some(Err(NotRead::Failed(failure))) => {
                return Ok(file.fetched_as(Fetched::Failed(failure)));
            }
            None => {
                let failure = Failure::unreachable("it was not asked for");
                return Ok(file.fetched_as(Fetched::Failed(failure)));
            }
        };
        // Compared next time even if its bytes could not be had now.
        let blob = match &object {
            ObjectShown::Blob { oid, .. } => oid.clone(),
            ObjectShown::Unreadable(_) | ObjectShown::NotAFile | ObjectShown::Absent => {
                String::new()
            }
        };
        let fetched = match object {
            ObjectShown::Blob { oid, size, text } => {
                self.fetch_blob(&repository, oid, size, text).await?
            }
            ObjectShown::Unreadable(reason) => Fetched::Failed(Failure::unreadable(reason)),
            // A folder where a file is asked for is no file, which Backstage reports the same way.
            ObjectShown::NotAFile | ObjectShown::Absent => file.absent(head.is_some()),
        };
        let FetchedFile {
            fetched,
            dependency,
            linked,
        } = file.fetched_as(fetched);
        let dependency = Dependency {
            r#ref: canonical_ref(&file.place.git_ref(), &repository).into(),
            owner: repository.owner,
            name: repository.name,
            blob,
            ..dependency
        };
        Ok(FetchedFile {
            fetched,
            dependency,
            linked,
        })
    }

    async fn fetch_blob(
        &self,
        repository: &Repository,
        oid: String,
        size: u64,
        text: TextShown,
    ) -> Result<Fetched, BudgetClosed> {
        if let (TextShown::Text(text), true) = (text, fits(size, self.bytes_max)) {
            return Ok(Fetched::Content {
                version: oid,
                bytes: Bytes::from(text),
            });
        }
        fetch_raw_blob(
            self.client,
            self.lane,
            repository,
            oid,
            size,
            self.bytes_max,
        )
        .await
    }
}

/// A blob of a repository by its id, read as bytes; `size` as far as it is known.
///
/// # Errors
/// Until when GitHub's limits forbid reading it.
pub(super) async fn fetch_raw_blob(
    client: &GithubClient,
    lane: Lane,
    repository: &Repository,
    oid: String,
    size: u64,
    bytes_max: usize,
) -> Result<Fetched, BudgetClosed> {
    if !fits(size, bytes_max) {
        return Ok(Fetched::TooLarge {
            version: oid,
            bytes: size,
            bytes_max,
        });
    }
    let Repository { owner, name, .. } = repository;
    match client.read_blob(lane, owner, name, &oid, bytes_max).await {
        Ok(bytes) => Ok(Fetched::Content {
            version: oid,
            bytes,
        }),
        Err(error) => Ok(Fetched::Failed(error.failure()?)),
    }
}

fn fits(size: u64, bytes_max: usize) -> bool {
    size <= u64::try_from(bytes_max).unwrap_or(u64::MAX)
}
