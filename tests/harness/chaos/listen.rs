//! Two independent subscribers, one of the change feed, one of the stream CHANGES, that write down what
//! they hear when they hear it and go on where they stopped.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use freshet_proto::stream::CHANGES;
use freshet_wait::pause;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::surroundings::{HeardUpTo, Surroundings};
use crate::history::{self, Live, Recorder, file};
use crate::http::Http;

const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// A subscription that is silent for so long is opened again.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The subscribers.
pub(super) struct Listeners {
    feed: Arc<AtomicI64>,
    stream: Arc<AtomicI64>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Listeners {
    pub(super) fn start(world: &Surroundings, recorder: &Arc<Recorder>) -> Self {
        let (feed, stream) = (Arc::<AtomicI64>::default(), Arc::<AtomicI64>::default());
        let stop = CancellationToken::new();
        let of_feed = Feed {
            url: format!("{}/api/v1/changes?since=0", world.api.url()),
            recorder: Arc::clone(recorder),
            heard: Arc::clone(&feed),
        };
        let of_stream = Stream {
            url: world.nats.url(),
            recorder: Arc::clone(recorder),
            heard: Arc::clone(&stream),
        };
        let tasks = vec![
            tokio::spawn(until(stop.clone(), of_feed.listen())),
            tokio::spawn(until(stop.clone(), of_stream.listen())),
        ];
        Self {
            feed,
            stream,
            stop,
            tasks,
        }
    }

    /// The newest revisions heard.
    pub(super) fn heard(&self) -> HeardUpTo {
        HeardUpTo {
            feed: self.feed.load(Ordering::SeqCst),
            stream: self.stream.load(Ordering::SeqCst),
        }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("a subscriber does not panic");
        }
    }
}

async fn until(stop: CancellationToken, listening: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = listening => {}
    }
}

struct Feed {
    url: String,
    recorder: Arc<Recorder>,
    heard: Arc<AtomicI64>,
}

impl Feed {
    async fn listen(self) {
        let mut last_id = None;
        loop {
            // Whatever went wrong, the next attempt continues after the last event heard.
            let _ended = self.subscribe(&mut last_id).await;
            pause(TRY_AGAIN_AFTER).await;
        }
    }

    async fn subscribe(&self, last_id: &mut Option<String>) -> Result<(), String> {
        let events = Http::default()
            .events(&self.url, last_id.as_deref())
            .await?;
        let mut events = pin!(events);
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, events.next())
                .await
                .map_err(|_| "silence")?;
            let event = next.ok_or("the connection ended")?;
            let structured: Value =
                serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
            let live = Live {
                at: history::now(),
                id: structured["id"].as_str().unwrap_or_default().to_owned(),
                sequence: 0,
                data: structured["data"].clone(),
            };
            self.recorder.record(file::FEED, &live);
            self.heard.store(live.revision(), Ordering::SeqCst);
            *last_id = Some(event.id);
        }
    }
}

struct Stream {
    url: String,
    recorder: Arc<Recorder>,
    heard: Arc<AtomicI64>,
}

impl Stream {
    async fn listen(self) {
        let mut sequence = 0;
        loop {
            let _ended = self.subscribe(&mut sequence).await;
            pause(TRY_AGAIN_AFTER).await;
        }
    }

    async fn subscribe(&self, sequence: &mut u64) -> Result<()> {
        let client = async_nats::connect(&self.url).await?;
        let stream = async_nats::jetstream::new(client)
            .get_stream(CHANGES)
            .await?;
        let from = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: *sequence + 1,
            },
            ..OrderedConfig::default()
        };
        let mut messages = stream.create_consumer(from).await?.messages().await?;
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, messages.next())
                .await
                .context("wait for a message")?;
            let message = next.context("the subscription ended")??;
            let info = message.info().map_err(anyhow::Error::from_boxed)?;
            let headers = message.headers.as_ref().context("a change has headers")?;
            let id = headers
                .get("ce-id")
                .context("a change has an id")?
                .to_string();
            let data = serde_json::from_slice(&message.payload).context("a change is JSON")?;
            let live = Live {
                at: history::now(),
                id,
                sequence: info.stream_sequence,
                data,
            };
            self.recorder.record(file::STREAM, &live);
            self.heard.store(live.revision(), Ordering::SeqCst);
            *sequence = live.sequence;
        }
    }
}
