//! The database of a run: a server, or a file of the store; and what it holds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use freshet_store::{DatabaseConfig, PostgresTls};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::faults::{DatabaseKind, Disks};
use crate::db::PostgresServer;
use crate::small_disk::SmallDisk;
use crate::wall_clock::ClockMaker;

/// What a run writes, and as much again, with the log of what is about to be written.
const DISK_MEBIBYTES: usize = 512;
/// How long we wait for a lock of the store.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the store keeps its file in its folder.
const FILE: &str = "freshet.sqlite";
const COLUMNS: &str = "select name from pragma_table_info($1) order by cid";

/// The database of a run.
pub(super) struct Database {
    inner: Inner,
    // Last, as what stands on it ends before it. Nothing where disks cannot be mounted.
    pub(super) disk: Option<SmallDisk>,
}

enum Inner {
    Postgres {
        server: PostgresServer,
        connection: Value,
        pool: PgPool,
    },
    Sqlite {
        folder: TempDir,
    },
}

impl Database {
    pub(super) async fn start(kind: DatabaseKind, clocks: &ClockMaker) -> Result<Self> {
        let disk = SmallDisk::mount(DISK_MEBIBYTES)?;
        let folder = folder_on(disk.as_ref());
        let inner = match kind {
            DatabaseKind::Postgres => {
                let clock = clocks.make(kind.name())?;
                let server = PostgresServer::start_in(&folder, Some(clock)).await;
                let connection = server.create_database().await;
                let pool = connect(&connection).await?;
                Inner::Postgres {
                    server,
                    connection,
                    pool,
                }
            }
            DatabaseKind::Sqlite => Inner::Sqlite {
                folder: TempDir::with_prefix_in("freshet-sqlite-", folder)?,
            },
        };
        Ok(Self { inner, disk })
    }

    /// Whether its disk may be filled.
    pub(super) fn disks(&self) -> Disks {
        match &self.disk {
            Some(_) => Disks::Small,
            None => Disks::Shared,
        }
    }

    /// The `backend.database` block.
    pub(super) fn config(&self) -> Value {
        match &self.inner {
            Inner::Postgres { connection, .. } => json!({"client": "pg", "connection": connection}),
            Inner::Sqlite { folder } => {
                json!({"client": "better-sqlite3", "connection": {"directory": folder.path()}})
            }
        }
    }

    /// The same for a store of our own.
    pub(super) fn store_config(&self) -> Result<DatabaseConfig> {
        Ok(match &self.inner {
            Inner::Postgres { pool, .. } => DatabaseConfig::Postgres {
                url: pool.connect_options().to_url_lossy().to_string().into(),
                tls: PostgresTls::default(),
                pool_max: 1,
            },
            Inner::Sqlite { .. } => DatabaseConfig::Sqlite { path: self.file()? },
        })
    }

    /// The server.
    pub(super) fn server(&self) -> Result<&PostgresServer> {
        match &self.inner {
            Inner::Postgres { server, .. } => Ok(server),
            Inner::Sqlite { .. } => anyhow::bail!("this database has no server"),
        }
    }

    /// The file.
    pub(super) fn file(&self) -> Result<PathBuf> {
        match &self.inner {
            Inner::Postgres { .. } => anyhow::bail!("this database is in no file"),
            Inner::Sqlite { folder } => Ok(folder.path().join(FILE)),
        }
    }

    /// Runs statements on the server.
    pub(super) async fn tell_server(&self, statement: &'static str) -> Result<()> {
        match &self.inner {
            Inner::Postgres { pool, .. } => {
                let told = sqlx::raw_sql(statement).execute(pool).await;
                told.map(drop).context(statement)
            }
            Inner::Sqlite { .. } => anyhow::bail!("this database has no server"),
        }
    }

    /// The first row of a query that both databases understand: whole numbers, of which some are asked with.
    pub(super) async fn numbers<const N: usize>(
        &self,
        query: &'static str,
        with: &[i64],
    ) -> Result<[i64; N]> {
        use sqlx::Row as _;
        let mut numbers = [0; N];
        match &self.inner {
            Inner::Postgres { pool, .. } => {
                let asked = sqlx::query::<sqlx::Postgres>(query);
                let asked = with.iter().fold(asked, |it, one| it.bind(*one));
                let row = asked.fetch_one(pool).await.context(query)?;
                for (index, number) in numbers.iter_mut().enumerate() {
                    *number = row.try_get(index)?;
                }
            }
            Inner::Sqlite { .. } => {
                let mut file = self.open_file().await?;
                let asked = sqlx::query::<sqlx::Sqlite>(query);
                let asked = with.iter().fold(asked, |it, one| it.bind(*one));
                let row = asked.fetch_one(&mut file).await.context(query)?;
                for (index, number) in numbers.iter_mut().enumerate() {
                    *number = row.try_get(index)?;
                }
                file.close().await?;
            }
        }
        Ok(numbers)
    }

    /// All rows of a table in this order, each as JSON.
    pub(super) async fn rows(&self, table: &str, order: &str) -> Result<Vec<String>> {
        match &self.inner {
            Inner::Postgres { pool, .. } => {
                let query = format!(
                    "select row_to_json(r)::text from (select * from {table} order by {order}) r"
                );
                let rows = sqlx::query_scalar::<sqlx::Postgres, String>(sqlx::AssertSqlSafe(query));
                rows.fetch_all(pool).await.context("read a table")
            }
            Inner::Sqlite { .. } => {
                let mut file = self.open_file().await?;
                let columns: Vec<String> = sqlx::query_scalar::<sqlx::Sqlite, String>(COLUMNS)
                    .bind(table.to_owned())
                    .fetch_all(&mut file)
                    .await?;
                let pairs: Vec<String> = columns
                    .iter()
                    .map(|column| format!("'{column}', \"{column}\""))
                    .collect();
                let pairs = pairs.join(", ");
                let query = format!("select json_object({pairs}) from {table} order by {order}");
                let rows = sqlx::query_scalar::<sqlx::Sqlite, String>(sqlx::AssertSqlSafe(query));
                let rows = rows.fetch_all(&mut file).await.context("read a table")?;
                file.close().await?;
                Ok(rows)
            }
        }
    }

    /// A connection to the file as it is now.
    // Not kept: it would go on with a file that was replaced.
    pub(super) async fn open_file(&self) -> Result<SqliteConnection> {
        let options = SqliteConnectOptions::new()
            .filename(self.file()?)
            .busy_timeout(BUSY_TIMEOUT);
        options.connect().await.context("open the database file")
    }
}

pub(super) fn folder_on(disk: Option<&SmallDisk>) -> PathBuf {
    disk.map_or_else(std::env::temp_dir, |disk| disk.path().to_owned())
}

/// What SQLite calls the log of a database file.
pub(super) fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

async fn connect(connection: &Value) -> Result<PgPool> {
    let text = |key: &str| {
        connection[key]
            .as_str()
            .with_context(|| format!("the connection has a {key}"))
    };
    let port = connection["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .context("the connection has a port")?;
    let options = PgConnectOptions::new()
        .host(text("host")?)
        .port(port)
        .username(text("user")?)
        .database(text("database")?);
    PgPoolOptions::new()
        .max_connections(2)
        .connect_with(options)
        .await
        .context("connect to the database")
}
