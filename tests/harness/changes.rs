//! A subscriber of the change feed, with its own copy of the catalog.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use freshet_wait::{eventually, pause};
use futures::StreamExt as _;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::entity::{read_ref, strip_served_fields};
use crate::http::{Http, SseEvent};

const RECONNECT_AFTER: Duration = Duration::from_millis(50);

/// What a subscriber has heard: its own copy of the catalog.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Revisions, in the order they came.
    pub revisions: Vec<i64>,
    /// `verb subject` of each.
    pub verbs: Vec<String>,
    /// Declared documents by ref.
    pub documents: BTreeMap<String, Value>,
    /// Everything, as structured events.
    pub events: Vec<Value>,
}

/// A subscriber of the feed. It reconnects where it stopped, as a browser does.
pub struct Changes {
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Changes {
    /// Listens from the first revision on.
    #[must_use]
    pub fn follow(api: &Api) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let task = tokio::spawn(listen(
            api.http().clone(),
            format!("{}/api/v1/changes?since=0", api.url()),
            Arc::clone(&heard),
        ));
        Self { heard, task }
    }

    /// Waits until the subscriber has heard all that `api` serves now, and returns what that is.
    ///
    /// The only way to say that something did not happen: the feed is behind the API as often as not.
    pub async fn heard_all_of(&self, api: &Api) -> Heard {
        let served = eventually("the API says its revision", || api.revision()).await;
        let what = format!("the feed says revision {served}");
        eventually(&what, || async {
            let heard = self.heard();
            let newest = heard.revisions.last().copied().unwrap_or_default();
            if newest >= served {
                Ok(heard)
            } else {
                Err(format!("{newest}"))
            }
        })
        .await
    }

    /// Waits until this came, `verb ref`, and returns its first event.
    pub async fn saw(&self, expected: &str) -> Value {
        eventually(&format!("the feed says {expected}"), || async {
            let heard = self.heard();
            let at = heard.verbs.iter().position(|verb| verb == expected);
            at.map(|at| heard.events[at].clone())
                .ok_or_else(|| format!("{:?}", heard.verbs))
        })
        .await
    }

    /// Waits until these came, in this order, others between them allowed. Each is `verb ref`.
    pub async fn saw_in_order<const N: usize>(&self, expected: [&str; N]) {
        eventually(&format!("the feed says {expected:?}"), || async {
            let verbs = self.heard().verbs;
            let mut rest = verbs.iter();
            let all = expected
                .iter()
                .all(|wanted| rest.any(|verb| verb == wanted));
            all.then_some(()).ok_or_else(|| format!("{verbs:?}"))
        })
        .await;
    }

    /// Waits until the subscriber's copy is what the API serves, and checks that it was led there without a gap.
    ///
    /// # Panics
    ///
    /// If they differ for longer than a story waits, or a revision is missing or came twice.
    pub async fn agrees_with(&self, api: &Api) {
        eventually("the subscriber's copy is the catalog", || async {
            let served: BTreeMap<String, Value> = api
                .entities()
                .await?
                .iter()
                .map(|entity| (read_ref(entity), strip_served_fields(entity)))
                .collect();
            let copy: BTreeMap<String, Value> = self
                .heard()
                .documents
                .iter()
                .map(|(entity_ref, document)| (entity_ref.clone(), strip_served_fields(document)))
                .collect();
            if served == copy {
                Ok(())
            } else {
                Err(format!("served {served:?}\ncopy {copy:?}"))
            }
        })
        .await;
        let revisions = self.heard().revisions;
        let contiguous: Vec<i64> = (1..).take(revisions.len()).collect();
        assert_eq!(revisions, contiguous, "revisions are contiguous from 1");
    }

    /// What was heard up to some moment. Not for stories: it grows while they look at it.
    fn heard(&self) -> Heard {
        self.heard
            .lock()
            .expect("the listener does not panic")
            .clone()
    }
}

async fn listen(http: Http, url: String, heard: Arc<Mutex<Heard>>) {
    let mut last_id = None;
    loop {
        if let Ok(events) = http.events(&url, last_id.as_deref()).await {
            let mut events = pin!(events);
            while let Some(event) = events.next().await {
                last_id = Some(event.id.clone());
                heard.lock().expect("no holder panics").take_in(&event);
            }
        }
        pause(RECONNECT_AFTER).await;
    }
}

impl Heard {
    /// How often this came, `verb ref`.
    #[must_use]
    pub fn count(&self, expected: &str) -> usize {
        self.verbs.iter().filter(|verb| *verb == expected).count()
    }

    /// What came of these verbs.
    #[must_use]
    pub fn beginning_with(&self, verb: &str) -> Vec<&str> {
        let verbs = self.verbs.iter().map(String::as_str);
        verbs.filter(|it| it.starts_with(verb)).collect()
    }

    fn take_in(&mut self, event: &SseEvent) {
        let event: Value = serde_json::from_str(&event.data).expect("structured events are JSON");
        let data = &event["data"];
        self.revisions
            .push(data["revision"]["catalog"].as_i64().unwrap_or_default());
        let verb = data["op"].as_str().unwrap_or_default();
        let subject = data["entity"]["ref"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.verbs.push(format!("{verb} {subject}"));
        match verb {
            "created" | "updated" => {
                self.documents.insert(subject, data["after"].clone());
            }
            "deleted" => {
                self.documents.remove(&subject);
            }
            _ => {}
        }
        self.events.push(event);
    }
}
