//! `catalog.providers.github`: whose repositories are discovered, which of them, and how often.

use std::time::Duration;

use freshet_ingestor::Schedule;
use freshet_model::glob;
use freshet_runtime::config::Reader;
use freshet_store::{GithubProvider, ProviderFilters, TopicFilter};
use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::addresses::read_host;
use super::integrations::Integrations;

pub(super) const PROVIDER: &str = "github";
/// Backstage's default schedule of GitHub discovery.
const FREQUENCY: Duration = Duration::from_secs(3 * 60 * 60);
/// What discovery reads in a repository unless it is told otherwise.
pub(crate) const CATALOG_PATH: &str = "catalog-info.yaml";
/// Id of a provider configured without one.
const DEFAULT_ID: &str = "default";
/// Enough that two settings of one provider never share a digest.
const SETTINGS_DIGITS: usize = 16;
/// What a repository can be.
const VISIBILITIES: [&str; 3] = ["public", "internal", "private"];

/// `github` holds one provider, or a map of id to provider.
pub(super) fn list_github_providers<'a>(providers: &'a Reader<'a>) -> Vec<(String, Reader<'a>)> {
    // Backstage tells the two forms apart by this key too.
    let is_single = providers
        .open_block(PROVIDER)
        .is_some_and(|github| github.string("organization").is_some());
    if is_single {
        return providers
            .block(PROVIDER)
            .map(|github| (DEFAULT_ID.to_owned(), github))
            .into_iter()
            .collect();
    }
    providers.entries(PROVIDER)
}

/// One provider, and when it is swept.
pub(super) fn read_provider(
    id: String,
    reader: &Reader<'_>,
    integrations: &mut Integrations<'_>,
) -> (GithubProvider, Schedule) {
    let host = read_host(reader);
    integrations.require_access(&host, reader);
    if reader.has("app") {
        reader.warn(
            "app",
            "is not honoured, as GitHub Apps are not supported yet; `organization` says what is listed",
        );
    }
    reader.ignore("validateLocationsExist");
    reader.ignore("pageSizes");
    let organization = reader.required_string("organization");
    let (frequency, initial_delay) = read_schedule(reader);
    let (filters, branch) = read_filters(reader);
    let provider = GithubProvider {
        id,
        host,
        organization,
        catalog_path: read_catalog_path(reader),
        frequency,
        branch,
        filters,
    };
    let schedule = Schedule {
        provider_id: provider.id.clone(),
        host: provider.host.clone(),
        organization: provider.organization.clone(),
        settings: digest_settings(&provider),
        frequency,
        initial_delay,
    };
    (provider, schedule)
}

/// A digest of everything that decides what a sweep finds.
fn digest_settings(provider: &GithubProvider) -> String {
    // Named one by one, so that a new one must be decided about.
    let GithubProvider {
        id: _,
        host,
        organization,
        catalog_path,
        frequency: _,
        branch,
        filters,
    } = provider;
    let ProviderFilters {
        repository,
        allow_archived,
        allow_forks,
        visibility,
        topics: TopicFilter { include, exclude },
    } = filters;
    let told = serde_json::json!([
        host,
        organization,
        catalog_path,
        branch,
        repository,
        allow_archived,
        allow_forks,
        visibility,
        include,
        exclude
    ]);
    let digest = hex::encode(Sha256::digest(told.to_string()));
    digest[..SETTINGS_DIGITS].to_owned()
}

fn read_catalog_path(reader: &Reader<'_>) -> String {
    let path = reader
        .string("catalogPath")
        .unwrap_or_else(|| CATALOG_PATH.to_owned());
    let steps: Vec<&str> = path
        .split('/')
        .filter(|step| !matches!(*step, "" | "."))
        .collect();
    // A path that can match nothing would leave the catalog empty without a word.
    if steps.is_empty() || path.ends_with('/') {
        reader.mistake("catalogPath", "names a folder; name a file or a pattern");
    }
    if steps.contains(&"..") {
        reader.mistake("catalogPath", "leaves the repository with `..`");
    }
    let path = steps.join("/");
    if glob::has_magic(&path)
        && let Err(error) = glob::Pattern::new(&path)
    {
        reader.mistake("catalogPath", error.to_string());
    }
    path
}

fn read_schedule(reader: &Reader<'_>) -> (Duration, Duration) {
    let Some(schedule) = reader.block("schedule") else {
        return (FREQUENCY, Duration::ZERO);
    };
    schedule.ignore("timeout");
    schedule.ignore("scope");
    let frequency = read_frequency(&schedule);
    if frequency.is_zero() {
        schedule.mistake("frequency", "must be longer than nothing");
    }
    (
        frequency,
        schedule.duration("initialDelay").unwrap_or_default(),
    )
}

fn read_frequency(schedule: &Reader<'_>) -> Duration {
    let written = schedule.value("frequency");
    let has = |key| written.as_ref().is_some_and(|it| it.get(key).is_some());
    for unsupported in ["cron", "trigger"] {
        // Told, as a schedule that is silently another one would look like an outage of discovery.
        if has(unsupported) {
            let hours = FREQUENCY.as_secs() / (60 * 60);
            let message = format!(
                "is `{unsupported}`, which is not supported yet; every {hours} hours is assumed. Write a duration such as {{hours: {hours}}}"
            );
            schedule.warn("frequency", message);
            return FREQUENCY;
        }
    }
    schedule.duration("frequency").unwrap_or(FREQUENCY)
}

/// All of them are applied: what a filter keeps out must not come in.
fn read_filters(reader: &Reader<'_>) -> (ProviderFilters, Option<String>) {
    let Some(block) = reader.block("filters") else {
        return (ProviderFilters::default(), None);
    };
    let defaults = ProviderFilters::default();
    let filters = ProviderFilters {
        repository: read_repository_pattern(&block),
        allow_archived: block
            .bool("allowArchived")
            .unwrap_or(defaults.allow_archived),
        allow_forks: block.bool("allowForks").unwrap_or(defaults.allow_forks),
        visibility: read_visibility(&block),
        topics: read_topics(&block),
    };
    (filters, block.string("branch"))
}

fn read_topics(filters: &Reader<'_>) -> TopicFilter {
    let Some(topic) = filters.block("topic") else {
        return TopicFilter::default();
    };
    TopicFilter {
        include: topic.strings("include").unwrap_or_default(),
        exclude: topic.strings("exclude").unwrap_or_default(),
    }
}

fn read_visibility(filters: &Reader<'_>) -> Vec<String> {
    let visibility = filters.strings("visibility").unwrap_or_default();
    let is_one = |text: &String| VISIBILITIES.contains(&text.to_lowercase().as_str());
    // Applied all the same, as Backstage does: no repository is of that visibility, so it lets in nothing.
    if let Some(other) = visibility.iter().find(|it| !is_one(it)) {
        let known = VISIBILITIES.map(|it| format!("`{it}`")).join(", ");
        let message = format!("holds `{other}`, which no repository is; there are {known}");
        filters.warn("visibility", message);
    }
    visibility
}

/// Backstage reads JavaScript's patterns, some of which cannot be matched in bounded time.
fn read_repository_pattern(block: &Reader<'_>) -> Option<String> {
    let pattern = block.string("repository")?;
    // By itself, and as the store matches it: the whole name.
    let whole = format!("^(?:{pattern})$");
    if let Err(error) = Regex::new(&pattern).and_then(|_| Regex::new(&whole)) {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default();
        let reason = last.trim_start_matches("error: ");
        block.mistake(
            "repository",
            format!("is not a pattern Freshet can match: {reason}"),
        );
    }
    Some(pattern)
}
