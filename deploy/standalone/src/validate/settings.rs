//! What the check goes by: the operator's configuration, or nothing but the model.

use std::path::PathBuf;

use freshet_model::Kinds;
use freshet_model::rules::Rule;
use freshet_processor::parse::Limits;
use freshet_processor::placeholder::Policy;
use url::Url;

use super::UsageError;
use crate::app_config::AppConfig;

/// The host that is an integration of every catalog.
const GITHUB_COM: &str = "github.com";

/// What is allowed, and how much is looked at.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The kinds there are.
    pub(super) kinds: Kinds,
    /// The bounds of one file.
    pub(super) limits: Limits,
    /// What placeholders and targets may read.
    pub(super) policy: Policy,
    /// Which kinds may come from where; `None` if all may.
    pub(super) rules: Option<Vec<Rule>>,
}

impl Settings {
    /// Those of the configuration files; without any, every kind is allowed.
    ///
    /// # Errors
    /// All mistakes of the configuration.
    pub(super) fn read(config: &[PathBuf]) -> Result<Self, UsageError> {
        let mut settings = if config.is_empty() {
            Self {
                kinds: Kinds::builtin(),
                limits: Limits::default(),
                policy: Policy::default(),
                rules: None,
            }
        } else {
            let config = crate::read_config(config);
            Self::of(config.map_err(|error| UsageError::Config(format!("{error:#}")))?)
        };
        settings.add_host(GITHUB_COM);
        Ok(settings)
    }

    fn of(config: AppConfig) -> Self {
        let AppConfig {
            processor, store, ..
        } = config;
        let rules = store.rules.iter().map(|rule| {
            let kinds: Vec<&str> = rule.allow.iter().map(String::as_str).collect();
            Rule::everywhere(&kinds)
        });
        Self {
            policy: Policy::of(&processor),
            kinds: processor.kinds,
            limits: processor.limits,
            rules: Some(rules.collect()),
        }
    }

    /// Counts a host among the GitHubs.
    pub(super) fn add_host(&mut self, host: &str) {
        if !self.policy.hosts.iter().any(|known| known == host) {
            self.policy.hosts.push(host.to_owned());
        }
    }

    /// Whether the reader of plain URLs would read this one.
    pub(super) fn may_read(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.policy.allows_url(&url).is_ok())
    }
}
