//! Fetches what catalog files ask for besides themselves: for many files at once, each thing once.
//!
//! Files of the asking repository are read at the commit that was shown, files elsewhere where
//! their branch is now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use freshet_proto::message::{Dependency, FailureKind, Lane};
use futures::future::join_all;

use super::fetched_file::{FetchedFile, FetchedFiles};
use super::github_files::{GithubFileReader, PlacedFile};
use super::repository::RepositoryAtCommit;
use crate::budget::BudgetClosed;
use crate::catalog_file::{FileRequest, RepositoryFile};
use crate::limits::ReadLimits;
use crate::source::fetched::Fetched;
use crate::source::github::client::GithubClient;
use crate::source::github::files::{PlaceRevision, RepositoryPlace};
use crate::source::url::reader::UrlReader;

/// The clients of all integrations by the host of their pages.
pub(crate) type GithubClients = BTreeMap<String, Arc<GithubClient>>;

/// One asker.
#[derive(Clone, Copy)]
pub(crate) struct FileAsker<'a> {
    /// Where it is, if it is in a repository.
    pub(crate) at: Option<&'a RepositoryAtCommit>,
    /// What it asks for.
    pub(crate) requests: &'a BTreeSet<FileRequest>,
}

/// Fetches for many askers, and answers in their order.
#[derive(Clone)]
pub(crate) struct FileFetcher {
    pub(crate) clients: Arc<GithubClients>,
    /// Reads plain URLs.
    pub(crate) pages: Arc<UrlReader>,
    pub(crate) limits: ReadLimits,
}

impl FileFetcher {
    /// Everything that is asked for.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading one of them.
    pub(crate) async fn fetch_files(
        &self,
        lane: Lane,
        askers: &[FileAsker<'_>],
    ) -> Result<Vec<FetchedFiles>, BudgetClosed> {
        let (mut files, mut urls) = (BTreeSet::new(), BTreeSet::new());
        for asker in askers {
            for request in asker.requests {
                match request {
                    FileRequest::File(file) => {
                        files.insert(place_of(asker.at, file));
                    }
                    FileRequest::Url(url) => {
                        urls.insert(url.as_str());
                    }
                }
            }
        }
        // Pages after GitHub: if its limits forbid a file, all of this is done again, and a page
        // read before would have been read for nothing.
        let files = self.fetch_from_github(lane, files).await?;
        let pages = self.fetch_pages(&urls).await;
        let fetched_for = |asker: &FileAsker<'_>, request: &FileRequest| match request {
            FileRequest::File(file) => {
                let mut fetched = files[&place_of(asker.at, file)].clone();
                // It was read at a commit, but what matters next time is the branch.
                if let Some(home) = asker.at.filter(|home| home.holds(file)) {
                    let compared = fetched.linked.iter_mut();
                    for dependency in compared.chain([&mut fetched.dependency]) {
                        dependency.r#ref = home.canonical_ref().into();
                    }
                }
                fetched
            }
            FileRequest::Url(url) => pages[url.as_str()].clone(),
        };
        Ok(askers
            .iter()
            .map(|asker| {
                let requests = asker.requests.iter();
                requests
                    .map(|request| (request.clone(), fetched_for(asker, request)))
                    .collect()
            })
            .collect())
    }

    async fn fetch_from_github(
        &self,
        lane: Lane,
        wanted: BTreeSet<PlacedFile>,
    ) -> Result<HashMap<PlacedFile, FetchedFile>, BudgetClosed> {
        let mut fetched = HashMap::new();
        let mut hosts: BTreeMap<String, BTreeSet<PlacedFile>> = BTreeMap::new();
        for file in wanted {
            let host = file.place.repository.host().to_owned();
            hosts.entry(host).or_default().insert(file);
        }
        for (host, files) in hosts {
            match self.clients.get(&host) {
                Some(client) => {
                    let reader = GithubFileReader {
                        client,
                        lane,
                        // One answer may serve a catalog file that a pattern matched and a
                        // placeholder alike; each of them checks its own bound later.
                        bytes_max: self.limits.placeholder_bytes.max(self.limits.file_bytes),
                    };
                    fetched.extend(reader.fetch_files(files).await?);
                }
                None => fetched.extend(files.into_iter().map(|file| {
                    let message = format!("there is no integration for {host}");
                    let failed = Fetched::failed(FailureKind::NotVisible, message);
                    let fetched = file.fetched_as(failed);
                    (file, fetched)
                })),
            }
        }
        Ok(fetched)
    }

    async fn fetch_pages<'u>(&self, urls: &BTreeSet<&'u str>) -> HashMap<&'u str, FetchedFile> {
        let bytes_max = self.limits.placeholder_bytes;
        let read = urls.iter().map(|url| async move {
            // Without a held version: the content is needed, and not only the news that it is the
            // same.
            let fetched = self.pages.read_page(url, "", bytes_max).await;
            let dependency = Dependency {
                url: (*url).to_owned(),
                blob: fetched.version().to_owned(),
                ..Dependency::default()
            };
            let file = FetchedFile {
                fetched,
                dependency,
                linked: Vec::new(),
            };
            (*url, file)
        });
        join_all(read).await.into_iter().collect()
    }
}

/// Where a file is looked for: at the commit that was shown if it is one of the asker's own.
fn place_of(home: Option<&RepositoryAtCommit>, file: &RepositoryFile) -> PlacedFile {
    let at = match home {
        Some(home) if home.holds(file) && !home.head.is_empty() => {
            PlaceRevision::Commit(home.head.clone())
        }
        Some(_) | None => PlaceRevision::Branch(file.git_ref.clone()),
    };
    PlacedFile {
        place: RepositoryPlace {
            repository: file.repository.clone(),
            at,
        },
        path: file.path.clone(),
    }
}
