//! `backend`: where the API listens, who may call it from a browser, where the catalog is stored.

use freshet_processor::ReadingAllow;
use freshet_runtime::config::Reader;
use freshet_runtime::listen::ListenAddress;
use freshet_store::{CorsConfig, DatabaseConfig, ExternalAccess};

use super::addresses::{is_url, read_listen};
use super::{access, database};

const API_PORT: u16 = 7007;

/// What the block says.
pub(super) struct BackendBlock {
    pub(super) listen: ListenAddress,
    /// Where the API is reached from outside, without a slash at the end.
    pub(super) base_url: String,
    pub(super) cors: Option<CorsConfig>,
    /// Who may call an API that others can reach.
    pub(super) external_access: Vec<ExternalAccess>,
    pub(super) database: DatabaseConfig,
    /// Plain URLs that may be read.
    pub(super) reading_allow: Vec<ReadingAllow>,
}

/// Reads the block. Other plugins have keys in it, so unknown ones are theirs.
pub(super) fn read_backend(root: &Reader<'_>) -> BackendBlock {
    let Some(block) = root.open_block("backend") else {
        let listen = ListenAddress::loopback(API_PORT);
        return BackendBlock {
            base_url: to_url(&listen),
            listen,
            cors: None,
            external_access: Vec::new(),
            database: database::embedded_default(),
            reading_allow: Vec::new(),
        };
    };
    let listen = read_listen(&block, "listen", API_PORT);
    let external_access = access::read_external_access(&block);
    // Every file made by Backstage's own tool listens everywhere. The API is not open there: see the store.
    if !listen.is_loopback() && external_access.is_empty() {
        block.warn(
            "listen",
            "leaves loopback, and backend.auth.externalAccess names nobody who could be let in: every request to the API is answered 401",
        );
    }
    if !block.is_off("https") {
        block.warn(
            "https",
            "is not honoured: Freshet speaks plain HTTP; put something in front of it that speaks TLS",
        );
    }
    BackendBlock {
        base_url: read_base_url(&block, &listen),
        listen,
        cors: read_cors(&block),
        external_access,
        database: database::read_database(&block),
        reading_allow: read_reading_allow(&block),
    }
}

fn read_reading_allow(block: &Reader<'_>) -> Vec<ReadingAllow> {
    let Some(reading) = block.block("reading") else {
        return Vec::new();
    };
    let entries = reading.list("allow");
    let entries = entries.iter().filter_map(|entry| {
        let allow = ReadingAllow {
            host: entry.required_string("host"),
            paths: entry.strings("paths"),
        };
        if allow.host.is_empty() || allow.is_valid() {
            return Some(allow);
        }
        // As in Backstage it allows nothing, so nothing is lost with it.
        entry.warn(
            "host",
            "allows nothing: it must be a host such as example.com, *.example.com or example.com:8443",
        );
        None
    });
    entries.collect()
}

fn to_url(address: &ListenAddress) -> String {
    format!("http://{address}")
}

/// Links in change events start with it.
fn read_base_url(block: &Reader<'_>, api: &ListenAddress) -> String {
    let Some(base_url) = block.string("baseUrl") else {
        return to_url(api);
    };
    if !is_url(&base_url, &["http", "https"]) {
        block.mistake(
            "baseUrl",
            "must be a URL such as https://backstage.acme.example",
        );
    }
    base_url.trim_end_matches('/').to_owned()
}

fn read_cors(block: &Reader<'_>) -> Option<CorsConfig> {
    let cors = block.block("cors")?;
    for key in [
        "allowedHeaders",
        "exposedHeaders",
        "maxAge",
        "preflightContinue",
        "optionsSuccessStatus",
    ] {
        cors.ignore(key);
    }
    let credentials = cors.bool("credentials").unwrap_or(false);
    Some(CorsConfig {
        origins: read_cors_names(&cors, "origin", credentials),
        methods: read_cors_names(&cors, "methods", credentials),
        credentials,
    })
}

fn read_cors_names(cors: &Reader<'_>, key: &str, credentials: bool) -> Vec<String> {
    let mut names = cors.strings(key).unwrap_or_default();
    // Browsers refuse `*` where they send cookies, so the standard forbids to answer it.
    if credentials && names.iter().any(|name| name == "*") {
        cors.warn(
            key,
            "has `*`, which counts for nothing together with `credentials: true`; name each",
        );
        names.retain(|name| name != "*");
    }
    if names
        .iter()
        .any(|name| name.len() > 1 && name.contains('*'))
    {
        cors.warn(key, "has a pattern, which matches nothing here; name each");
    }
    names
}
