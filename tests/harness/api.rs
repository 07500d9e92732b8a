//! A client of the API and of the admin listener.
//!
//! What is called like an observation (`sees`, `shows`, `fails_with`) waits until it is one.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use freshet_wait::{PATIENCE, eventually, within};
use serde_json::Value;
use std::time::Duration;

use crate::http::{Answer, Http};
use crate::setup::Setup;

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

    /// A client of what is set up like this, with its credentials.
    #[must_use]
    pub fn of(setup: &Setup) -> Self {
        let anybody = Self::new(setup.api, setup.admin);
        match &setup.api_token {
            Some(token) => Self {
                http: Http::with_token(token),
                ..anybody
            },
            None => anybody,
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
        let path = format!("/api/catalog/entities/by-name/{kind}/{namespace}/{name}");
        let answer = self.get(&path).await?;
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
        let answer = self.get(path).await?;
        if answer.status.is_success() {
            Ok(answer.json())
        } else {
            Err(format!("{}: {:?}", answer.status, answer.body))
        }
    }

    /// The newest revision whose effects are served.
    ///
    /// # Errors
    ///
    /// In words, if the API does not say it.
    pub async fn revision(&self) -> Result<i64, String> {
        let answer = self.get("/api/v1/problems").await?;
        let revision = answer.headers.get("catalog-revision");
        revision
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| format!("no revision in {:?}", answer.headers))
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

    /// Items of a list, bare or in an object.
    ///
    /// # Errors
    ///
    /// As [`Api::json`].
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, String> {
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

    /// How far work with this title is, if it is under way: the figures of `/readyz`.
    ///
    /// # Errors
    ///
    /// In words, if the admin listener does not answer.
    pub async fn work(&self, title: &str) -> Result<Option<Value>, String> {
        let answer = self.http.get(&format!("{}/readyz", self.admin)).await?;
        let body = answer.json();
        let items = body.as_array().ok_or("not a list")?;
        let found = items.iter().find(|item| item["name"] == title);
        Ok(found.map(|item| item["progress"].clone()))
    }

    /// Waits until the process says that it is ready.
    pub async fn is_ready(&self) {
        eventually("the process is ready", || async {
            let answer = self.http.get(&format!("{}/readyz", self.admin)).await?;
            let is_ready = answer.status.is_success();
            is_ready
                .then_some(())
                .ok_or_else(|| format!("{:?}", answer.body))
        })
        .await;
    }

    /// Waits until the process says that it is not ready, and why.
    pub async fn is_not_ready_for(&self, reason: &str) {
        eventually("the process is not ready", || async {
            let answer = self.http.get(&format!("{}/readyz", self.admin)).await?;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            let is_told = !answer.status.is_success() && body.contains(reason);
            is_told.then_some(()).ok_or(body)
        })
        .await;
    }

    /// Waits until the entity is there.
    pub async fn sees(&self, entity_ref: &str) -> Value {
        eventually(&format!("{entity_ref} is visible"), || async {
            let entity = self.entity(entity_ref).await?;
            entity.ok_or_else(|| "404".to_owned())
        })
        .await
    }

    /// Waits until the value at `pointer` of the entity is `expected`.
    pub async fn sees_with(&self, entity_ref: &str, pointer: &str, expected: &str) -> Value {
        self.sees_within(PATIENCE, entity_ref, pointer, expected)
            .await
    }

    /// As [`Api::sees_with`], with another limit.
    pub async fn sees_within(
        &self,
        limit: Duration,
        entity_ref: &str,
        pointer: &str,
        expected: &str,
    ) -> Value {
        let what = format!("{entity_ref} has {pointer} = {expected}");
        within(limit, &what, || async {
            let entity = self.entity(entity_ref).await?.ok_or("404")?;
            if entity.pointer(pointer).and_then(Value::as_str) == Some(expected) {
                Ok(entity)
            } else {
                Err(entity.to_string())
            }
        })
        .await
    }

    /// Waits until the entity has this title.
    pub async fn shows(&self, entity_ref: &str, title: &str) -> Value {
        self.sees_with(entity_ref, "/metadata/title", title).await
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

    /// Waits until there are exactly so many problems that a query of `/api/v1/problems` finds.
    pub async fn finds_problems(&self, query: &str, count: usize) -> Vec<Value> {
        let path = format!("/api/v1/problems?{query}");
        self.lists(&path, count).await
    }

    /// Waits until the list at `path` has exactly so many items.
    pub async fn lists(&self, path: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{path} has {count} items"), || async {
            let items = self.list(path).await?;
            if items.len() == count {
                Ok(items)
            } else {
                Err(format!("{items:?}"))
            }
        })
        .await
    }

    /// Waits until reading a repository has failed so often, one time after the other.
    pub async fn fails_to_read(&self, repository: &str, times: u64) {
        let what = format!("{repository} could not be read {times} times");
        eventually(&what, || async {
            let sources = self.sources().await?;
            let is_failing = sources.iter().any(|source| {
                source["name"] == repository && source["failures"].as_u64() >= Some(times)
            });
            is_failing
                .then_some(())
                .ok_or_else(|| format!("{sources:?}"))
        })
        .await;
    }

    /// Waits until every source is read up to what is wanted, and all that came of it is served.
    pub async fn settles(&self) {
        eventually("everything wanted is done", || self.is_settled()).await;
    }

    /// Whether every source is read up to what is wanted, and all that came of it is served.
    ///
    /// # Errors
    ///
    /// In words, what is still to be done.
    pub async fn is_settled(&self) -> Result<(), String> {
        let mut sources = self.sources().await?;
        sources.retain(|source| source["done"] != source["wanted"]);
        if !sources.is_empty() {
            return Err(format!("{sources:?}"));
        }
        // Sources are answered from the database and entities from memory, which follows it: for a moment a
        // source is done and what was read there is not served yet.
        let lag = self.metric("catalog_view_lag_revisions", &[]).await?;
        if lag > 0.0 {
            return Err(format!("the view is {lag} revisions behind"));
        }
        Ok(())
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    async fn get(&self, path: &str) -> Result<Answer, String> {
        self.http.get(&format!("{}{path}", self.base)).await
    }
}
