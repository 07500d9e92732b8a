//! From the token of a request to who sends it: plugins first, then users, then those whom the configuration names,
//! as in Backstage.
//!
//! A token that says it is a plugin's or a user's is that or nothing; it is not tried as anything else.

use std::sync::Arc;

use freshet_runtime::clock::Clock;
use jsonwebtoken::Header;

use super::bearer::{TokenKind, USER_AUDIENCE, UserTokenForm, classify, read_header};
use super::claims::{ClaimRules, Claims};
use super::delegation::prove_user;
use super::endpoints::PluginEndpoints;
use super::external::{ExternalAccess, ForeignIssuer, Recognition};
use super::key_set::is_asymmetric;
use super::key_source::{KeySource, NamedBy};
use super::principal::{Principal, UserIdentity};
use super::restrictions::OtherPlugins;
use super::seconds_of;
use crate::api::outbound::OutboundClient;

/// Where a plugin publishes its keys, below its address.
const PLUGIN_KEYS: &str = "/.backstage/auth/v1/jwks.json";
/// Where the keys of users' tokens are, below the address of this plugin.
const USER_KEYS: &str = "/.well-known/jwks.json";
const AUTH_PLUGIN: &str = "auth";
/// Who we are to other plugins.
const OWN_AUDIENCE: &str = "catalog";
/// More than any plugin is called by.
const PLUGIN_ID_BYTES_MAX: usize = 100;

/// Finds out who sends a request.
pub(super) struct Authenticator {
    callers: Vec<ExternalAccess>,
    endpoints: PluginEndpoints,
    keys: KeySource,
    clock: Clock,
}

/// Why a token lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenRefusal {
    /// Nobody has such a token.
    #[error("Illegal token")]
    Illegal,
    /// It says it is of a plugin that cannot be.
    #[error("Invalid plugin token: forbidden subject format")]
    PluginName,
    /// It says it is a plugin's.
    #[error("Failed plugin token verification")]
    Plugin,
    /// The user for whom a plugin asks is not proved.
    #[error("Invalid user token in plugin token obo claim")]
    OnBehalfOf,
    /// It says it is a user's.
    #[error("Failed user token verification")]
    User,
    /// It is only good to be passed on by a plugin.
    #[error("Illegal limited user token")]
    LimitedUser,
    /// It is for other plugins.
    #[error("This token's access is restricted to plugin(s) {0}")]
    OtherPlugins(String),
}

impl From<OtherPlugins> for TokenRefusal {
    fn from(OtherPlugins(plugins): OtherPlugins) -> Self {
        let plugins: Vec<String> = plugins.iter().map(|id| format!("'{id}'")).collect();
        Self::OtherPlugins(plugins.join(", "))
    }
}

impl Authenticator {
    pub(super) fn new(
        callers: Vec<ExternalAccess>,
        endpoints: PluginEndpoints,
        client: Arc<OutboundClient>,
        clock: Clock,
    ) -> Self {
        Self {
            callers,
            endpoints,
            keys: KeySource::new(client),
            clock,
        }
    }

    /// Who sends this token.
    pub(super) async fn identify(&self, token: &str) -> Result<Principal, TokenRefusal> {
        let header = read_header(token);
        let Some(header) = header else {
            return self.identify_external(token, None).await;
        };
        match classify(token, &header) {
            TokenKind::Plugin { subject } => {
                let plugin = subject.filter(|id| is_plugin_id(id));
                let plugin = plugin.ok_or(TokenRefusal::PluginName)?;
                self.identify_plugin(token, &header, plugin).await
            }
            TokenKind::User(form) => {
                let user = self.identify_user(token, &header, form).await?;
                if form == UserTokenForm::Limited {
                    return Err(TokenRefusal::LimitedUser);
                }
                Ok(Principal::User(user))
            }
            TokenKind::Other => self.identify_external(token, Some(&header)).await,
        }
    }

    async fn identify_plugin(
        &self,
        token: &str,
        header: &Header,
        plugin: String,
    ) -> Result<Principal, TokenRefusal> {
        let url = format!("{}{PLUGIN_KEYS}", self.endpoints.base_url(&plugin));
        let audience = [OWN_AUDIENCE.to_owned()];
        let rules = ClaimRules {
            required: &["iat", "exp", "sub", "aud"],
            audiences: &audience,
            issuers: &[],
        };
        let claims = self
            .verify(token, header, &url, NamedBy::Token, &rules)
            .await;
        let claims = claims.ok_or(TokenRefusal::Plugin)?;
        let Some(limited) = claims.value("obo") else {
            return Ok(Principal::Plugin { id: plugin });
        };
        let user = match limited.as_str() {
            Some(limited) => self.identify_delegated(limited).await?,
            None => return Err(TokenRefusal::OnBehalfOf),
        };
        Ok(Principal::OnBehalfOf { plugin, user })
    }

    /// The user for whom a plugin asks.
    async fn identify_delegated(&self, token: &str) -> Result<UserIdentity, TokenRefusal> {
        let header = read_header(token).ok_or(TokenRefusal::OnBehalfOf)?;
        match classify(token, &header) {
            TokenKind::User(form) => self.identify_user(token, &header, form).await,
            TokenKind::Plugin { .. } | TokenKind::Other => Err(TokenRefusal::OnBehalfOf),
        }
    }

    async fn identify_user(
        &self,
        token: &str,
        header: &Header,
        form: UserTokenForm,
    ) -> Result<UserIdentity, TokenRefusal> {
        let url = format!("{}{USER_KEYS}", self.endpoints.base_url(AUTH_PLUGIN));
        let audience = [USER_AUDIENCE.to_owned()];
        let rules = match form {
            UserTokenForm::Full | UserTokenForm::Limited => ClaimRules {
                required: &["iat", "exp", "sub"],
                ..ClaimRules::default()
            },
            UserTokenForm::Untyped => ClaimRules {
                required: &["exp", "sub"],
                audiences: &audience,
                issuers: &[],
            },
        };
        let claims = self
            .verify(token, header, &url, NamedBy::Configuration, &rules)
            .await;
        let claims = claims.ok_or(TokenRefusal::User)?;
        let subject = claims.text("sub").filter(|subject| !subject.is_empty());
        Ok(UserIdentity {
            entity_ref: subject.ok_or(TokenRefusal::User)?.to_owned(),
            proof: prove_user(token, form, header, &claims),
        })
    }

    async fn identify_external(
        &self,
        token: &str,
        header: Option<&Header>,
    ) -> Result<Principal, TokenRefusal> {
        let now = seconds_of(&self.clock);
        for caller in &self.callers {
            let subject = match caller.recognise(token, header, now) {
                Recognition::Other => continue,
                Recognition::Subject(subject) => subject.to_owned(),
                Recognition::Ask(issuer) => match self.ask_issuer(issuer, token, header, now).await
                {
                    Some(subject) => subject,
                    None => continue,
                },
            };
            return Ok(caller.admit(&subject)?);
        }
        Err(TokenRefusal::Illegal)
    }

    async fn ask_issuer(
        &self,
        issuer: &ForeignIssuer,
        token: &str,
        header: Option<&Header>,
        now: i64,
    ) -> Option<String> {
        let header = header?;
        let keys = self
            .keys
            .keys_for(&issuer.url, header, NamedBy::Configuration, now)
            .await?;
        issuer.subject_of(token, header, &keys, now)
    }

    /// What a token says, if the keys at `url` have signed it and it holds now.
    async fn verify(
        &self,
        token: &str,
        header: &Header,
        url: &str,
        named_by: NamedBy,
        rules: &ClaimRules<'_>,
    ) -> Option<Claims> {
        // No key set has a key for it, and looking for one would be in vain each time.
        if !is_asymmetric(header.alg) {
            return None;
        }
        let now = seconds_of(&self.clock);
        let keys = self.keys.keys_for(url, header, named_by, now).await?;
        let claims = keys.verify(token, header, &[]);
        let claims = claims.inspect_err(|fault| log_refused(fault)).ok()?;
        let holds = claims.check(rules, now);
        holds.inspect_err(|fault| log_refused(fault)).ok()?;
        Some(claims)
    }
}

/// What a token says of itself is not told: it is not proved.
fn log_refused(fault: &dyn std::error::Error) {
    tracing::debug!(error = %fault, "A token of a plugin or a user is refused");
}

/// What would lead elsewhere than to a plugin is no name of one.
fn is_plugin_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=PLUGIN_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_plugin_leads_nowhere_else() {
        for id in ["search", "permission", "my-plugin_2", "adrBackend"] {
            assert!(is_plugin_id(id), "{id}");
        }
        let long = "a".repeat(PLUGIN_ID_BYTES_MAX + 1);
        for id in [
            "",
            "a/b",
            "..",
            "a?b",
            "a#",
            "a b",
            "a.b",
            "%2e",
            "ä",
            "a\n",
            long.as_str(),
        ] {
            assert!(!is_plugin_id(id), "{id}");
        }
    }
}
