//! What people ask for through the API: locations they register, entities they refresh and delete.

use bytes::Bytes;
use freshet_wait::eventually;
use http::Method;
use serde_json::{Value, json};

use crate::api::Api;
use crate::http::Answer;

const LOCATIONS: &str = "/api/catalog/locations";

impl Api {
    /// Registers a URL and returns the registered location.
    ///
    /// # Panics
    ///
    /// If it is refused, as in every verb here.
    pub async fn registers(&self, target: &str) -> Value {
        let body = json!({"type": "url", "target": target});
        let answer = self.asks(Method::POST, LOCATIONS, Some(&body)).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.json()["location"].clone()
    }

    /// Gives a registered location another target.
    pub async fn retargets(&self, location: &Value, target: &str) -> Value {
        let body = json!({"type": "url", "target": target});
        let path = path_of(location);
        let answer = self.asks(Method::PUT, &path, Some(&body)).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.json()
    }

    /// Unregisters a location, and returns the revision from which on that shows.
    pub async fn unregisters(&self, location: &Value) -> i64 {
        let answer = self.asks(Method::DELETE, &path_of(location), None).await;
        assert_eq!(answer.status, 204, "{:?}", answer.body);
        revision_of(&answer)
    }

    /// Deletes an entity by its identity, and returns the revision from which on it is away.
    pub async fn deletes(&self, entity: &Value) -> i64 {
        let uid = entity["metadata"]["uid"].as_str().expect("a served entity");
        let path = format!("/api/catalog/entities/by-uid/{uid}");
        let answer = self.asks(Method::DELETE, &path, None).await;
        assert_eq!(answer.status, 204, "{:?}", answer.body);
        revision_of(&answer)
    }

    /// Asks for an entity to be read again, waits until that has ended, and returns what came of it.
    pub async fn refreshes(&self, entity_ref: &str) -> Value {
        let body = json!({"entityRef": entity_ref});
        let path = "/api/catalog/refresh";
        let answer = self.asks(Method::POST, path, Some(&body)).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        assert!(answer.body.is_empty());
        let id = answer.headers["freshet-refresh"].to_str().expect("an id");
        let path = format!("/api/v1/refreshes/{id}");
        eventually(
            &format!("the refresh of {entity_ref} has ended"),
            || async {
                let report = self.json(&path).await?;
                if report.get("endedAt").is_some() {
                    Ok(report)
                } else {
                    Err(report.to_string())
                }
            },
        )
        .await
    }

    /// The refs of what leads to an entity, in the order of the answer, each with those that point at it.
    pub async fn ancestry(&self, entity_ref: &str) -> Vec<(String, Vec<String>)> {
        let path = entity_ref.replacen(':', "/", 1);
        let path = format!("/api/catalog/entities/by-name/{path}/ancestry");
        let answer = self.json(&path).await.expect("an ancestry");
        let items = answer["items"].as_array().expect("items").iter();
        let refs = |value: &Value| {
            let refs = value.as_array().expect("a list").iter();
            refs.map(|it| it.as_str().expect("a ref").to_owned())
                .collect()
        };
        items
            .map(|item| {
                let entity_ref = crate::entity::read_ref(&item["entity"]);
                (entity_ref, refs(&item["parentEntityRefs"]))
            })
            .collect()
    }

    async fn asks(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("{}{path}", self.url());
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let headers = [("content-type", "application/json")];
        let answer = self.http().send(method, &url, &headers, body).await;
        answer.expect("an answer")
    }
}

fn path_of(location: &Value) -> String {
    let id = location["id"].as_str().expect("a registered location");
    format!("{LOCATIONS}/{id}")
}

fn revision_of(answer: &Answer) -> i64 {
    let revision = answer.headers["catalog-revision"].to_str().expect("digits");
    revision.parse().expect("a revision")
}
