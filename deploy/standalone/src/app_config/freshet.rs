//! `freshet`: what Backstage's configuration has no key for.

use std::num::NonZeroU32;
use std::time::Duration;

use freshet_model::{KindSpec, Kinds};
use freshet_processor::limits::{DEPTH_HIGHEST, ReadLimits};
use freshet_proto::stream::{MEBIBYTE, StreamSizes};
use freshet_proto::subject::DEFAULT_PREFIX;
use freshet_runtime::config::Reader;
use freshet_runtime::listen::ListenAddress;
use freshet_runtime::progress::PROGRESS_LOGGED_EVERY;
use freshet_runtime::telemetry::{LogFormat, TelemetryConfig, check_log_filter};
use freshet_store::{Recheck, RemovalLimits};
use secrecy::SecretString;

use super::addresses::{is_url, read_listen};
use super::integrations::Integrations;
use super::webhooks::{self, WebhooksBlock};

const ADMIN_PORT: u16 = 7009;
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// octocrab logs every failed call as an error; the processor says what became of it.
const LOG_FILTER: &str = "info,octocrab=off";
/// Log lines about long work are not written more often, whatever is configured.
const PROGRESS_LOGGED_EVERY_MIN: Duration = Duration::from_millis(100);
const NATS_SCHEMES: [&str; 4] = ["nats", "tls", "ws", "wss"];
const SERVICE_NAME: &str = "freshet";

/// Which bus carries the messages.
#[derive(Clone, Debug)]
pub enum BusConfig {
    /// Inside this process.
    Memory,
    /// A NATS server with JetStream.
    Nats {
        /// Its addresses, separated by commas; may hold a user and a password, or a token.
        url: SecretString,
        /// File with NATS credentials.
        credentials_file: Option<std::path::PathBuf>,
        /// Copies of each stream.
        replicas: u8,
        /// How much each stream may hold.
        sizes: StreamSizes,
    },
}

/// What the block says.
pub(super) struct FreshetBlock {
    pub(super) bus: BusConfig,
    pub(super) webhooks: WebhooksBlock,
    pub(super) admin_listen: ListenAddress,
    pub(super) api: ApiBlock,
    pub(super) subject_prefix: String,
    pub(super) stop_deadline: Duration,
    pub(super) telemetry: TelemetryConfig,
    pub(super) kinds: Kinds,
    /// Repositories that placeholders of any other may read.
    pub(super) placeholders: Vec<String>,
    pub(super) codeowners: bool,
    pub(super) limits: ReadLimits,
    pub(super) removals: RemovalLimits,
    pub(super) recheck: Recheck,
}

/// What is said of the catalog API beyond what Backstage has keys for.
#[derive(Default)]
pub(super) struct ApiBlock {
    /// Requests of one caller in a second.
    pub(super) requests_per_second: Option<NonZeroU32>,
    /// Names by which it is called.
    pub(super) hosts: Vec<String>,
}

/// Reads the block; everything in it has a default.
pub(super) fn read_freshet(root: &Reader<'_>, integrations: &Integrations<'_>) -> FreshetBlock {
    let block = root.own_block("freshet");
    let block = block.as_ref();
    let admin = block.and_then(|block| block.block("admin"));
    FreshetBlock {
        bus: read_bus(block),
        webhooks: webhooks::read_webhooks(root, block, integrations),
        admin_listen: admin.map_or(ListenAddress::loopback(ADMIN_PORT), |admin| {
            read_listen(&admin, "listen", ADMIN_PORT)
        }),
        api: block
            .and_then(|block| block.block("api"))
            .map(|block| read_api(&block))
            .unwrap_or_default(),
        subject_prefix: block
            .and_then(|block| block.string("subjectPrefix"))
            .unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        stop_deadline: block
            .and_then(|block| block.duration("stopDeadline"))
            .unwrap_or(STOP_DEADLINE),
        telemetry: read_telemetry(block),
        kinds: block.map_or_else(Kinds::builtin, read_kinds),
        placeholders: block
            .and_then(|block| block.block("placeholders"))
            .map(|block| read_placeholders(&block))
            .unwrap_or_default(),
        codeowners: block
            .and_then(|block| block.bool("codeowners"))
            .unwrap_or_default(),
        limits: block
            .and_then(|block| block.block("limits"))
            .map(|block| read_limits(&block))
            .unwrap_or_default(),
        removals: block
            .and_then(|block| block.block("removals"))
            .map(|block| read_removals(&block))
            .unwrap_or_default(),
        recheck: block
            .and_then(|block| block.block("recheck"))
            .map(|block| read_recheck(&block))
            .unwrap_or_default(),
    }
}

fn read_api(block: &Reader<'_>) -> ApiBlock {
    let requests_per_second = block.integer("requestsPerSecond").and_then(|number| {
        // More than fits is as good as no limit.
        let number = NonZeroU32::new(u32::try_from(number).unwrap_or(u32::MAX));
        if number.is_none() {
            block.mistake("requestsPerSecond", "must be at least 1");
        }
        number
    });
    ApiBlock {
        requests_per_second,
        hosts: block.strings("hosts").unwrap_or_default(),
    }
}

/// The built-in kinds with those of the configuration, and with the relation fields it adds.
fn read_kinds(block: &Reader<'_>) -> Kinds {
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
        // Taken before the item is consumed: the message of a kind that cannot be read names it all the same.
        let name = item.get("kind").and_then(serde_json::Value::as_str);
        let name = name.unwrap_or("without a name").to_owned();
        let spec: KindSpec = match serde_json::from_value(item) {
            Ok(spec) => spec,
            Err(error) => {
                block.mistake(&key, format!("kind {name} cannot be read: {error}"));
                continue;
            }
        };
        // One by one: what is wrong with one kind must not hide what is wrong with the next.
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
fn read_placeholders(block: &Reader<'_>) -> Vec<String> {
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

/// How much of one catalog file is looked at.
fn read_limits(block: &Reader<'_>) -> ReadLimits {
    let defaults = ReadLimits::default();
    let number = |key, default| {
        let value = block.integer(key);
        let value = value.map_or(default, |value| {
            usize::try_from(value).unwrap_or(usize::MAX)
        });
        // Nothing could be read, and everything would stay as it is without a word.
        if value == 0 {
            block.mistake(key, "must be at least 1");
        }
        value
    };
    let depth = number("depth", defaults.depth);
    if depth > DEPTH_HIGHEST {
        block.mistake("depth", format!("must be at most {DEPTH_HIGHEST}"));
    }
    ReadLimits {
        documents: number("documents", defaults.documents),
        depth,
        ..defaults
    }
}

fn read_removals(block: &Reader<'_>) -> RemovalLimits {
    let defaults = RemovalLimits::default();
    let number = |key, default| {
        let value = block.integer(key);
        // More than fits is as good as no limit, which is what such a number means.
        value.map_or(default, |value| u32::try_from(value).unwrap_or(u32::MAX))
    };
    let percent = number("percent", defaults.percent);
    // It would switch the protection off while looking like a strict one.
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

fn read_recheck(block: &Reader<'_>) -> Recheck {
    let defaults = Recheck::default();
    let every = |key, default| {
        let every = block.duration(key).unwrap_or(default);
        // The reconciler would publish a job for every source on each of its rounds.
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

fn read_bus(block: Option<&Reader<'_>>) -> BusConfig {
    let Some(block) = block else {
        return BusConfig::Memory;
    };
    match block.value("bus") {
        None => BusConfig::Memory,
        Some(serde_json::Value::String(name)) if name == "memory" => BusConfig::Memory,
        Some(serde_json::Value::Object(_)) => block
            .block("bus")
            .and_then(|bus| bus.block("nats"))
            .map_or(BusConfig::Memory, |nats| read_nats(&nats)),
        Some(_) => {
            block.mistake("bus", "must be `memory` or `{nats: {url: …}}`");
            BusConfig::Memory
        }
    }
}

fn read_nats(nats: &Reader<'_>) -> BusConfig {
    let replicas = nats.integer("replicas").unwrap_or(1);
    // JetStream needs a majority; two copies tolerate no more than one and cost more.
    if !matches!(replicas, 1 | 3 | 5) {
        nats.mistake("replicas", "must be 1, 3 or 5");
    }
    BusConfig::Nats {
        url: SecretString::from(read_nats_url(nats)),
        credentials_file: nats.string("credentialsFile").map(Into::into),
        replicas: u8::try_from(replicas).unwrap_or(1),
        sizes: read_stream_sizes(nats),
    }
}

fn read_stream_sizes(nats: &Reader<'_>) -> StreamSizes {
    let defaults = StreamSizes::default();
    let Some(block) = nats.block("streamMebibytes") else {
        return defaults;
    };
    let size = |key, default| {
        let Some(mebibytes) = block.integer(key) else {
            return default;
        };
        let bytes = i64::try_from(mebibytes)
            .ok()
            .and_then(|mebibytes| mebibytes.checked_mul(MEBIBYTE));
        // None at all would refuse every message, and no bound is what JetStream reads a negative one as.
        match bytes {
            Some(bytes) if bytes > 0 => bytes,
            _ => {
                block.mistake(key, "must be a number of MiB, at least 1");
                default
            }
        }
    };
    StreamSizes {
        signals: size("signals", defaults.signals),
        observations: size("observations", defaults.observations),
        dead_letters: size("deadLetters", defaults.dead_letters),
    }
}

/// The addresses of a cluster. One without a scheme is a `nats://` one, as in other clients.
fn read_nats_url(nats: &Reader<'_>) -> String {
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

fn read_telemetry(block: Option<&Reader<'_>>) -> TelemetryConfig {
    let block = block.and_then(|block| block.block("telemetry"));
    let block = block.as_ref();
    TelemetryConfig {
        log_format: block.map_or(LogFormat::Text, read_log_format),
        log_filter: block
            .and_then(read_log_filter)
            .unwrap_or_else(|| LOG_FILTER.to_owned()),
        otlp_endpoint: block.and_then(read_otlp_endpoint),
        service_name: SERVICE_NAME.to_owned(),
        progress_every: block
            .and_then(read_progress_every)
            .unwrap_or(PROGRESS_LOGGED_EVERY),
    }
}

fn read_progress_every(block: &Reader<'_>) -> Option<Duration> {
    let every = block.duration("progressEvery")?;
    // A line for each look would bury what somebody has to read.
    if every < PROGRESS_LOGGED_EVERY_MIN {
        block.mistake("progressEvery", "must be at least 100 milliseconds");
    }
    Some(every)
}

fn read_log_format(block: &Reader<'_>) -> LogFormat {
    match block.string("logFormat").as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(_) => {
            block.mistake("logFormat", "must be `text` or `json`");
            LogFormat::Text
        }
    }
}

fn read_log_filter(block: &Reader<'_>) -> Option<String> {
    let filter = block.string("logFilter")?;
    if check_log_filter(&filter).is_err() {
        block.mistake(
            "logFilter",
            "must be a filter such as `info,freshet_store=debug`",
        );
    }
    Some(filter)
}

fn read_otlp_endpoint(block: &Reader<'_>) -> Option<String> {
    let endpoint = block.string("otlpEndpoint")?;
    if !is_url(&endpoint, &["http", "https"]) {
        block.mistake(
            "otlpEndpoint",
            "must be a URL such as http://127.0.0.1:4317",
        );
    }
    Some(endpoint)
}
