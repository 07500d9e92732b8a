//! `catalog`: what is looked at, how often, and which kinds may come from there.

use freshet_ingestor::Schedule;
use freshet_runtime::config::Reader;
use freshet_store::{
    GithubProvider, LocationConflict, LocationWrites, OrphanStrategy, RegistrationConfig, Root,
    Rule,
};

use super::github_providers::{PROVIDER, list_github_providers, read_provider};
use super::integrations::Integrations;
use super::rules;

/// Keys of Backstage's `catalog` block that steer what Freshet does not do, or does by itself.
const KEYS_WITHOUT_MEANING: [&str; 8] = [
    "actions",
    "experimentalPagination",
    "import",
    "orphanProviderStrategy",
    "processingInterval",
    "scmEvents",
    "stitchingStrategy",
    "useUrlReadersSearch",
];
/// Keys of the same block whose effect somebody would miss.
const KEYS_NOT_HONOURED: [&str; 3] = [
    "disableDefaultProcessors",
    "processorOptions",
    "providerOptions",
];
const SLUG_PROCESSOR: &str = "annotateScmSlug";

/// What the block says.
pub(super) struct CatalogBlock {
    pub(super) providers: Vec<GithubProvider>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) rules: Vec<Rule>,
    pub(super) roots: Vec<Root>,
    pub(super) orphan_strategy: OrphanStrategy,
    pub(super) registration: RegistrationConfig,
    /// Kinds that are annotated with the name of their repository.
    pub(super) scm_slug_kinds: Vec<String>,
}

/// Reads the block; absent, it names no provider and Backstage's default rules.
pub(super) fn read_catalog(root: &Reader<'_>, integrations: &mut Integrations<'_>) -> CatalogBlock {
    let mut catalog = CatalogBlock {
        providers: Vec::new(),
        schedules: Vec::new(),
        rules: Rule::defaults(),
        roots: Vec::new(),
        orphan_strategy: OrphanStrategy::default(),
        registration: RegistrationConfig::default(),
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
    catalog.registration = read_registration(&block);
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

fn read_registration(block: &Reader<'_>) -> RegistrationConfig {
    RegistrationConfig {
        writes: match block.bool("readonly") {
            Some(true) => LocationWrites::Refused,
            Some(false) | None => LocationWrites::Allowed,
        },
        on_conflict: read_location_conflict(block),
        ..RegistrationConfig::default()
    }
}

fn read_location_conflict(block: &Reader<'_>) -> LocationConflict {
    const KEY: &str = "defaultLocationConflictStrategy";
    match block.string(KEY).as_deref() {
        None | Some("reject") => LocationConflict::Reject,
        Some("refresh") => LocationConflict::Refresh,
        Some(_) => {
            block.mistake(KEY, "must be `reject` or `refresh`");
            LocationConflict::Reject
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
