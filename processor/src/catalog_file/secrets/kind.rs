//! Whose secret a value seems to be.

/// Whose secret it seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// A token of GitHub.
    Github,
    /// The id of an AWS access key.
    Aws,
    /// A key of a Google API.
    Google,
    /// A token of Slack.
    Slack,
    /// The URL of an incoming webhook of Slack.
    SlackWebhook,
    /// A private key in PEM form.
    PrivateKey,
    /// A JSON Web Token.
    Jwt,
    /// A token of npm.
    Npm,
    /// A token of PyPI.
    Pypi,
    /// A token of GitLab.
    Gitlab,
    /// A user and a password in a URL.
    UrlPassword,
}

impl SecretKind {
    /// What it is, with its article, and the prefix by which it was recognised.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Github => "a GitHub token (ghp_, gho_, ghs_, ghu_, ghr_ or github_pat_)",
            Self::Aws => "an AWS access key (AKIA or ASIA)",
            Self::Google => "a Google API key (AIza)",
            Self::Slack => "a Slack token (xox…)",
            Self::SlackWebhook => "the URL of a Slack webhook",
            Self::PrivateKey => "a private key (PEM)",
            Self::Jwt => "a JSON Web Token (eyJ…)",
            Self::Npm => "an npm token (npm_)",
            Self::Pypi => "a PyPI token (pypi-)",
            Self::Gitlab => "a GitLab token (glpat- and the like)",
            Self::UrlPassword => "a password in a URL (scheme://user:password@host)",
        }
    }

    /// The sentence that a problem says.
    #[must_use]
    pub fn message(self) -> String {
        format!(
            "this value looks like {}; everybody who reads the catalog sees it",
            self.description()
        )
    }
}
