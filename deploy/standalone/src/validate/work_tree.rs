//! Where the files to check will be once they are pushed: which repository and ref the local
//! work tree is, and which local file a URL of that repository names.
//!
//! Git itself is not run: it may be absent in a hook's container, and two small files say it
//! all. Nothing outside the work tree is ever read for a target or a placeholder.

mod git;

use std::cell::OnceCell;
use std::path::{Component, Path, PathBuf};

use freshet_model::location::{GithubFileUrl, Spelling};
use freshet_model::{GitRef, RepositoryName};
use freshet_processor::catalog_file::RepositoryFile;

pub(super) use git::GitCheckout;

use super::content::walk_files;

/// Name of the last step that is put behind a base so that it reads as the URL of a file.
const ANY_FILE: &str = "_";

/// A directory with the files of a repository at one ref.
#[derive(Clone, Debug)]
pub(super) struct WorkTree {
    /// Canonical.
    root: PathBuf,
    /// The page of a folder: the path is that of the root in the repository, empty at its top.
    base: GithubFileUrl,
    /// Whether the base was made up, as nobody could say which repository this is.
    is_stand_in: bool,
    /// Its files, once somebody has asked for them.
    files: OnceCell<TreeListing>,
}

/// The files of a work tree.
#[derive(Clone, Debug)]
pub(super) struct TreeListing {
    /// Paths from the root, in order.
    pub(super) paths: Vec<String>,
    /// Whether there are no more than these.
    pub(super) is_complete: bool,
}

/// What a file of the repository is on this disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DiskFile {
    /// This file, canonical.
    Found(PathBuf),
    /// There is no such file.
    Missing,
    /// It would be outside of the work tree.
    Outside,
}

/// Why a text is no base for relative targets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not the URL of a folder of a repository (https://HOST/OWNER/NAME/blob/REF/…)")]
pub struct BaseError {
    text: String,
}

/// Reads the URL under which a work tree lies. The current branch, if known, tells where a ref
/// with slashes in it ends.
///
/// # Errors
/// If it is not a page of a repository.
pub(super) fn read_base(text: &str, branch: Option<&str>) -> Result<GithubFileUrl, BaseError> {
    let url = format!("{}/{ANY_FILE}", text.trim_end_matches('/'));
    // A ref may hold slashes, so that only who knows the branch can tell where the path begins.
    let at_branch = branch.and_then(|branch| GithubFileUrl::parse_at(&url, branch).ok());
    let mut base = at_branch
        .map_or_else(|| GithubFileUrl::parse(&url), Ok)
        .map_err(|_| BaseError {
            text: text.to_owned(),
        })?;
    let folder = base.path.strip_suffix(ANY_FILE).unwrap_or_default();
    base.path = folder.trim_end_matches('/').to_owned();
    base.spelling = Spelling::Blob;
    Ok(base)
}

/// A base for files of which nobody knows where they belong.
fn make_stand_in() -> GithubFileUrl {
    GithubFileUrl {
        base: "https://github.com".to_owned(),
        owner: "unknown".to_owned(),
        repository: "work-tree".to_owned(),
        git_ref: "HEAD".to_owned(),
        path: String::new(),
        spelling: Spelling::Blob,
    }
}

impl WorkTree {
    /// The work tree at a canonical directory, under the given base or what the checkout says.
    pub(super) fn new(
        root: PathBuf,
        base: Option<GithubFileUrl>,
        checkout: Option<&GitCheckout>,
    ) -> Self {
        let base = base.or_else(|| {
            let checkout = checkout.filter(|checkout| root.starts_with(&checkout.root))?;
            let folder = join_steps(root.strip_prefix(&checkout.root).ok()?)?;
            let mut base = checkout.read_page()?;
            base.path = folder;
            Some(base)
        });
        Self {
            is_stand_in: base.is_none(),
            base: base.unwrap_or_else(make_stand_in),
            root,
            files: OnceCell::new(),
        }
    }

    /// The directory, canonical.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether nobody could say which repository this is.
    pub(super) fn is_stand_in(&self) -> bool {
        self.is_stand_in
    }

    /// Host of the repository, with a port if it has one.
    pub(super) fn host(&self) -> &str {
        self.base.host()
    }

    /// The files that git does not ignore, at most `files_max` of them; listed once, for who asks first.
    pub(super) fn files(&self, files_max: usize) -> &TreeListing {
        self.files.get_or_init(|| {
            let mut paths: Vec<String> = walk_files(&self.root)
                .flatten()
                .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
                .filter_map(|entry| self.path_of(entry.path()))
                // One more than is kept tells that there are more.
                .take(files_max.saturating_add(1))
                .collect();
            let is_complete = paths.len() <= files_max;
            paths.truncate(files_max);
            TreeListing { paths, is_complete }
        })
    }

    /// The path from the root of a file below it, given canonically.
    pub(super) fn path_of(&self, file: &Path) -> Option<String> {
        join_steps(file.strip_prefix(&self.root).ok()?)
    }

    /// The file of the repository at a path from the root.
    pub(super) fn in_repository(&self, path: &str) -> RepositoryFile {
        RepositoryFile {
            repository: self.repository_name(),
            git_ref: GitRef::Named(self.base.git_ref.clone()),
            path: self.below_base(path),
        }
    }

    /// The URL of the page of the file at a path from the root.
    pub(super) fn url_of(&self, path: &str) -> String {
        let path = self.below_base(path);
        GithubFileUrl {
            path,
            ..self.base.clone()
        }
        .to_string()
    }

    fn below_base(&self, path: &str) -> String {
        match self.base.path.as_str() {
            "" => path.to_owned(),
            folder => format!("{folder}/{path}"),
        }
    }

    /// Whether this is a work tree of that repository.
    pub(super) fn is_in(&self, repository: &RepositoryName) -> bool {
        *repository == self.repository_name()
    }

    fn repository_name(&self) -> RepositoryName {
        let base = &self.base;
        RepositoryName::new(base.host(), &base.owner, &base.repository)
    }

    /// Whether a file of a repository would be in this repository at this ref.
    pub(super) fn holds(&self, file: &RepositoryFile) -> bool {
        file.repository == self.repository_name() && file.git_ref.as_str() == self.base.git_ref
    }

    /// The path behind the ref in `<ref>/<path>`, if the ref is that of this work tree.
    pub(super) fn behind_ref<'a>(&self, rest: &'a str) -> Option<&'a str> {
        rest.strip_prefix(self.base.git_ref.as_str())?
            .strip_prefix('/')
    }

    /// A path in the repository as one from the root; `None` if it is not below the root.
    pub(super) fn below_root<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self.base.path.as_str() {
            "" => Some(path),
            folder => path.strip_prefix(folder)?.strip_prefix('/'),
        }
    }

    /// What the file at a path in the repository is on this disk.
    pub(super) fn on_disk(&self, path: &str) -> DiskFile {
        let Some(path) = self.below_root(path) else {
            return DiskFile::Outside;
        };
        // `..` after a link means another folder for the disk than for GitHub.
        let is_plain = Path::new(path)
            .components()
            .all(|step| matches!(step, Component::Normal(_)));
        if path.is_empty() || !is_plain {
            return DiskFile::Outside;
        }
        // A link may lead anywhere; what it leads to is what counts.
        match self.root.join(path).canonicalize() {
            Ok(file) if !file.starts_with(&self.root) => DiskFile::Outside,
            Ok(file) if file.is_file() => DiskFile::Found(file),
            Ok(_) | Err(_) => DiskFile::Missing,
        }
    }
}

/// A relative path with slashes between its steps.
fn join_steps(path: &Path) -> Option<String> {
    let steps: Option<Vec<&str>> = path
        .components()
        .map(|step| match step {
            Component::Normal(step) => step.to_str(),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => None,
        })
        .collect();
    Some(steps?.join("/"))
}

#[cfg(test)]
mod tests;
