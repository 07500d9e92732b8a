//! `freshet.webhooks`, and the secret of hooks that a Backstage installation has already.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use freshet_ingestor::WebhookSecret;
use freshet_processor::GithubIntegration;
use freshet_runtime::config::Reader;
use secrecy::{ExposeSecret as _, SecretString};

use super::freshet::listen;

const WEBHOOKS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7008);

/// Where webhooks are received, and whose.
pub(super) fn read(
    root: &Reader<'_>,
    block: Option<&Reader<'_>>,
    integrations: &[GithubIntegration],
) -> (SocketAddr, Vec<WebhookSecret>) {
    let block = block.and_then(|block| block.block("webhooks"));
    let address = block
        .as_ref()
        .map_or(WEBHOOKS, |block| listen(block, "listen", WEBHOOKS));
    let hooks = block.as_ref().map(|block| block.list("github"));
    let mut webhooks = hooked(&hooks.unwrap_or_default(), integrations);
    if webhooks.is_empty() {
        webhooks.extend(backstage_webhook(root, integrations));
    }
    if let (Some(block), true, false) = (&block, webhooks.is_empty(), address.ip().is_loopback()) {
        block.mistake(
            "listen",
            "may leave loopback only when a hook has a secret (freshet.webhooks.github)",
        );
    }
    (address, webhooks)
}

/// The configured hooks. A delivery is told to be from a host by its secret alone.
fn hooked(hooks: &[Reader<'_>], integrations: &[GithubIntegration]) -> Vec<WebhookSecret> {
    let mut webhooks: Vec<WebhookSecret> = Vec::new();
    for hook in hooks {
        let webhook = webhook(hook, integrations);
        if let Some(other) = webhooks
            .iter()
            .find(|other| share_a_secret(other, &webhook))
        {
            let message = format!(
                "is a secret of {} too: nothing else tells whose a delivery is",
                other.host
            );
            hook.mistake("secret", message);
        }
        webhooks.push(webhook);
    }
    webhooks
}

fn share_a_secret(one: &WebhookSecret, other: &WebhookSecret) -> bool {
    let is_of_other = |secret: &SecretString| {
        let mut secrets = other.secrets.iter();
        secrets.any(|known| known.expose_secret() == secret.expose_secret())
    };
    one.host != other.host && one.secrets.iter().any(is_of_other)
}

/// Backstage has one secret for all hooks, so it can only be that of the only host.
fn backstage_webhook(
    root: &Reader<'_>,
    integrations: &[GithubIntegration],
) -> Option<WebhookSecret> {
    let secret = backstage_secret(root)?;
    match integrations {
        [] => None,
        [only] => Some(WebhookSecret {
            host: only.host.clone(),
            secrets: vec![secret],
        }),
        [_, _, ..] => {
            root.mistake(
                "freshet.webhooks.github",
                "is required: integrations.github has several hosts, and events.modules.github.webhookSecret does not say whose hooks it signs",
            );
            None
        }
    }
}

fn webhook(hook: &Reader<'_>, integrations: &[GithubIntegration]) -> WebhookSecret {
    let host = hook
        .string("host")
        .unwrap_or_else(|| "github.com".to_owned());
    if !integrations
        .iter()
        .any(|integration| integration.host == host)
    {
        hook.mistake(
            "host",
            format!("integrations.github has no entry for {host}"),
        );
    }
    let current = hook.secret("secret");
    if current.is_none() {
        hook.mistake(
            "secret",
            "is required: unsigned deliveries are never accepted",
        );
    }
    let secrets = current
        .into_iter()
        .chain(hook.secret("previousSecret"))
        .collect();
    WebhookSecret { host, secrets }
}

/// `events.modules.github.webhookSecret`, where a Backstage installation keeps the secret of its hooks.
fn backstage_secret(root: &Reader<'_>) -> Option<SecretString> {
    root.open_block("events")?
        .open_block("modules")?
        .open_block("github")?
        .secret("webhookSecret")
}
