//! `freshet.webhooks`, and the secret of hooks that a Backstage installation has already.

use freshet_ingestor::WebhookSecret;
use freshet_runtime::config::Reader;
use freshet_runtime::listen::ListenAddress;
use secrecy::{ExposeSecret as _, SecretString};

use super::addresses::{read_host, read_listen};
use super::integrations::Integrations;

const WEBHOOKS_PORT: u16 = 7008;

/// What the block says.
pub(super) struct WebhooksBlock {
    pub(super) listen: ListenAddress,
    /// Whose webhooks are received.
    pub(super) secrets: Vec<WebhookSecret>,
}

/// Reads the block.
pub(super) fn read_webhooks(
    root: &Reader<'_>,
    block: Option<&Reader<'_>>,
    integrations: &Integrations<'_>,
) -> WebhooksBlock {
    let block = block.and_then(|block| block.block("webhooks"));
    let listen = block
        .as_ref()
        .map_or(ListenAddress::loopback(WEBHOOKS_PORT), |block| {
            read_listen(block, "listen", WEBHOOKS_PORT)
        });
    let hooks = block.as_ref().map(|block| block.list("github"));
    let mut secrets = read_hooks(&hooks.unwrap_or_default(), integrations);
    if secrets.is_empty() {
        secrets.extend(read_backstage_hook(root, integrations));
    }
    // An open listener that accepts nothing is a mistake somebody finds weeks later, by stale entities.
    if let Some(block) = &block
        && secrets.is_empty()
        && !listen.is_loopback()
    {
        block.mistake(
            "listen",
            "may leave loopback only when a hook has a secret (freshet.webhooks.github)",
        );
    }
    WebhooksBlock { listen, secrets }
}

/// The configured hooks. A delivery is told to be from a host by its secret alone.
fn read_hooks(hooks: &[Reader<'_>], integrations: &Integrations<'_>) -> Vec<WebhookSecret> {
    let mut webhooks: Vec<WebhookSecret> = Vec::new();
    for hook in hooks {
        let webhook = read_hook(hook, integrations);
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

/// `events.modules.github.webhookSecret`, where a Backstage installation keeps the secret of its hooks: one
/// for all of them, so it can only be that of the only host.
fn read_backstage_hook(
    root: &Reader<'_>,
    integrations: &Integrations<'_>,
) -> Option<WebhookSecret> {
    let module = root
        .open_block("events")?
        .open_block("modules")?
        .open_block("github")?;
    let secret = module.secret("webhookSecret")?;
    match integrations.hosts().as_slice() {
        [] => None,
        [only] => Some(WebhookSecret {
            host: (*only).to_owned(),
            secrets: vec![secret],
        }),
        [_, _, ..] => {
            module.warn(
                "webhookSecret",
                "does not say whose hooks it signs, as integrations.github has several hosts; name each in freshet.webhooks.github, or no hook is accepted",
            );
            None
        }
    }
}

fn read_hook(hook: &Reader<'_>, integrations: &Integrations<'_>) -> WebhookSecret {
    let host = read_host(hook);
    if integrations.find(&host).is_none() {
        hook.mistake(
            "host",
            format!("integrations.github has no entry for {host}"),
        );
    }
    let current = hook.secret("secret");
    // An unsigned delivery costs a read of GitHub, and anybody could send thousands.
    if current.is_none() {
        hook.mistake(
            "secret",
            "is required: unsigned deliveries are never accepted",
        );
    }
    let secrets = current
        .into_iter()
        // Both are accepted while a rotation is under way: GitHub changes over at a moment nobody can choose.
        .chain(hook.secret("previousSecret"))
        .collect();
    WebhookSecret { host, secrets }
}
