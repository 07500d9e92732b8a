//! Configurations as real installations write them, and what becomes of each.
//!
//! A folder of `configurations/` holds the files in the order in which Backstage loads them, the environment
//! (`env`, lines of `NAME=VALUE`) and what is expected, line by line: `starts` or `stops`; `warning PATH` and
//! `mistake PATH`, all there are; `says TEXT`, which is somewhere among their messages; and what the services
//! are told, where it matters.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use freshet::app_config::AppConfig;
use freshet_runtime::config::{self, Mistake, Mistakes};
use freshet_store::{
    DatabaseConfig, DefaultPolicy, GithubProvider, PermissionPolicy, ProviderFilters, TopicFilter,
};

/// In the order in which later ones win.
const FILES: [&str; 3] = [
    "app-config.yaml",
    "app-config.production.yaml",
    "app-config.local.yaml",
];
/// Fewer would mean that the folders were not found.
const CONFIGURATIONS_MIN: usize = 40;

fn read_configuration(folder: &Path) -> Result<AppConfig, Mistakes> {
    let files = FILES.iter().map(|name| folder.join(name));
    let files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    let environment = fs::read_to_string(folder.join("env")).unwrap_or_default();
    let environment: BTreeMap<&str, &str> = environment
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let variable = |name: &str| environment.get(name).map(|&value| value.to_owned());
    AppConfig::read(&config::load(&files, &variable)?)
}

/// What became of it, in the words of `expected`; the messages apart.
fn describe(outcome: &Result<AppConfig, Mistakes>) -> (Vec<String>, String) {
    let (end, warnings, mistakes) = match outcome {
        Ok(config) => ("starts", config.warnings.as_slice(), [].as_slice()),
        Err(Mistakes { fatal, warnings }) => ("stops", warnings.as_slice(), fatal.as_slice()),
    };
    let named = |word, list: &[Mistake]| {
        let lines = list.iter().map(|one| format!("{word} {}", one.path));
        lines.collect::<Vec<_>>()
    };
    let mut lines = vec![end.to_owned()];
    lines.extend(named("warning", warnings));
    lines.extend(named("mistake", mistakes));
    lines
        .iter_mut()
        .for_each(|line| line.truncate(line.trim_end().len()));
    lines.sort();
    lines.dedup();
    let messages = warnings.iter().chain(mistakes).map(ToString::to_string);
    (lines, messages.collect::<Vec<_>>().join("\n"))
}

/// A provider's id, and what its filters say apart from the default.
fn describe_filters(provider: &GithubProvider) -> String {
    let ProviderFilters {
        repository,
        allow_archived,
        allow_forks,
        visibility,
        topics: TopicFilter { include, exclude },
    } = &provider.filters;
    let mut words = vec![provider.id.clone()];
    words.extend(repository.clone());
    words.extend(visibility.iter().cloned());
    words.extend(include.iter().map(|topic| format!("+#{topic}")));
    words.extend(exclude.iter().map(|topic| format!("-#{topic}")));
    words.extend((!allow_forks).then(|| "-fork".to_owned()));
    words.extend(allow_archived.then(|| "+archived".to_owned()));
    words.join(" ")
}

/// What the services are told, by the name it has in `expected`.
fn find_fact(config: &AppConfig, name: &str) -> String {
    let store = &config.store;
    match name {
        "api" => config.listeners.api.to_string(),
        "auth-at" => store.auth.endpoints.base_url("auth"),
        "callers" => store.auth.external.len().to_string(),
        "database" => match store.database {
            DatabaseConfig::Sqlite { .. } => "sqlite",
            DatabaseConfig::Temporary => "temporary",
            DatabaseConfig::Postgres { .. } => "postgres",
        }
        .to_owned(),
        "filters" => {
            let filters = store.providers.iter().map(describe_filters);
            filters.collect::<Vec<_>>().join("; ")
        }
        "hosts" => store.auth.hosts.join(" "),
        "hooks" => config.ingestor.webhooks.len().to_string(),
        "permissions" => match store.auth.permissions {
            PermissionPolicy::Ask => "ask",
            PermissionPolicy::Everything => "everything",
        }
        .to_owned(),
        "policy" => match store.auth.default_policy {
            DefaultPolicy::Required => "required",
            DefaultPolicy::Disabled => "disabled",
        }
        .to_owned(),
        "providers" => {
            let ids = store.providers.iter().map(|provider| provider.id.as_str());
            ids.collect::<Vec<_>>().join(" ")
        }
        "search-at" => store.auth.endpoints.base_url("search"),
        "slugs" => store.scm_slug_kinds.join(","),
        other => panic!("`{other}` is no word of an expectation"),
    }
}

/// Why the configuration is not what it should be; empty if it is.
fn check(folder: &Path) -> Vec<String> {
    let expected = fs::read_to_string(folder.join("expected")).expect("an expectation");
    let outcome = read_configuration(folder);
    let (lines, messages) = describe(&outcome);
    let mut complaints = Vec::new();
    let mut wanted = Vec::new();
    for line in expected.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, &outcome) {
            ("starts" | "stops" | "warning" | "mistake", _) => wanted.push(line.to_owned()),
            ("says", _) if messages.contains(rest) => {}
            ("says", _) => complaints.push(format!("nothing says {rest}")),
            (fact, Ok(config)) if find_fact(config, fact) == rest => {}
            (fact, Ok(config)) => {
                complaints.push(format!("{fact} is {}, not {rest}", find_fact(config, fact)));
            }
            (fact, Err(_)) => complaints.push(format!("{fact} is unknown, as it does not start")),
        }
    }
    wanted.sort();
    if lines != wanted {
        complaints.push(format!("found {lines:#?}"));
    }
    if !complaints.is_empty() {
        complaints.push(messages);
    }
    complaints
}

#[test]
fn real_configurations_start_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations");
    let folders = fs::read_dir(root).expect("the configurations");
    let mut folders: Vec<PathBuf> = folders
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    assert!(folders.len() >= CONFIGURATIONS_MIN, "{}", folders.len());
    let mut wrong = String::new();
    for folder in folders {
        let complaints = check(&folder);
        if !complaints.is_empty() {
            wrong.push_str(&format!(
                "{}\n  {}\n",
                folder.display(),
                complaints.join("\n  ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
