//! Asks a catalog as the recorder did, and says what it answered in the same few words.

use std::collections::BTreeMap;

use bytes::Bytes;
use freshet_tests::entity::read_ref;
use freshet_tests::http::Http;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::recorded::Question;
use crate::answers::as_doubles;

/// Most pages of one walk.
const PAGES_MAX: usize = 100;
const QUERY: &str = "/entities/by-query";

/// Whoever asks a catalog, knowing its entities.
pub(super) struct Asker {
    http: Http,
    base: String,
    /// By ref: the number, and the entity as it is served.
    known: BTreeMap<String, (usize, Value)>,
}

/// An answer that is no list of pages.
struct Answer {
    status: StatusCode,
    json: Value,
    link: Option<String>,
}

impl Asker {
    /// Of the catalog at `base`, whose entities have these refs in order of their numbers.
    pub(super) fn new(base: String, refs: &[String], served: &[Value]) -> Self {
        let served: BTreeMap<String, &Value> = served
            .iter()
            .map(|entity| (read_ref(entity), entity))
            .collect();
        let known = refs.iter().enumerate().filter_map(|(number, entity_ref)| {
            let entity = (*served.get(entity_ref)?).clone();
            Some((entity_ref.clone(), (number, entity)))
        });
        Self {
            known: known.collect(),
            http: Http::default(),
            base,
        }
    }

    /// What is answered, in the words of the record.
    pub(super) async fn answer(&self, question: &Question) -> Value {
        if question.walk.is_some() {
            self.walk(question).await
        } else if question.links.is_some() {
            self.follow_links(question).await
        } else {
            self.ask(question).await
        }
    }

    async fn send(&self, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("{}{path}", self.base);
        let (method, bytes) = match body {
            Some(body) => (Method::POST, Bytes::from(body.to_string())),
            None => (Method::GET, Bytes::new()),
        };
        let headers = [("content-type", "application/json")];
        let sent = self.http.send(method, &url, &headers, bytes).await;
        let answer = sent.expect("an answer");
        let link = answer.headers.get("link").and_then(|it| it.to_str().ok());
        Answer {
            link: link.map(str::to_owned),
            status: answer.status,
            json: serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        }
    }

    async fn ask(&self, question: &Question) -> Value {
        let answer = self.send(question.path(), question.body.as_ref()).await;
        if answer.status != StatusCode::OK {
            return fail(&answer);
        }
        let json = answer.json;
        if json.is_array() {
            return json!({"items": self.shorten_all(&json)});
        }
        if let Some(facets) = json.get("facets").and_then(Value::as_object) {
            return json!({"facets": facets.iter().map(facet_row).collect::<Vec<_>>()});
        }
        if let Some(root) = json.get("rootEntityRef") {
            let items = json["items"].as_array().into_iter().flatten();
            let parents: Vec<Value> = items.map(|item| self.parents_row(item)).collect();
            return json!({"root": root, "parents": parents});
        }
        match (json.get("items"), json.get("pageInfo")) {
            (None, _) => json!({"entity": self.shorten(&json)}),
            (Some(items), None) => json!({"items": self.shorten_all(items)}),
            (Some(items), Some(_)) => {
                json!({"items": self.shorten_all(items), "page": page_of(&json)})
            }
        }
    }

    async fn walk(&self, question: &Question) -> Value {
        let mut answer = self.send(question.path(), question.body.as_ref()).await;
        if answer.status != StatusCode::OK {
            return fail(&answer);
        }
        let (mut items, mut there) = (Vec::new(), Vec::new());
        loop {
            items.extend(self.shorten_all(&answer.json["items"]));
            there.push(page_of(&answer.json));
            let Some(cursor) = cursor_of(&answer.json, "nextCursor") else {
                break;
            };
            if there.len() >= PAGES_MAX {
                break;
            }
            answer = self.turn_page(question, &cursor).await;
            if answer.status != StatusCode::OK {
                return json!({"items": items, "there": there, "then": fail(&answer)});
            }
        }
        let (back, failure) = self.walk_back(question, answer, &items).await;
        let mut walked = json!({"items": items, "there": there, "back": back});
        if let Some(failure) = failure {
            walked["then"] = failure;
        }
        walked
    }

    /// The pages before the last one, each compared with what was seen on the way there.
    async fn walk_back(
        &self,
        question: &Question,
        last: Answer,
        items: &[Value],
    ) -> (Vec<Value>, Option<Value>) {
        let mut back: Vec<Value> = Vec::new();
        let mut before = items.len() - count(&last.json);
        let mut json = last.json;
        while let Some(cursor) = cursor_of(&json, "prevCursor") {
            if back.len() >= PAGES_MAX {
                break;
            }
            let answer = self.turn_page(question, &cursor).await;
            if answer.status != StatusCode::OK {
                return (back, Some(fail(&answer)));
            }
            json = answer.json;
            let page = self.shorten_all(&json["items"]);
            let start = before.checked_sub(page.len());
            before = start.unwrap_or_default();
            let is_same = start.is_some_and(|start| items[start..].starts_with(&page));
            let mut row = page_of(&json);
            row.push(if is_same { json!(1) } else { json!(page) });
            back.push(json!(row));
        }
        (back, None)
    }

    async fn turn_page(&self, question: &Question, cursor: &str) -> Answer {
        let mut more = json!({"cursor": cursor, "limit": question.limit});
        if let Some(fields) = &question.fields {
            more["fields"] = json!(fields);
        }
        if question.follow.as_deref() == Some("POST") {
            return self.send(QUERY, Some(&more)).await;
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("cursor", cursor);
        query.append_pair("limit", &more["limit"].to_string());
        if let Some(fields) = &question.fields {
            query.append_pair("fields", &fields.join(","));
        }
        self.send(&format!("{QUERY}?{}", query.finish()), None)
            .await
    }

    async fn follow_links(&self, question: &Question) -> Value {
        let (mut items, mut there) = (Vec::new(), Vec::new());
        let mut next = Some(question.path().to_owned());
        while let Some(path) = next {
            let answer = self.send(&path, None).await;
            if answer.status != StatusCode::OK {
                return fail(&answer);
            }
            let page = self.shorten_all(&answer.json);
            there.push(page.len());
            items.extend(page);
            next = answer.link.as_deref().and_then(next_of);
            if there.len() >= PAGES_MAX {
                break;
            }
        }
        json!({"items": items, "there": there})
    }

    fn shorten_all(&self, items: &Value) -> Vec<Value> {
        let items = items.as_array().expect("a list");
        items.iter().map(|item| self.shorten(item)).collect()
    }

    /// A whole entity as its number, if it is served as in every other answer.
    fn shorten(&self, entity: &Value) -> Value {
        let is_whole = entity.get("apiVersion").is_some() && entity["metadata"]["uid"].is_string();
        if is_whole {
            return match self.known.get(&read_ref(entity)) {
                Some((number, known)) if known == entity => json!(number),
                Some(_) | None => json!({"unknown": entity}),
            };
        }
        as_doubles(without_unknown(entity.clone()))
    }

    fn parents_row(&self, item: &Value) -> Value {
        let parents = item["parentEntityRefs"].as_array().into_iter().flatten();
        let own = self.shorten(&item["entity"]);
        std::iter::once(own).chain(parents.cloned()).collect()
    }
}

/// Without what is another in every catalog.
pub(super) fn without_unknown(mut entity: Value) -> Value {
    if let Some(metadata) = entity.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("uid");
        metadata.remove("etag");
    }
    entity
}

fn fail(answer: &Answer) -> Value {
    let name = answer.json.pointer("/error/name").cloned();
    json!({"status": answer.status.as_u16(), "error": name})
}

fn facet_row((key, values): (&String, &Value)) -> Value {
    let values = values.as_array().into_iter().flatten();
    let pairs = values.map(|it| json!([it["value"], it["count"]]));
    std::iter::once(json!(key)).chain(pairs).collect()
}

fn count(json: &Value) -> usize {
    json["items"].as_array().map_or(0, Vec::len)
}

/// How many there are, of how many, and whether there is a next and a previous page.
fn page_of(json: &Value) -> Vec<Value> {
    let empty = Map::new();
    let info = json["pageInfo"].as_object().unwrap_or(&empty);
    let has = |name: &str| json!(u8::from(info.contains_key(name)));
    vec![
        json!(count(json)),
        json["totalItems"].clone(),
        has("nextCursor"),
        has("prevCursor"),
    ]
}

fn cursor_of(json: &Value, name: &str) -> Option<String> {
    let cursor = json["pageInfo"].get(name)?.as_str()?;
    Some(cursor.to_owned())
}

/// The path in `<path>; rel="next"`.
fn next_of(link: &str) -> Option<String> {
    let path = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
    Some(path.to_owned())
}
