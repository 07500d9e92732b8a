//! What the configuration of a story says.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use freshet_github_emulator::GithubEmulator;
use serde_json::{Value, json};

use crate::process::free_address;

/// The organisation of every story.
pub const ORGANIZATION: &str = "acme";
/// The token the emulator accepts.
pub const TOKEN: &str = "test-token";
/// What hooks are signed with.
pub const HOOK_SECRET: &str = "test-hook-secret";
/// A sweep that does not come by itself during a story.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// What an app-config of a story says.
#[derive(Clone, Debug)]
pub struct Setup {
    /// How often the organisation is swept.
    pub frequency: Duration,
    /// Where webhooks are received; port 0 takes a free one.
    pub webhooks: SocketAddr,
    /// Where the API is served.
    pub api: SocketAddr,
    /// Where health and metrics are served.
    pub admin: SocketAddr,
    /// Name of the GitHub host, if it is not the emulator's address.
    pub host: Option<String>,
    /// What a caller of the API has to send; without it, whoever reaches the loopback may call.
    pub api_token: Option<String>,
    /// Changes to the rest, as a JSON merge patch: `null` removes a key.
    pub overlay: Value,
}

impl Default for Setup {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            frequency: NEVER,
            webhooks: any,
            api: any,
            admin: any,
            host: None,
            api_token: None,
            overlay: json!({}),
        }
    }
}

impl Setup {
    /// With listeners that keep their addresses when what listens there is started again.
    #[must_use]
    pub fn at_free_addresses() -> Self {
        Self {
            webhooks: free_address(),
            api: free_address(),
            admin: free_address(),
            ..Self::default()
        }
    }
}

/// The configuration of a Freshet that reads `github`, as a JSON app-config.
#[must_use]
pub fn app_config(setup: &Setup, github: &GithubEmulator, bus: &Value, database: &Value) -> Value {
    let host = setup
        .host
        .clone()
        .unwrap_or_else(|| github.address().to_string());
    let kinds = [
        "Component",
        "API",
        "Resource",
        "System",
        "Domain",
        "Group",
        "User",
        "Location",
        "Template",
    ];
    let mut config = json!({
        "backend": backend(setup, database),
        "integrations": {"github": [{"host": host, "apiBaseUrl": github.api_url(), "token": TOKEN}]},
        "catalog": {
            "rules": [{"allow": kinds}],
            "providers": {"github": {"story": {
                "organization": ORGANIZATION,
                "host": host,
                "schedule": {"frequency": {"milliseconds": u64::try_from(setup.frequency.as_millis()).expect("short")}},
            }}},
        },
        "freshet": {
            "bus": bus,
            "webhooks": {"listen": setup.webhooks.to_string(), "github": [{"host": host, "secret": HOOK_SECRET}]},
            "admin": {"listen": setup.admin.to_string()},
            // A stop that takes longer fails the story, so this is no time within which anything is expected.
            "stopDeadline": "60s",
        },
    });
    merge(&mut config, &setup.overlay);
    config
}

fn backend(setup: &Setup, database: &Value) -> Value {
    let Some(token) = &setup.api_token else {
        return json!({"listen": setup.api.to_string(), "database": database});
    };
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, setup.api.port()));
    let caller = json!({"type": "static", "options": {"token": token, "subject": "story"}});
    json!({
        "listen": everywhere.to_string(),
        "database": database,
        "auth": {"externalAccess": [caller]},
    })
}

/// RFC 7396: objects are merged, `null` removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().expect("just made one");
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Points the organisation's hook at an ingestor.
pub fn hook(github: &GithubEmulator, webhooks: SocketAddr) {
    github.set_hook(
        ORGANIZATION,
        &format!("http://{webhooks}/webhooks/github"),
        HOOK_SECRET,
    );
}
