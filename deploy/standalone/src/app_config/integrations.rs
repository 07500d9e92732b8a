//! `integrations.github`: which hosts there are and how to reach them.

use freshet_processor::GithubIntegration;
use freshet_processor::source::github::endpoints::Endpoints;
use freshet_runtime::config::Reader;

use super::addresses::{GITHUB_COM, read_host};

const GITHUB_COM_API: &str = "https://api.github.com";

/// The GitHub integrations, as Backstage's configuration names them.
pub(super) struct Integrations<'a>(Vec<Integration<'a>>);

/// One host, and where it is configured.
pub(super) struct Integration<'a> {
    github: GithubIntegration,
    /// `None` if it is written nowhere.
    reader: Option<Reader<'a>>,
    has_apps: bool,
}

/// Reads the integrations. Those of other hosts are for other plugins.
pub(super) fn read_integrations<'a>(root: &Reader<'a>) -> Integrations<'a> {
    let entries = root
        .open_block("integrations")
        .map(|integrations| integrations.list("github"));
    let entries = entries.unwrap_or_default();
    Integrations(entries.into_iter().map(read_integration).collect())
}

impl<'a> Integrations<'a> {
    /// A provider lists repositories of this host.
    pub(super) fn require_access(&mut self, host: &str, provider: &Reader<'_>) {
        // Backstage has an entry for this host without being told. Of any other nobody knows the API.
        if host == GITHUB_COM && self.find(host).is_none() {
            self.0.push(Integration::of_github_com());
        }
        match self.find(host) {
            Some(integration) => integration.require_token(provider),
            None => provider.mistake(
                "host",
                format!("integrations.github has no entry for {host}"),
            ),
        }
    }

    /// The integration of a host.
    pub(super) fn find(&self, host: &str) -> Option<&Integration<'a>> {
        self.0.iter().find(|entry| entry.github.host == host)
    }

    /// The host of each.
    pub(super) fn hosts(&self) -> Vec<&str> {
        self.0
            .iter()
            .map(|entry| entry.github.host.as_str())
            .collect()
    }

    /// What a processor is told of them.
    pub(super) fn into_configs(self) -> Vec<GithubIntegration> {
        self.0.into_iter().map(|entry| entry.github).collect()
    }
}

impl Integration<'_> {
    fn of_github_com() -> Self {
        Self {
            github: GithubIntegration {
                token: None,
                host: GITHUB_COM.to_owned(),
                api_base_url: GITHUB_COM_API.to_owned(),
            },
            reader: None,
            has_apps: false,
        }
    }

    /// A provider lists the repositories of this host, which needs a token.
    fn require_token(&self, provider: &Reader<'_>) {
        // With an App it worked in Backstage. It was warned of, and what is in the catalog stays: a listing
        // that fails removes nothing.
        if self.github.token.is_some() || self.has_apps {
            return;
        }
        let host = &self.github.host;
        match &self.reader {
            // Somebody meant to give one. A start that fails is noticed, and leaves the process before it in
            // place; a catalog that discovers nothing looks healthy.
            Some(reader) if reader.is_unset("token") => reader.mistake(
                "token",
                format!(
                    "is required, as {} lists repositories of {host}, which GitHub shows to nobody without one",
                    provider.path()
                ),
            ),
            Some(reader) => reader.warn(
                "token",
                format!("is missing: {}", describe_no_discovery(host, provider)),
            ),
            None => provider.warn(
                "host",
                format!(
                    "integrations.github has no entry for {host}: {}",
                    describe_no_discovery(host, provider)
                ),
            ),
        }
    }
}

fn describe_no_discovery(host: &str, provider: &Reader<'_>) -> String {
    format!(
        "GitHub lists the repositories of {host} to nobody without a token, so {} discovers nothing",
        provider.path()
    )
}

fn read_integration(reader: Reader<'_>) -> Integration<'_> {
    let host = read_host(&reader);
    let api_base_url = reader
        .string("apiBaseUrl")
        .unwrap_or_else(|| default_api(&reader, &host));
    if Endpoints::parse(&api_base_url).is_err() {
        reader.mistake("apiBaseUrl", "must be a URL such as https://HOST/api/v3");
    }
    // Files are read through GraphQL and blobs, never as raw pages.
    reader.ignore("rawBaseUrl");
    let has_apps = reader.has("apps");
    if has_apps {
        reader.warn(
            "apps",
            "is not honoured, as GitHub Apps are not supported yet; without a `token`, nothing of this host is discovered",
        );
    }
    Integration {
        github: GithubIntegration {
            token: reader.secret("token"),
            host,
            api_base_url,
        },
        reader: Some(reader),
        has_apps,
    }
}

fn default_api(reader: &Reader<'_>, host: &str) -> String {
    if host == GITHUB_COM {
        return GITHUB_COM_API.to_owned();
    }
    // The same host and never the API of github.com: a token of the company's server would be sent to
    // strangers.
    let assumed = format!("https://{host}/api/v3");
    reader.warn("apiBaseUrl", format!("is missing; {assumed} is assumed"));
    assumed
}
