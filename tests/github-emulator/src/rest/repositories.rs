//! Repositories: one by name or id, or an organisation's, page by page.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::{InScope, missing, view, visible};
use crate::engine::Engine;
use crate::payload::{self, Times};
use crate::requests::Scope;
use crate::view::View;

const PER_PAGE_DEFAULT: usize = 30;
const PER_PAGE_MAX: usize = 100;

#[derive(Deserialize)]
pub(super) struct Page {
    per_page: Option<usize>,
    page: Option<usize>,
}

pub(super) async fn by_name(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path((owner, repo)): Path<(String, String)>,
    request: Request,
) -> Response {
    match visible(&engine, &scope, &owner, &repo, &request) {
        Ok(view) => show(&engine, &view).map_or_else(missing, |body| Json(body).into_response()),
        Err(answer) => *answer,
    }
}

pub(super) async fn by_id(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path(id): Path<u64>,
) -> Response {
    let found = engine.read(|world| world.repository_by_id(id));
    let body = found
        .and_then(|repository| view(&scope, &repository))
        .and_then(|view| show(&engine, &view));
    body.map_or_else(missing, |body| Json(body).into_response())
}

/// What lies below a repository's id is reached through its present name.
pub(super) async fn below_id(
    State(engine): State<Arc<Engine>>,
    Path((id, rest)): Path<(u64, String)>,
    request: Request,
) -> Response {
    let Some(repository) = engine.read(|world| world.repository_by_id(id)) else {
        return missing();
    };
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let target = format!(
        "{}/api/v3/repos/{}/{rest}{query}",
        engine.base,
        repository.facts().full_name()
    );
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target)]).into_response()
}

pub(super) async fn of_organization(
    State(engine): State<Arc<Engine>>,
    scope: InScope,
    Path(login): Path<String>,
    Query(asked): Query<Page>,
) -> Response {
    if engine.read(|world| world.organization(&login)).is_none() {
        return missing();
    }
    let all = listed(&engine, &scope, &login);
    let per_page = asked
        .per_page
        .unwrap_or(PER_PAGE_DEFAULT)
        .clamp(1, PER_PAGE_MAX);
    let page = asked.page.unwrap_or(1).max(1);
    let pages = all.len().div_ceil(per_page).max(1);
    let shown = all.iter().skip((page - 1) * per_page).take(per_page);
    let body: Vec<Value> = shown.filter_map(|view| show(&engine, view)).collect();
    let mut response = Json(body).into_response();
    let address = format!("{}/api/v3/orgs/{login}/repos", engine.base);
    if let Some(links) = links(&address, page, pages, per_page).and_then(|links| links.parse().ok())
    {
        response.headers_mut().insert(header::LINK, links);
    }
    response
}

fn listed(engine: &Engine, scope: &Scope, login: &str) -> Vec<View> {
    let all = engine.read(|world| world.repositories_of(login));
    all.iter()
        .filter_map(|repository| view(scope, repository))
        .collect()
}

fn show(engine: &Engine, view: &View) -> Option<Value> {
    let organization = engine.read(|world| world.organization(&view.facts.owner))?;
    Some(
        engine.scene(&organization, &view.repository, &view.facts, |scene| {
            payload::repository(scene, Times::Text)
        }),
    )
}

/// The `Link` header: previous and first from the second page on, next and last before the last.
fn links(address: &str, page: usize, pages: usize, per_page: usize) -> Option<String> {
    let link = |rel: &str, page: usize| {
        format!("<{address}?per_page={per_page}&page={page}>; rel=\"{rel}\"")
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link("prev", page - 1));
    }
    if page < pages {
        links.push(link("next", page + 1));
        links.push(link("last", pages));
    }
    if page > 1 {
        links.push(link("first", 1));
    }
    (!links.is_empty()).then(|| links.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(page: usize, pages: usize, expected: &[&str]) {
        let links = links("http://x", page, pages, 2).unwrap_or_default();
        let rels: Vec<&str> = links
            .split("rel=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert_eq!(rels, expected, "{links}");
    }

    #[test]
    fn a_page_links_to_its_neighbours() {
        check(1, 1, &[]);
        check(1, 3, &["next", "last"]);
        check(2, 3, &["prev", "next", "last", "first"]);
        check(3, 3, &["prev", "first"]);
    }
}
