//! A real PostgreSQL server, as a child process of the test.
//!
//! A private cluster in a folder of its own on a free loopback port, with fsync on. As root it runs as the account
//! `postgres`, because the server refuses root. It can be killed and started again on the same port and data.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use freshet_wait::eventually;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::free_address;
use crate::wall_clock::WallClock;

/// Names the folder of the server's programs; without it Debian's PostgreSQL 15 is taken.
pub const BIN_VARIABLE: &str = "FRESHET_POSTGRES_BIN";

const DEBIAN_BIN: &str = "/usr/lib/postgresql/15/bin";
const ACCOUNT: &str = "postgres";

/// A running (or killed) server. Dropping it kills the process and removes its data.
pub struct PostgresServer {
    port: u16,
    directory: TempDir,
    databases: AtomicU32,
    clock: Option<WallClock>,
    process: Mutex<Option<Child>>,
}

impl PostgresServer {
    /// Makes a cluster, starts its server and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// If it cannot be started: a test without its server has nothing to say.
    pub async fn start() -> Self {
        Self::start_in(&std::env::temp_dir(), None).await
    }

    /// The same, with its data in a folder below `parent`, and maybe a wall clock of its own.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub async fn start_in(parent: &Path, clock: Option<WallClock>) -> Self {
        let server = Self::prepare(parent, clock).expect("the PostgreSQL cluster is made");
        server.run().await;
        server
    }

    /// Makes an empty database and returns its `connection` block for an app-config.
    ///
    /// # Panics
    ///
    /// If the server refuses.
    pub async fn create_database(&self) -> Value {
        let name = format!("freshet_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let made = run_program(
            "createdb",
            &["-h", "127.0.0.1", "-p", &port, "-U", ACCOUNT, &name],
        );
        let made = made.expect("createdb runs");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        json!({"host": "127.0.0.1", "port": self.port, "user": ACCOUNT, "database": name})
    }

    /// Makes an empty database and returns its URL.
    pub async fn create_database_url(&self) -> String {
        let connection = self.create_database().await;
        let name = connection["database"].as_str().unwrap_or_default();
        format!("postgres://{ACCOUNT}@127.0.0.1:{}/{name}", self.port)
    }

    /// Its process id; `None` while it is killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Its wall clock, if it has one of its own.
    #[must_use]
    pub fn clock(&self) -> Option<&WallClock> {
        self.clock.as_ref()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Ends the server and every process of it as a crash does.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            // Its children notice that the postmaster is gone and end; a new server waits for them.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }

    /// Starts it again if it gave up by itself, and waits until it accepts connections.
    pub async fn recover(&self) {
        self.run().await;
    }

    /// Starts it again on the same port and data; a running one is killed first.
    pub async fn restart(&self) {
        self.kill();
        self.run().await;
    }

    fn prepare(parent: &Path, clock: Option<WallClock>) -> io::Result<Self> {
        let directory = TempDir::with_prefix_in("freshet-postgres-", parent)?;
        let data = directory.path().join("data");
        fs::create_dir(&data)?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        if let Some((user, group)) = account() {
            chown(directory.path(), Some(user), Some(group))?;
            chown(&data, Some(user), Some(group))?;
        }
        let folder = data.display().to_string();
        let made = run_program(
            "initdb",
            &[
                "-D",
                &folder,
                "-U",
                ACCOUNT,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
        )?;
        if !made.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&made.stderr).into_owned(),
            ));
        }
        let port = free_address().port();
        Ok(Self {
            port,
            directory,
            databases: AtomicU32::new(0),
            clock,
            process: Mutex::new(None),
        })
    }

    async fn run(&self) {
        eventually("PostgreSQL is ready", || async {
            // After a crash the shared memory of the old server may be in use for a moment: it is started again.
            if self.has_ended() {
                let child = self.spawn().expect("postgres starts");
                *self.process() = Some(child);
            }
            self.is_ready().then_some(()).ok_or_else(|| self.log())
        })
        .await;
    }

    fn spawn(&self) -> io::Result<Child> {
        let folder = self.directory.path();
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("log"))?;
        let mut command = program("postgres");
        if let Some(clock) = &self.clock {
            clock.give_to(&mut command);
        }
        command
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-p", &self.port.to_string(), "-h", "127.0.0.1"])
            .arg("-k")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.spawn()
    }

    fn is_ready(&self) -> bool {
        let port = self.port.to_string();
        let ready = run_program(
            "pg_isready",
            &["-q", "-h", "127.0.0.1", "-p", &port, "-U", ACCOUNT],
        );
        ready.is_ok_and(|output| output.status.success())
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

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn run_program(name: &str, arguments: &[&str]) -> io::Result<Output> {
    program(name).args(arguments).stdin(Stdio::null()).output()
}

fn program(name: &str) -> Command {
    let folder =
        std::env::var_os(BIN_VARIABLE).map_or_else(|| PathBuf::from(DEBIAN_BIN), PathBuf::from);
    let mut command = Command::new(folder.join(name));
    command.current_dir("/");
    if let Some((user, group)) = account() {
        command.gid(group).uid(user);
    }
    command
}

/// User and group of the account the server runs as, if this process is root.
fn account() -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
    if !is_root {
        return None;
    }
    let line = passwd
        .lines()
        .find(|line| line.split(':').next() == Some(ACCOUNT))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
