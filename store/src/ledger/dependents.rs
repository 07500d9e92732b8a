//! What reads a file of a repository without being a file of it. Pure.

use freshet_model::{GitRef, RepositoryName};
use freshet_proto::message::{Push, Repository};

use super::subject::{PushedRef, TAG_PREFIX, source_ref};
use crate::repo::dependencies::Dependent;
use crate::repo::{SourceRow, git_ref_if_any};

/// A branch or tag that was pushed to, as dependencies name it.
pub(super) struct PushedRevision {
    repository: RepositoryName,
    /// By its names: its own, and as sources call it.
    refs: [Option<GitRef>; 2],
    is_branch: bool,
}

/// The repository a push names.
pub(super) fn repository_name(host: &str, repository: &Repository) -> RepositoryName {
    RepositoryName::new(host, &repository.owner, &repository.name)
}

impl PushedRevision {
    pub(super) fn new(host: &str, repository: &Repository, pushed_to: PushedRef<'_>) -> Self {
        let other = match pushed_to {
            PushedRef::Branch(branch) => source_ref(&repository.default_branch, branch),
            PushedRef::Tag(tag) => git_ref_if_any(&format!("{TAG_PREFIX}{tag}")),
        };
        Self {
            repository: repository_name(host, repository),
            refs: [git_ref_if_any(pushed_to.name()), other],
            is_branch: matches!(pushed_to, PushedRef::Branch(_)),
        }
    }

    /// Whether a source of the repository reads just this.
    pub(super) fn is_at(&self, git_ref: Option<&GitRef>) -> bool {
        self.refs.iter().any(|it| it.as_ref() == git_ref)
    }

    /// Whether a push to it may have changed what was read.
    pub(super) fn may_change(&self, dependent: &Dependent, push: &Push) -> bool {
        let dependency = &dependent.dependency;
        let is_here =
            dependency.repository() == self.repository && self.is_at(dependency.git_ref.as_ref());
        // A push that was forced, or whose list of paths was cut off, may have touched anything; and a
        // tag may have been anywhere before.
        let tells_all = self.is_branch && push.complete && !push.forced;
        is_here && (!tells_all || push.touched.contains(&dependency.path))
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
