//! What reads a file of a repository without being a file of it. Pure.

use freshet_proto::message::{Push, Repository};

use super::decide::source_ref;
use crate::repo::SourceRow;
use crate::repo::dependencies::Dependent;

/// A branch that was pushed to, as dependencies name it.
pub(super) struct Pushed<'a> {
    host: String,
    owner: String,
    name: String,
    /// The branch by name, and as sources call it.
    refs: [&'a str; 2],
}

/// How dependencies name a repository: (host, owner, name).
pub(super) fn name_of(host: &str, repository: &Repository) -> (String, String, String) {
    (
        host.to_lowercase(),
        repository.owner.to_lowercase(),
        repository.name.to_lowercase(),
    )
}

impl<'a> Pushed<'a> {
    pub(super) fn of(host: &str, repository: &Repository, branch: &'a str) -> Self {
        let (host, owner, name) = name_of(host, repository);
        Self {
            host,
            owner,
            name,
            refs: [branch, source_ref(repository, branch)],
        }
    }

    /// Whether a push to it may have changed what was read.
    pub(super) fn touches(&self, it: &Dependent, push: &Push) -> bool {
        let dependency = &it.dependency;
        let is_here = dependency.host == self.host
            && dependency.owner == self.owner
            && dependency.name == self.name
            && self.refs.contains(&dependency.git_ref.as_str());
        is_here && (!push.complete || push.forced || push.touched.contains(&dependency.path))
    }
}

impl Dependent {
    /// Whether it reads this path of the very branch its location is on.
    pub(super) fn is_touched_in(&self, source: &SourceRow, path: &str) -> bool {
        let dependency = &self.dependency;
        let is_here = dependency.host.eq_ignore_ascii_case(&source.host)
            && dependency.owner.eq_ignore_ascii_case(&source.owner)
            && dependency.name.eq_ignore_ascii_case(&source.name)
            && (dependency.git_ref == source.git_ref
                || (source.git_ref == crate::repo::HEAD
                    && dependency.git_ref == source.default_branch));
        is_here && dependency.path == path
    }
}
