//! What the check goes by: the operator's configuration, or nothing but the model.

use std::path::PathBuf;

use freshet_model::Kinds;
use freshet_model::glob::Pattern;
use freshet_model::rules::Rule;
use freshet_processor::catalog_file::ReadPolicy;
use freshet_processor::limits::{PATTERN_MATCHES_MAX, ReadLimits};
use freshet_runtime::config;
use url::Url;

use super::error::UsageError;
use crate::app_config::{AppConfig, CATALOG_PATH, read_variable};

/// What stands for a variable that is not set.
const UNSET: &str = "unset";

/// The host that is an integration of every catalog.
const GITHUB_COM: &str = "github.com";

/// Most files that are checked besides the given ones.
const REACHED_FILES_MAX: usize = 10_000;
/// Most files of a work tree that patterns are matched against.
const TREE_FILES_MAX: usize = 1_000_000;

/// How far a check goes beyond the given files. `Default` is what people get.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReachLimits {
    /// Most files that are checked besides the given ones.
    pub(super) reached_files: usize,
    /// Most files of a work tree that patterns are matched against.
    pub(super) tree_files: usize,
    /// Most files that the patterns of a work tree match together: as many as in the service.
    pub(super) pattern_matches: usize,
}

impl Default for ReachLimits {
    fn default() -> Self {
        Self {
            reached_files: REACHED_FILES_MAX,
            tree_files: TREE_FILES_MAX,
            pattern_matches: PATTERN_MATCHES_MAX,
        }
    }
}

/// What is allowed, and how much is looked at.
#[derive(Clone, Debug)]
pub(super) struct CheckSettings {
    /// The kinds there are.
    pub(super) kinds: Kinds,
    /// The bounds of one file.
    pub(super) limits: ReadLimits,
    /// How far a check goes beyond the given files.
    pub(super) reach: ReachLimits,
    /// What placeholders and targets may read.
    pub(super) policy: ReadPolicy,
    /// Which kinds may come from where; `None` if all may.
    pub(super) rules: Option<Vec<Rule>>,
    /// Which files discovery reads.
    discovered: Vec<Pattern>,
}

impl CheckSettings {
    /// Those of the configuration files; without any, every kind is allowed.
    ///
    /// # Errors
    /// All mistakes of the configuration.
    pub(super) fn read(config: &[PathBuf]) -> Result<Self, UsageError> {
        let mut settings = if config.is_empty() {
            Self {
                kinds: Kinds::builtin(),
                limits: ReadLimits::default(),
                reach: ReachLimits::default(),
                policy: ReadPolicy::default(),
                rules: None,
                discovered: compile_paths([CATALOG_PATH]),
            }
        } else {
            Self::of_config(read_app_config(config)?)
        };
        settings.add_host(GITHUB_COM);
        Ok(settings)
    }

    fn of_config(config: AppConfig) -> Self {
        let AppConfig {
            processor, store, ..
        } = config;
        let paths = store.providers.iter().map(|it| it.catalog_path.as_str());
        Self {
            discovered: compile_paths(paths),
            policy: ReadPolicy::from_config(&processor),
            kinds: processor.kinds,
            limits: processor.limits,
            reach: ReachLimits::default(),
            rules: Some(store.rules),
        }
    }

    /// Counts a host among the GitHubs.
    pub(super) fn add_host(&mut self, host: &str) {
        if !self.policy.hosts.iter().any(|known| known == host) {
            self.policy.hosts.push(host.to_owned());
        }
    }

    /// Whether discovery reads the file at this path of a repository.
    pub(super) fn is_discovered(&self, path: &str) -> bool {
        self.discovered.iter().any(|pattern| pattern.is_match(path))
    }

    /// Whether the reader of plain URLs would read this one.
    pub(super) fn may_read(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.policy.allows_url(&url).is_ok())
    }
}

fn compile_paths<'p>(paths: impl IntoIterator<Item = &'p str>) -> Vec<Pattern> {
    let paths = paths.into_iter();
    // One that cannot be read is a mistake of the configuration, and told with the others.
    paths
        .filter_map(|path| Pattern::new(path.trim_start_matches('/')).ok())
        .collect()
}

/// Reads the operator's configuration. Whoever checks files need not hold the service's credentials: where
/// the configuration is complete but for variables that are not set, any value will do for them.
fn read_app_config(files: &[PathBuf]) -> Result<AppConfig, UsageError> {
    let stand_in = |name: &str| read_variable(name).or_else(|| Some(UNSET.to_owned()));
    let read = |env: &dyn Fn(&str) -> Option<String>| AppConfig::read(&config::load(files, env)?);
    // With the real environment first: a value decides about `$env` and may hold the mistake that is looked for.
    read(&read_variable)
        .or_else(|mistakes| read(&stand_in).map_err(|_| mistakes))
        .map_err(UsageError::Config)
}
