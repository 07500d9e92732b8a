//! What reads a file of a repository without being a file of it. Pure.

use freshet_model::{GitRef, RepositoryName};
use freshet_proto::message::{Push, Repository};

use super::subject::source_ref;
use crate::repo::dependencies::Dependent;
use crate::repo::{SourceRow, git_ref_if_any};

/// A branch that was pushed to, as dependencies name it.
pub(super) struct PushedBranch {
    repository: RepositoryName,
    /// The branch by name, and as sources call it.
    refs: [Option<GitRef>; 2],
}

/// The repository a push names.
pub(super) fn repository_name(host: &str, repository: &Repository) -> RepositoryName {
    RepositoryName::new(host, &repository.owner, &repository.name)
}

impl PushedBranch {
    pub(super) fn new(host: &str, repository: &Repository, branch: &str) -> Self {
        Self {
            repository: repository_name(host, repository),
            refs: [
                git_ref_if_any(branch),
                source_ref(&repository.default_branch, branch),
            ],
        }
    }

    /// Whether a push to it may have changed what was read.
    pub(super) fn may_change(&self, dependent: &Dependent, push: &Push) -> bool {
        let dependency = &dependent.dependency;
        let is_here =
            dependency.repository() == self.repository && self.refs.contains(&dependency.git_ref);
        // A push that was forced, or whose list of paths was cut off, may have touched anything.
        is_here && (!push.complete || push.forced || push.touched.contains(&dependency.path))
    }
}

impl Dependent {
    /// Whether it reads this path of the very branch its location is on.
    pub(super) fn reads_path_of(&self, source: &SourceRow, path: &str) -> bool {
        let dependency = &self.dependency;
        let is_here = dependency.repository() == source.repository_name()
            && [source.git_ref_text(), source.branch()].contains(&dependency.git_ref_text());
        is_here && dependency.path == path
    }
}
