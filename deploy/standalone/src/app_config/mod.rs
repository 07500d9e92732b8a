//! From Backstage's app-config and its `freshet:` block to the configuration of each service.
//!
//! One file per block. Keys of other plugins are ignored; what a Backstage that starts with the same file
//! passes over, or Freshet cannot honour, is a warning; a mistake is what would do harm, and anything unknown
//! below `freshet:`. All are reported together, each with its path.

mod access;
mod addresses;
mod backend;
mod catalog;
mod database;
mod discovery;
mod freshet;
mod github_providers;
mod https;
mod integrations;
mod rules;
mod webhooks;

use std::time::Duration;

use freshet_runtime::config::{Document, Mistake, Mistakes, Reader};
use freshet_runtime::listen::ListenAddress;
use freshet_runtime::telemetry::TelemetryConfig;
use freshet_store::PermissionPolicy;

pub use freshet::BusConfig;
pub(crate) use github_providers::CATALOG_PATH;

/// Everything one process is told.
#[derive(Clone)]
pub struct AppConfig {
    /// Which bus carries the messages.
    pub bus: BusConfig,
    /// Where the three listeners bind.
    pub listeners: Listeners,
    /// How long a graceful stop may take in all.
    pub stop_deadline: Duration,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// The ingestor's part.
    pub ingestor: freshet_ingestor::IngestorConfig,
    /// The processor's part.
    pub processor: freshet_processor::ProcessorConfig,
    /// The store's part.
    pub store: freshet_store::StoreConfig,
    /// What is not honoured, each with its path.
    pub warnings: Vec<Mistake>,
}

/// Where the listeners bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// The catalog API. Beyond loopback it answers callers with credentials only.
    pub api: ListenAddress,
    /// Webhooks. Anywhere, once every hook has a secret.
    pub webhooks: ListenAddress,
    /// Health and metrics; no entity data.
    pub admin: ListenAddress,
}

impl AppConfig {
    /// Reads every block.
    ///
    /// # Errors
    ///
    /// All mistakes together.
    pub fn read(document: &Document) -> Result<Self, Mistakes> {
        let root = document.reader();
        let backend = backend::read_backend(&root);
        let discovery = discovery::read_discovery(&root, &backend.base_url);
        backend::warn_of_closed_api(&root, &backend, &discovery.endpoints.base_url("auth"));
        let permissions = read_permissions(&root);
        let mut integrations = integrations::read_integrations(&root);
        let catalog = catalog::read_catalog(&root, &mut integrations);
        let freshet = freshet::read_freshet(&root, &integrations);
        // Last of all: only now is it known which keys nobody has read.
        let warnings = root.finish()?;
        let auth = freshet_store::AuthConfig {
            external: backend.access.external.clone(),
            default_policy: backend.access.default_policy,
            endpoints: discovery.endpoints,
            permissions,
            hosts: [discovery.own_hosts, freshet.api.hosts.clone()].concat(),
            requests_per_second: freshet.api.requests_per_second,
        };
        let mut config = Self::assemble(backend, integrations.into_configs(), catalog, freshet);
        config.store.auth = auth;
        config.warnings = warnings;
        Ok(config)
    }

    fn assemble(
        backend: backend::BackendBlock,
        integrations: Vec<freshet_processor::GithubIntegration>,
        catalog: catalog::CatalogBlock,
        freshet: freshet::FreshetBlock,
    ) -> Self {
        let processor = freshet_processor::ProcessorConfig {
            subject_prefix: freshet.subject_prefix.clone(),
            placeholders: freshet.placeholders,
            reading_allow: backend.reading_allow,
            codeowners: freshet.codeowners,
            // Local files are read if the operator names one, and never because a file names them.
            file_locations: catalog
                .roots
                .iter()
                .any(|root| root.location_type == freshet_model::location::FILE),
            kinds: freshet.kinds,
            limits: freshet.limits,
            github: integrations,
            ..freshet_processor::ProcessorConfig::default()
        };
        let ingestor = freshet_ingestor::IngestorConfig {
            subject_prefix: freshet.subject_prefix.clone(),
            webhooks: freshet.webhooks.secrets,
            schedules: catalog.schedules,
            ..freshet_ingestor::IngestorConfig::default()
        };
        let store = freshet_store::StoreConfig {
            subject_prefix: freshet.subject_prefix,
            providers: catalog.providers,
            rules: catalog.rules,
            roots: catalog.roots,
            orphan_strategy: catalog.orphan_strategy,
            registration: catalog.registration,
            removals: freshet.removals,
            recheck: freshet.recheck,
            scm_slug_kinds: catalog.scm_slug_kinds,
            // A target counts as a repository's file by these hosts, in the store as in the processor.
            github_hosts: processor
                .github
                .iter()
                .map(|github| github.host.clone())
                .collect(),
            // What is read under one configuration is read again under another; only the processor knows what matters.
            fingerprint: freshet_processor::fingerprint(&processor),
            cors: backend.cors,
            certificate: backend.certificate,
            base_url: backend.base_url,
            ..freshet_store::StoreConfig::new(backend.database)
        };
        // Who wants to hear of it more often wants newer figures as well.
        let store = freshet_store::StoreConfig {
            progress_every: store.progress_every.min(freshet.telemetry.progress_every),
            ..store
        };
        Self {
            bus: freshet.bus,
            listeners: Listeners {
                api: backend.listen,
                webhooks: freshet.webhooks.listen,
                admin: freshet.admin_listen,
            },
            stop_deadline: freshet.stop_deadline,
            telemetry: freshet.telemetry,
            ingestor,
            processor,
            store,
            warnings: Vec::new(),
        }
    }
}

/// `permission.enabled`. The rest of the block is for the plugin that decides.
fn read_permissions(root: &Reader<'_>) -> PermissionPolicy {
    let block = root.open_block("permission");
    match block.and_then(|block| block.bool("enabled")) {
        Some(true) => PermissionPolicy::Ask,
        Some(false) | None => PermissionPolicy::Everything,
    }
}

/// A variable of this process's environment; `None` also if it is no text.
#[expect(
    clippy::disallowed_methods,
    reason = "here the environment enters the configuration"
)]
pub(crate) fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod catalog_path_tests;
#[cfg(test)]
mod database_tests;
#[cfg(test)]
mod sizes_tests;
#[cfg(test)]
mod tests;
