//! Which repository: its host, its owner and its name.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A repository by name, such as `github.com/acme/pay`.
///
/// GitHub does not tell hosts, owners and names apart by their case, so they are folded once,
/// here; equality, order and hash are those of the folded parts. The name a repository goes by
/// can change; its identity is the provider's number, which lasts.
#[derive(Clone)]
pub struct RepositoryName {
    host: String,
    owner: String,
    name: String,
    written_slug: String,
}

impl RepositoryName {
    /// The repository of these parts, in any case.
    #[must_use]
    pub fn new(host: &str, owner: &str, name: &str) -> Self {
        Self {
            host: host.to_lowercase(),
            owner: owner.to_lowercase(),
            name: name.to_lowercase(),
            written_slug: format!("{owner}/{name}"),
        }
    }

    /// The repository `owner/name` of a host; `None` if the text has another form.
    #[must_use]
    pub fn parse_slug(host: &str, slug: &str) -> Option<Self> {
        let (owner, name) = slug.split_once('/')?;
        // Three parts are a path on a forge with groups; GitHub has none, and guessing which part
        // is the owner would join two repositories.
        let is_named = !owner.is_empty() && !name.is_empty() && !name.contains('/');
        is_named.then(|| Self::new(host, owner, name))
    }

    /// Host and port, such as `github.com`, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The account, in lower case.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `owner/name` in lower case.
    #[must_use]
    pub fn slug(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// `owner/name` as it was written, for people.
    #[must_use]
    pub fn written_slug(&self) -> &str {
        &self.written_slug
    }

    fn folded_parts(&self) -> [&str; 3] {
        [&self.host, &self.owner, &self.name]
    }
}

impl PartialEq for RepositoryName {
    fn eq(&self, other: &Self) -> bool {
        self.folded_parts() == other.folded_parts()
    }
}

impl Eq for RepositoryName {}

impl Hash for RepositoryName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded_parts().hash(state);
    }
}

impl PartialOrd for RepositoryName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RepositoryName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded_parts().cmp(&other.folded_parts())
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.owner, self.name)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepositoryName({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn case_does_not_tell_repositories_apart() {
        let written = RepositoryName::new("GitHub.com", "Acme", "Pay");
        let folded = RepositoryName::new("github.com", "acme", "pay");
        assert_eq!(written, folded);
        assert_eq!(HashSet::from([written.clone(), folded]).len(), 1);
        assert_eq!(written.slug(), "acme/pay");
        assert_eq!(written.written_slug(), "Acme/Pay");
        assert_eq!(written.to_string(), "github.com/acme/pay");
        assert!(written < RepositoryName::new("github.com", "acme", "pay2"));
    }

    #[test]
    fn a_slug_has_two_parts() {
        for (slug, expected) in [
            ("Acme/pay", Some("acme/pay")),
            ("acme", None),
            ("/pay", None),
            ("acme/", None),
            ("acme/pay/x", None),
        ] {
            let found = RepositoryName::parse_slug("github.com", slug);
            assert_eq!(found.map(|it| it.slug()).as_deref(), expected, "{slug}");
        }
    }
}
