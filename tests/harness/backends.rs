//! The real parts a story runs with: files or servers.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::db::PostgresServer;
use crate::nats::NatsServer;

/// With which real parts a story runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Memory bus and SQLite.
    Embedded,
    /// A private nats-server and a private PostgreSQL.
    Nats,
}

/// The real parts behind a profile.
pub struct Backends {
    /// Files of the embedded database.
    pub folder: TempDir,
    /// The bus's server.
    pub nats: Option<NatsServer>,
    /// The database's server.
    pub postgres: Option<PostgresServer>,
}

impl Backends {
    /// Starts what `profile` needs.
    pub async fn start(profile: Profile) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        match profile {
            Profile::Embedded => Self {
                folder,
                nats: None,
                postgres: None,
            },
            Profile::Nats => {
                let nats = NatsServer::start().await;
                let postgres = PostgresServer::start().await;
                Self {
                    folder,
                    nats: Some(nats),
                    postgres: Some(postgres),
                }
            }
        }
    }

    /// The `freshet.bus` block.
    #[must_use]
    pub fn bus(&self) -> Value {
        match &self.nats {
            None => json!("memory"),
            Some(nats) => json!({"nats": {"url": nats.url()}}),
        }
    }

    /// The `backend.database` block.
    pub async fn database(&self) -> Value {
        match &self.postgres {
            None => {
                json!({"client": "better-sqlite3", "connection": {"directory": self.folder.path()}})
            }
            Some(postgres) => {
                json!({"client": "pg", "connection": postgres.create_database().await})
            }
        }
    }
}
