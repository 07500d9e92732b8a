//! `freshet`, or one role of it, as a process of its own: killed as a crash kills, stopped as whoever runs it does,
//! started again on the same ports.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use freshet_wait::{PATIENCE_FOR_MANY, within};
use serde_json::Value;

use crate::wall_clock::WallClock;

/// Ports are taken from here on. Below the range from which the system gives outgoing connections
/// theirs: there, a client that keeps trying to reach a killed process may take its port away.
const PORTS: Range<u16> = 18_000..32_000;
const PORT_ATTEMPTS_MAX: usize = 1_000;

/// What a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Every role.
    All,
    /// Webhooks and schedules.
    Ingestor,
    /// Reads of GitHub.
    Processor,
    /// Ledger, catalog, API and change feed.
    Store,
}

impl Service {
    /// As the command line and the records spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Ingestor => "ingestor",
            Self::Processor => "processor",
            Self::Store => "store",
        }
    }
}

/// Why a process cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} for the {service}")]
pub struct ProcessError {
    operation: &'static str,
    service: &'static str,
    #[source]
    source: io::Error,
}

/// How a process stopped.
#[derive(Clone, Copy, Debug)]
pub struct StopReport {
    /// What it said at its end.
    pub status: ExitStatus,
    /// How long it took.
    pub took: Duration,
}

/// A running (or killed) role. Dropping it kills the process.
pub struct FreshetProcess {
    service: Service,
    binary: PathBuf,
    config: PathBuf,
    log: PathBuf,
    clock: Option<WallClock>,
    process: Mutex<Option<Child>>,
}

impl FreshetProcess {
    /// Writes the configuration and starts the role; its log goes to the same folder.
    ///
    /// # Errors
    ///
    /// If the files cannot be written or the process not be started. A process that ends right after that is no
    /// error here, see [`Self::ended`].
    pub fn start(
        service: Service,
        binary: &Path,
        folder: &Path,
        app_config: &Value,
    ) -> Result<Self, ProcessError> {
        Self::start_with_clock(service, binary, folder, app_config, None)
    }

    /// The same with a wall clock of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_with_clock(
        service: Service,
        binary: &Path,
        folder: &Path,
        app_config: &Value,
        clock: Option<WallClock>,
    ) -> Result<Self, ProcessError> {
        let config = folder.join(format!("{}.json", service.name()));
        let written = fs::write(&config, format!("{app_config:#}"));
        written.map_err(|source| ProcessError {
            operation: "write the configuration",
            service: service.name(),
            source,
        })?;
        let process = Self {
            service,
            binary: binary.to_owned(),
            config,
            log: folder.join(format!("{}.log", service.name())),
            clock,
            process: Mutex::new(None),
        };
        process.restart()?;
        Ok(process)
    }

    /// Its wall clock, if it has one of its own.
    #[must_use]
    pub fn clock(&self) -> Option<&WallClock> {
        self.clock.as_ref()
    }

    /// Which role it is.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    /// Its process id; `None` while it is killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// How it ended, if it did so by itself.
    #[must_use]
    pub fn ended(&self) -> Option<ExitStatus> {
        self.process()
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten())
    }

    /// Ends it as a crash does, without a chance to finish anything.
    pub fn kill(&self) {
        if let Some(mut child) = self.process().take() {
            // It may have ended by itself; either way it is gone after the wait.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }

    /// Asks it to stop, as whoever runs it does, and waits until it has.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub async fn stop(&self) -> StopReport {
        let pid = self.pid().expect("it runs").to_string();
        let began = Instant::now();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.is_ok_and(|it| it.success()), "it can be asked");
        let status = within(PATIENCE_FOR_MANY, "it has stopped", || async {
            self.ended().ok_or_else(|| self.log())
        })
        .await;
        *self.process() = None;
        StopReport {
            status,
            took: began.elapsed(),
        }
    }

    /// Starts it (again), on the same ports; a running one is killed first.
    ///
    /// # Errors
    ///
    /// If the process cannot be started.
    pub fn restart(&self) -> Result<(), ProcessError> {
        self.kill();
        let child = self.spawn().map_err(|source| ProcessError {
            operation: "start a process",
            service: self.service.name(),
            source,
        })?;
        *self.process() = Some(child);
        Ok(())
    }

    /// What it has logged so far, over all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = Command::new(&self.binary);
        if let Some(clock) = &self.clock {
            clock.give_to(&mut command);
        }
        command
            .args(["serve", "--role", self.service.name(), "--config"])
            .arg(&self.config)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FreshetProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports that were given away: who asked for one may take it late, or leave it for a while to come back.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A loopback address nobody listens on, that nobody else in this process is given, and no outgoing connection
/// by chance.
///
/// # Panics
///
/// If nearly every port is taken.
#[must_use]
pub fn free_address() -> SocketAddr {
    // At random, so that programs that look for ports at the same time do not agree on one.
    let candidates = (0..PORT_ATTEMPTS_MAX).map(|_| {
        let port = rand::random_range(PORTS);
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    });
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut free = candidates
        .filter(|address| TcpListener::bind(address).is_ok() && taken.insert(address.port()));
    free.next().expect("most ports are free")
}
