//! `backend`: where the API listens, who may call it from a browser, where the catalog is stored.

use std::net::IpAddr;

use freshet_processor::ReadingAllow;
use freshet_runtime::config::Reader;
use freshet_runtime::listen::ListenAddress;
use freshet_store::{ApiCertificate, CorsConfig, DatabaseConfig, DefaultPolicy};
use url::Url;

use super::access::{self, AccessBlock};
use super::addresses::{is_url, read_listen};
use super::{database, https};

const API_PORT: u16 = 7007;

/// What the block says.
pub(super) struct BackendBlock {
    pub(super) listen: ListenAddress,
    /// Where the API is reached from outside, without a slash at the end.
    pub(super) base_url: String,
    pub(super) cors: Option<CorsConfig>,
    /// Who outside of Backstage may call the API.
    pub(super) access: AccessBlock,
    /// What the API shows to clients that speak TLS.
    pub(super) certificate: Option<ApiCertificate>,
    pub(super) database: DatabaseConfig,
    /// Plain URLs that may be read.
    pub(super) reading_allow: Vec<ReadingAllow>,
}

/// Reads the block. Other plugins have keys in it, so unknown ones are theirs.
pub(super) fn read_backend(root: &Reader<'_>) -> BackendBlock {
    let Some(block) = root.open_block("backend") else {
        let listen = ListenAddress::loopback(API_PORT);
        return BackendBlock {
            base_url: to_url("http", &listen),
            listen,
            cors: None,
            access: AccessBlock::default(),
            certificate: None,
            database: database::embedded_default(),
            reading_allow: Vec::new(),
        };
    };
    let listen = read_listen(&block, "listen", API_PORT);
    let certificate = https::read_certificate(&block);
    let scheme = if certificate.is_some() {
        "https"
    } else {
        "http"
    };
    BackendBlock {
        base_url: read_base_url(&block, &to_url(scheme, &listen)),
        access: access::read_access(&block),
        listen,
        certificate,
        cors: read_cors(&block),
        database: database::read_database(&block),
        reading_allow: read_reading_allow(&block),
    }
}

/// Says so if the API can be reached by others and nobody of them could ever be let in. Every file made by Backstage's
/// own tool listens everywhere.
pub(super) fn warn_of_closed_api(root: &Reader<'_>, backend: &BackendBlock, auth_url: &str) {
    let is_open = backend.access.default_policy == DefaultPolicy::Disabled;
    let has_callers = is_open || !backend.access.external.is_empty();
    if backend.listen.is_loopback() || has_callers || !leads_to(auth_url, &backend.listen) {
        return;
    }
    let Some(block) = root.open_block("backend") else {
        return;
    };
    block.warn(
        "listen",
        "leaves loopback, and nobody could be let in: backend.auth.externalAccess names nobody, and backend.baseUrl leads to Freshet itself, where there are no keys of users and plugins of Backstage; every request to the API is answered 401",
    );
}

/// Whether a URL leads to a listener of this machine.
fn leads_to(url: &str, listen: &ListenAddress) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|it| it.is_loopback());
    (is_here && port == listen.port()) || format!("{host}:{port}") == listen.to_string()
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

fn to_url(scheme: &str, address: &ListenAddress) -> String {
    format!("{scheme}://{address}")
}

/// Links in change events start with it, and the plugins of Backstage are below it.
fn read_base_url(block: &Reader<'_>, default: &str) -> String {
    let Some(base_url) = block.string("baseUrl") else {
        return default.to_owned();
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
    // How a preflight is answered is nothing that a browser could notice.
    cors.ignore("preflightContinue");
    cors.ignore("optionsSuccessStatus");
    let credentials = cors.bool("credentials").unwrap_or(false);
    Some(CorsConfig {
        origins: read_cors_names(&cors, "origin", credentials),
        methods: read_cors_names(&cors, "methods", credentials),
        credentials,
        allowed_headers: cors.strings("allowedHeaders"),
        exposed_headers: cors.strings("exposedHeaders").unwrap_or_default(),
        max_age_seconds: cors.integer("maxAge"),
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
    names
}
