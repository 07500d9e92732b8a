//! `GET /repos/{owner}/{repo}/contents/{path}`: files and directories of a revision.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{InScope, Media, media, message, missing, tagged, visible};
use crate::engine::Engine;
use crate::git::{Oid, Snapshot};
use crate::view::{Found, View};

/// Up to this size everything works.
const EMBEDDED_BYTES_MAX: usize = 1024 * 1024;
/// Above this size there is no answer at all.
const SERVED_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Base64 is wrapped at this width.
const BASE64_LINE: usize = 60;

#[derive(Deserialize)]
pub(super) struct At {
    #[serde(rename = "ref")]
    revision: Option<String>,
}

pub(super) async fn root(
    state: State<Arc<Engine>>,
    scope: InScope,
    Path((owner, repo)): Path<(String, String)>,
    at: Query<At>,
    request: Request,
) -> Response {
    at_path(
        state,
        scope,
        Path((owner, repo, String::new())),
        at,
        request,
    )
    .await
}

pub(super) async fn at_path(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((owner, repo, path)): Path<(String, String, String)>,
    Query(at): Query<At>,
    request: Request,
) -> Response {
    let view = match visible(&engine, &scope, &owner, &repo, &request) {
        Ok(view) => view,
        Err(answer) => return *answer,
    };
    let revision = at.revision.unwrap_or_else(|| "HEAD".to_owned());
    let Some(commit) = view.commit(&revision) else {
        return message(
            http::StatusCode::NOT_FOUND,
            &format!("No commit found for the ref {revision}"),
        );
    };
    match view.entry(commit, &path) {
        Some(Found::File { path, entry }) => file(
            &engine,
            &view,
            &path,
            entry.oid,
            &revision,
            request.headers(),
        ),
        Some(Found::Tree {
            path,
            oid,
            snapshot,
        }) => directory(&engine, &view, &path, oid, &snapshot, request.headers()),
        Some(Found::Commit(_) | Found::Tag { .. }) | None => missing(),
    }
}

fn file(
    engine: &Engine,
    view: &View,
    path: &str,
    oid: Oid,
    revision: &str,
    headers: &HeaderMap,
) -> Response {
    let Some(content) = view.repository.blob(oid) else {
        return missing();
    };
    if content.len() > SERVED_BYTES_MAX {
        return message(
            http::StatusCode::FORBIDDEN,
            "This API returns blobs up to 100 MB in size.",
        );
    }
    let answer = if media(headers) == Media::Raw {
        raw(content)
    } else {
        Json(described(engine, view, path, oid, revision, &content)).into_response()
    };
    tagged(headers, &oid.to_string(), answer)
}

/// A blob as it is.
pub(super) fn raw(content: Bytes) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "application/vnd.github.raw; charset=utf-8",
        )],
        content,
    )
        .into_response()
}

fn described(
    engine: &Engine,
    view: &View,
    path: &str,
    oid: Oid,
    revision: &str,
    content: &Bytes,
) -> Value {
    let mut document = entry(engine, view, path, "file", oid, content.len());
    let embedded = content.len() <= EMBEDDED_BYTES_MAX;
    document["encoding"] = json!(if embedded { "base64" } else { "none" });
    document["content"] = json!(if embedded {
        wrapped_base64(content)
    } else {
        String::new()
    });
    document["download_url"] = json!(format!(
        "{}/{}/raw/{revision}/{path}",
        engine.base,
        view.facts.full_name()
    ));
    document
}

fn directory(
    engine: &Engine,
    view: &View,
    path: &str,
    oid: Oid,
    snapshot: &Snapshot,
    headers: &HeaderMap,
) -> Response {
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    let inside = |inner: &str| {
        inner
            .strip_prefix(&prefix)
            .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    };
    let directories = snapshot
        .directories
        .iter()
        .filter(|(inner, _)| inside(inner))
        .map(|(inner, oid)| entry(engine, view, inner, "dir", *oid, 0));
    let files = snapshot
        .files
        .iter()
        .filter(|(inner, _)| inside(inner))
        .map(|(inner, file)| {
            let size = view
                .repository
                .blob(file.oid)
                .map_or(0, |content| content.len());
            entry(engine, view, inner, "file", file.oid, size)
        });
    let mut entries: Vec<Value> = directories.chain(files).collect();
    entries.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let body = if media(headers) == Media::Object {
        let mut document = entry(engine, view, path, "dir", oid, 0);
        document["entries"] = Value::Array(entries);
        document
    } else {
        Value::Array(entries)
    };
    tagged(headers, &oid.to_string(), Json(body).into_response())
}

fn entry(engine: &Engine, view: &View, path: &str, kind: &str, oid: Oid, size: usize) -> Value {
    let full_name = view.facts.full_name();
    let api = format!("{}/api/v3/repos/{full_name}", engine.base);
    let spelling = if kind == "dir" { "tree" } else { "blob" };
    json!({
        "type": kind,
        "size": size,
        "name": path.rsplit('/').next().unwrap_or(path),
        "path": path,
        "sha": oid.to_string(),
        "url": format!("{api}/contents/{path}"),
        "git_url": format!("{api}/git/{spelling}s/{oid}"),
        "html_url": format!("{}/{full_name}/{spelling}/{}/{path}", engine.web, view.facts.options.default_branch),
        "download_url": null,
    })
}

/// Base64 in lines, the last one ended too, as GitHub writes it.
pub(super) fn wrapped_base64(content: &[u8]) -> String {
    let encoded = STANDARD.encode(content);
    let mut wrapped = String::with_capacity(encoded.len() + encoded.len() / BASE64_LINE + 1);
    for line in encoded.as_bytes().chunks(BASE64_LINE) {
        wrapped.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        wrapped.push('\n');
    }
    wrapped
}
