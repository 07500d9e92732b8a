//! `freshet`: what Backstage's configuration has no key for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use freshet_ingestor::WebhookSecret;
use freshet_model::{KindSpec, Kinds};
use freshet_processor::GithubIntegration;
use freshet_proto::subject::DEFAULT_PREFIX;
use freshet_runtime::config::Reader;
use freshet_runtime::telemetry::{LogFormat, TelemetryConfig, check_log_filter};
use freshet_store::{Recheck, RemovalLimits};
use secrecy::SecretString;
use url::Url;

use super::webhooks;

const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7009);
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// octocrab logs every failed call as an error; the processor says what became of it.
const LOG_FILTER: &str = "info,octocrab=off";
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
    pub(super) kinds: Kinds,
    /// Repositories that placeholders of any other may read.
    pub(super) placeholders: Vec<String>,
    pub(super) codeowners: bool,
    pub(super) removals: RemovalLimits,
    pub(super) recheck: Recheck,
}

/// Reads the block; everything in it has a default.
pub(super) fn read(root: &Reader<'_>, integrations: &[GithubIntegration]) -> Freshet {
    let block = root.block("freshet");
    let block = block.as_ref();
    let (webhook_listen, webhooks) = webhooks::read(root, block, integrations);
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
        kinds: block.map_or_else(Kinds::builtin, kinds),
        placeholders: block
            .and_then(|block| block.block("placeholders"))
            .map(|block| placeholders(&block))
            .unwrap_or_default(),
        codeowners: block
            .and_then(|block| block.bool("codeowners"))
            .unwrap_or_default(),
        removals: block
            .and_then(|block| block.block("removals"))
            .map(|block| removals(&block))
            .unwrap_or_default(),
        recheck: block
            .and_then(|block| block.block("recheck"))
            .map(|block| recheck(&block))
            .unwrap_or_default(),
    }
}

/// The built-in kinds with those of the configuration, and with the relation fields it adds.
fn kinds(block: &Reader<'_>) -> Kinds {
    let Some(written) = block.value("kinds") else {
        return Kinds::builtin();
    };
    let serde_json::Value::Array(items) = written else {
        block.mistake("kinds", "must be a list of kinds");
        return Kinds::builtin();
    };
    let mut kinds = Kinds::builtin();
    for (index, item) in items.into_iter().enumerate() {
        let key = format!("kinds[{index}]");
        let name = item.get("kind").and_then(serde_json::Value::as_str);
        let name = name.unwrap_or("without a name").to_owned();
        let spec: KindSpec = match serde_json::from_value(item) {
            Ok(spec) => spec,
            Err(error) => {
                block.mistake(&key, format!("kind {name} cannot be read: {error}"));
                continue;
            }
        };
        match kinds.with([spec]) {
            Ok(more) => kinds = more,
            Err(errors) => {
                for error in errors {
                    block.mistake(&key, error.to_string());
                }
            }
        }
    }
    kinds
}

/// Patterns of repositories, `host/owner/name`.
fn placeholders(block: &Reader<'_>) -> Vec<String> {
    let repositories = block.strings("repositories").unwrap_or_default();
    for (index, pattern) in repositories.iter().enumerate() {
        let steps: Vec<&str> = pattern.split('/').collect();
        if steps.len() != 3 || steps.contains(&"") {
            block.mistake(
                &format!("repositories[{index}]"),
                "must be host/owner/name, such as github.com/acme/*",
            );
        }
    }
    repositories
}

fn removals(block: &Reader<'_>) -> RemovalLimits {
    let defaults = RemovalLimits::default();
    let number = |key, default| {
        let value = block.integer(key);
        value.map_or(default, |value| u32::try_from(value).unwrap_or(u32::MAX))
    };
    let percent = number("percent", defaults.percent);
    if percent > 100 {
        block.mistake("percent", "must be at most 100");
    }
    RemovalLimits {
        percent,
        entities: number("entities", defaults.entities),
        wait: block.duration("wait").unwrap_or(defaults.wait),
        window: block.duration("window").unwrap_or(defaults.window),
    }
}

fn recheck(block: &Reader<'_>) -> Recheck {
    let defaults = Recheck::default();
    let every = |key, default| {
        let every = block.duration(key).unwrap_or(default);
        if every.is_zero() {
            block.mistake(key, "must be longer than nothing");
        }
        every
    };
    Recheck {
        files: every("files", defaults.files),
        urls: every("urls", defaults.urls),
        repositories: every("repositories", defaults.repositories),
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
    if check_log_filter(&filter).is_err() {
        block.mistake(
            "logFilter",
            "must be a filter such as `info,freshet_store=debug`",
        );
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
