//! A real NATS server with JetStream, as a child process of the test.
//!
//! It listens on a free loopback port, keeps its data in a directory of its own, and is stopped by its
//! process id. It can be killed and started again on the same port and data, which is what a crash is.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use freshet_wait::{PATIENCE, try_within};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;

use crate::process::free_address;

/// Names the server's binary; without it the workspace's own tools and then `PATH` are searched.
pub const BINARY_VARIABLE: &str = "FRESHET_NATS_SERVER";

/// Somebody else may take the port between our looking for one and the server's taking it.
const START_ATTEMPTS_MAX: usize = 5;
/// Name and password of who may look into the server.
const SYSTEM_USER: &str = "system";
/// Who says nothing is the application; the system account may look into the server and close connections.
const SYSTEM_ACCOUNT: &str = "\
accounts {
  APP { jetstream: enabled, users: [{ user: app, password: app }] }
  SYS { users: [{ user: system, password: system }] }
}
system_account: SYS
no_auth_user: app";
const BINARY_NAME: &str = "nats-server";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum NatsServerError {
    /// Its files could not be prepared, or its process not started.
    #[error("cannot start {binary}")]
    Start {
        /// The binary.
        binary: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The process ended or never answered; its log says why.
    #[error("the NATS server did not become ready; its log:\n{log}")]
    NotReady {
        /// What it logged.
        log: String,
    },
}

/// How a start ended.
#[derive(Debug, PartialEq, Eq)]
enum Startup {
    Ready,
    Failed,
}

/// What is unusual about a server.
#[derive(Clone, Copy, Debug)]
pub struct NatsSettings {
    /// Its limits, one setting per line; `None` has no JetStream.
    pub jetstream: Option<&'static str>,
    /// More settings, one per line.
    pub more: &'static str,
}

impl Default for NatsSettings {
    /// As much room as anybody could ask for: streams reserve what they may grow to, and a small disk would
    /// refuse the real topology.
    fn default() -> Self {
        Self {
            jetstream: Some("max_file_store: 1TB\n  max_memory_store: 1TB"),
            more: SYSTEM_ACCOUNT,
        }
    }
}

/// A running (or killed) server. Dropping it kills the process and removes its data.
pub struct NatsServer {
    binary: PathBuf,
    port: u16,
    directory: TempDir,
    /// What of its greeting says that it is ready.
    greeting: &'static str,
    process: Mutex<Option<Child>>,
}

impl NatsServer {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// If it cannot be started: a test without its server has nothing to say.
    pub async fn start() -> Self {
        Self::start_with(NatsSettings::default()).await
    }

    /// Starts an unusual server and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub async fn start_with(settings: NatsSettings) -> Self {
        Self::try_start(settings)
            .await
            .expect("the NATS server starts")
    }

    /// Starts a server and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// If there is no binary, or the server does not become ready.
    pub async fn try_start(settings: NatsSettings) -> Result<Self, NatsServerError> {
        Self::try_start_in(&std::env::temp_dir(), settings).await
    }

    /// The same, with its data in a folder below `parent`.
    ///
    /// # Errors
    ///
    /// If there is no binary, or the server does not become ready.
    pub async fn try_start_in(
        parent: &Path,
        settings: NatsSettings,
    ) -> Result<Self, NatsServerError> {
        let binary = find_binary();
        let mut attempt = 1;
        loop {
            let server = Self::prepare(&binary, parent, settings).map_err(|source| {
                NatsServerError::Start {
                    binary: binary.display().to_string(),
                    source,
                }
            })?;
            match server.run().await {
                Err(NatsServerError::NotReady { .. }) if attempt < START_ATTEMPTS_MAX => {
                    attempt += 1;
                }
                outcome => return outcome.map(|()| server),
            }
        }
    }

    /// Where it listens, as a NATS URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its process id; `None` while it is killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Ends the process as a crash does, without a chance to write anything.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            // It may have ended by itself; either way it is gone after the wait.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }

    /// Closes the connection of every client, and says how many there were.
    ///
    /// # Errors
    ///
    /// If the server does not do it.
    pub async fn cut_connections(&self) -> Result<usize, async_nats::Error> {
        let options = async_nats::ConnectOptions::new()
            .user_and_password(SYSTEM_USER.to_owned(), SYSTEM_USER.to_owned())
            .name(SYSTEM_USER);
        let system = options.connect(self.url()).await?;
        let asked = system.request("$SYS.REQ.SERVER.PING.CONNZ", "".into());
        let answer: Value = serde_json::from_slice(&asked.await?.payload)?;
        let server = answer["server"]["id"].as_str().unwrap_or_default();
        let kick = format!("$SYS.REQ.SERVER.{server}.KICK");
        let connections = answer["data"]["connections"].as_array();
        let connections: Vec<&Value> = connections
            .into_iter()
            .flatten()
            // Whoever asks is listed as well.
            .filter(|connection| connection["name"] != SYSTEM_USER)
            .collect();
        for connection in &connections {
            let client = json!({"cid": connection["cid"]}).to_string();
            system.request(kick.clone(), client.into()).await?;
        }
        Ok(connections.len())
    }

    /// Starts it again on the same port and data; a running one is killed first.
    ///
    /// # Panics
    ///
    /// If it does not become ready again.
    pub async fn restart(&self) {
        self.kill();
        self.run().await.expect("the NATS server starts again");
    }

    fn prepare(binary: &Path, parent: &Path, settings: NatsSettings) -> io::Result<Self> {
        let directory = TempDir::with_prefix_in("freshet-nats-", parent)?;
        let port = free_address().port();
        // One setting per line: the server does not parse `store_dir` and `sync_interval` on the same one.
        let mut config = format!(
            "host: 127.0.0.1\nport: {port}\nserver_name: freshet_test\nlog_file: {log:?}\n{more}\n",
            log = directory.path().join("log"),
            more = settings.more,
        );
        if let Some(limits) = settings.jetstream {
            let store = directory.path().join("store");
            config.push_str(&format!(
                "jetstream {{\n  store_dir: {store:?}\n  sync_interval: always\n  {limits}\n}}\n"
            ));
        }
        let greeting = match settings.jetstream {
            Some(_) => "\"jetstream\":true",
            None => "\"server_id\"",
        };
        fs::write(directory.path().join("config"), config)?;
        Ok(Self {
            binary: binary.to_owned(),
            port,
            directory,
            greeting,
            process: Mutex::new(None),
        })
    }

    async fn run(&self) -> Result<(), NatsServerError> {
        let child = Command::new(&self.binary)
            .arg("--config")
            .arg(self.directory.path().join("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| NatsServerError::Start {
                binary: self.binary.display().to_string(),
                source,
            })?;
        *self.process() = Some(child);
        let ready = try_within(PATIENCE, || async {
            if self.has_ended() {
                return Ok(Startup::Failed);
            }
            if self.is_ready().await {
                return Ok(Startup::Ready);
            }
            Err("no greeting".to_owned())
        });
        if ready.await == Ok(Startup::Ready) {
            return Ok(());
        }
        self.kill();
        Err(NatsServerError::NotReady { log: self.log() })
    }

    /// Whether it greets, and with JetStream enabled if it has one.
    async fn is_ready(&self) -> bool {
        let greet = async {
            let mut lines = BufReader::new(TcpStream::connect(self.address()).await?).lines();
            lines.next_line().await
        };
        match tokio::time::timeout(PATIENCE, greet).await {
            Ok(Ok(Some(line))) => line.starts_with("INFO ") && line.contains(self.greeting),
            Ok(Ok(None) | Err(_)) | Err(_) => false,
        }
    }

    fn has_ended(&self) -> bool {
        self.process()
            .as_mut()
            .is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary to run: as configured, or of the workspace's tools, or whatever `PATH` has.
fn find_binary() -> PathBuf {
    if let Some(configured) = std::env::var_os(BINARY_VARIABLE) {
        return configured.into();
    }
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let tools = workspace.map(|folder| folder.join(".tools/nats/bin").join(BINARY_NAME));
    tools
        .into_iter()
        .find(|binary| binary.is_file())
        .unwrap_or_else(|| BINARY_NAME.into())
}
