//! What every measurement needs: a seeded GitHub, backends, services, a reader.

use freshet_github_emulator::GithubEmulator;
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::catalog::start_github;
use freshet_tests::services::Services;
use freshet_tests::setup::{ORGANIZATION, Setup, app_config, hook};
use freshet_wait::{PATIENCE_FOR_MANY, within};

/// Name of a repository and its files.
pub(crate) type Repository = (String, Vec<(&'static str, String)>);

/// A running Freshet over a seeded organisation.
pub(crate) struct World {
    pub(crate) github: GithubEmulator,
    pub(crate) backends: Backends,
    pub(crate) services: Services,
    pub(crate) api: Api,
    pub(crate) webhooks: String,
}

/// Full name of a repository of the organisation.
pub(crate) fn full_name(repository: &str) -> String {
    format!("{ORGANIZATION}/{repository}")
}

/// An emulator holding these catalog files, one repository each.
pub(crate) async fn github_with(files: Vec<(String, String)>) -> GithubEmulator {
    github_of(of_catalog_files(files)).await
}

fn of_catalog_files(files: Vec<(String, String)>) -> Vec<Repository> {
    files
        .into_iter()
        .map(|(name, file)| (name, vec![("catalog-info.yaml", file)]))
        .collect()
}

async fn github_of(repositories: Vec<Repository>) -> GithubEmulator {
    let github = start_github(&[]).await;
    github
        .seed(ORGANIZATION, repositories)
        .expect("repositories are made");
    github
}

impl World {
    /// Everything up and `entities` declared entities visible, with the Location that is generated for each file.
    pub(crate) async fn start(
        profile: Profile,
        files: Vec<(String, String)>,
        entities: usize,
    ) -> Self {
        Self::of(profile, of_catalog_files(files), entities).await
    }

    /// As [`World::start`], of repositories with more files than one.
    pub(crate) async fn of(
        profile: Profile,
        repositories: Vec<Repository>,
        entities: usize,
    ) -> Self {
        let entities = entities + repositories.len();
        let github = github_of(repositories).await;
        let backends = Backends::start(profile).await;
        let config = app_config(
            &Setup::default(),
            &github,
            &backends.bus(),
            &backends.database().await,
        );
        let services = Services::start(&config).await;
        let webhooks = services.addresses.webhooks.expect("the ingestor runs");
        hook(&github, webhooks);
        let api = Api::new(
            services.addresses.api.expect("the store runs"),
            services.addresses.admin,
        );
        let world = Self {
            github,
            backends,
            services,
            api,
            webhooks: format!("http://{webhooks}/webhooks/github"),
        };
        world.until_visible(entities).await;
        world.api.settles().await;
        world
    }

    /// Waits until the view holds this many entities.
    pub(crate) async fn until_visible(&self, entities: usize) {
        within(PATIENCE_FOR_MANY, "everything is visible", || async {
            let visible = self
                .services
                .store
                .view
                .read(freshet_store::view::CatalogState::len);
            if visible >= entities {
                Ok(())
            } else {
                Err(format!("{visible} of {entities}"))
            }
        })
        .await;
    }
}
