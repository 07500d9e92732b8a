//! `integrations.github`: which hosts there are and how to reach them.

use freshet_processor::GithubIntegration;
use freshet_processor::source::github::endpoints::Endpoints;
use freshet_runtime::config::Reader;

use super::addresses::GITHUB_COM;

const GITHUB_COM_API: &str = "https://api.github.com";

/// The GitHub integrations, as Backstage's configuration names them.
pub(super) fn read_integrations(root: &Reader<'_>) -> Vec<GithubIntegration> {
    let Some(integrations) = root.open_block("integrations") else {
        return Vec::new();
    };
    integrations
        .list("github")
        .iter()
        .map(read_integration)
        .collect()
}

fn read_integration(reader: &Reader<'_>) -> GithubIntegration {
    let host = reader
        .string("host")
        .unwrap_or_else(|| GITHUB_COM.to_owned());
    let api_base_url = reader
        .string("apiBaseUrl")
        .unwrap_or_else(|| default_api(reader, &host));
    if Endpoints::parse(&api_base_url).is_err() {
        reader.mistake("apiBaseUrl", "must be a URL such as https://HOST/api/v3");
    }
    // Files are read through GraphQL and blobs, never as raw pages.
    reader.ignore("rawBaseUrl");
    if reader.has("apps") {
        reader.ignore("apps");
        reader.mistake(
            "apps",
            "GitHub Apps are not supported yet; configure `token`",
        );
    }
    GithubIntegration {
        token: reader.secret("token"),
        host,
        api_base_url,
    }
}

fn default_api(reader: &Reader<'_>, host: &str) -> String {
    if host != GITHUB_COM {
        // No guess: with the API of github.com, a token of the company's server would be sent to strangers.
        reader.mistake(
            "apiBaseUrl",
            "is required for hosts other than github.com, such as https://HOST/api/v3",
        );
    }
    GITHUB_COM_API.to_owned()
}
