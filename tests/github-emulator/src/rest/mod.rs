//! The REST API, at `/api/v3` as on GitHub Enterprise Server and at `/` as on api.github.com.

mod contents;
mod git_data;
mod hook_log;
mod repositories;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use super::engine::Engine;
use super::rate::Resource;
use super::repository::{Repository, Visibility};
use super::requests::Scope;
use super::view::View;
use super::world::Named;

const DOCUMENTATION: &str = "https://docs.github.com/rest";

/// All REST routes, without a prefix.
pub(super) fn routes() -> Router<Arc<Engine>> {
    Router::new()
        .route("/rate_limit", get(rate_limit))
        .route("/orgs/{org}/repos", get(repositories::of_organization))
        .route("/repos/{owner}/{repo}", get(repositories::by_name))
        .route("/repositories/{id}", get(repositories::by_id))
        .route("/repositories/{id}/{*rest}", get(repositories::below_id))
        .route("/repos/{owner}/{repo}/contents", get(contents::root))
        .route("/repos/{owner}/{repo}/contents/", get(contents::root))
        .route(
            "/repos/{owner}/{repo}/contents/{*path}",
            get(contents::at_path),
        )
        .route("/repos/{owner}/{repo}/git/trees/{sha}", get(git_data::tree))
        .route("/repos/{owner}/{repo}/git/blobs/{sha}", get(git_data::blob))
        .route(
            "/repos/{owner}/{repo}/commits/{*revision}",
            get(git_data::commit),
        )
        .route(
            "/orgs/{org}/hooks/{hook_id}/deliveries",
            get(hook_log::list),
        )
        .route(
            "/orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}",
            get(hook_log::show),
        )
        .route(
            "/orgs/{org}/hooks/{hook_id}/deliveries/{delivery_id}/attempts",
            post(hook_log::redeliver),
        )
}

/// An answer with GitHub's error body.
pub(super) fn message(status: StatusCode, text: &str) -> Response {
    let body = json!({ "message": text, "documentation_url": DOCUMENTATION, "status": status.as_u16().to_string() });
    (status, Json(body)).into_response()
}

/// GitHub's answer for what does not exist or may not be seen.
pub(super) async fn not_found() -> Response {
    missing()
}

fn missing() -> Response {
    message(StatusCode::NOT_FOUND, "Not Found")
}

async fn rate_limit(State(engine): State<Arc<Engine>>) -> Response {
    let show = |resource: Resource| {
        let standing = engine.rates.standing(resource);
        json!({ "limit": standing.limit, "used": standing.used, "remaining": standing.remaining(), "reset": standing.reset })
    };
    let core = show(Resource::Core);
    let body =
        json!({ "resources": { "core": core, "graphql": show(Resource::Graphql) }, "rate": core });
    Json(body).into_response()
}

/// The repository a request may see under a name, or the answer to give instead.
fn visible(
    engine: &Engine,
    scope: &Scope,
    owner: &str,
    repo: &str,
    request: &Request,
) -> Result<View, Box<Response>> {
    let full_name = format!("{owner}/{repo}");
    match engine.read(|world| world.repository(&full_name)) {
        Named::Current(repository) => view(scope, &repository).ok_or_else(|| Box::new(missing())),
        Named::Former(repository) => Err(Box::new(moved(engine, &repository, request))),
        Named::Nothing => Err(Box::new(missing())),
    }
}

fn view(scope: &Scope, repository: &Arc<Repository>) -> Option<View> {
    let view = repository.view(scope.id)?;
    let open = scope.authorized || view.facts.options.visibility == Visibility::Public;
    open.then_some(view)
}

/// Renamed repositories are reached through their id.
fn moved(engine: &Engine, repository: &Repository, request: &Request) -> Response {
    let path = request.uri().path().trim_start_matches("/api/v3");
    let rest = path
        .splitn(5, '/')
        .nth(4)
        .map(|rest| format!("/{rest}"))
        .unwrap_or_default();
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let target = format!(
        "{}/api/v3/repositories/{}{rest}{query}",
        engine.base, repository.id
    );
    let body = json!({ "message": "Moved Permanently", "url": target, "documentation_url": DOCUMENTATION });
    (
        StatusCode::MOVED_PERMANENTLY,
        [(header::LOCATION, target)],
        Json(body),
    )
        .into_response()
}

/// Which representation the caller asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Json,
    Raw,
    Sha,
    Object,
}

fn media(headers: &HeaderMap) -> Media {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let named = |name: &str| {
        [
            "application/vnd.github.",
            "application/vnd.github.v3.",
            "application/vnd.github.VERSION.",
        ]
        .iter()
        .any(|prefix| accepted.contains(&format!("{prefix}{name}")))
    };
    match () {
        () if named("raw") => Media::Raw,
        () if named("sha") => Media::Sha,
        () if named("object") => Media::Object,
        () => Media::Json,
    }
}

/// An answer that honours `If-None-Match`.
fn tagged(headers: &HeaderMap, tag: &str, answer: Response) -> Response {
    let tag = format!("\"{tag}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let mut answer = if known.is_some_and(|known| known.trim_start_matches("W/") == tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        answer
    };
    if let Ok(tag) = tag.parse() {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    answer
}

/// The scope of a request, as handlers take it.
type InScope = Extension<Arc<Scope>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Media) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().expect("a header value"));
        assert_eq!(media(&headers), expected, "{accept}");
    }

    #[test]
    fn the_accept_header_chooses_the_representation() {
        check("application/vnd.github+json", Media::Json);
        check("application/vnd.github.raw", Media::Raw);
        check("application/vnd.github.raw+json", Media::Raw);
        check("application/vnd.github.v3.raw", Media::Raw);
        check("application/vnd.github.sha", Media::Sha);
        check("application/vnd.github.object+json", Media::Object);
        check("*/*", Media::Json);
    }
}
