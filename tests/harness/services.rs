//! Freshet itself: all roles in this process, or the program.

use std::path::PathBuf;

use freshet::app_config::AppConfig;
use freshet::cli::ServiceRole;
use freshet::compose::{self, Addresses};
use freshet_runtime::progress::ProgressBoard;
use freshet_runtime::supervisor::SupervisorError;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running Freshet in this process.
pub struct Services {
    /// Where it listens.
    pub addresses: Addresses,
    /// Its store.
    pub store: freshet_store::StoreHandle,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), SupervisorError>>,
}

impl Services {
    /// Starts all roles with this app-config.
    pub async fn start(app_config: &Value) -> Self {
        let document =
            freshet_runtime::config::from_str(&app_config.to_string()).expect("a valid document");
        let config = AppConfig::read(&document).expect("a valid configuration");
        let shutdown = CancellationToken::new();
        let progress = ProgressBoard::unread();
        let running = compose::start_services(config, ServiceRole::All, shutdown.clone(), progress)
            .await
            .expect("the services start");
        Self {
            addresses: running.addresses,
            store: running.store.expect("all roles include the store"),
            shutdown,
            running: tokio::spawn(running.supervisor.run()),
        }
    }

    /// Stops gracefully.
    ///
    /// # Panics
    ///
    /// If a task failed, or did not stop in time.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.running
            .await
            .expect("the supervisor does not panic")
            .expect("a clean stop");
    }
}

/// Where the `freshet` binary of this build is.
///
/// # Panics
///
/// If this program does not lie in a target folder.
#[must_use]
pub fn freshet_binary() -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    let folders = this.ancestors().skip(1);
    let mut candidates = folders.map(|folder| folder.join("freshet"));
    candidates
        .find(|candidate| candidate.is_file())
        .expect("the freshet binary is built: cargo build --workspace --bins")
}
