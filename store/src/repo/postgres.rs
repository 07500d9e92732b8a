//! PostgreSQL: a pool whose statements cannot hang, and which comes back by itself.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use super::access::AccessMode;
use super::error::OpenError;
use crate::config::PostgresTls;

const NAME: &str = "PostgreSQL";
/// How long a caller waits for a connection; while the database is away, also how soon it hears so.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// The server ends a statement after this many milliseconds.
const STATEMENT_TIMEOUT_MS: &str = "30000";
/// The server ends a transaction whose client fell silent, so that its locks do not outlive it.
const IDLE_TRANSACTION_TIMEOUT_MS: &str = "60000";

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// The connections to one database.
#[derive(Clone, Debug)]
pub(super) struct Postgres {
    pool: PgPool,
}

impl Postgres {
    pub(super) async fn begin(
        &self,
        access: AccessMode,
    ) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, sqlx::Error> {
        match access {
            // Read committed is enough: whoever changes the log holds its lock, and sources are
            // locked by row.
            AccessMode::Write => self.pool.begin().await,
            AccessMode::Read => {
                self.pool
                    // Several statements of one snapshot. The default would show each of them
                    // another state.
                    .begin_with("begin isolation level repeatable read, read only")
                    .await
            }
        }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

pub(super) async fn open(
    url: &SecretString,
    tls: &PostgresTls,
    pool_max: u32,
) -> Result<Postgres, OpenError> {
    let options = PgConnectOptions::from_str(url.expose_secret())
        .map_err(|source| OpenError::Address {
            database: NAME,
            source,
        })?
        .application_name("freshet-store")
        .options([
            // Without it, a statement that waits for a lock of a dead client waits until the kernel
            // gives up the connection, which takes hours.
            ("statement_timeout", STATEMENT_TIMEOUT_MS),
            (
                "idle_in_transaction_session_timeout",
                IDLE_TRANSACTION_TIMEOUT_MS,
            ),
            // An acknowledged commit is on disk, whatever the server's default.
            ("synchronous_commit", "on"),
        ]);
    let options = with_certificates(options, tls);
    let pool = PgPoolOptions::new()
        .max_connections(pool_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(|source| OpenError::Connect {
            database: NAME,
            source,
        })?;
    MIGRATOR
        .run(&pool)
        .await
        .map_err(|source| OpenError::Migrate {
            database: NAME,
            source,
        })?;
    Ok(Postgres { pool })
}

fn with_certificates(mut options: PgConnectOptions, tls: &PostgresTls) -> PgConnectOptions {
    let PostgresTls {
        root_certificates,
        client_certificate,
        client_key,
    } = tls;
    if let Some(pem) = root_certificates {
        options = options.ssl_root_cert_from_pem(pem.expose_secret().as_bytes().to_vec());
    }
    if let Some(pem) = client_certificate {
        options = options.ssl_client_cert_from_pem(pem.expose_secret());
    }
    if let Some(pem) = client_key {
        options = options.ssl_client_key_from_pem(pem.expose_secret());
    }
    options
}
