//! `backend.database`: where the catalog is stored.
//!
//! A base file often names SQLite and the one over it PostgreSQL, so the keys of both clients stand in the
//! merged `connection`. Those of the other client are passed over.

use std::borrow::Cow;
use std::path::PathBuf;

use freshet_runtime::config::Reader;
use freshet_store::{DatabaseConfig, PostgresTls};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

/// Where the embedded database lives unless configured otherwise.
const DATA_DIRECTORY: &str = "freshet-data";
const DATABASE_FILE: &str = "freshet.sqlite";
/// How SQLite calls a database that is forgotten.
const MEMORY: &str = ":memory:";
const POSTGRES_PORT: u64 = 5432;
const POSTGRES_DATABASE: &str = "freshet";
const POOL_MAX: u64 = 10;
const VERIFIED: &str = "sslmode=verify-full";
const UNVERIFIED: &str = "sslmode=require";
const UNSAID: &str = "sslmode=prefer";

/// What else the driver of each is called: other names that knex has, of what could be installed there.
const SQLITE_NAMES: [&str; 1] = ["sqlite"];
const POSTGRES_NAMES: [&str; 4] = ["pg-native", "pgnative", "postgres", "postgresql"];

/// Keys of a connection that only the one client has.
const SQLITE_KEYS: [&str; 2] = ["directory", "filename"];
const POSTGRES_KEYS: [&str; 7] = [
    "connectionString",
    "database",
    "host",
    "password",
    "port",
    "ssl",
    "user",
];

/// The database of a configuration that names none.
pub(super) fn embedded_default() -> DatabaseConfig {
    sqlite_in(DATA_DIRECTORY)
}

/// Reads the block. Freshet has one database, and no plugins that divide it.
pub(super) fn read_database(backend: &Reader<'_>) -> DatabaseConfig {
    let Some(database) = backend.open_block("database") else {
        return embedded_default();
    };
    if let Some(plugins) = database.open_block("plugin")
        && plugins.has("catalog")
    {
        plugins.warn(
            "catalog",
            "is not honoured: Freshet stores the catalog where backend.database.connection says",
        );
    }
    let client = database.string("client");
    match client.as_deref() {
        // Backstage's names of the drivers, as the file is read by both.
        None | Some("better-sqlite3" | "sqlite3") => read_sqlite(&database),
        Some("pg") => read_postgres(&database),
        Some(name) if SQLITE_NAMES.contains(&name) => {
            database.warn("client", format!("is `{name}`, read as `better-sqlite3`"));
            read_sqlite(&database)
        }
        Some(name) if POSTGRES_NAMES.contains(&name) => {
            database.warn("client", format!("is `{name}`, read as `pg`"));
            read_postgres(&database)
        }
        // Not the embedded database instead: what people have registered would be in a file that nobody backs
        // up, and gone with the next container.
        Some(other) => {
            database.mistake(
                "client",
                format!(
                    "is `{other}`, in which Freshet cannot store; in a file that is loaded after this one, write \
                     `backend: {{database: {{client: pg, connection: …}}}}`, or \
                     `{{client: better-sqlite3, connection: {{directory: …}}}}`"
                ),
            );
            embedded_default()
        }
    }
}

fn sqlite_in(directory: &str) -> DatabaseConfig {
    DatabaseConfig::Sqlite {
        path: PathBuf::from(directory).join(DATABASE_FILE),
    }
}

fn read_sqlite(database: &Reader<'_>) -> DatabaseConfig {
    let at = |path: String| {
        if path == MEMORY {
            database.warn(
                "connection",
                "is `:memory:`: nothing survives a restart; name a directory, `connection: {directory: …}`, to keep the catalog",
            );
            return DatabaseConfig::Temporary;
        }
        DatabaseConfig::Sqlite {
            path: PathBuf::from(path),
        }
    };
    if !database.is_object("connection") {
        return database
            .string("connection")
            .map_or_else(embedded_default, at);
    }
    let Some(connection) = database.block("connection") else {
        return embedded_default();
    };
    POSTGRES_KEYS.iter().for_each(|key| connection.ignore(key));
    match (
        connection.string("directory"),
        connection.string("filename"),
    ) {
        (Some(directory), _) => sqlite_in(&directory),
        (None, Some(path)) => at(path),
        (None, None) => embedded_default(),
    }
}

fn read_postgres(database: &Reader<'_>) -> DatabaseConfig {
    let pool_max = database
        .open_block("pool")
        .and_then(|pool| pool.integer("max"))
        .unwrap_or(POOL_MAX);
    let (url, tls) = if database.is_object("connection") {
        let connection = database.block("connection");
        connection
            .map(|connection| read_connection(&connection))
            .unwrap_or_default()
    } else {
        (read_whole_url(database), PostgresTls::default())
    };
    DatabaseConfig::Postgres {
        url,
        tls,
        pool_max: u32::try_from(pool_max).unwrap_or(u32::MAX),
    }
}

fn read_whole_url(database: &Reader<'_>) -> SecretString {
    let url = database.string("connection");
    // A base file names SQLite's, if the one over it leaves the connection out.
    let url = url.filter(|url| url != MEMORY);
    if url.is_none() {
        database.mistake(
            "connection",
            "is required for `pg`: a URL, or host, port, user, password, database",
        );
    }
    SecretString::from(url.unwrap_or_default())
}

fn read_connection(connection: &Reader<'_>) -> (SecretString, PostgresTls) {
    SQLITE_KEYS.iter().for_each(|key| connection.ignore(key));
    let (ssl_mode, tls) = read_tls(connection);
    if let Some(url) = connection.secret("connectionString") {
        // As in node-postgres, what stands beside it counts for nothing, but for what it does not say
        // itself about encryption.
        POSTGRES_KEYS.iter().for_each(|key| connection.ignore(key));
        return (with_ssl_mode(url, ssl_mode), tls);
    }
    (read_connection_url(connection, ssl_mode), tls)
}

fn with_ssl_mode(url: SecretString, ssl_mode: &str) -> SecretString {
    let Ok(mut parsed) = Url::parse(url.expose_secret()) else {
        return url;
    };
    let says_itself = |(name, _): (Cow<'_, str>, _)| matches!(&*name, "sslmode" | "ssl-mode");
    if ssl_mode == UNSAID || parsed.query_pairs().any(says_itself) {
        return url;
    }
    let query = parsed
        .query()
        .map_or_else(String::new, |query| format!("{query}&"));
    parsed.set_query(Some(&format!("{query}{ssl_mode}")));
    SecretString::from(String::from(parsed))
}

fn read_connection_url(connection: &Reader<'_>, ssl_mode: &str) -> SecretString {
    // Built through `Url`, so that a password with `@` or `/` in it is encoded and not read as a host.
    let mut url = Url::parse("postgres://localhost").expect("a constant URL");
    let host = connection.required_string("host");
    let port = connection.integer("port").unwrap_or(POSTGRES_PORT);
    let user = read_plain(connection, "user").unwrap_or_default();
    let database =
        read_plain(connection, "database").unwrap_or_else(|| POSTGRES_DATABASE.to_owned());
    let password = read_plain(connection, "password");
    let accepted = url.set_host(Some(&host)).is_ok()
        && url.set_port(u16::try_from(port).ok()).is_ok()
        && url.set_username(&user).is_ok()
        && url.set_password(password.as_deref()).is_ok();
    if !accepted && !host.is_empty() {
        connection.mistake(
            "host",
            "does not make a valid connection with port, user and password",
        );
    }
    url.set_path(&database);
    url.set_query(Some(ssl_mode));
    SecretString::from(url.to_string())
}

/// A text as node-postgres takes it: a number is its digits, and an empty one is none.
fn read_plain(connection: &Reader<'_>, key: &str) -> Option<String> {
    match connection.value(key)? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.is_empty() => None,
        _ => connection.string(key),
    }
}

/// As strict as node-postgres: with TLS, the server's certificate and name are verified unless told otherwise.
fn read_tls(connection: &Reader<'_>) -> (&'static str, PostgresTls) {
    if !connection.is_object("ssl") {
        let mode = match connection.value("ssl") {
            Some(Value::Bool(true)) => VERIFIED,
            Some(Value::String(text)) => match text.as_str() {
                "no-verify" => UNVERIFIED,
                "" | "0" | "disable" | "false" | "no" | "off" => UNSAID,
                // The `require` that many files have, for one, is as good as true.
                _ => VERIFIED,
            },
            _ => UNSAID,
        };
        return (mode, PostgresTls::default());
    }
    let Some(ssl) = connection.block("ssl") else {
        return (VERIFIED, PostgresTls::default());
    };
    ssl.ignore("require");
    let mode = match ssl.bool("rejectUnauthorized") {
        Some(false) => UNVERIFIED,
        Some(true) | None => VERIFIED,
    };
    let certificate = |key| {
        let texts = ssl.strings(key)?;
        Some(SecretString::from(texts.join("\n")))
    };
    let tls = PostgresTls {
        root_certificates: certificate("ca"),
        client_certificate: certificate("cert"),
        client_key: certificate("key"),
    };
    (mode, tls)
}
