//! PostgreSQL: a pool whose statements cannot hang, and which comes back by itself.

use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::time::Duration;

use freshet_runtime::progress::ProgressBoard;
use secrecy::{ExposeSecret, SecretString};
use sqlx::Connection as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};

use super::access::AccessMode;
use super::error::OpenError;
use super::migrate::migrate;
use crate::config::PostgresTls;

const NAME: &str = "PostgreSQL";
/// How long a caller waits for a connection; while the database is away, also how soon it hears so.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// The server ends a statement after this many milliseconds.
const STATEMENT_TIMEOUT_MS: &str = "30000";
/// The server ends a transaction whose client fell silent, so that its locks do not outlive it.
const IDLE_TRANSACTION_TIMEOUT_MS: &str = "60000";
/// A connection that nobody used for this long is asked whether it is still one before it is handed out. Asking
/// each time would be a round trip for every transaction, and a server that has just gone away shows in the
/// first statement as well.
const IDLE_UNCHECKED_MAX: Duration = Duration::from_secs(1);
/// How the server plans the statements of ordinary transactions. All of them are fixed and find their rows by an
/// index.
const PLANNING: [(&str, &str); 3] = [
    // Planned once for each connection. The default weighs the first few executions against each other,
    // and ends with planning a lookup of one row anew each time, which takes longer than the lookup.
    ("plan_cache_mode", "force_generic_plan"),
    // A plan that was made while a table was small stays until the server has counted the table again, by
    // default up to a minute later. A cold start fills the tables meanwhile, and every statement would read
    // them from end to end.
    ("enable_seqscan", "off"),
    // What cannot do without such a scan looks expensive now, but is not worth compiling.
    ("jit", "off"),
];
/// Begins a transaction that sees one state in several statements; the default would show each of them another.
const BEGIN_READ: &str = "begin isolation level repeatable read, read only";
/// The same for one that reads whole tables.
const BEGIN_READ_ALL: &str =
    "begin isolation level repeatable read, read only; set local enable_seqscan = on";

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// The connections to one database.
#[derive(Clone, Debug)]
pub(super) struct Postgres {
    pool: PgPool,
}

/// A transaction, or a connection for one statement, which is a transaction by itself. Dropping it rolls back.
#[derive(Debug)]
pub(crate) enum PostgresTransaction {
    Transaction(sqlx::Transaction<'static, sqlx::Postgres>),
    Statement(PoolConnection<sqlx::Postgres>),
}

impl PostgresTransaction {
    /// Makes everything durable, or nothing.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Transaction(transaction) => transaction.commit().await,
            // What it read is read.
            Self::Statement(_) => Ok(()),
        }
    }
}

impl Deref for PostgresTransaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Transaction(transaction) => transaction,
            Self::Statement(connection) => connection,
        }
    }
}

impl DerefMut for PostgresTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Transaction(transaction) => transaction,
            Self::Statement(connection) => connection,
        }
    }
}

impl Postgres {
    pub(super) async fn begin(
        &self,
        access: AccessMode,
    ) -> Result<PostgresTransaction, sqlx::Error> {
        let transaction = match access {
            // Read committed is enough: whoever changes the log holds its lock, and sources are
            // locked by row.
            AccessMode::Write => self.pool.begin().await?,
            AccessMode::Read => self.pool.begin_with(BEGIN_READ).await?,
            AccessMode::ReadAll => self.pool.begin_with(BEGIN_READ_ALL).await?,
            AccessMode::ReadOnce => {
                let connection = self.pool.acquire().await?;
                return Ok(PostgresTransaction::Statement(connection));
            }
        };
        Ok(PostgresTransaction::Transaction(transaction))
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

pub(super) async fn open(
    url: &SecretString,
    tls: &PostgresTls,
    pool_max: u32,
    board: &ProgressBoard,
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
        ])
        .options(PLANNING);
    let options = with_certificates(options, tls);
    let pool = PgPoolOptions::new()
        .max_connections(pool_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > IDLE_UNCHECKED_MAX {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map_err(|source| OpenError::Connect {
            database: NAME,
            source,
        })?;
    migrate(&MIGRATOR, &pool, board)
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
