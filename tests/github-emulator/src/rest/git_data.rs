//! Git's own objects: trees, blobs, commits.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use gix::objs::tree::EntryKind;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::contents::{raw, wrapped_base64};
use super::{InScope, Media, media, message, missing, tagged, visible};
use crate::engine::Engine;
use crate::git::{CommitRecord, Oid, Snapshot};
use crate::payload::text_time;
use crate::view::View;

/// A recursive listing stops here.
const TREE_ENTRIES_MAX: usize = 100_000;

#[derive(Deserialize)]
pub(super) struct Depth {
    recursive: Option<String>,
}

pub(super) async fn tree(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((owner, repo, sha)): Path<(String, String, String)>,
    Query(depth): Query<Depth>,
    request: Request,
) -> Response {
    let view = match visible(&engine, &scope, &owner, &repo, &request) {
        Ok(view) => view,
        Err(answer) => return *answer,
    };
    let Some((root, snapshot, prefix)) = find_tree(&view, &sha) else {
        return missing();
    };
    let api = format!("{}/api/v3/repos/{}", engine.base, view.facts.full_name());
    let mut entries = listing(&view, &snapshot, &prefix, depth.recursive.is_some(), &api);
    let truncated = entries.len() > TREE_ENTRIES_MAX;
    entries.truncate(TREE_ENTRIES_MAX);
    let body = json!({ "sha": root.to_string(), "url": format!("{api}/git/trees/{root}"), "tree": entries, "truncated": truncated });
    tagged(
        request.headers(),
        &root.to_string(),
        Json(body).into_response(),
    )
}

/// A tree by a revision, or by the id of a tree of the head.
fn find_tree(view: &View, sha: &str) -> Option<(Oid, Arc<Snapshot>, String)> {
    if let Some(commit) = view.commit(sha) {
        let snapshot = view.repository.snapshot(commit)?;
        return Some((snapshot.root?, snapshot, String::new()));
    }
    let oid = Oid::from_hex(sha.as_bytes()).ok()?;
    let snapshot = view.repository.snapshot(view.facts.head()?)?;
    if snapshot.root == Some(oid) {
        return Some((oid, snapshot, String::new()));
    }
    let prefix = snapshot
        .directories
        .iter()
        .find(|(_, held)| **held == oid)
        .map(|(path, _)| format!("{path}/"))?;
    Some((oid, snapshot, prefix))
}

fn listing(
    view: &View,
    snapshot: &Snapshot,
    prefix: &str,
    recursive: bool,
    api: &str,
) -> Vec<Value> {
    let local = |path: &str| {
        let rest = path.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
        (recursive || !rest.contains('/')).then(|| rest.to_owned())
    };
    let directories = snapshot.directories.iter().filter_map(|(path, oid)| {
        let path = local(path)?;
        Some(json!({ "path": path, "mode": "040000", "type": "tree", "sha": oid.to_string(), "url": format!("{api}/git/trees/{oid}") }))
    });
    let files = snapshot.files.iter().filter_map(|(path, file)| {
        let path = local(path)?;
        let size = view.repository.blob(file.oid).map_or(0, |content| content.len());
        let mode = format!("{:06o}", file.kind as u16);
        let class = if file.kind == EntryKind::Commit { "commit" } else { "blob" };
        Some(json!({ "path": path, "mode": mode, "type": class, "sha": file.oid.to_string(), "size": size, "url": format!("{api}/git/blobs/{}", file.oid) }))
    });
    let mut entries: Vec<Value> = directories.chain(files).collect();
    entries.sort_by(|a, b| a["path"].as_str().cmp(&b["path"].as_str()));
    entries
}

pub(super) async fn blob(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((owner, repo, sha)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let view = match visible(&engine, &scope, &owner, &repo, &request) {
        Ok(view) => view,
        Err(answer) => return *answer,
    };
    let found = Oid::from_hex(sha.as_bytes())
        .ok()
        .and_then(|oid| view.repository.blob(oid));
    let Some(content) = found else {
        return missing();
    };
    let answer = match media(request.headers()) {
        Media::Raw => raw(content),
        Media::Json | Media::Sha | Media::Object => {
            let url = format!(
                "{}/api/v3/repos/{}/git/blobs/{sha}",
                engine.base,
                view.facts.full_name()
            );
            Json(json!({ "sha": sha, "size": content.len(), "url": url, "encoding": "base64", "content": wrapped_base64(&content) })).into_response()
        }
    };
    tagged(request.headers(), &sha, answer)
}

pub(super) async fn commit(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((owner, repo, revision)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let view = match visible(&engine, &scope, &owner, &repo, &request) {
        Ok(view) => view,
        Err(answer) => return *answer,
    };
    let record = view
        .commit(&revision)
        .and_then(|oid| view.repository.commit_record(oid));
    let Some(record) = record else {
        return message(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("No commit found for SHA: {revision}"),
        );
    };
    describe_commit(&engine, &view, &record, request.headers())
}

fn describe_commit(
    engine: &Engine,
    view: &View,
    record: &CommitRecord,
    headers: &HeaderMap,
) -> Response {
    let id = record.id.to_string();
    if media(headers) == Media::Sha {
        let body = (
            [(
                header::CONTENT_TYPE,
                "application/vnd.github.sha; charset=utf-8",
            )],
            id.clone(),
        )
            .into_response();
        return tagged(headers, &id, body);
    }
    let api = format!("{}/api/v3/repos/{}", engine.base, view.facts.full_name());
    let person = |name: &str, email: &str| json!({ "name": name, "email": email, "date": text_time(record.time) });
    let parents: Vec<Value> = record
        .parents
        .iter()
        .map(
            |parent| json!({ "sha": parent.to_string(), "url": format!("{api}/commits/{parent}") }),
        )
        .collect();
    let body = json!({
        "sha": id,
        "url": format!("{api}/commits/{id}"),
        "html_url": format!("{}/{}/commit/{id}", engine.web, view.facts.full_name()),
        "commit": {
            "message": record.message.trim_end(),
            "author": person(&record.author.name, &record.author.email),
            "committer": person(&record.committer.name, &record.committer.email),
            "tree": { "sha": record.tree.to_string(), "url": format!("{api}/git/trees/{}", record.tree) },
        },
        "parents": parents,
    });
    tagged(headers, &id, Json(body).into_response())
}
