//! The repository a job is about, at the commit that was shown.

use freshet_model::{GitRef, RepositoryName};
use freshet_proto::message::{Dependency, Repository};

use crate::catalog_file::{FileRequest, RepositoryFile};

/// The repository that a job is about, as it was shown.
#[derive(Clone, Debug)]
pub(crate) struct RepositoryAtCommit {
    pub(super) name: RepositoryName,
    pub(crate) repository: Repository,
    /// As in the job.
    pub(crate) git_ref: GitRef,
    /// The commit that was shown; empty if the branch does not exist.
    pub(crate) head: String,
}

impl RepositoryAtCommit {
    /// A repository of this host, read at `git_ref`.
    pub(super) fn new(host: &str, repository: Repository, git_ref: GitRef, head: String) -> Self {
        Self {
            name: RepositoryName::new(host, &repository.owner, &repository.name),
            repository,
            git_ref,
            head,
        }
    }

    /// One of its files.
    pub(crate) fn file_at(&self, path: &str) -> RepositoryFile {
        let default_branch = &self.repository.default_branch;
        let name = self.git_ref.resolve_name(default_branch);
        RepositoryFile {
            repository: self.name.clone(),
            // Without any commit there is no default branch to name.
            git_ref: GitRef::parse(name).unwrap_or(GitRef::DefaultBranch),
            path: path.to_owned(),
        }
    }

    pub(super) fn holds(&self, file: &RepositoryFile) -> bool {
        file.repository == self.name
            && canonical_ref(&file.git_ref, &self.repository) == self.canonical_ref()
    }

    /// Whether the branch may have been cut at a slash too early.
    // Where there is a branch `a` git makes none called `a/b`, so only a branch that does not
    // exist may be a longer one.
    pub(super) fn may_be_longer_branch(&self, path: &str) -> bool {
        self.head.is_empty() && !self.git_ref.is_default_branch() && path.contains('/')
    }

    /// The path of a file of its own.
    pub(super) fn path_of<'f>(&self, request: &'f FileRequest) -> Option<&'f str> {
        match request {
            FileRequest::File(file) if self.holds(file) => Some(&file.path),
            FileRequest::File(_) | FileRequest::Url(_) => None,
        }
    }

    /// A dependency on a file of its own that was read as this blob.
    pub(super) fn dependency_on(&self, path: &str, blob: String) -> Dependency {
        Dependency {
            host: self.name.host().to_owned(),
            owner: self.repository.owner.clone(),
            name: self.repository.name.clone(),
            r#ref: self.canonical_ref().into(),
            path: path.to_owned(),
            blob,
            url: String::new(),
        }
    }

    pub(super) fn canonical_ref(&self) -> GitRef {
        canonical_ref(&self.git_ref, &self.repository)
    }
}

/// A branch as dependencies name it.
// By what it is and not by its name if it is the default one, so that a change of the default
// branch is a change of what was read.
pub(super) fn canonical_ref(git_ref: &GitRef, repository: &Repository) -> GitRef {
    if git_ref.as_str() == repository.default_branch {
        GitRef::DefaultBranch
    } else {
        git_ref.clone()
    }
}
