//! Who may call the API: from the request to a [`Principal`], and what is refused before any handler sees it.
//!
//! A principal is nobody in particular, somebody outside with credentials of the configuration, a plugin of Backstage,
//! a user of it, or a plugin on behalf of a user. Plugins and users prove it with tokens that are signed with keys which
//! Backstage publishes. What a principal may see and do is decided in `permissions`.
//!
//! Where the listener is on loopback, or the operator says so, a request without credentials is answered too; one with
//! credentials that are not good never is, for whoever sends them means to be somebody.

mod audit;
mod authenticate;
mod bearer;
mod claims;
mod delegation;
mod endpoints;
mod external;
mod guard;
mod key_set;
mod key_source;
mod key_state;
mod origin;
mod own_keys;
mod principal;
mod rates;
mod restrictions;
mod settings;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use secrecy::SecretString;
use serde_json::Value;

pub use endpoints::PluginEndpoints;
pub use external::{ExternalAccess, ForeignIssuer};
pub(super) use guard::{guard_request, principal_of};
#[cfg(test)]
pub(super) use own_keys::SigningKey;
pub(super) use principal::{Principal, UserIdentity};
pub use restrictions::{AccessRestrictions, PluginRestrictions};
pub use settings::{AuthConfig, DefaultPolicy, PermissionPolicy};

use self::authenticate::{Authenticator, TokenRefusal};
use self::origin::TrustedOrigins;
use self::own_keys::OwnKeys;
use self::rates::{CallerRates, default_limit};
use super::cors::CorsOrigins;
use super::error::ApiProblem;
use super::outbound::OutboundClient;
use crate::config::CorsConfig;
use crate::repo::{Repo, RepoError};

/// Where the public keys of this catalog are.
pub(super) const OWN_KEYS: &str = "/api/catalog/.backstage/auth/v1/jwks.json";
/// Where other plugins have conditions applied.
pub(super) const PERMISSION_CONDITIONS: &str =
    "/api/catalog/.well-known/backstage/permissions/apply-conditions";
/// This plugin, as `discovery` names it.
const OWN_ID: &str = "catalog";
const MICROS_PER_SECOND: i64 = 1_000_000;

/// From where a listener can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From this machine alone.
    Loopback,
    /// From others.
    Network,
}

/// Whether a request without credentials is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CredentialPolicy {
    Required,
    Optional,
}

/// Who may call, and how often.
pub struct ApiAuth {
    credentials: CredentialPolicy,
    authenticator: Authenticator,
    own_keys: OwnKeys,
    trusted: TrustedOrigins,
    cors: CorsOrigins,
    rates: Option<Mutex<CallerRates>>,
    pub(super) client: Arc<OutboundClient>,
    pub(super) permissions: PermissionPolicy,
    pub(super) endpoints: PluginEndpoints,
    clock: Clock,
}

/// What [`ApiAuth`] is made of.
pub struct ApiAuthDeps<'a> {
    /// What the operator says.
    pub config: AuthConfig,
    /// From where the listener is reached.
    pub reach: Reach,
    /// Where the API is reached from outside.
    pub base_url: &'a str,
    /// From which pages it may be called.
    pub cors: Option<&'a CorsConfig>,
    /// Where its keys are published.
    pub repo: Repo,
    /// What time it is.
    pub clock: Clock,
}

impl ApiAuth {
    /// Who may call an API like this.
    ///
    /// # Errors
    ///
    /// If the certificates of the system cannot be loaded.
    pub fn new(deps: ApiAuthDeps<'_>) -> std::io::Result<Self> {
        let ApiAuthDeps {
            config,
            reach,
            base_url,
            cors,
            repo,
            clock,
        } = deps;
        let client = Arc::new(OutboundClient::new()?);
        let own_urls = [base_url.to_owned(), config.endpoints.base_url(OWN_ID)];
        Ok(Self {
            credentials: match (reach, config.default_policy) {
                (Reach::Loopback, _) | (_, DefaultPolicy::Disabled) => CredentialPolicy::Optional,
                (Reach::Network, DefaultPolicy::Required) => CredentialPolicy::Required,
            },
            trusted: TrustedOrigins::new(&own_urls, &config.hosts),
            cors: CorsOrigins::new(cors),
            rates: limit_of(config.requests_per_second, reach)
                .map(|limit| Mutex::new(CallerRates::new(limit))),
            permissions: config.permissions,
            endpoints: config.endpoints.clone(),
            authenticator: Authenticator::new(
                config.external,
                config.endpoints,
                Arc::clone(&client),
                clock.clone(),
            ),
            own_keys: OwnKeys::new(repo),
            client,
            clock,
        })
    }

    /// Who sends a token that is not in the header of a request.
    pub(super) async fn identify(&self, token: &str) -> Result<Principal, ApiProblem> {
        Ok(self.authenticator.identify(token).await?)
    }

    /// Makes the key that signs now, so that it is published before anybody needs it.
    pub(super) async fn make_own_key(&self) {
        // Whoever signs next tries again.
        if let Err(error) = self.own_keys.key_of_now(seconds_of(&self.clock)).await {
            tracing::warn!(error = %Chain(&error), "The key of this catalog could not be published");
        }
    }

    /// The public keys of this catalog.
    pub(super) async fn published_keys(&self) -> Result<Value, RepoError> {
        self.own_keys.published(seconds_of(&self.clock)).await
    }

    /// A token with which this catalog calls another plugin for a user; `None` if he cannot be proved to it.
    pub(super) async fn token_for(
        &self,
        target: &str,
        user: &UserIdentity,
    ) -> Result<Option<SecretString>, RepoError> {
        // Without a proof we would ask for ourselves, who may do more.
        let Some(proof) = &user.proof else {
            return Ok(None);
        };
        let now = seconds_of(&self.clock);
        let token = self.own_keys.token_for(target, Some(proof), now);
        token.await.map(Some)
    }

    /// Counts a request of a caller, or says how long he is to wait.
    fn admit(&self, caller: &str) -> Result<(), Duration> {
        let Some(rates) = &self.rates else {
            return Ok(());
        };
        // Numbers that are whole at every moment: those of a thread that panicked are as good.
        let mut rates = rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.admit(caller, self.clock.now_micros())
    }
}

/// Whoever is on this machine already can do worse than to ask often.
fn limit_of(configured: Option<NonZeroU32>, reach: Reach) -> Option<NonZeroU32> {
    match reach {
        Reach::Loopback => configured,
        Reach::Network => Some(configured.unwrap_or_else(default_limit)),
    }
}

fn seconds_of(clock: &Clock) -> i64 {
    clock.now_micros() / MICROS_PER_SECOND
}
