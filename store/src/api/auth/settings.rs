//! What the operator says about who may call.

use std::num::NonZeroU32;

use super::endpoints::PluginEndpoints;
use super::external::ExternalAccess;

/// Who may call, and what for.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Those outside who have credentials.
    pub external: Vec<ExternalAccess>,
    /// Whether anybody else may.
    pub default_policy: DefaultPolicy,
    /// Where Backstage's plugins are, whose tokens count.
    pub endpoints: PluginEndpoints,
    /// Whether users have the rights that the permission plugin gives them, or all.
    pub permissions: PermissionPolicy,
    /// Names by which this API is called, besides those that its addresses say.
    pub hosts: Vec<String>,
    /// Requests of one caller in a second; `None` is the default.
    pub requests_per_second: Option<NonZeroU32>,
}

/// What becomes of a request without credentials that reached the API from another machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultPolicy {
    /// It is refused.
    #[default]
    Required,
    /// It is answered: `dangerouslyDisableDefaultAuthPolicy`.
    Disabled,
}

/// Which rights users have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PermissionPolicy {
    /// All.
    #[default]
    Everything,
    /// Those that the permission plugin gives them: `permission.enabled`.
    Ask,
}

impl AuthConfig {
    /// Backstage's defaults, with everything of it below `base_url`, which has no slash at its end.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self {
            external: Vec::new(),
            default_policy: DefaultPolicy::default(),
            endpoints: PluginEndpoints::below(base_url),
            permissions: PermissionPolicy::default(),
            hosts: Vec::new(),
            requests_per_second: None,
        }
    }
}
