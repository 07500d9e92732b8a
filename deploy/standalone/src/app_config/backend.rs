//! `backend`: where the API listens, who may call it from a browser, where the catalog is stored.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use freshet_processor::ReadingAllow;
use freshet_runtime::config::Reader;
use freshet_store::{CorsConfig, DatabaseConfig};
use secrecy::SecretString;
use url::Url;

use super::addresses::{is_url, read_listen};

const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7007);
/// Where the embedded database lives unless configured otherwise.
const DATA_DIRECTORY: &str = "freshet-data";
const DATABASE_FILE: &str = "freshet.sqlite";
const POSTGRES_PORT: u64 = 5432;
const POSTGRES_DATABASE: &str = "freshet";
const POOL_MAX: u64 = 10;

/// What the block says.
pub(super) struct BackendBlock {
    pub(super) listen: SocketAddr,
    /// Where the API is reached from outside, without a slash at the end.
    pub(super) base_url: String,
    pub(super) cors: Option<CorsConfig>,
    pub(super) database: DatabaseConfig,
    /// Plain URLs that may be read.
    pub(super) reading_allow: Vec<ReadingAllow>,
}

/// Reads the block. Other plugins have keys in it, so unknown ones are theirs.
pub(super) fn read_backend(root: &Reader<'_>) -> BackendBlock {
    let Some(block) = root.open_block("backend") else {
        return BackendBlock {
            listen: API,
            base_url: to_url(API),
            cors: None,
            database: sqlite_in(None),
            reading_allow: Vec::new(),
        };
    };
    let api = read_listen(&block, "listen", API);
    // Refused, not warned of: whoever copies a Backstage configuration that listens on 0.0.0.0 would publish the
    // catalog to the network.
    if !api.ip().is_loopback() {
        block.mistake(
            "listen",
            "must be a loopback address such as 127.0.0.1:7007: the API has no authentication yet",
        );
    }
    BackendBlock {
        listen: api,
        base_url: read_base_url(&block, api),
        cors: read_cors(&block),
        database: read_database(&block),
        reading_allow: read_reading_allow(&block),
    }
}

fn read_reading_allow(block: &Reader<'_>) -> Vec<ReadingAllow> {
    let Some(reading) = block.block("reading") else {
        return Vec::new();
    };
    let entries = reading.list("allow");
    let entries = entries.iter().map(|entry| {
        let allow = ReadingAllow {
            host: entry.required_string("host"),
            paths: entry.strings("paths"),
        };
        if !allow.host.is_empty() && !allow.is_valid() {
            entry.mistake(
                "host",
                "must be a host such as example.com, *.example.com or example.com:8443",
            );
        }
        allow
    });
    entries.collect()
}

fn to_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Links in change events start with it.
fn read_base_url(block: &Reader<'_>, api: SocketAddr) -> String {
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

/// Browsers refuse `*` where they send cookies, so the standard forbids to answer it.
fn read_cors_names(cors: &Reader<'_>, key: &str, credentials: bool) -> Vec<String> {
    let names = cors.strings(key).unwrap_or_default();
    if credentials && names.iter().any(|name| name == "*") {
        cors.mistake(
            key,
            "cannot be `*` together with `credentials: true`; name each",
        );
    }
    names
}

fn read_database(block: &Reader<'_>) -> DatabaseConfig {
    let Some(database) = block.open_block("database") else {
        return sqlite_in(None);
    };
    match database.string("client").as_deref() {
        // Backstage's names of the drivers, as the file is read by both.
        None | Some("better-sqlite3" | "sqlite3") => read_sqlite(&database),
        Some("pg") => read_postgres(&database),
        Some(other) => {
            database.mistake(
                "client",
                format!("is `{other}`; Freshet knows `better-sqlite3` and `pg`"),
            );
            sqlite_in(None)
        }
    }
}

fn sqlite_in(directory: Option<String>) -> DatabaseConfig {
    let directory = PathBuf::from(directory.unwrap_or_else(|| DATA_DIRECTORY.to_owned()));
    DatabaseConfig::Sqlite {
        path: directory.join(DATABASE_FILE),
    }
}

fn read_sqlite(database: &Reader<'_>) -> DatabaseConfig {
    match database.value("connection") {
        None => sqlite_in(None),
        Some(serde_json::Value::String(text)) if text == ":memory:" => {
            database.mistake("connection", "is `:memory:`, which forgets the catalog at every stop; name a directory: `connection: {directory: …}`");
            sqlite_in(None)
        }
        Some(serde_json::Value::String(path)) => DatabaseConfig::Sqlite {
            path: PathBuf::from(path),
        },
        Some(_) => {
            let directory = database
                .block("connection")
                .map(|connection| connection.required_string("directory"));
            sqlite_in(directory)
        }
    }
}

fn read_postgres(database: &Reader<'_>) -> DatabaseConfig {
    let pool_max = database
        .open_block("pool")
        .and_then(|pool| pool.integer("max"))
        .unwrap_or(POOL_MAX);
    let url = match database.value("connection") {
        Some(serde_json::Value::String(url)) => SecretString::from(url),
        Some(serde_json::Value::Object(_)) => database
            .block("connection")
            .map(|connection| read_connection_url(&connection))
            .unwrap_or_default(),
        _ => {
            database.mistake(
                "connection",
                "is required for `pg`: a URL, or host, port, user, password, database",
            );
            SecretString::default()
        }
    };
    DatabaseConfig::Postgres {
        url,
        tls: freshet_store::PostgresTls::default(),
        pool_max: u32::try_from(pool_max).unwrap_or(u32::MAX),
    }
}

fn read_connection_url(connection: &Reader<'_>) -> SecretString {
    use secrecy::ExposeSecret as _;

    // Built through `Url`, so that a password with `@` or `/` in it is encoded and not read as a host.
    let mut url = Url::parse("postgres://localhost").expect("a constant URL");
    let host = connection.required_string("host");
    let port = connection.integer("port").unwrap_or(POSTGRES_PORT);
    let user = connection.string("user").unwrap_or_default();
    let database = connection
        .string("database")
        .unwrap_or_else(|| POSTGRES_DATABASE.to_owned());
    let accepted = url.set_host(Some(&host)).is_ok()
        && url.set_port(u16::try_from(port).ok()).is_ok()
        && url.set_username(&user).is_ok()
        && match connection.secret("password") {
            Some(password) => url.set_password(Some(password.expose_secret())).is_ok(),
            None => true,
        };
    if !accepted {
        connection.mistake(
            "host",
            "does not make a valid connection with port, user and password",
        );
    }
    url.set_path(&database);
    url.set_query(Some(read_ssl_mode(connection)));
    SecretString::from(url.to_string())
}

/// As strict as node-postgres: with TLS, the server's certificate and name are verified unless told otherwise.
fn read_ssl_mode(connection: &Reader<'_>) -> &'static str {
    const VERIFIED: &str = "sslmode=verify-full";
    if !matches!(connection.value("ssl"), Some(serde_json::Value::Object(_))) {
        return match connection.bool("ssl") {
            Some(true) => VERIFIED,
            Some(false) | None => "sslmode=prefer",
        };
    }
    let Some(ssl) = connection.block("ssl") else {
        return VERIFIED;
    };
    ssl.ignore("require");
    for file in ["ca", "cert", "key"] {
        if ssl.value(file).is_some() {
            ssl.mistake(file, "is not supported yet; write the connection as a URL with sslmode=verify-full and sslrootcert, sslcert or sslkey, which name files");
        }
    }
    match ssl.bool("rejectUnauthorized") {
        Some(false) => "sslmode=require",
        Some(true) | None => VERIFIED,
    }
}
