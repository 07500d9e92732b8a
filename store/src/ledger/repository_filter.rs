//! Which repositories of its organisation a provider wants, by `filters` of the configuration. Pure.

use freshet_proto::message::{Repository, RepositoryTraits};
use regex::Regex;

use crate::config::{ProviderFilters, TopicFilter};

/// What filters say of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It counts.
    Wanted,
    /// It does not.
    Unwanted,
    /// They ask for what is not told of it, so it neither enters nor leaves.
    Unknown,
}

/// The filters of one provider.
#[derive(Clone, Debug)]
pub(super) struct RepositoryFilter {
    names: NameFilter,
    allow_archived: bool,
    allow_forks: bool,
    /// In lower case; empty is all.
    visibility: Vec<String>,
    topics: TopicFilter,
}

#[derive(Clone, Debug)]
enum NameFilter {
    All,
    Matching(Regex),
    /// The pattern could not be read. Listing nothing is safe, for a listing never deletes.
    Never,
}

impl NameFilter {
    fn new(pattern: Option<&str>, provider_id: &str) -> Self {
        let Some(pattern) = pattern else {
            return Self::All;
        };
        // Anchored, as Backstage does it: the pattern names whole repositories, not parts of names.
        match Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) => Self::Matching(regex),
            Err(error) => {
                tracing::error!(error = %error, provider.id = %provider_id, "the repository filter of a provider cannot be read, so it matches nothing");
                Self::Never
            }
        }
    }

    fn includes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Matching(regex) => regex.is_match(name),
            Self::Never => false,
        }
    }
}

impl RepositoryFilter {
    pub(super) fn new(configured: &ProviderFilters, provider_id: &str) -> Self {
        // Named one by one, so that a filter nobody applies does not compile.
        let ProviderFilters {
            repository,
            allow_archived,
            allow_forks,
            visibility,
            topics,
        } = configured;
        Self {
            names: NameFilter::new(repository.as_deref(), provider_id),
            allow_archived: *allow_archived,
            allow_forks: *allow_forks,
            visibility: visibility.iter().map(|it| it.to_lowercase()).collect(),
            topics: topics.clone(),
        }
    }

    pub(super) fn admit(&self, repository: &Repository) -> Admission {
        // An archived repository is read-only; Backstage leaves it out unless told otherwise.
        let is_named =
            (self.allow_archived || !repository.archived) && self.names.includes(&repository.name);
        if !is_named {
            return Admission::Unwanted;
        }
        match &repository.traits {
            _ if !self.asks_for_traits() => Admission::Wanted,
            // Told by a processor from before the upgrade, or by an old server. To take it for a repository
            // without topics would let in what is excluded, and take away what is included.
            None => Admission::Unknown,
            Some(traits) if self.includes(traits) => Admission::Wanted,
            Some(_) => Admission::Unwanted,
        }
    }

    fn asks_for_traits(&self) -> bool {
        !self.allow_forks
            || !self.visibility.is_empty()
            || !self.topics.include.is_empty()
            || !self.topics.exclude.is_empty()
    }

    fn includes(&self, traits: &RepositoryTraits) -> bool {
        let visibility = traits.visibility.to_lowercase();
        (self.allow_forks || !traits.fork)
            && (self.visibility.is_empty() || self.visibility.contains(&visibility))
            && self.topics.includes(&traits.topics)
    }
}

impl TopicFilter {
    fn includes(&self, topics: &[String]) -> bool {
        // As they are written: GitHub keeps topics in lower case, and Backstage compares them as texts.
        let has_any = |listed: &[String]| topics.iter().any(|topic| listed.contains(topic));
        !has_any(&self.exclude) && (self.include.is_empty() || has_any(&self.include))
    }
}

#[cfg(test)]
mod tests {
    use super::Admission::{Unknown, Unwanted, Wanted};
    use super::*;

    /// A repository as words: `archived`, `fork`, a visibility, topics with `#`; `untold` hides what is beyond
    /// the name.
    fn repository(words: &str) -> Repository {
        let mut traits = RepositoryTraits {
            visibility: "public".to_owned(),
            ..RepositoryTraits::default()
        };
        let mut repository = Repository {
            name: "pay".to_owned(),
            ..Repository::default()
        };
        for word in words.split_whitespace() {
            match word {
                "archived" => repository.archived = true,
                "fork" => traits.fork = true,
                "untold" => {}
                word => match word.strip_prefix('#') {
                    Some(topic) => traits.topics.push(topic.to_owned()),
                    None => word.clone_into(&mut traits.visibility),
                },
            }
        }
        repository.traits = Some(traits).filter(|_| !words.contains("untold"));
        repository
    }

    #[track_caller]
    fn check(filters: &ProviderFilters, expected: &[(&str, Admission)]) {
        let filter = RepositoryFilter::new(filters, "p");
        for (words, expected) in expected {
            assert_eq!(filter.admit(&repository(words)), *expected, "{words}");
        }
    }

    fn by_topics(include: &[&str], exclude: &[&str]) -> ProviderFilters {
        let owned = |topics: &[&str]| topics.iter().map(|it| (*it).to_owned()).collect();
        ProviderFilters {
            topics: TopicFilter {
                include: owned(include),
                exclude: owned(exclude),
            },
            ..ProviderFilters::default()
        }
    }

    #[test]
    fn by_default_all_but_the_archived_count() {
        let all = ProviderFilters::default();
        check(
            &all,
            &[
                ("", Wanted),
                ("untold", Wanted),
                ("fork private #old", Wanted),
                ("archived", Unwanted),
            ],
        );
        let archived = ProviderFilters {
            allow_archived: true,
            ..all
        };
        check(&archived, &[("archived", Wanted)]);
    }

    #[test]
    fn forks_count_unless_told_otherwise() {
        let filters = ProviderFilters {
            allow_forks: false,
            ..ProviderFilters::default()
        };
        check(
            &filters,
            &[
                ("", Wanted),
                ("fork", Unwanted),
                ("untold", Unknown),
                ("archived untold", Unwanted),
            ],
        );
    }

    #[test]
    fn visibility_is_any_of_those_listed_in_any_case() {
        let filters = ProviderFilters {
            visibility: vec!["Internal".to_owned(), "PRIVATE".to_owned()],
            ..ProviderFilters::default()
        };
        check(
            &filters,
            &[
                ("internal", Wanted),
                ("private", Wanted),
                ("public", Unwanted),
                ("untold", Unknown),
            ],
        );
    }

    #[test]
    fn one_topic_of_include_is_enough_and_one_of_exclude_too_many() {
        check(
            &by_topics(&["pay", "web"], &[]),
            &[
                ("#web #old", Wanted),
                ("", Unwanted),
                ("#Web", Unwanted),
                ("#web-old", Unwanted),
            ],
        );
        check(
            &by_topics(&[], &["old"]),
            &[("", Wanted), ("#web", Wanted), ("#web #old", Unwanted)],
        );
        check(
            &by_topics(&["web"], &["old"]),
            &[
                ("#web", Wanted),
                ("#web #old", Unwanted),
                ("#other", Unwanted),
                ("untold", Unknown),
            ],
        );
    }

    #[test]
    fn every_filter_must_agree() {
        let filters = ProviderFilters {
            allow_forks: false,
            visibility: vec!["public".to_owned()],
            ..by_topics(&["web"], &[])
        };
        check(
            &filters,
            &[
                ("#web", Wanted),
                ("fork #web", Unwanted),
                ("private #web", Unwanted),
                ("", Unwanted),
            ],
        );
    }
}
