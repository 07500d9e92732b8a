//! The handle that tests and benches hold: how it is started and stopped, and its addresses.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::hooks::{self, Event};
use crate::server;

/// How long `stop` waits for what is under way.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How the emulator is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The only credential the API accepts. Without one, everybody may see everything.
    pub token: Option<String>,
    /// Installation id shown in hooks.
    pub installation: Option<u64>,
    /// Points per hour and resource.
    pub rate_limit: u64,
    /// What the addresses of its pages begin with, `https://github.com`; where it listens, unless said.
    pub web: Option<String>,
    /// Hooks being delivered at the same time.
    pub hook_concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            token: None,
            installation: None,
            rate_limit: 100_000,
            web: None,
            hook_concurrency: 256,
        }
    }
}

/// The id of a commit, forty hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitSha(pub(super) String);

impl CommitSha {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A commit that is made and an event that is not sent yet.
#[derive(Clone, Debug)]
pub struct PreparedPush {
    pub(super) event: Arc<Event>,
    pub(super) commit: CommitSha,
}

impl PreparedPush {
    /// The new head.
    #[must_use]
    pub fn commit(&self) -> &CommitSha {
        &self.commit
    }

    /// GUID the event is delivered under.
    #[must_use]
    pub fn guid(&self) -> &str {
        &self.event.guid
    }

    /// Full name of the repository.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.event.repository.as_ref().map_or("", |(_, name)| name)
    }

    /// The body, byte for byte as it is sent.
    #[must_use]
    pub fn body(&self) -> bytes::Bytes {
        self.event.body.clone()
    }

    /// All headers, the signature included.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        hooks::headers(&self.event)
    }
}

/// A running emulator. Dropping it stops it.
pub struct GithubEmulator {
    pub(super) engine: Arc<Engine>,
    address: SocketAddr,
    shutdown: CancellationToken,
    tracker: TaskTracker,
    _directory: TempDir,
}

impl Drop for GithubEmulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl GithubEmulator {
    /// Binds, makes a temporary folder for the repositories, and serves.
    pub async fn start(options: Options) -> Result<Self> {
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("listen on {}", options.listen))?;
        let address = listener.local_addr().context("read the bound address")?;
        let directory = tempfile::Builder::new()
            .prefix("github-emulator-")
            .tempdir()
            .context("make the repositories' folder")?;
        let base = format!("http://{address}");
        let engine = Arc::new(Engine::new(base, options, directory.path().to_owned()));
        let shutdown = CancellationToken::new();
        let tracker = TaskTracker::new();
        tracker.spawn(server::serve(
            listener,
            Arc::clone(&engine),
            shutdown.clone(),
        ));
        tracker.close();
        Ok(Self {
            engine,
            address,
            shutdown,
            tracker,
            _directory: directory,
        })
    }

    /// Stops serving and waits, not for long, for hooks being delivered.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let finished = async {
            self.tracker.wait().await;
            self.engine.hooks.finish().await;
        };
        if tokio::time::timeout(STOP_TIMEOUT, finished).await.is_err() {
            tracing::warn!("The emulator was stopped with hooks still under way.");
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`; repositories are cloned from `<base>/<org>/<repo>.git`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.engine.base
    }

    /// Base of the REST API, as on GitHub Enterprise Server.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api/v3", self.engine.base)
    }

    /// Where GraphQL queries are posted.
    #[must_use]
    pub fn graphql_url(&self) -> String {
        format!("{}/api/graphql", self.engine.base)
    }

    /// Address a repository is cloned from and pushed to.
    #[must_use]
    pub fn clone_url(&self, full_name: &str) -> String {
        format!("{}/{full_name}.git", self.engine.base)
    }
}
