//! Which providers are configured, and what each looks for in a repository. Pure.

use freshet_model::{GitRef, LocationId, SourceId, glob};
use freshet_proto::message::Repository;

use super::repository_filter::{Admission, RepositoryFilter};
use super::subject::source_ref;
use crate::config::GithubProvider;
use crate::repo::{Location, SourceRow, git_ref_if_any};

/// Every configured provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct Providers {
    list: Vec<Provider>,
}

/// One configured organisation.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) organization: String,
    /// The file that is looked for in each repository, or a pattern, as locations are kept.
    pub(crate) catalog_path: String,
    pub(crate) is_pattern: bool,
    git_ref: GitRef,
    filter: RepositoryFilter,
}

impl Providers {
    pub(crate) fn new(configured: &[GithubProvider]) -> Self {
        let list = configured.iter().map(Provider::new).collect();
        Self { list }
    }

    /// The provider with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Provider> {
        self.list.iter().find(|provider| provider.id == id)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Provider> + Clone {
        self.list.iter()
    }

    /// The first provider that wants this repository.
    pub(crate) fn wanting(&self, host: &str, repository: &Repository) -> Option<&Provider> {
        self.list
            .iter()
            // The first in the order of the configuration, so that two that overlap always agree on
            // who wins.
            .find(|provider| provider.host.eq_ignore_ascii_case(host) && provider.wants(repository))
    }
}

impl Provider {
    fn new(configured: &GithubProvider) -> Self {
        let path = configured.catalog_path.trim_start_matches('/');
        let is_pattern = glob::has_magic(path);
        let catalog_path = if is_pattern {
            Location::path_of_pattern(path)
        } else {
            path.to_owned()
        };
        Self {
            id: configured.id.clone(),
            host: configured.host.clone(),
            organization: configured.organization.clone(),
            catalog_path,
            is_pattern,
            git_ref: configured
                .branch
                .as_deref()
                .and_then(git_ref_if_any)
                .unwrap_or(GitRef::DefaultBranch),
            filter: RepositoryFilter::new(&configured.filters, &configured.id),
        }
    }

    /// Whether the repository is this provider's to discover.
    pub(crate) fn admit(&self, repository: &Repository) -> Admission {
        if !self.organization.eq_ignore_ascii_case(&repository.owner) {
            return Admission::Unwanted;
        }
        self.filter.admit(repository)
    }

    /// Whether it certainly is.
    pub(crate) fn wants(&self, repository: &Repository) -> bool {
        self.admit(repository) == Admission::Wanted
    }

    /// The path from the root of a repository, as URLs have it.
    pub(crate) fn path_in_repository(&self) -> &str {
        self.catalog_path.trim_start_matches('/')
    }

    /// Its catalog file, or pattern, in a source where nobody has looked for it yet.
    pub(crate) fn location_in(&self, id: LocationId, source_id: SourceId) -> Location {
        Location {
            is_pattern: self.is_pattern,
            ..Location::new(id, source_id, &self.catalog_path)
        }
    }

    /// How the source of this repository that is read is called.
    pub(crate) fn source_ref(&self, repository: &Repository) -> Option<GitRef> {
        source_ref(&repository.default_branch, self.git_ref.as_str())
    }

    /// Whether this is the branch of the repository that is read.
    pub(crate) fn reads(&self, source: &SourceRow) -> bool {
        source.git_ref == source_ref(&source.names.default_branch, self.git_ref.as_str())
    }

    /// The branch that is read of this repository.
    pub(crate) fn branch<'a>(&'a self, repository: &'a Repository) -> &'a str {
        self.git_ref.resolve_name(&repository.default_branch)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::ProviderFilters;

    #[track_caller]
    fn check(pattern: Option<&str>, owner: &str, name: &str, archived: bool, expected: bool) {
        let provider = Provider::new(&GithubProvider {
            id: "p".to_owned(),
            host: "github.com".to_owned(),
            organization: "Acme".to_owned(),
            catalog_path: "/catalog-info.yaml".to_owned(),
            frequency: Duration::from_secs(60),
            branch: None,
            filters: ProviderFilters {
                repository: pattern.map(str::to_owned),
                ..ProviderFilters::default()
            },
        });
        let repository = Repository {
            owner: owner.to_owned(),
            name: name.to_owned(),
            archived,
            ..Repository::default()
        };
        assert_eq!(provider.wants(&repository), expected, "{owner}/{name}");
    }

    fn provider(catalog_path: &str) -> Provider {
        Provider::new(&GithubProvider {
            id: "p".to_owned(),
            host: "github.com".to_owned(),
            organization: "acme".to_owned(),
            catalog_path: catalog_path.to_owned(),
            frequency: Duration::from_secs(60),
            branch: None,
            filters: ProviderFilters::default(),
        })
    }

    #[test]
    fn a_catalog_path_is_a_file_or_a_pattern_of_files() {
        let file = provider("/catalog-info.yaml");
        assert_eq!(
            file.location_in(LocationId::new(1), SourceId::new(2)),
            Location::new(LocationId::new(1), SourceId::new(2), "catalog-info.yaml")
        );
        for path in [
            "catalog-info.{yml,yaml}",
            "[Cc]atalog-info.yaml",
            "catalog-info.y?ml",
        ] {
            let provider = provider(path);
            let location = provider.location_in(LocationId::new(1), SourceId::new(2));
            assert!(location.is_pattern, "{path}");
            assert_eq!(provider.path_in_repository(), path);
        }
    }

    #[test]
    fn filters_admit_repositories_by_owner_name_and_archive() {
        check(None, "acme", "pay", false, true);
        check(None, "other", "pay", false, false);
        check(None, "acme", "pay", true, false);
        check(Some("pay|web"), "acme", "pay", false, true);
        check(Some("pay|web"), "acme", "pay-old", false, false);
        check(Some("("), "acme", "pay", false, false);
    }
}
