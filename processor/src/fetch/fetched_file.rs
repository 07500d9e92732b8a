//! Files that were asked for by other files, with what came of each.

use std::collections::HashMap;

use freshet_proto::message::Dependency;

use crate::catalog_file::{FileRequest, RepositoryFile};
use crate::reconcile::{git_ref_of, repository_of};
use crate::source::fetched::Fetched;

/// What came of one request.
#[derive(Clone, Debug)]
pub(crate) struct FetchedFile {
    pub(crate) fetched: Fetched,
    /// What to compare next time.
    pub(crate) dependency: Dependency,
    /// Where symbolic links led from there, to be compared as well.
    pub(crate) linked: Vec<Dependency>,
}

impl FetchedFile {
    /// Everything to compare next time.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = &Dependency> {
        [&self.dependency].into_iter().chain(&self.linked)
    }

    /// What to ask for to know whether something is as it was.
    pub(crate) fn request_of(dependency: &Dependency) -> FileRequest {
        if !dependency.url.is_empty() {
            return FileRequest::Url(dependency.url.clone());
        }
        FileRequest::File(RepositoryFile {
            repository: repository_of(dependency),
            git_ref: git_ref_of(&dependency.r#ref),
            path: dependency.path.clone(),
        })
    }
}

/// What one asker gets.
pub(crate) type FetchedFiles = HashMap<FileRequest, FetchedFile>;
