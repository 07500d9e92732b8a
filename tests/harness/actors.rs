//! Who takes part in a story: a client of the API, a subscriber of the change feed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::http::{Http, SseEvent};
use crate::wait::eventually;

const RECONNECT_AFTER: Duration = Duration::from_millis(50);

/// A client of the API and the admin listener.
#[derive(Clone)]
pub struct Api {
    http: Http,
    base: String,
    admin: String,
}

impl Api {
    /// A client of these listeners.
    #[must_use]
    pub fn new(api: SocketAddr, admin: SocketAddr) -> Self {
        Self {
            http: Http::default(),
            base: format!("http://{api}"),
            admin: format!("http://{admin}"),
        }
    }

    /// Base URL of the API.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The entity, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// In words, if the API does not answer 200 or 404.
    pub async fn entity(&self, entity_ref: &str) -> Result<Option<Value>, String> {
        let (kind, rest) = entity_ref.split_once(':').ok_or("a full ref")?;
        let (namespace, name) = rest.split_once('/').ok_or("a full ref")?;
        let answer = self
            .http
            .get(&format!(
                "{}/api/catalog/entities/by-name/{kind}/{namespace}/{name}",
                self.base
            ))
            .await?;
        match answer.status.as_u16() {
            200 => Ok(Some(answer.json())),
            404 => Ok(None),
            other => Err(format!("{other}: {:?}", answer.body)),
        }
    }

    /// JSON at a path of the API.
    ///
    /// # Errors
    ///
    /// In words, if the answer is not 200.
    pub async fn json(&self, path: &str) -> Result<Value, String> {
        let answer = self.http.get(&format!("{}{path}", self.base)).await?;
        if answer.status.is_success() {
            Ok(answer.json())
        } else {
            Err(format!("{}: {:?}", answer.status, answer.body))
        }
    }

    /// All entities.
    ///
    /// # Errors
    ///
    /// As [`Api::json`].
    pub async fn entities(&self) -> Result<Vec<Value>, String> {
        self.list("/api/catalog/entities").await
    }

    /// All sources with their freshness.
    ///
    /// # Errors
    ///
    /// As [`Api::json`].
    pub async fn sources(&self) -> Result<Vec<Value>, String> {
        self.list("/api/v1/sources").await
    }

    /// All problems.
    ///
    /// # Errors
    ///
    /// As [`Api::json`].
    pub async fn problems(&self) -> Result<Vec<Value>, String> {
        self.list("/api/v1/problems").await
    }

    /// Classes of the errors that an entity has, sorted, each once; also of one that was never served.
    ///
    /// # Errors
    ///
    /// As [`Api::json`].
    pub async fn errors_of(&self, entity_ref: &str) -> Result<Vec<String>, String> {
        let query: String = url::form_urlencoded::byte_serialize(entity_ref.as_bytes()).collect();
        let problems = self
            .list(&format!("/api/v1/problems?level=error&entity={query}"))
            .await?;
        let class = |problem: &Value| problem["class"].as_str().map(str::to_owned);
        let classes: BTreeSet<String> = problems.iter().filter_map(class).collect();
        Ok(classes.into_iter().collect())
    }

    /// Waits until the errors of an entity are of this class and no other.
    pub async fn fails_with(&self, entity_ref: &str, class: &str) {
        eventually(&format!("{entity_ref} has a {class}"), || async {
            let classes = self.errors_of(entity_ref).await?;
            (classes == [class])
                .then_some(())
                .ok_or_else(|| format!("{classes:?}"))
        })
        .await;
    }

    /// Waits until the entity has no error, neither as a problem nor in its status.
    pub async fn is_well(&self, entity_ref: &str) -> Value {
        eventually(&format!("{entity_ref} is well"), || async {
            let classes = self.errors_of(entity_ref).await?;
            let entity = self.entity(entity_ref).await?.ok_or("404")?;
            if classes.is_empty() && entity.get("status").is_none() {
                Ok(entity)
            } else {
                Err(format!("{classes:?} {entity}"))
            }
        })
        .await
    }

    async fn list(&self, path: &str) -> Result<Vec<Value>, String> {
        let value = self.json(path).await?;
        let items = value.get("items").unwrap_or(&value);
        items
            .as_array()
            .cloned()
            .ok_or_else(|| format!("not a list: {value}"))
    }

    /// The value of a metric line that starts with `name` and holds every one of `labels`; the sum if there are several.
    ///
    /// # Errors
    ///
    /// In words, if there is none.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Result<f64, String> {
        let answer = self.http.get(&format!("{}/metrics", self.admin)).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let wanted = |line: &&str| {
            let series = line.split([' ', '{']).next();
            series == Some(name) && labels.iter().all(|label| line.contains(label))
        };
        let values: Vec<f64> = text
            .lines()
            .filter(wanted)
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        if values.is_empty() {
            Err(format!("no metric {name} {labels:?} in:\n{text}"))
        } else {
            Ok(values.iter().sum())
        }
    }

    /// Whether the process says that it is ready.
    ///
    /// # Errors
    ///
    /// In words, why not.
    pub async fn ready(&self) -> Result<(), String> {
        let answer = self.http.get(&format!("{}/readyz", self.admin)).await?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(format!("{:?}", answer.body))
        }
    }

    /// Waits until the entity is there.
    pub async fn sees(&self, entity_ref: &str) -> Value {
        eventually(&format!("{entity_ref} is visible"), || async {
            self.entity(entity_ref)
                .await?
                .ok_or_else(|| "404".to_owned())
        })
        .await
    }

    /// Waits until the value at `pointer` of the entity is `expected`.
    pub async fn sees_with(&self, entity_ref: &str, pointer: &str, expected: &str) -> Value {
        eventually(
            &format!("{entity_ref} has {pointer} = {expected}"),
            || async {
                let entity = self.entity(entity_ref).await?.ok_or("404")?;
                let found = entity.pointer(pointer).and_then(Value::as_str) == Some(expected);
                if found {
                    Ok(entity)
                } else {
                    Err(entity.to_string())
                }
            },
        )
        .await
    }

    /// Waits until the entity is gone.
    pub async fn no_longer_sees(&self, entity_ref: &str) {
        eventually(&format!("{entity_ref} is gone"), || async {
            match self.entity(entity_ref).await? {
                None => Ok(()),
                Some(_) => Err("still there".to_owned()),
            }
        })
        .await;
    }

    /// Waits until every source is read up to what is wanted, and nothing uncovered is left.
    pub async fn settles(&self) {
        eventually("everything wanted is done", || async {
            let sources = self.sources().await?;
            let behind: Vec<_> = sources
                .iter()
                .filter(|source| source["done"] != source["wanted"])
                .collect();
            if behind.is_empty() {
                Ok(())
            } else {
                Err(format!("{behind:?}"))
            }
        })
        .await;
    }
}

/// What a subscriber of the feed has heard: its own copy of the catalog.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Revisions, in the order they came.
    pub revisions: Vec<i64>,
    /// `verb subject` of each.
    pub verbs: Vec<String>,
    /// Declared documents by ref.
    pub documents: BTreeMap<String, Value>,
    /// Versions by ref.
    pub versions: BTreeMap<String, i64>,
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
    pub async fn follow(api: &Api) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let task = tokio::spawn(listen(
            api.http.clone(),
            format!("{}/api/v1/changes?since=0", api.base),
            Arc::clone(&heard),
        ));
        Self { heard, task }
    }

    /// What was heard so far.
    ///
    /// # Panics
    ///
    /// If the listening task panicked.
    #[must_use]
    pub fn heard(&self) -> Heard {
        self.heard
            .lock()
            .expect("the listener does not panic")
            .clone()
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
                .map(|entity| (ref_of(entity), declared(entity)))
                .collect();
            let copy: BTreeMap<String, Value> = self
                .heard()
                .documents
                .iter()
                .map(|(entity_ref, document)| (entity_ref.clone(), declared(document)))
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
}

async fn listen(http: Http, url: String, heard: Arc<Mutex<Heard>>) {
    let mut last_id = None;
    loop {
        if let Ok(events) = http.events(&url, last_id.as_deref()).await {
            let mut events = pin!(events);
            while let Some(event) = events.next().await {
                last_id = Some(event.id.clone());
                heard.lock().expect("no holder panics").hear(&event);
            }
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

impl Heard {
    fn hear(&mut self, event: &SseEvent) {
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
                self.documents
                    .insert(subject.clone(), data["after"].clone());
            }
            "deleted" => {
                self.documents.remove(&subject);
            }
            _ => {}
        }
        if !verb.starts_with("problem") {
            self.versions.insert(
                subject,
                data["revision"]["entity"].as_i64().unwrap_or_default(),
            );
        }
        self.events.push(event);
    }
}

/// The canonical ref of a served or declared entity.
#[must_use]
pub fn ref_of(entity: &Value) -> String {
    let text = |pointer: &str| {
        entity
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_lowercase()
    };
    format!(
        "{}:{}/{}",
        text("/kind"),
        text("/metadata/namespace"),
        text("/metadata/name")
    )
}

/// An entity without what the server adds when it serves it.
#[must_use]
pub fn declared(entity: &Value) -> Value {
    let mut entity = entity.clone();
    if let Some(object) = entity.as_object_mut() {
        object.remove("relations");
        object.remove("status");
    }
    if let Some(metadata) = entity.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("uid");
        metadata.remove("etag");
    }
    entity
}
