//! `catalog`: what is looked at, how often, and which kinds may come from there.

use std::time::Duration;

use freshet_ingestor::Schedule;
use freshet_model::glob;
use freshet_runtime::config::Reader;
use freshet_store::{GithubProvider, OrphanStrategy, ProviderFilters, Root, Rule};
use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::addresses::read_host;
use super::integrations::Integrations;
use super::rules;

/// Backstage's default schedule of GitHub discovery.
const FREQUENCY: Duration = Duration::from_secs(3 * 60 * 60);
/// What discovery reads in a repository unless it is told otherwise.
pub(crate) const CATALOG_PATH: &str = "catalog-info.yaml";
/// Id of a provider configured without one.
const DEFAULT_ID: &str = "default";

/// Enough that two settings of one provider never share a digest.
const SETTINGS_DIGITS: usize = 16;

/// Keys of Backstage's `catalog` block that steer what Freshet does not do, or does by itself.
const KEYS_WITHOUT_MEANING: [&str; 9] = [
    "actions",
    "experimentalPagination",
    "import",
    "orphanProviderStrategy",
    "processingInterval",
    "readonly",
    "scmEvents",
    "stitchingStrategy",
    "useUrlReadersSearch",
];
/// Keys of the same block whose effect somebody would miss.
const KEYS_NOT_HONOURED: [&str; 4] = [
    "defaultLocationConflictStrategy",
    "disableDefaultProcessors",
    "processorOptions",
    "providerOptions",
];
const PROVIDER: &str = "github";
const SLUG_PROCESSOR: &str = "annotateScmSlug";
/// Values of `filters.visibility`, which together leave nobody out.
const VISIBILITIES: [&str; 3] = ["public", "internal", "private"];

/// What the block says.
pub(super) struct CatalogBlock {
    pub(super) providers: Vec<GithubProvider>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) rules: Vec<Rule>,
    pub(super) roots: Vec<Root>,
    pub(super) orphan_strategy: OrphanStrategy,
    /// Kinds that are annotated with the name of their repository.
    pub(super) scm_slug_kinds: Vec<String>,
}

/// Reads the block; absent, it names no provider and Backstage's default rules.
pub(super) fn read_catalog(root: &Reader<'_>, integrations: &Integrations<'_>) -> CatalogBlock {
    let mut catalog = CatalogBlock {
        providers: Vec::new(),
        schedules: Vec::new(),
        rules: Rule::defaults(),
        roots: Vec::new(),
        orphan_strategy: OrphanStrategy::default(),
        scm_slug_kinds: Vec::new(),
    };
    let Some(block) = root.block("catalog") else {
        return catalog;
    };
    for key in KEYS_WITHOUT_MEANING {
        block.ignore(key);
    }
    warn_of_others(&block, &KEYS_NOT_HONOURED, "is not honoured by Freshet");
    if block.has("rules") {
        catalog.rules = block.list("rules").iter().map(rules::read_rule).collect();
    }
    catalog.orphan_strategy = read_orphan_strategy(&block);
    catalog.scm_slug_kinds = read_scm_slug_kinds(&block);
    // A relative path means what it means where the process was started, as in Backstage.
    let folder = std::env::current_dir().unwrap_or_default();
    for location in block.list("locations") {
        let (root, own_rules) = rules::read_location(&location, &folder);
        // The rules of a location follow the general ones; any rule that allows is enough, so the order has no effect.
        catalog.roots.extend(root);
        catalog.rules.extend(own_rules);
    }
    if let Some(providers) = block.open_block("providers") {
        let mut others = providers.keys();
        others.retain(|key| *key != PROVIDER);
        // Told, as people would miss their groups and users without knowing why.
        warn_of_others(
            &providers,
            &others,
            "is not supported yet: Freshet discovers the repositories of GitHub (`github`) and nothing else",
        );
        for (id, reader) in list_github_providers(&providers) {
            let (provider, schedule) = read_provider(id, &reader, integrations);
            // Two services need the same block: the store keeps who is listed, the ingestor when.
            catalog.providers.push(provider);
            catalog.schedules.push(schedule);
        }
    }
    catalog
}

/// Says of each of these keys that is there what becomes of it.
fn warn_of_others(block: &Reader<'_>, keys: &[&str], message: &str) {
    for key in keys.iter().filter(|key| block.has(key)) {
        block.warn(key, message);
    }
}

fn read_orphan_strategy(block: &Reader<'_>) -> OrphanStrategy {
    match block.string("orphanStrategy").as_deref() {
        None | Some("delete") => OrphanStrategy::Delete,
        Some("keep") => OrphanStrategy::Keep,
        Some(_) => {
            block.mistake("orphanStrategy", "must be `delete` or `keep`");
            OrphanStrategy::Delete
        }
    }
}

/// Without `kinds` the processor of that name annotates components; without its block, nothing.
fn read_scm_slug_kinds(block: &Reader<'_>) -> Vec<String> {
    let Some(processors) = block.open_block("processors") else {
        return Vec::new();
    };
    let mut others = processors.keys();
    others.retain(|key| *key != SLUG_PROCESSOR);
    warn_of_others(
        &processors,
        &others,
        "is of a processor that Freshet does not have",
    );
    let Some(processor) = processors.block(SLUG_PROCESSOR) else {
        return Vec::new();
    };
    processor
        .strings("kinds")
        .unwrap_or_else(|| vec!["Component".to_owned()])
}

/// `github` holds one provider, or a map of id to provider.
fn list_github_providers<'a>(providers: &'a Reader<'a>) -> Vec<(String, Reader<'a>)> {
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

fn read_provider(
    id: String,
    reader: &Reader<'_>,
    integrations: &Integrations<'_>,
) -> (GithubProvider, Schedule) {
    let host = read_host(reader);
    match integrations.find(&host) {
        None => reader.mistake(
            "host",
            format!("integrations.github has no entry for {host}"),
        ),
        Some(integration) => integration.require_token(&reader.path()),
    }
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
    } = filters;
    let told = serde_json::json!([
        host,
        organization,
        catalog_path,
        branch,
        repository,
        allow_archived,
        allow_forks
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

/// A filter that is known and would not be applied is a mistake, and no warning: what it keeps out would
/// come in.
fn read_filters(reader: &Reader<'_>) -> (ProviderFilters, Option<String>) {
    let Some(block) = reader.block("filters") else {
        return (ProviderFilters::default(), None);
    };
    if filters_by_topic(&block) {
        block.mistake("topic", "is not supported yet");
    }
    if filters_by_visibility(&block) {
        block.mistake("visibility", "is not supported yet");
    }
    let defaults = ProviderFilters::default();
    let allow_forks = block.bool("allowForks").unwrap_or(defaults.allow_forks);
    if !allow_forks {
        block.mistake("allowForks", "cannot be false yet");
    }
    let filters = ProviderFilters {
        repository: read_repository_pattern(&block),
        allow_archived: block
            .bool("allowArchived")
            .unwrap_or(defaults.allow_archived),
        allow_forks,
    };
    (filters, block.string("branch"))
}

/// Empty lists keep nobody out.
fn filters_by_topic(filters: &Reader<'_>) -> bool {
    let Some(topic) = filters.block("topic") else {
        return false;
    };
    let mut lists = ["include", "exclude"].into_iter();
    lists.any(|key| topic.strings(key).is_some_and(|topics| !topics.is_empty()))
}

fn filters_by_visibility(filters: &Reader<'_>) -> bool {
    let Some(visibilities) = filters.strings("visibility") else {
        return false;
    };
    !visibilities.is_empty()
        && VISIBILITIES
            .iter()
            .any(|one| !visibilities.iter().any(|listed| listed == one))
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
