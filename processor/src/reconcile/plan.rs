//! What a reading list comes to: its files, and what they depend on.

use std::collections::BTreeMap;

use freshet_model::{GitRef, RepositoryName};
use freshet_proto::message::{Dependency, RepositoryTarget, WantedPath};

use crate::failure::Failure;

/// What has to be looked at for one job.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadPlan {
    /// The repository, with all paths to ask for: the files of the reading list in its order, then what
    /// they depend on at the same place, each once. Patterns are not among them.
    pub target: RepositoryTarget,
    /// For each file what it depends on.
    pub(super) files: Vec<FileNeeds>,
}

/// What one file depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FileNeeds {
    /// At the same place: indices into the paths, and the blob each was read as.
    pub(super) here: Vec<(usize, String)>,
    /// In other repositories, at other branches, at URLs.
    pub(super) elsewhere: Vec<Dependency>,
}

impl ReadPlan {
    /// What has to be looked at for `target`, on `host`.
    #[must_use]
    pub fn new(target: &RepositoryTarget, host: &str) -> Self {
        let wanted = || target.wanted.iter().filter(|wanted| !wanted.is_glob);
        let mut paths: Vec<WantedPath> = wanted()
            .map(|wanted| WantedPath {
                dependencies: Vec::new(),
                ..wanted.clone()
            })
            .collect();
        let mut places: BTreeMap<String, usize> = paths
            .iter()
            .enumerate()
            .map(|(index, wanted)| (wanted.path.clone(), index))
            .collect();
        let files = wanted()
            .map(|wanted| {
                let mut needs = FileNeeds::default();
                for dependency in &wanted.dependencies {
                    if !is_here(target, host, dependency) {
                        needs.elsewhere.push(dependency.clone());
                        continue;
                    }
                    // Patterns are left out of the paths, for they are no objects of a commit.
                    let next = places.len();
                    let at = *places.entry(dependency.path.clone()).or_insert(next);
                    if at == next {
                        paths.push(WantedPath {
                            path: dependency.path.clone(),
                            held_blob: dependency.blob.clone(),
                            ..WantedPath::default()
                        });
                    }
                    needs.here.push((at, dependency.blob.clone()));
                }
                needs
            })
            .collect();
        let target = RepositoryTarget {
            wanted: paths,
            ..target.clone()
        };
        Self { target, files }
    }

    /// Everything that files of the reading list depend on and that is not at the same place.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Dependency> {
        self.files.iter().flat_map(|needs| &needs.elsewhere)
    }
}

/// Whether the dependency is a file of the same repository and branch.
fn is_here(target: &RepositoryTarget, host: &str, dependency: &Dependency) -> bool {
    let own = target
        .repository
        .as_ref()
        .map(|own| RepositoryName::new(host, &own.owner, &own.name));
    dependency.url.is_empty()
        && own.is_some_and(|own| own == repository_of(dependency))
        && dependency.r#ref == target.r#ref
}

/// The repository that a dependency on a file is in.
#[must_use]
pub fn repository_of(dependency: &Dependency) -> RepositoryName {
    RepositoryName::new(&dependency.host, &dependency.owner, &dependency.name)
}

/// A ref as messages write it.
// An empty one is no ref that anybody asks for; it comes from a message without the field.
#[must_use]
pub fn git_ref_of(text: &str) -> GitRef {
    GitRef::parse(text).unwrap_or(GitRef::DefaultBranch)
}

/// What is known of a dependency that is elsewhere, compared with what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DependencyState {
    /// The same, or not looked at yet.
    Same,
    /// Something else.
    Differs,
    /// Nothing is known.
    Unknown(Failure),
}
