//! Fetches what catalog files ask for besides themselves: for many files at once, each thing once.
//!
//! Files of a repository are asked for by GraphQL, all of one host in as few queries as they fit into; what that
//! does not show is read as a raw blob. Files of the asking repository are read at the commit that was
//! shown, files elsewhere where their branch is now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use freshet_proto::message::{Dependency, Lane, Repository};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};

use crate::budget::BudgetClosed;
use crate::catalog_file::{FileRequest, RepositoryFile, Supply, SupplyError};
use crate::failure::Failure;
use crate::limits::ReadLimits;
use crate::reconcile::{DEFAULT_BRANCH, ObjectShown, RepositoryShown, TextShown};
use crate::source::github::client::GithubClient;
use crate::source::github::files::{NotShown, PlaceRevision, RepositoryPlace, is_hidden, show};
use crate::source::url::reader::{Page, UrlReader};

/// Raw blobs of one batch that are read at once.
const BLOBS_AT_ONCE: usize = 8;
/// Most files of one place that are asked for together; more are asked for in several queries.
const PATHS_TOGETHER_MAX: usize = 100;
/// Most steps of a path that are taken for steps of a branch name.
const BRANCH_STEPS_MAX: usize = 4;

/// The clients of all integrations by the host of their pages.
pub(crate) type Clients = BTreeMap<String, Arc<GithubClient>>;

/// The repository that a job is about, as it was shown.
#[derive(Clone, Debug)]
pub(crate) struct RepositoryAtCommit {
    pub(crate) host: String,
    pub(crate) repository: Repository,
    /// As in the job: `HEAD`, a branch or a commit.
    pub(crate) git_ref: String,
    /// The commit that was shown.
    pub(crate) head: String,
}

impl RepositoryAtCommit {
    /// One of its files.
    pub(crate) fn file(&self, path: &str) -> RepositoryFile {
        let Repository {
            owner,
            name,
            default_branch,
            ..
        } = &self.repository;
        let git_ref = if self.git_ref == DEFAULT_BRANCH && !default_branch.is_empty() {
            default_branch
        } else {
            &self.git_ref
        };
        RepositoryFile {
            host: self.host.clone(),
            owner: owner.clone(),
            name: name.clone(),
            git_ref: git_ref.clone(),
            path: path.to_owned(),
        }
    }

    fn holds(&self, file: &RepositoryFile) -> bool {
        let Repository { owner, name, .. } = &self.repository;
        file.host.eq_ignore_ascii_case(&self.host)
            && file.owner.eq_ignore_ascii_case(owner)
            && file.name.eq_ignore_ascii_case(name)
            && canonical_ref(&file.git_ref, &self.repository) == self.canonical_ref()
    }

    /// Whether the branch may have been cut at a slash too early. Where there is a branch `a` there is
    /// none called `a/b`, so only a branch that does not exist may be a longer one.
    pub(crate) fn may_be_longer(&self, path: &str) -> bool {
        self.head.is_empty() && self.git_ref != DEFAULT_BRANCH && path.contains('/')
    }

    /// The path of a file of its own.
    pub(crate) fn path_of<'f>(&self, asked: &'f FileRequest) -> Option<&'f str> {
        match asked {
            FileRequest::File(file) if self.holds(file) => Some(&file.path),
            FileRequest::File(_) | FileRequest::Url(_) => None,
        }
    }

    /// A dependency on a file of its own that was read as this blob.
    pub(crate) fn dependency(&self, path: &str, blob: String) -> Dependency {
        Dependency {
            host: self.host.clone(),
            owner: self.repository.owner.clone(),
            name: self.repository.name.clone(),
            r#ref: self.canonical_ref(),
            path: path.to_owned(),
            blob,
            url: String::new(),
        }
    }

    fn canonical_ref(&self) -> String {
        canonical_ref(&self.git_ref, &self.repository)
    }
}

/// A branch as dependencies name it: `HEAD` if it is the default one.
fn canonical_ref(git_ref: &str, repository: &Repository) -> String {
    if git_ref == repository.default_branch {
        DEFAULT_BRANCH.to_owned()
    } else {
        git_ref.to_owned()
    }
}

/// What came of one thing that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct FetchedFile {
    pub(crate) supply: Supply,
    /// What to compare next time.
    pub(crate) dependency: Dependency,
}

impl FetchedFile {
    /// What to ask for to know whether something is as it was.
    pub(crate) fn asked(dependency: &Dependency) -> FileRequest {
        if !dependency.url.is_empty() {
            return FileRequest::Url(dependency.url.clone());
        }
        FileRequest::File(RepositoryFile {
            host: dependency.host.clone(),
            owner: dependency.owner.clone(),
            name: dependency.name.clone(),
            git_ref: dependency.r#ref.clone(),
            path: dependency.path.clone(),
        })
    }
}

/// What one asker gets.
pub(crate) type FetchedFiles = HashMap<FileRequest, FetchedFile>;

/// One asker: where it is, if it is in a repository, and what it asks for.
pub(crate) type FileAsker<'a> = (Option<&'a RepositoryAtCommit>, &'a BTreeSet<FileRequest>);

/// A file of one host.
type HostFile = (String, RepositoryPlace, String);

/// Fetches for many askers, and answers in their order.
#[derive(Clone)]
pub(crate) struct FileFetcher {
    pub(crate) clients: Arc<Clients>,
    /// Reads plain URLs.
    pub(crate) pages: Arc<UrlReader>,
    pub(crate) limits: ReadLimits,
}

impl FileFetcher {
    /// Everything that is asked for.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading one of them.
    pub(crate) async fn supply(
        &self,
        lane: Lane,
        askers: &[FileAsker<'_>],
    ) -> Result<Vec<FetchedFiles>, BudgetClosed> {
        let files = askers.iter().flat_map(|(home, asked)| {
            asked.iter().filter_map(|asked| match asked {
                FileRequest::File(file) => Some(target_of(*home, file)),
                FileRequest::Url(_) => None,
            })
        });
        let got = self.files(lane, files.collect()).await?;
        let urls: BTreeSet<&str> = askers
            .iter()
            .flat_map(|(_, asked)| asked.iter())
            .filter_map(|asked| match asked {
                FileRequest::Url(url) => Some(url.as_str()),
                FileRequest::File(_) => None,
            })
            .collect();
        let pages = self.urls(&urls).await;
        Ok(askers
            .iter()
            .map(|(home, asked)| {
                let supplied = |asked: &FileRequest| match asked {
                    FileRequest::File(file) => {
                        let mut supplied = got[&target_of(*home, file)].clone();
                        // It was read at a commit, but what matters next time is the branch.
                        if let Some(home) = home.filter(|home| home.holds(file)) {
                            supplied.dependency.r#ref = home.canonical_ref();
                        }
                        supplied
                    }
                    FileRequest::Url(url) => pages[url.as_str()].clone(),
                };
                asked
                    .iter()
                    .map(|asked| (asked.clone(), supplied(asked)))
                    .collect()
            })
            .collect())
    }

    async fn files(
        &self,
        lane: Lane,
        wanted: BTreeSet<HostFile>,
    ) -> Result<HashMap<HostFile, FetchedFile>, BudgetClosed> {
        let mut got = HashMap::new();
        let mut hosts: BTreeMap<String, BTreeSet<HostFile>> = BTreeMap::new();
        for target in wanted {
            hosts.entry(target.0.clone()).or_default().insert(target);
        }
        for (host, targets) in hosts {
            match self.clients.get(&host) {
                Some(client) => {
                    let reader = GithubFileReader {
                        client,
                        lane,
                        host: &host,
                        limits: &self.limits,
                    };
                    got.extend(reader.read(targets).await?);
                }
                None => got.extend(targets.into_iter().map(|target| {
                    let reason = format!("there is no integration for {host}");
                    let supply = Err(SupplyError::Refused { reason });
                    (target.clone(), unread(&target, supply))
                })),
            }
        }
        Ok(got)
    }

    async fn urls<'u>(&self, urls: &BTreeSet<&'u str>) -> HashMap<&'u str, FetchedFile> {
        let bytes_max = self.limits.placeholder_bytes;
        let read = urls.iter().map(|url| async move {
            let page = self.pages.read(url, "", bytes_max).await;
            (*url, supplied_page(url, page, bytes_max))
        });
        join_all(read).await.into_iter().collect()
    }
}

fn supplied_page(url: &str, page: Page, bytes_max: usize) -> FetchedFile {
    let (version, supply) = match page {
        Page::Content { version, bytes } => (version, Ok(Arc::from(bytes.as_ref()))),
        Page::Gone { .. } => (String::new(), Err(SupplyError::NotFound)),
        Page::TooLarge => {
            let bytes = u64::try_from(bytes_max).unwrap_or(u64::MAX);
            (
                String::new(),
                Err(SupplyError::TooLarge { bytes, bytes_max }),
            )
        }
        Page::Unchanged => {
            let reason = "it was not sent".to_owned();
            (String::new(), Err(SupplyError::Failed { reason }))
        }
        Page::Failed(failure) => (String::new(), Err(supply_error(failure))),
    };
    FetchedFile {
        supply,
        dependency: Dependency {
            url: url.to_owned(),
            blob: version,
            ..Dependency::default()
        },
    }
}

fn target_of(home: Option<&RepositoryAtCommit>, file: &RepositoryFile) -> HostFile {
    let RepositoryFile {
        host,
        owner,
        name,
        git_ref,
        path,
    } = file;
    let at = match home {
        Some(home) if home.holds(file) && !home.head.is_empty() => {
            PlaceRevision::Commit(home.head.clone())
        }
        Some(_) | None => PlaceRevision::Branch(git_ref.clone()),
    };
    (
        host.to_lowercase(),
        RepositoryPlace::new(owner, name, at),
        path.clone(),
    )
}

/// A dependency on something whose content is not known.
fn unread((host, place, path): &HostFile, supply: Supply) -> FetchedFile {
    FetchedFile {
        supply,
        dependency: Dependency {
            host: host.clone(),
            owner: place.owner.clone(),
            name: place.name.clone(),
            r#ref: match &place.at {
                PlaceRevision::Branch(branch) => branch.clone(),
                PlaceRevision::Commit(_) => DEFAULT_BRANCH.to_owned(),
            },
            path: path.clone(),
            ..Dependency::default()
        },
    }
}

/// Reads files of one GitHub.
struct GithubFileReader<'a> {
    client: &'a GithubClient,
    lane: Lane,
    host: &'a str,
    limits: &'a ReadLimits,
}

/// What was seen at one path.
#[derive(Clone)]
struct ShownFile {
    repository: Repository,
    has_head: bool,
    object: ObjectShown,
}

type ShownFiles = HashMap<(RepositoryPlace, String), Result<ShownFile, NotShown>>;

impl GithubFileReader<'_> {
    async fn read(
        &self,
        targets: BTreeSet<HostFile>,
    ) -> Result<Vec<(HostFile, FetchedFile)>, BudgetClosed> {
        let named = targets
            .iter()
            .map(|(_, place, path)| (place.clone(), path.clone()));
        let sights = self.look(named.collect()).await;
        // Nothing marks where in a URL the name of a branch with slashes ends.
        let others = targets
            .iter()
            .map(|(_, place, path)| (place.clone(), path.clone()))
            .filter(|named| matches!(sights.get(named), Some(Ok(sight)) if !sight.has_head))
            .flat_map(|(place, path)| longer_branches(&place, &path));
        let others = self.look(others.collect()).await;
        futures::stream::iter(targets)
            .map(|target| {
                let (_, place, path) = &target;
                let found = longer_branches(place, path)
                    .into_iter()
                    .find(|named| matches!(others.get(named), Some(Ok(sight)) if sight.has_head));
                let named = found.unwrap_or_else(|| (place.clone(), path.clone()));
                let sight = others.get(&named).or_else(|| sights.get(&named)).cloned();
                async move {
                    let supplied = self.supplied(named, sight).await?;
                    Ok((target, supplied))
                }
            })
            .buffer_unordered(BLOBS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Looks at files, those of one place together.
    async fn look(&self, named: BTreeSet<(RepositoryPlace, String)>) -> ShownFiles {
        let mut wanted: Vec<(RepositoryPlace, BTreeSet<String>)> = Vec::new();
        for (place, path) in named {
            match wanted.last_mut() {
                Some((last, paths)) if *last == place && paths.len() < PATHS_TOGETHER_MAX => {
                    paths.insert(path);
                }
                _ => wanted.push((place, BTreeSet::from([path]))),
            }
        }
        if wanted.is_empty() {
            return ShownFiles::new();
        }
        let answers = show(self.client, self.lane, &wanted).await;
        let mut sights = ShownFiles::new();
        for ((place, paths), answer) in wanted.into_iter().zip(answers) {
            let seen: Vec<Result<ShownFile, NotShown>> = match answer {
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
                            has_head: head.is_some(),
                            object,
                        })
                    })
                    .collect(),
                Err(not_shown) => vec![Err(not_shown); paths.len()],
            };
            let named = paths.into_iter().map(|path| (place.clone(), path));
            sights.extend(named.zip(seen));
        }
        sights
    }

    async fn supplied(
        &self,
        (place, path): (RepositoryPlace, String),
        sight: Option<Result<ShownFile, NotShown>>,
    ) -> Result<FetchedFile, BudgetClosed> {
        let target = (self.host.to_owned(), place, path);
        let ShownFile {
            repository, object, ..
        } = match sight {
            Some(Ok(sight)) => sight,
            Some(Err(NotShown::Limited(closed))) => return Err(closed),
            Some(Err(NotShown::Failed(failure))) => {
                return Ok(unread(&target, Err(supply_error(failure))));
            }
            None => {
                let reason = "it was not asked for".to_owned();
                return Ok(unread(&target, Err(SupplyError::Failed { reason })));
            }
        };
        let (blob, supply) = match object {
            ObjectShown::Blob { oid, size, text } => {
                let supply = self.content(&repository, &oid, size, text).await?;
                (oid, supply)
            }
            ObjectShown::Unreadable(reason) => (String::new(), Err(SupplyError::Failed { reason })),
            ObjectShown::NotAFile | ObjectShown::Absent => {
                (String::new(), Err(SupplyError::NotFound))
            }
        };
        let FetchedFile { supply, dependency } = unread(&target, supply);
        let dependency = Dependency {
            r#ref: canonical_ref(&dependency.r#ref, &repository),
            owner: repository.owner,
            name: repository.name,
            blob,
            ..dependency
        };
        Ok(FetchedFile { supply, dependency })
    }

    async fn content(
        &self,
        repository: &Repository,
        oid: &str,
        size: u64,
        text: TextShown,
    ) -> Result<Supply, BudgetClosed> {
        let bytes_max = self.limits.placeholder_bytes.max(self.limits.file_bytes);
        if size > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
            return Ok(Err(SupplyError::TooLarge {
                bytes: size,
                bytes_max,
            }));
        }
        let Repository { owner, name, .. } = repository;
        match text {
            TextShown::Text(text) => Ok(Ok(Arc::from(text.into_bytes()))),
            TextShown::OnlyRaw | TextShown::NotAsked => {
                match self
                    .client
                    .blob(self.lane, owner, name, oid, bytes_max)
                    .await
                {
                    Ok(bytes) => Ok(Ok(Arc::from(bytes.as_ref()))),
                    Err(error) => Ok(Err(supply_error(error.failure()?))),
                }
            }
        }
    }
}

/// The same file at branches whose names go on into its path, the shortest first.
fn longer_branches(place: &RepositoryPlace, path: &str) -> Vec<(RepositoryPlace, String)> {
    let PlaceRevision::Branch(branch) = &place.at else {
        return Vec::new();
    };
    path.match_indices('/')
        .take(BRANCH_STEPS_MAX)
        .map(|(at, _)| {
            let longer = format!("{branch}/{}", &path[..at]);
            let place = RepositoryPlace {
                at: PlaceRevision::Branch(longer),
                ..place.clone()
            };
            (place, path[at + 1..].to_owned())
        })
        .collect()
}

/// What a repository that could not be looked at means for a file of it.
fn supply_error(failure: Failure) -> SupplyError {
    let hidden = is_hidden(&failure);
    let reason = failure.message;
    if hidden {
        SupplyError::Refused { reason }
    } else {
        SupplyError::Failed { reason }
    }
}
