//! What placeholders may read besides their own repository.

use url::Url;

use crate::catalog_file::request::RepositoryFile;
use crate::config::ProcessorConfig;
use crate::source::url::policy::UrlPolicy;

/// What placeholders may read, and whether owners are looked for.
#[derive(Clone, Debug, Default)]
pub struct ReadPolicy {
    /// Hosts that are GitHubs: a file page there is a file of a repository, not a plain URL.
    pub hosts: Vec<String>,
    /// Repositories that any other repository may read, as `host/owner/name`; `*` stands for any text
    /// within a step.
    pub repositories: Vec<String>,
    /// Whether owners come from CODEOWNERS where a file does not name them.
    pub codeowners: bool,
    /// Which plain URLs may be read.
    pub urls: UrlPolicy,
}

impl ReadPolicy {
    /// What the configuration allows.
    #[must_use]
    pub fn from_config(config: &ProcessorConfig) -> Self {
        let hosts = config.github.iter().map(|github| github.host.clone());
        Self {
            hosts: hosts.collect(),
            repositories: config.placeholders.clone(),
            codeowners: config.codeowners,
            urls: UrlPolicy::new(&config.reading_allow),
        }
    }

    pub(in crate::catalog_file) fn is_github(&self, host: &str) -> bool {
        self.hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(host))
    }

    pub(in crate::catalog_file) fn allows_repository(&self, file: &RepositoryFile) -> bool {
        let name = file.repository.to_string();
        self.repositories
            .iter()
            .any(|pattern| matches_pattern(&pattern.to_lowercase(), &name))
    }

    /// Whether a plain URL may be read.
    ///
    /// # Errors
    /// Why it may not.
    pub fn allows_url(&self, url: &Url) -> Result<(), String> {
        match self.urls.allows_url(url) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}

/// Whether every step of the name is what the pattern says.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.split('/'), name.split('/'));
    // A star ends at a slash, or `acme/*` would let through whatever a URL can put behind it.
    pattern.clone().count() == name.clone().count()
        && pattern
            .zip(name)
            .all(|(pattern, step)| step_matches(pattern, step))
}

/// Greedy from the left: each piece between stars at its first place, the last one at the end.
fn step_matches(pattern: &str, step: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == step;
    };
    let Some(mut left) = step.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, allowed: &[&str], refused: &[&str]) {
        for name in allowed {
            assert!(
                matches_pattern(pattern, name),
                "{pattern} does not match {name}"
            );
        }
        for name in refused {
            assert!(!matches_pattern(pattern, name), "{pattern} matches {name}");
        }
    }

    #[test]
    fn a_star_stands_for_any_text_within_a_step() {
        check(
            "h/acme/api",
            &["h/acme/api"],
            &["h/acme/apis", "h/acme", "i/acme/api"],
        );
        check(
            "h/acme/*",
            &["h/acme/api", "h/acme/"],
            &["h/acme2/api", "h/acme/a/b"],
        );
        check(
            "*/*/a*b*c",
            &["x/y/abc", "x/y/a-b-b-c"],
            &["x/y/acb", "x/y/ab"],
        );
        check("*", &[], &["h/acme/api"]);
    }
}
