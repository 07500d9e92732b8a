//! The one HTTP server: routes, and around every route the credential check, the knobs, the rate
//! limit, GitHub's headers and the request log.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::engine::Engine;
use crate::knobs::Fault;
use crate::rate::{self, Resource, Standing, now_seconds};
use crate::requests::{RequestKind, RequestRecord, Scope};
use crate::{git_http, graphql, rest};

/// Largest request body, a pack being pushed.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;
const SECONDARY_MESSAGE: &str =
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";

/// Serves until `shutdown`, then finishes what is under way.
pub(super) async fn serve(listener: TcpListener, engine: Arc<Engine>, shutdown: CancellationToken) {
    let listener = listener.tap_io(|connection| {
        // A small answer must not wait for the acknowledgement of the one before.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("A connection keeps its small packets: {error}.");
        }
    });
    let served =
        axum::serve(listener, router(&engine)).with_graceful_shutdown(shutdown.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!("The emulator's server ended: {error}.");
    }
}

fn router(engine: &Arc<Engine>) -> Router {
    let schema = graphql::schema(Arc::clone(engine));
    let graphql = Router::new()
        .route("/api/graphql", post(graphql::answer))
        .route("/api/v3/graphql", post(graphql::answer))
        .route("/graphql", post(graphql::answer))
        .with_state(schema);
    let git = Router::new()
        .route("/{owner}/{repo}/info/refs", get(git_http::advertise))
        .route(
            "/{owner}/{repo}/git-upload-pack",
            post(git_http::upload_pack),
        )
        .route(
            "/{owner}/{repo}/git-receive-pack",
            post(git_http::receive_pack),
        )
        .with_state(Arc::clone(engine));
    let rest = rest::routes().with_state(Arc::clone(engine));
    Router::new()
        .merge(graphql)
        .merge(git)
        .merge(rest.clone())
        .nest("/api/v3", rest)
        .fallback(rest::not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(engine), observe))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

async fn observe(State(engine): State<Arc<Engine>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let kind = kind_of(&path);
    let credential = credential(request.headers());
    let authorized = engine.options.token.is_none() || engine.options.token == credential;
    let scope = Arc::new(Scope::new(engine.requests.next_id(), authorized));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|matched| matched.as_str().trim_start_matches("/api/v3").to_owned());
    let asked = format!("{} {path}", request.method());
    let route = format!("{} {}", request.method(), route.unwrap_or_default());
    let authorization_present = request.headers().contains_key(header::AUTHORIZATION);
    request.extensions_mut().insert(Arc::clone(&scope));
    let response = match kind {
        RequestKind::Git => next.run(request).await,
        RequestKind::Graphql | RequestKind::Rest => {
            answer_api(&engine, kind, &scope, credential.is_some(), request, next).await
        }
    };
    engine.requests.push(RequestRecord {
        at: Instant::now(),
        kind,
        path: asked,
        operation: scope.operation().unwrap_or(route),
        status: response.status().as_u16(),
        authorization_present,
        repositories_asked: scope
            .repositories
            .load(std::sync::atomic::Ordering::Relaxed),
    });
    response
}

async fn answer_api(
    engine: &Engine,
    kind: RequestKind,
    scope: &Scope,
    presented: bool,
    request: Request,
    next: Next,
) -> Response {
    let latency = engine.knobs.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let resource = if kind == RequestKind::Graphql {
        Resource::Graphql
    } else {
        Resource::Core
    };
    let free = request.uri().path().ends_with("/rate_limit");
    let mut response = match engine.knobs.take_fault() {
        Some(fault) => fail(fault, kind),
        None if !scope.authorized && (presented || kind == RequestKind::Graphql) => {
            rest::message(StatusCode::UNAUTHORIZED, "Bad credentials")
        }
        None if !free && engine.rates.standing(resource).remaining() == 0 => {
            exhausted(StatusCode::FORBIDDEN, kind)
        }
        None => {
            let response = next.run(request).await;
            if !free && response.status() != StatusCode::NOT_MODIFIED {
                engine.rates.spend(resource, scope.points());
            }
            response
        }
    };
    decorate(&mut response, resource, engine.rates.standing(resource));
    response
}

fn decorate(response: &mut Response, resource: Resource, standing: Standing) {
    let headers = response.headers_mut();
    let bare = headers.remove(BARE).is_some();
    if !bare && !headers.contains_key("x-ratelimit-limit") {
        rate::write_headers(headers, resource, &standing);
    }
    let id = Uuid::new_v4().simple().to_string().to_uppercase();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-github-request-id", id);
    }
    headers.insert(
        "x-github-media-type",
        HeaderValue::from_static("github.v3; format=json"),
    );
}

/// Marks an answer, inside the server, that must not get rate headers.
const BARE: &str = "x-emulator-bare";

fn fail(fault: Fault, kind: RequestKind) -> Response {
    match fault {
        Fault::Server(status) => bare(rest::message(status_of(status), "Server Error")),
        Fault::RetryAfter { status, seconds } => {
            let mut response = rest::message(status_of(status), SECONDARY_MESSAGE);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
        Fault::Exhausted { status, resets_in } => with_reset(exhausted(status_of(status), RequestKind::Rest), kind, resets_in),
        Fault::SecondaryWithoutHeaders { status } => bare(rest::message(status_of(status), SECONDARY_MESSAGE)),
        Fault::Forbidden => rest::message(StatusCode::FORBIDDEN, "Resource not accessible by integration"),
        Fault::GraphqlRateLimit { resets_in } => with_reset(exhausted(StatusCode::FORBIDDEN, kind), kind, resets_in),
        Fault::GraphqlInternal => axum::Json(json!({
            "data": null,
            "errors": [{ "message": "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug." }],
        }))
        .into_response(),
        Fault::Page => bare(axum::response::Html("<!doctype html><title>Sign in</title>").into_response()),
        Fault::Broken => bare(broken().into_response()),
        // Nobody answers there, and clouds that do must not be asked.
        Fault::Misleading => bare(Redirect::to("http://169.254.169.254/latest/meta-data").into_response()),
    }
}

fn broken() -> Body {
    let pieces = [
        Ok("{\"data\": {\"r0\": "),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ];
    Body::from_stream(futures::stream::iter(pieces))
}

fn exhausted(status: StatusCode, kind: RequestKind) -> Response {
    let message = "API rate limit exceeded for user ID 9001.";
    match kind {
        RequestKind::Graphql => {
            axum::Json(json!({ "errors": [{ "type": "RATE_LIMITED", "message": message }] }))
                .into_response()
        }
        RequestKind::Rest | RequestKind::Git => rest::message(status, message),
    }
}

fn with_reset(mut response: Response, kind: RequestKind, resets_in: u64) -> Response {
    let resource = if kind == RequestKind::Graphql {
        Resource::Graphql
    } else {
        Resource::Core
    };
    let standing = Standing {
        limit: 5000,
        used: 5000,
        reset: now_seconds() + resets_in,
    };
    rate::write_headers(response.headers_mut(), resource, &standing);
    response
}

fn bare(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(BARE, HeaderValue::from_static("1"));
    response
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn kind_of(path: &str) -> RequestKind {
    let git = ["/info/refs", "/git-upload-pack", "/git-receive-pack"];
    if git.iter().any(|end| path.ends_with(end)) {
        RequestKind::Git
    } else if path.ends_with("/graphql") && path.matches('/').count() <= 3 {
        RequestKind::Graphql
    } else {
        RequestKind::Rest
    }
}

fn credential(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
    known.then(|| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: RequestKind) {
        assert_eq!(kind_of(path), expected, "{path}");
    }

    #[test]
    fn a_path_tells_which_door_it_is() {
        check("/graphql", RequestKind::Graphql);
        check("/api/graphql", RequestKind::Graphql);
        check("/api/v3/graphql", RequestKind::Graphql);
        check("/acme/pay.git/info/refs", RequestKind::Git);
        check("/acme/pay/git-receive-pack", RequestKind::Git);
        check("/api/v3/repos/acme/graphql", RequestKind::Rest);
        check("/repos/acme/pay/contents/a/graphql", RequestKind::Rest);
        check("/orgs/acme/repos", RequestKind::Rest);
    }
}
