//! The delivery log of an organisation's hook, and redelivery.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{InScope, missing};
use crate::engine::Engine;
use crate::hooks::{self, Attempt};
use crate::requests::Scope;

const PER_PAGE_DEFAULT: usize = 30;
const PER_PAGE_MAX: usize = 100;

#[derive(Deserialize)]
pub(super) struct Page {
    per_page: Option<usize>,
    cursor: Option<String>,
    status: Option<String>,
}

pub(super) async fn list(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((org, hook_id)): Path<(String, u64)>,
    Query(asked): Query<Page>,
) -> Response {
    if !may_see(&engine, &scope, &org, hook_id) {
        return missing();
    }
    let per_page = asked
        .per_page
        .unwrap_or(PER_PAGE_DEFAULT)
        .clamp(1, PER_PAGE_MAX);
    let before = asked
        .cursor
        .as_deref()
        .and_then(|cursor| cursor.strip_prefix("v1_")?.parse::<u64>().ok());
    let mut wanted: Vec<Attempt> = engine.hooks.attempts();
    wanted.reverse();
    wanted.retain(|attempt| {
        attempt.event.hook.id == hook_id && before.is_none_or(|before| attempt.record.id < before)
    });
    wanted.retain(|attempt| {
        asked
            .status
            .as_deref()
            .is_none_or(|status| has_status(attempt, status))
    });
    let more = wanted.len() > per_page;
    wanted.truncate(per_page);
    let body: Vec<Value> = wanted.iter().map(summary).collect();
    let mut response = Json(body).into_response();
    if let Some(last) = wanted.last().filter(|_| more) {
        let link = format!(
            "<{}/api/v3/orgs/{org}/hooks/{hook_id}/deliveries?per_page={per_page}&cursor=v1_{}>; rel=\"next\"",
            engine.base, last.record.id
        );
        if let Ok(link) = link.parse() {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

pub(super) async fn show(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((org, hook_id, delivery_id)): Path<(String, u64, u64)>,
) -> Response {
    let attempt = engine
        .hooks
        .attempt_by_id(delivery_id)
        .filter(|attempt| attempt.event.hook.id == hook_id);
    let Some(attempt) = attempt.filter(|_| may_see(&engine, &scope, &org, hook_id)) else {
        return missing();
    };
    let mut body = summary(&attempt);
    let headers: serde_json::Map<String, Value> = hooks::headers(&attempt.event)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let payload: Value = serde_json::from_slice(&attempt.event.body).unwrap_or_default();
    body["url"] = json!(attempt.event.hook.url);
    body["request"] = json!({ "headers": headers, "payload": payload });
    body["response"] = json!({ "headers": {}, "payload": "" });
    Json(body).into_response()
}

pub(super) async fn redeliver(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((org, hook_id, delivery_id)): Path<(String, u64, u64)>,
) -> Response {
    if may_see(&engine, &scope, &org, hook_id) && engine.hooks.redeliver(delivery_id) {
        return (StatusCode::ACCEPTED, Json(json!({}))).into_response();
    }
    missing()
}

fn may_see(engine: &Engine, scope: &Scope, org: &str, hook_id: u64) -> bool {
    let organization = engine.read(|world| world.organization(org));
    scope.authorized
        && organization.is_some_and(|organization| {
            let hook = organization
                .hook
                .lock()
                .expect("no holder of a hook panics");
            hook.as_ref().is_some_and(|hook| hook.id == hook_id)
        })
}

fn has_status(attempt: &Attempt, wanted: &str) -> bool {
    let succeeded = attempt
        .record
        .status
        .is_some_and(|status| (200..400).contains(&status));
    match wanted {
        "success" => succeeded,
        "failure" => !succeeded,
        _ => true,
    }
}

fn summary(attempt: &Attempt) -> Value {
    let record = &attempt.record;
    let status = match record.status {
        Some(200..=299) => "OK".to_owned(),
        Some(code) => format!("Invalid HTTP Response: {code}"),
        None => "failed to connect to host".to_owned(),
    };
    json!({
        "id": record.id,
        "guid": record.guid,
        "delivered_at": record.delivered_at.format(&Rfc3339).unwrap_or_default(),
        "redelivery": record.redelivery,
        "duration": record.duration.as_secs_f64(),
        "status": status,
        "status_code": record.status.unwrap_or(0),
        "event": record.event,
        "action": attempt.event.action,
        "installation_id": null,
        "repository_id": attempt.event.repository.as_ref().map(|(id, _)| *id),
        "throttled_at": null,
    })
}
