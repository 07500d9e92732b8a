//! What the operator of a served catalog says.

use freshet_runtime::clock::Clock;

use super::world::BASE_URL;
use crate::api::{ApiAuth, ApiAuthDeps, ApiCertificate, AuthConfig, ExternalAccess, Reach};
use crate::config::{CorsConfig, FeedLimits, RegistrationConfig};
use crate::repo::Repo;

/// Where Backstage is, if a test does not bring its own: nothing listens there.
const NO_BACKSTAGE: &str = "http://127.0.0.1:9";

/// What the operator of a world says.
pub(super) struct Settings {
    pub(super) cors: Option<CorsConfig>,
    pub(super) feed: FeedLimits,
    pub(super) auth: AuthConfig,
    pub(super) reach: Reach,
    pub(super) certificate: Option<ApiCertificate>,
    pub(super) registration: RegistrationConfig,
}

impl Default for Settings {
    /// On loopback, where nobody needs credentials.
    fn default() -> Self {
        Self {
            cors: None,
            feed: FeedLimits::default(),
            auth: AuthConfig::new(NO_BACKSTAGE),
            reach: Reach::Loopback,
            certificate: None,
            registration: RegistrationConfig::default(),
        }
    }
}

impl Settings {
    /// Beyond loopback.
    pub(super) fn guarded(auth: AuthConfig) -> Self {
        Self {
            auth,
            reach: Reach::Network,
            ..Self::default()
        }
    }

    pub(super) fn build_auth(&self, repo: &Repo, clock: &Clock) -> ApiAuth {
        ApiAuth::new(ApiAuthDeps {
            config: self.auth.clone(),
            reach: self.reach,
            base_url: BASE_URL,
            cors: self.cors.as_ref(),
            repo: repo.clone(),
            clock: clock.clone(),
        })
        .expect("certificates")
    }

    /// Beyond loopback, with these callers.
    pub(super) fn guarded_for(external: Vec<ExternalAccess>) -> Self {
        Self::guarded(AuthConfig {
            external,
            ..AuthConfig::new(NO_BACKSTAGE)
        })
    }
}
