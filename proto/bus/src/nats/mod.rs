//! NATS JetStream.
//!
//! Requests are confirmed by the server or they fail; while there is no connection they fail at once,
//! because a message the client would send later is one its publisher has given up on. When the
//! connection is back, the streams and consumers are made again first (a server keeps no memory stream
//! across a restart), and only then do [`crate::Bus::reconnections`] move.

mod connect;
mod inbox;
mod kv;
mod provision;
mod publisher;
mod receipt;
mod server;
mod settings;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use freshet_proto::stream::{ConsumerSpec, Storage, Topology};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use inbox::NatsInbox;
pub use kv::NatsBucket;
pub(crate) use receipt::NatsReceipt;

/// How long one request to the server may take unless configured otherwise.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the server is asked whether it is there unless configured otherwise. Two questions
/// without an answer end the connection.
pub const DEFAULT_PING_INTERVAL: Duration = Duration::from_secs(2);
/// How long closing may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How to reach the server.
#[derive(Clone, Debug)]
pub struct NatsConfig {
    /// Addresses, separated by commas; may hold a user and a password, or a token.
    pub url: SecretString,
    /// A credentials file, for servers with accounts.
    pub credentials_file: Option<PathBuf>,
    /// What this connection is called in the server's reports.
    pub name: String,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How often the server is asked whether it is there.
    pub ping_interval: Duration,
}

impl NatsConfig {
    /// Settings for `url` with defaults for the rest.
    #[must_use]
    pub fn new(url: impl Into<SecretString>, name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials_file: None,
            name: name.into(),
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            ping_interval: DEFAULT_PING_INTERVAL,
        }
    }
}

/// A connection to a NATS server with JetStream.
pub struct Nats {
    core: Arc<NatsCore>,
    tasks: TaskTracker,
}

/// What the connection's tasks and inboxes share.
pub(crate) struct NatsCore {
    client: async_nats::Client,
    context: Context,
    request_timeout: Duration,
    link: watch::Receiver<LinkState>,
    reconnections: watch::Sender<u64>,
    made: Mutex<MadeTopology>,
    closed: CancellationToken,
}

/// The connection, as its events tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LinkState {
    connections: u64,
    is_up: bool,
}

/// What was provisioned and opened here, to be made again after a restart of the server.
struct MadeTopology {
    topology: Topology,
    // A restarted server has lost its consumers of memory streams too, and nobody else knows which
    // ones this process reads.
    consumers: Vec<ConsumerSpec>,
}

impl Default for MadeTopology {
    fn default() -> Self {
        Self {
            topology: Topology {
                streams: Vec::new(),
                buckets: Vec::new(),
            },
            consumers: Vec::new(),
        }
    }
}

impl Nats {
    pub(crate) fn is_connected(&self) -> bool {
        self.core.is_connected()
    }

    pub(crate) fn reconnections(&self) -> watch::Receiver<u64> {
        self.core.reconnections.subscribe()
    }

    pub(crate) async fn close(&self) {
        self.core.closed.cancel();
        self.tasks.close();
        let closing = async {
            self.tasks.wait().await;
            // Drained, not just closed: acknowledgements that nobody waits for still leave.
            if let Err(error) = self.core.client.drain().await {
                tracing::debug!(error = %error, "The connection was closed already.");
            }
        };
        // Draining waits for the server, which may be what the process is stopping for.
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("The connection to NATS did not close in time.");
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // A connection that is dropped without being closed must not be kept alive by its own
        // tasks.
        self.core.closed.cancel();
    }
}

impl NatsCore {
    fn is_connected(&self) -> bool {
        // Asked of the client and not of `link`: its events arrive a moment later than the fact.
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// Which connection this is; another one may have another server behind it.
    fn connection_number(&self) -> u64 {
        self.link.borrow().connections
    }

    /// Whether a stream is lost when its server restarts. Nothing is known of one that was not provisioned.
    fn is_volatile(&self, stream: &str) -> bool {
        let made = self.lock_made();
        made.topology
            .streams
            .iter()
            .any(|spec| spec.name == stream && spec.storage == Storage::Memory)
    }

    /// Resolves when the connection is lost.
    async fn wait_until_disconnected(&self) {
        let mut link = self.link.clone();
        if link.wait_for(|link| !link.is_up).await.is_err() {
            // The client is gone, which is as lost as a connection can be.
        }
    }

    fn lock_made(&self) -> MutexGuard<'_, MadeTopology> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
