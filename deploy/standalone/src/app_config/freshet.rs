//! `freshet`: what Backstage's configuration has no key for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use freshet_ingestor::WebhookSecret;
use freshet_processor::GithubIntegration;
use freshet_proto::subject::DEFAULT_PREFIX;
use freshet_runtime::config::Reader;
use freshet_runtime::error_chain::Chain;
use freshet_runtime::telemetry::{LogFormat, TelemetryConfig, check_log_filter};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

const WEBHOOKS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7008);
const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7009);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
const LOG_FILTER: &str = "info";
const NATS_SCHEMES: [&str; 4] = ["nats", "tls", "ws", "wss"];
const SERVICE_NAME: &str = "freshet";

/// Which bus carries the messages.
#[derive(Clone, Debug)]
pub enum BusConfig {
    /// Inside this process.
    Memory,
    /// A NATS server with JetStream.
    Nats {
        /// Its addresses, separated by commas; may hold a user and a password.
        url: SecretString,
        /// File with NATS credentials.
        credentials_file: Option<std::path::PathBuf>,
        /// Copies of each stream.
        replicas: u8,
    },
}

/// What the block says.
pub(super) struct Freshet {
    pub(super) bus: BusConfig,
    pub(super) webhook_listen: SocketAddr,
    pub(super) webhooks: Vec<WebhookSecret>,
    pub(super) admin_listen: SocketAddr,
    pub(super) subject_prefix: String,
    pub(super) stop_deadline: Duration,
    pub(super) telemetry: TelemetryConfig,
}

/// Reads the block; everything in it has a default.
pub(super) fn read(root: &Reader<'_>, integrations: &[GithubIntegration]) -> Freshet {
    let block = root.block("freshet");
    let block = block.as_ref();
    let (webhook_listen, webhooks) = webhooks(root, block, integrations);
    let admin = block.and_then(|block| block.block("admin"));
    Freshet {
        bus: bus(block),
        webhook_listen,
        webhooks,
        admin_listen: admin.map_or(ADMIN, |admin| listen(&admin, "listen", ADMIN)),
        subject_prefix: block
            .and_then(|block| block.string("subjectPrefix"))
            .unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        stop_deadline: block
            .and_then(|block| block.duration("stopDeadline"))
            .unwrap_or(STOP_DEADLINE),
        telemetry: telemetry(block),
    }
}

/// Reads a listen address: `7008`, `:7008`, `127.0.0.1:7008` or `{host, port}`.
pub(super) fn listen(block: &Reader<'_>, key: &str, default: SocketAddr) -> SocketAddr {
    let Some(value) = block.value(key) else {
        return default;
    };
    freshet_runtime::listen::parse(&value).unwrap_or_else(|message| {
        block.mistake(key, message);
        default
    })
}

fn bus(block: Option<&Reader<'_>>) -> BusConfig {
    let Some(block) = block else {
        return BusConfig::Memory;
    };
    match block.value("bus") {
        None => BusConfig::Memory,
        Some(serde_json::Value::String(name)) if name == "memory" => BusConfig::Memory,
        Some(serde_json::Value::Object(_)) => block
            .block("bus")
            .and_then(|bus| bus.block("nats"))
            .map_or(BusConfig::Memory, |nats| nats_bus(&nats)),
        Some(_) => {
            block.mistake("bus", "must be `memory` or `{nats: {url: …}}`");
            BusConfig::Memory
        }
    }
}

fn nats_bus(nats: &Reader<'_>) -> BusConfig {
    let replicas = nats.integer("replicas").unwrap_or(1);
    if !matches!(replicas, 1 | 3 | 5) {
        nats.mistake("replicas", "must be 1, 3 or 5");
    }
    BusConfig::Nats {
        url: SecretString::from(nats_url(nats)),
        credentials_file: nats.string("credentialsFile").map(Into::into),
        replicas: u8::try_from(replicas).unwrap_or(1),
    }
}

/// The addresses of a cluster. One without a scheme is a `nats://` one, as in other clients.
fn nats_url(nats: &Reader<'_>) -> String {
    let url = nats.required_string("url");
    let is_address = |address: &str| {
        let has_scheme = address.contains("://");
        is_url(address, &NATS_SCHEMES)
            || !has_scheme && is_url(&format!("nats://{address}"), &NATS_SCHEMES)
    };
    // Not quoted: it may hold a password.
    if !url.is_empty() && !url.split(',').map(str::trim).all(is_address) {
        nats.mistake("url", "must be the address of a NATS server such as nats://127.0.0.1:4222, or several with commas between");
    }
    url
}

/// `events.modules.github.webhookSecret`, where a Backstage installation keeps the secret of its hooks.
fn backstage_secret(root: &Reader<'_>) -> Option<SecretString> {
    root.open_block("events")?
        .open_block("modules")?
        .open_block("github")?
        .secret("webhookSecret")
}

fn webhooks(
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

fn telemetry(block: Option<&Reader<'_>>) -> TelemetryConfig {
    let block = block.and_then(|block| block.block("telemetry"));
    let block = block.as_ref();
    TelemetryConfig {
        log_format: block.map_or(LogFormat::Text, log_format),
        log_filter: block
            .and_then(log_filter)
            .unwrap_or_else(|| LOG_FILTER.to_owned()),
        otlp_endpoint: block.and_then(otlp_endpoint),
        service_name: SERVICE_NAME.to_owned(),
    }
}

fn log_format(block: &Reader<'_>) -> LogFormat {
    match block.string("logFormat").as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(_) => {
            block.mistake("logFormat", "must be `text` or `json`");
            LogFormat::Text
        }
    }
}

fn log_filter(block: &Reader<'_>) -> Option<String> {
    let filter = block.string("logFilter")?;
    if let Err(error) = check_log_filter(&filter) {
        block.mistake("logFilter", Chain(&error).to_string());
    }
    Some(filter)
}

fn otlp_endpoint(block: &Reader<'_>) -> Option<String> {
    let endpoint = block.string("otlpEndpoint")?;
    if !is_url(&endpoint, &["http", "https"]) {
        block.mistake(
            "otlpEndpoint",
            "must be a URL such as http://127.0.0.1:4317",
        );
    }
    Some(endpoint)
}

/// Whether `text` is a URL with a host and one of these schemes.
pub(super) fn is_url(text: &str, schemes: &[&str]) -> bool {
    Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}
