//! Organisation webhooks: signing, sending, and the delivery log GitHub keeps.
//!
//! Each delivery is sent once, with a deadline, by a tracked task; GitHub never retries by itself.
//! What a test makes of the deliveries ([`HookMode`]) is decided before the task is started.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::Sha256;
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// GitHub cuts the connection after this.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The log forgets its older half beyond this many attempts.
const LOG_MAX: usize = 100_000;
/// First id of a hook.
const HOOK_ID_FIRST: u64 = 500_001;

/// What becomes of the hooks fired from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HookMode {
    /// Sent at once.
    #[default]
    Deliver,
    /// Never sent and not in the delivery log.
    Lose,
    /// Not sent, and in the log as a failed connection; can be redelivered.
    Fail,
    /// Sent this many times, with the same GUID.
    Duplicate(usize),
    /// Kept until released.
    Hold,
    /// Sent this much later.
    Delay(Duration),
}

/// In which order held hooks are let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseOrder {
    /// Oldest first.
    AsFired,
    /// Newest first.
    Reversed,
}

/// The hook of an organisation.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) organization_id: u64,
    pub(super) url: String,
    pub(super) secret: String,
}

/// An event ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) guid: String,
    pub(super) name: &'static str,
    pub(super) action: Option<&'static str>,
    pub(super) repository: Option<(u64, String)>,
    pub(super) body: Bytes,
    pub(super) hook: Hook,
}

/// One attempt to deliver an event.
#[derive(Clone, Debug)]
pub struct DeliveryRecord {
    /// Number of the attempt.
    pub id: u64,
    /// GUID of the event, the same in every attempt.
    pub guid: String,
    /// Value of `X-GitHub-Event`.
    pub event: String,
    /// Full name of the repository, if it is about one.
    pub repository: Option<String>,
    /// HTTP status of the answer; `None` if there was none.
    pub status: Option<u16>,
    /// Whether it was asked for through the delivery log.
    pub redelivery: bool,
    /// When it was sent.
    pub delivered_at: OffsetDateTime,
    /// How long the receiver took.
    pub duration: Duration,
}

/// An attempt with the event it carried.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) record: DeliveryRecord,
    pub(super) event: Arc<Event>,
}

#[derive(Default)]
struct Modes {
    standing: HookMode,
    next: Option<(usize, HookMode)>,
    held: Vec<Arc<Event>>,
}

/// Sends hooks and keeps the log.
pub(super) struct Hooks {
    client: Client<HttpConnector, Full<Bytes>>,
    permits: Arc<Semaphore>,
    tracker: TaskTracker,
    runtime: Handle,
    modes: Mutex<Modes>,
    log: Mutex<Vec<Attempt>>,
    hook_ids: AtomicU64,
    attempt_ids: AtomicU64,
}

impl Hooks {
    pub(super) fn new(concurrency: usize) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            permits: Arc::new(Semaphore::new(concurrency)),
            tracker: TaskTracker::new(),
            runtime: Handle::current(),
            modes: Mutex::default(),
            log: Mutex::default(),
            hook_ids: AtomicU64::new(HOOK_ID_FIRST),
            attempt_ids: AtomicU64::new(1),
        }
    }

    pub(super) fn next_hook_id(&self) -> u64 {
        self.hook_ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn set_mode(&self, mode: HookMode) {
        self.modes
            .lock()
            .expect("no holder of the modes panics")
            .standing = mode;
    }

    pub(super) fn set_mode_of_next(&self, events: usize, mode: HookMode) {
        self.modes
            .lock()
            .expect("no holder of the modes panics")
            .next = Some((events, mode));
    }

    /// Sends what was held back, in this order one after another, and returns how many there were.
    pub(super) fn release(self: &Arc<Self>, order: ReleaseOrder) -> usize {
        let mut held = std::mem::take(
            &mut self
                .modes
                .lock()
                .expect("no holder of the modes panics")
                .held,
        );
        if order == ReleaseOrder::Reversed {
            held.reverse();
        }
        let count = held.len();
        let hooks = Arc::clone(self);
        self.tracker.spawn_on(
            async move {
                for event in held {
                    hooks.attempt(event, Attempted::First).await;
                }
            },
            &self.runtime,
        );
        count
    }

    /// Starts delivering an event, as the mode says.
    pub(super) fn fire(self: &Arc<Self>, event: Arc<Event>) {
        let mode = self
            .modes
            .lock()
            .expect("no holder of the modes panics")
            .of_next_event();
        match mode {
            HookMode::Deliver => self.spawn(event, Duration::ZERO),
            HookMode::Delay(delay) => self.spawn(event, delay),
            HookMode::Lose => {}
            HookMode::Fail => self.note(&event, None, Attempted::First, Duration::ZERO),
            HookMode::Duplicate(times) => {
                for _ in 0..times {
                    self.spawn(Arc::clone(&event), Duration::ZERO);
                }
            }
            HookMode::Hold => self
                .modes
                .lock()
                .expect("no holder of the modes panics")
                .held
                .push(event),
        }
    }

    /// Sends an event now, whatever the mode, and returns the receiver's status.
    pub(super) async fn deliver(&self, event: Arc<Event>) -> Option<u16> {
        self.attempt(event, Attempted::First).await
    }

    /// Sends a logged event again. `false`: no such attempt.
    pub(super) fn redeliver(self: &Arc<Self>, attempt_id: u64) -> bool {
        let Some(attempt) = self.attempt_by_id(attempt_id) else {
            return false;
        };
        let hooks = Arc::clone(self);
        self.tracker.spawn_on(
            async move {
                hooks.attempt(attempt.event, Attempted::Again).await;
            },
            &self.runtime,
        );
        true
    }

    pub(super) fn attempts(&self) -> Vec<Attempt> {
        self.log
            .lock()
            .expect("no holder of the log panics")
            .clone()
    }

    pub(super) fn attempt_by_id(&self, id: u64) -> Option<Attempt> {
        let log = self.log.lock().expect("no holder of the log panics");
        log.iter().find(|attempt| attempt.record.id == id).cloned()
    }

    pub(super) fn clear(&self) {
        self.log
            .lock()
            .expect("no holder of the log panics")
            .clear();
    }

    /// Waits for what is being sent.
    pub(super) async fn finish(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn spawn(self: &Arc<Self>, event: Arc<Event>, delay: Duration) {
        let hooks = Arc::clone(self);
        self.tracker.spawn_on(
            async move {
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                hooks.attempt(event, Attempted::First).await;
            },
            &self.runtime,
        );
    }

    async fn attempt(&self, event: Arc<Event>, attempted: Attempted) -> Option<u16> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let started = Instant::now();
        let sent = tokio::time::timeout(DELIVERY_TIMEOUT, self.post(&event)).await;
        let status = match sent {
            Ok(Ok(status)) => Some(status),
            Ok(Err(error)) => {
                tracing::debug!(hook.url = %event.hook.url, "The hook could not be delivered: {error:#}.");
                None
            }
            Err(_) => None,
        };
        self.note(&event, status, attempted, started.elapsed());
        status
    }

    async fn post(&self, event: &Event) -> Result<u16> {
        let mut request = http::Request::post(&event.hook.url);
        for (name, value) in headers(event) {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(event.body.clone()))
            .context("build the hook's request")?;
        let response = self
            .client
            .request(request)
            .await
            .context("post the hook")?;
        Ok(response.status().as_u16())
    }

    fn note(
        &self,
        event: &Arc<Event>,
        status: Option<u16>,
        attempted: Attempted,
        duration: Duration,
    ) {
        let record = DeliveryRecord {
            id: self.attempt_ids.fetch_add(1, Ordering::Relaxed),
            guid: event.guid.clone(),
            event: event.name.to_owned(),
            repository: event.repository.as_ref().map(|(_, name)| name.clone()),
            status,
            redelivery: attempted == Attempted::Again,
            delivered_at: OffsetDateTime::now_utc(),
            duration,
        };
        let mut log = self.log.lock().expect("no holder of the log panics");
        if log.len() >= LOG_MAX {
            log.drain(..LOG_MAX / 2);
        }
        log.push(Attempt {
            record,
            event: Arc::clone(event),
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempted {
    First,
    Again,
}

impl Modes {
    fn of_next_event(&mut self) -> HookMode {
        match self.next {
            Some((left, mode)) if left > 0 => {
                self.next = Some((left - 1, mode));
                mode
            }
            Some(_) | None => self.standing,
        }
    }
}

/// The headers GitHub sends with an event.
pub(super) fn headers(event: &Event) -> Vec<(&'static str, String)> {
    vec![
        ("accept", "*/*".to_owned()),
        ("content-type", "application/json".to_owned()),
        (
            "user-agent",
            format!("GitHub-Hookshot/{}", &event.guid[..7]),
        ),
        ("x-github-delivery", event.guid.clone()),
        ("x-github-event", event.name.to_owned()),
        ("x-github-hook-id", event.hook.id.to_string()),
        (
            "x-github-hook-installation-target-id",
            event.hook.organization_id.to_string(),
        ),
        (
            "x-github-hook-installation-target-type",
            "organization".to_owned(),
        ),
        (
            "x-hub-signature-256",
            signature(&event.hook.secret, &event.body),
        ),
    ]
}

/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_github_documents_it() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
