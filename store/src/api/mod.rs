//! The catalog API: Backstage's routes below `/api/catalog`, Freshet's own below `/api/v1`.
//!
//! The only place that knows HTTP. Handlers read parameters and bodies, ask the view, the ledger, apply or the feed,
//! and answer; what queries mean is decided in `query`. Reads of entities never touch the database. What only it
//! knows is read there: sources, removals, refreshes, registered locations, what leads to an entity, the feed.
//!
//! Every answer to whoever may ask carries `Catalog-Revision`: what is served contains at least that revision. Every route
//! takes `minRevision` and waits for it.
//!
//! A listener on loopback is open. On any other, a request needs the credentials of an external caller of
//! Backstage's configuration; those of its users and plugins are not known yet, and so they are refused.

mod access;
mod ancestry;
mod audit;
mod body;
mod by_query;
mod by_refs;
mod changes;
mod cycles;
mod dangling;
mod deletion;
mod entities;
mod error;
mod etag;
mod facets;
mod guard;
mod impact;
mod list_body;
mod locations;
mod owned;
mod parameters;
mod problems;
mod refresh;
mod refresh_report;
mod removals;
mod revision;
mod sources;
mod writes;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use freshet_runtime::clock::Clock;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer as _;
use tower::util::MapRequestLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

pub use access::{AccessScope, ApiAccess, ExternalAccess};
pub use entities::is_valid as is_valid_query;

use crate::apply::Applier;
use crate::config::{CorsConfig, RegistrationConfig};
use crate::feed::ChangeFeed;
use crate::freshness::{AgeBounds, Freshness};
use crate::ledger::Ledger;
use crate::metrics::StoreMetrics;
use crate::repo::Repo;
use crate::view::View;

/// Lists, or pieces of their text, made at once. A list may look at every entity; more of them than processors only
/// compete.
const LISTS_AT_ONCE_MAX: usize = 4;

/// Where it is asked whether the process lives, below this path and without credentials.
const HEALTH: &str = "/.backstage/health/";

/// What handlers stand on.
#[derive(Clone)]
pub struct Api(Arc<ApiState>);

/// What an API is made of.
pub struct ApiDeps {
    /// What is served.
    pub view: Arc<View>,
    /// The ledger.
    pub repo: Repo,
    /// The change feed.
    pub feed: ChangeFeed,
    /// When sources were last proved.
    pub freshness: Freshness,
    /// How old truth may get.
    pub bounds: Arc<AgeBounds>,
    /// What time it is.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<StoreMetrics>,
    /// Told when a removal was confirmed.
    pub confirmed: Arc<Notify>,
    /// Who may call.
    pub access: ApiAccess,
    /// What people ask for goes through it.
    pub applier: Arc<Applier>,
    /// Where refreshes are recorded.
    pub ledger: Ledger,
    /// What may be registered.
    pub registration: RegistrationConfig,
}

struct ApiState {
    deps: ApiDeps,
    lists: Arc<Semaphore>,
    /// Writes that were begun.
    writes: TaskTracker,
}

impl std::ops::Deref for Api {
    type Target = ApiDeps;

    fn deref(&self) -> &ApiDeps {
        &self.0.deps
    }
}

impl Api {
    /// An API over these.
    #[must_use]
    pub fn new(deps: ApiDeps) -> Self {
        Self(Arc::new(ApiState {
            deps,
            lists: Arc::new(Semaphore::new(LISTS_AT_ONCE_MAX)),
            writes: TaskTracker::new(),
        }))
    }

    /// All routes.
    pub fn router(self, cors: Option<&CorsConfig>) -> Router {
        let catalog = Router::new()
            .route("/entities", get(entities::list_entities))
            .route(
                "/entities/by-name/{kind}/{namespace}/{name}",
                get(entities::get_by_name),
            )
            .route(
                "/entities/by-name/{kind}/{namespace}/{name}/ancestry",
                get(ancestry::get_ancestry),
            )
            .route(
                "/entities/by-uid/{uid}",
                get(entities::get_by_uid).delete(deletion::delete_by_uid),
            )
            .route(
                "/entities/by-query",
                get(by_query::get_page).post(by_query::post_page),
            )
            .route("/entities/by-refs", post(by_refs::post_refs))
            .route(
                "/entity-facets",
                get(facets::get_facets).post(facets::post_facets),
            )
            .route("/refresh", post(refresh::refresh_entity))
            .merge(locations::location_routes());
        let own = Router::new()
            .route("/changes", get(changes::subscribe_to_changes))
            .route("/cycles", get(cycles::list_cycles))
            .route("/impact", get(impact::get_impact))
            .route("/owned", get(owned::list_owned))
            .route("/paths", get(impact::get_paths))
            .route("/dangling", get(dangling::list_dangling))
            .route("/problems", get(problems::list_problems))
            .route("/refreshes/{id}", get(refresh::get_refresh))
            .route("/removals", get(removals::list_removals))
            .route("/removals/confirm", post(removals::confirm_removals))
            .route("/sources", get(sources::list_sources));
        let router = Router::new()
            .nest("/api/catalog", catalog)
            .nest("/api/v1", own)
            .route("/.backstage/health/v1/readiness", get(report_healthy))
            .route("/.backstage/health/v1/liveness", get(report_healthy))
            .fallback(answer_not_found)
            .method_not_allowed_fallback(answer_not_found)
            .layer(from_fn_with_state(self.clone(), revision::stamp_revision))
            // Before it, as who has no credentials is not waited with for a revision.
            .layer(from_fn_with_state(self.clone(), guard::check_credentials))
            .with_state(self);
        match cors {
            // Outermost, so that errors carry the headers too; a browser hides the reason
            // otherwise.
            Some(cors) => router.layer(cors_layer(cors)),
            None => router,
        }
    }

    /// Serves until `shutdown`, then finishes the requests at hand.
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn serve(
        self,
        cors: Option<CorsConfig>,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> std::io::Result<()> {
        let (feed, writes) = (self.feed.clone(), self.0.writes.clone());
        // Before routing, so that it decides which route is taken.
        let service = MapRequestLayer::new(normalise_uri).layer(self.router(cors.as_ref()));
        let service = tower::make::Shared::new(service);
        // An event is small and should leave at once. Where that cannot be had, it leaves later.
        let listener = listener.tap_io(|connection| {
            let _best_effort = connection.set_nodelay(true);
        });
        axum::serve(listener, service)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await?;
        // The tasks that read the log for subscribers are not the server's.
        feed.wait_until_closed().await;
        // Nor are writes whose clients have left.
        writes.close();
        writes.wait().await;
        Ok(())
    }
}

/// The address as the client wrote it.
#[derive(Clone)]
struct WrittenUri(Uri);

/// Routing ignores case and a slash at the end, as Backstage's does. Refs are lower-case anyway.
fn normalise_uri(mut request: Request) -> Request {
    let written = request.uri().clone();
    let path = written.path().to_ascii_lowercase();
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    if path != written.path() {
        let query = written
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        if let Ok(uri) = format!("{path}{query}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request.extensions_mut().insert(WrittenUri(written));
    request
}

async fn report_healthy() -> Response {
    ok_json(r#"{"status":"ok"}"#.to_owned())
}

/// As bare as Backstage's answer to an unknown route or a wrong method.
async fn answer_not_found() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// An answer that is plain data: texts, numbers and lists of them.
fn answer_json(answer: &impl Serialize) -> Response {
    ok_json(serde_json::to_string(answer).expect("an answer is plain data"))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

fn ok_json(json: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, JSON)], json.into()).into_response()
}

/// The route of a request as a label: a pattern of ours, never what the client wrote.
fn route_label(matched: Option<&MatchedPath>) -> &'static str {
    match matched.map(MatchedPath::as_str) {
        Some("/api/catalog/entities") => "entities",
        Some("/api/catalog/entities/by-name/{kind}/{namespace}/{name}") => "entity_by_name",
        Some("/api/catalog/entities/by-name/{kind}/{namespace}/{name}/ancestry") => {
            "entity_ancestry"
        }
        Some("/api/catalog/entities/by-uid/{uid}") => "entity_by_uid",
        Some("/api/catalog/locations") => "locations",
        Some("/api/catalog/locations/by-entity/{kind}/{namespace}/{name}") => "location_by_entity",
        Some("/api/catalog/locations/by-query") => "locations_by_query",
        Some("/api/catalog/locations/{id}") => "location",
        Some("/api/catalog/refresh") => "refresh",
        Some("/api/catalog/entities/by-query") => "entities_by_query",
        Some("/api/catalog/entities/by-refs") => "entities_by_refs",
        Some("/api/catalog/entity-facets") => "entity_facets",
        Some("/api/v1/changes") => "changes",
        Some("/api/v1/cycles") => "cycles",
        Some("/api/v1/impact") => "impact",
        Some("/api/v1/owned") => "owned",
        Some("/api/v1/paths") => "paths",
        Some("/api/v1/dangling") => "dangling",
        Some("/api/v1/problems") => "problems",
        Some("/api/v1/refreshes/{id}") => "refreshes",
        Some("/api/v1/removals") => "removals",
        Some("/api/v1/removals/confirm") => "removals_confirm",
        Some("/api/v1/sources") => "sources",
        // A label is one of a few words of ours. An address of a client would be another time
        // series each.
        Some(_) => "health",
        None => "none",
    }
}

fn cors_layer(cors: &CorsConfig) -> CorsLayer {
    let origins = if cors.origins.iter().any(|origin| origin == "*") && !cors.credentials {
        // Browsers refuse `*` together with credentials, so then it names no origin.
        AllowOrigin::any()
    } else {
        AllowOrigin::list(cors.origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    let named: Vec<Method> = cors
        .methods
        .iter()
        .filter_map(|method| method.parse().ok())
        .collect();
    let methods = if named.is_empty() {
        vec![
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
        ]
    } else {
        named
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(methods)
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .allow_credentials(cors.credentials)
}

#[cfg(test)]
mod tests;
