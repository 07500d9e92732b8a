//! Connecting, and making everything again after the server was away.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, Event, ServerAddr};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

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
        // Up from the start: the event of the first connection comes a moment after `connect` has returned, and
        // whoever publishes in between would be told that the connection was lost.
        let (link, watched_link) = watch::channel(LinkState {
            connections: 0,
            is_up: true,
        });
        let (servers, login) = parse_servers(config)?;
        let options = build_options(config, link, login).await?;
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
    login: Option<Login>,
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
    let options = match login {
        None => options,
        Some(Login::User { name, password }) => options.user_and_password(name, password),
        Some(Login::Token(token)) => options.token(token),
    };
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

/// The addresses without credentials, and the credentials.
// The client takes the address apart and forgets who is named in it.
fn parse_servers(config: &NatsConfig) -> Result<(Vec<ServerAddr>, Option<Login>), ConnectError> {
    let addresses = config.url.expose_secret().split(',').map(str::trim);
    let mut servers = Vec::new();
    let mut logins: Vec<Login> = Vec::new();
    for address in addresses {
        let refused = |error: std::io::Error| ConnectError::Refused {
            source: error.into(),
        };
        let mut url = address.parse::<ServerAddr>().map_err(refused)?.into_inner();
        logins.extend(Login::of_url(&url));
        // What the server itself tells of the cluster has none either, and must look the same.
        let _has_a_host = (url.set_username(""), url.set_password(None));
        servers.push(ServerAddr::from_url(url).map_err(refused)?);
    }
    // The client has one login for its whole list of servers: the second would be ignored until a failover,
    // and then nobody would look for the reason here.
    logins.dedup();
    match logins.len() {
        0 | 1 => Ok((servers, logins.pop())),
        _ => Err(ConnectError::SeveralLogins),
    }
}

/// Who connects.
#[derive(Clone, PartialEq, Eq)]
enum Login {
    User { name: String, password: String },
    Token(String),
}

impl Login {
    /// As NATS writes it: `user:password@`, or a token alone.
    fn of_url(url: &Url) -> Option<Self> {
        let name = decode(url.username());
        match url.password() {
            Some(password) => Some(Self::User {
                name,
                password: decode(password),
            }),
            None if name.is_empty() => None,
            None => Some(Self::Token(name)),
        }
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
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
            Err(error @ (ProvisionError::Drift(_) | ProvisionError::SmallPayload { .. })) => {
                tracing::error!(error = %error, "Somebody changed the server or its streams while it was away.");
                return;
            }
            // A server that starts says so of JetStream too, until it has read its disk.
            Err(
                error @ (ProvisionError::Unavailable { .. }
                | ProvisionError::NoJetStream
                | ProvisionError::NoRoom { .. }),
            ) => {
                tracing::debug!(error = %error, "The streams are not there yet.");
            }
        }
        tokio::time::sleep(RETRY_UNAVAILABLE_AFTER).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let parsed = parse_servers(&NatsConfig::new(url, "test"));
        let found = match parsed {
            Err(error) => error.to_string(),
            Ok((servers, login)) => {
                let servers: Vec<&str> = servers.iter().map(ServerAddr::as_url_str).collect();
                let login = match login {
                    None => "nobody".to_owned(),
                    Some(Login::User { name, password }) => format!("{name}/{password}"),
                    Some(Login::Token(token)) => format!("token {token}"),
                };
                format!("{login} at {}", servers.join(" "))
            }
        };
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn credentials_are_taken_out_of_the_addresses() {
        check("nats://a:4222", "nobody at nats://a:4222");
        check("nats://u:pass@a:4222", "u/pass at nats://a:4222");
        check("u:p%40ss%2F%C3%A9@a", "u/p@ss/\u{e9} at nats://a");
        check("nats://t0ken@a", "token t0ken at nats://a");
        check(
            "tls://u:p@a, tls://u:p@b,c",
            "u/p at tls://a tls://b nats://c",
        );
        check(
            "nats://u:p@a,nats://v:p@b",
            "the addresses of the NATS servers name different credentials, and a connection can have only one",
        );
    }
}
