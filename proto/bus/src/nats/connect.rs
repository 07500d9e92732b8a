//! Connecting, and making everything again after the server was away.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, Event, ServerAddr};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{LinkState, Nats, NatsConfig, NatsCore};
use crate::{ConnectError, ProvisionError, RETRY_UNAVAILABLE_AFTER};

/// A lost connection is tried again at least this often.
// Far below the time a webhook may take, so that a server that is back within a moment costs no
// delivery. The default of the client grows to seconds.
const RECONNECT_DELAY_MAX: Duration = Duration::from_millis(250);
const RECONNECT_DELAY_STEP: Duration = Duration::from_millis(25);

impl Nats {
    /// Connects once; a server that is not there now is an error.
    pub(crate) async fn connect(config: &NatsConfig) -> Result<Self, ConnectError> {
        let (link, watched_link) = watch::channel(LinkState {
            connections: 0,
            is_up: true,
        });
        let options = build_options(config, link).await?;
        let servers = parse_servers(config)?;
        let client = options
            .connect(servers)
            .await
            // A start without a bus is an error and not a wait: whoever supervises the process
            // knows better how often to try.
            .map_err(|error| ConnectError::Refused {
                source: error.into(),
            })?;
        let context = async_nats::jetstream::context::ContextBuilder::new()
            .timeout(config.request_timeout)
            .ack_timeout(config.request_timeout)
            .build(client.clone());
        let core = Arc::new(NatsCore {
            client,
            context,
            request_timeout: config.request_timeout,
            link: watched_link,
            reconnections: watch::Sender::new(0),
            made: std::sync::Mutex::default(),
            closed: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(restore_after_reconnects(Arc::clone(&core)));
        Ok(Self { core, tasks })
    }
}

async fn build_options(
    config: &NatsConfig,
    link: watch::Sender<LinkState>,
) -> Result<ConnectOptions, ConnectError> {
    let options = ConnectOptions::new()
        .name(&config.name)
        .ping_interval(config.ping_interval)
        .connection_timeout(config.request_timeout)
        .request_timeout(Some(config.request_timeout))
        .reconnect_delay_callback(|attempts| {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            RECONNECT_DELAY_STEP
                .saturating_mul(attempts)
                .min(RECONNECT_DELAY_MAX)
        })
        .event_callback(move |event| {
            note_event(&link, &event);
            std::future::ready(())
        });
    match &config.credentials_file {
        None => Ok(options),
        Some(path) => {
            options
                .credentials_file(path)
                .await
                .map_err(|source| ConnectError::Credentials {
                    path: path.display().to_string(),
                    source,
                })
        }
    }
}

fn parse_servers(config: &NatsConfig) -> Result<Vec<ServerAddr>, ConnectError> {
    let addresses = config.url.expose_secret().split(',').map(str::trim);
    addresses
        .map(|address| {
            address
                .parse()
                .map_err(|error: std::io::Error| ConnectError::Refused {
                    source: error.into(),
                })
        })
        .collect()
}

fn note_event(link: &watch::Sender<LinkState>, event: &Event) {
    match event {
        Event::Connected => {
            link.send_modify(|link| {
                *link = LinkState {
                    connections: link.connections + 1,
                    is_up: true,
                }
            });
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!("The connection to NATS is lost.");
            link.send_modify(|link| link.is_up = false);
        }
        // Only warned of: the message comes again after its `ack_wait`.
        Event::SlowConsumer(_) => {
            tracing::warn!("NATS delivers faster than messages are taken.");
        }
        Event::ServerError(error) => {
            tracing::warn!(error = %error, "NATS reports an error.");
        }
        Event::ClientError(error) => {
            tracing::warn!(error = %error, "The NATS client reports an error.");
        }
        Event::LameDuckMode | Event::Draining => {
            tracing::info!("The NATS server is going away.");
        }
    }
}

/// Waits for connections after the first one, makes everything again, and only then says so: whoever
/// publishes in answer to that must find the streams.
async fn restore_after_reconnects(core: Arc<NatsCore>) {
    let mut link = core.link.clone();
    // After the first connection nothing has to be made again: who opened it provisions.
    let mut restored = 1;
    loop {
        let connections = tokio::select! {
            () = core.closed.cancelled() => return,
            link = link.wait_for(|link| link.is_up && link.connections > restored) => match link {
                Ok(link) => link.connections,
                Err(_) => return,
            },
        };
        tokio::select! {
            () = core.closed.cancelled() => return,
            // Lost again: the next connection starts over.
            () = core.wait_until_disconnected() => continue,
            () = restore_topology(&core) => {}
        }
        restored = connections;
        tracing::info!("The connection to NATS is back.");
        core.reconnections.send_modify(|count| *count += 1);
    }
}

async fn restore_topology(core: &NatsCore) {
    loop {
        match core.make_again().await {
            Ok(()) => return,
            // Waiting would not change it, and what can be used should be.
            Err(error @ ProvisionError::Drift(_)) => {
                tracing::error!(error = %error, "Somebody changed the streams while the server was away.");
                return;
            }
            Err(error @ ProvisionError::Unavailable { .. }) => {
                tracing::debug!(error = %error, "The streams are not there yet.");
            }
        }
        tokio::time::sleep(RETRY_UNAVAILABLE_AFTER).await;
    }
}
