//! Developers of one repository.

use std::sync::Arc;

use freshet_github_emulator::{CommitSha, GithubEmulator, StaleUntil};

/// A repository of the organisation, as those see it who push to it.
pub struct Repository {
    github: Arc<GithubEmulator>,
    full_name: String,
}

impl Repository {
    pub(crate) fn new(github: Arc<GithubEmulator>, full_name: String) -> Self {
        Self { github, full_name }
    }

    /// Its name with that of its owner.
    #[must_use]
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// Pushes one commit; `None` removes a file.
    ///
    /// # Panics
    ///
    /// As every verb here, if GitHub does not take it.
    pub fn commits(&self, files: &[(&str, Option<&str>)]) -> CommitSha {
        self.github
            .commit(&self.full_name, files, "push")
            .expect("committed")
    }

    /// Pushes a file.
    pub fn writes(&self, path: &str, content: &str) -> CommitSha {
        self.commits(&[(path, Some(content))])
    }

    /// Pushes the removal of a file.
    pub fn removes(&self, path: &str) -> CommitSha {
        self.commits(&[(path, None)])
    }

    /// Answers as if it did not exist, as for a credential that may not see it.
    ///
    /// # Panics
    ///
    /// If it does not exist.
    pub fn hides(&self) {
        self.github.conceal(&self.full_name).expect("a repository");
    }

    /// Ends [`Repository::hides`].
    ///
    /// # Panics
    ///
    /// If it does not exist.
    pub fn shows_itself(&self) {
        self.github.reveal(&self.full_name).expect("a repository");
    }

    /// From the next push on, so many calls show it as it was before.
    ///
    /// # Panics
    ///
    /// If it does not exist.
    pub fn lags_for_calls(&self, calls: usize) {
        self.github
            .stale_after_next_push(&self.full_name, StaleUntil::Calls(calls))
            .expect("a repository");
    }
}
