//! The catalog API: Backstage's routes below `/api/catalog`, Freshet's own below `/api/v1`.
//!
//! The only place that knows HTTP. Handlers read parameters and bodies, ask the view, the ledger, apply or the feed,
//! and answer; what queries mean is decided in `query`. Reads of entities never touch the database. What only it
//! knows is read there: sources, removals, refreshes, registered locations, what leads to an entity, the feed.
//!
//! Every answer to whoever may ask carries `Catalog-Revision`: what is served contains at least that revision. Every route
//! takes `minRevision` and waits for it.
//!
//! Who may call is decided in [`auth`], before anything else; what for, in `permissions`.

mod ancestry;
mod audit;
mod auth;
mod body;
mod by_query;
mod by_refs;
mod changes;
mod cors;
mod cycles;
mod dangling;
mod deletion;
mod entities;
mod error;
mod etag;
mod facets;
mod impact;
mod list_body;
mod locations;
mod outbound;
mod owned;
mod parameters;
mod permissions;
mod problems;
mod refresh;
mod refresh_report;
mod removals;
mod revision;
mod sources;
mod tls;
mod writes;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::{Listener, ListenerExt as _, TapIo};
use axum::{Router, ServiceExt as _};
use freshet_runtime::clock::Clock;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer as _;
use tower::util::MapRequestLayer;

pub use auth::{
    AccessRestrictions, ApiAuth, ApiAuthDeps, AuthConfig, DefaultPolicy, ExternalAccess,
    ForeignIssuer, PermissionPolicy, PluginEndpoints, PluginRestrictions, Reach,
};
pub use entities::is_valid as is_valid_query;
pub use permissions::PermissionAction;
pub use tls::{ApiCertificate, CertificateError};

use self::error::{ApiError, RequestLine};
use self::tls::TlsListener;
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
    pub auth: ApiAuth,
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
            .merge(locations::location_routes())
            .merge(plugin_routes());
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
            .layer(from_fn_with_state(self.clone(), permissions::guard_route))
            .layer(from_fn_with_state(self.clone(), revision::stamp_revision))
            // Before it, as who has no credentials is not waited with for a revision.
            .layer(from_fn_with_state(self.clone(), auth::guard_request))
            .with_state(self);
        match cors {
            // Outermost, so that errors carry the headers too.
            Some(cors) => cors::add_cors(router, cors),
            None => router,
        }
    }

    /// Serves until `shutdown`, then finishes the requests at hand.
    ///
    /// # Errors
    ///
    /// If the listener fails, or the certificate cannot be shown.
    pub async fn serve(
        self,
        cors: Option<CorsConfig>,
        certificate: Option<ApiCertificate>,
        listener: TcpListener,
        shutdown: CancellationToken,
    ) -> Result<(), ServeError> {
        self.auth.make_own_key().await;
        let cors = cors.as_ref();
        // An event is small and should leave at once. Where that cannot be had, it leaves later.
        let send_at_once = |connection: &TcpStream| {
            let _best_effort = connection.set_nodelay(true);
        };
        let served = match certificate {
            Some(certificate) => {
                let listener = TlsListener::new(listener, &certificate)?
                    .tap_io(move |connection| send_at_once(connection.get_ref().0));
                self.serve_on(listener, cors, shutdown).await
            }
            None => {
                let listener = listener.tap_io(move |connection| send_at_once(connection));
                self.serve_on(listener, cors, shutdown).await
            }
        };
        Ok(served?)
    }

    async fn serve_on<L, F>(
        self,
        listener: TapIo<L, F>,
        cors: Option<&CorsConfig>,
        shutdown: CancellationToken,
    ) -> std::io::Result<()>
    where
        L: Listener<Addr = SocketAddr>,
        F: FnMut(&mut L::Io) + Send + 'static,
    {
        let (feed, writes) = (self.feed.clone(), self.0.writes.clone());
        // Before routing, so that it decides which route is taken.
        let service = MapRequestLayer::new(normalise_uri).layer(self.router(cors));
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
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

/// Why the API is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener failed.
    #[error("the listener of the catalog API failed")]
    Listener(#[from] std::io::Error),
    /// There is nothing to show to clients.
    #[error("the certificate of backend.https cannot be used")]
    Certificate(#[from] CertificateError),
}

/// What plugins of Backstage ask each other.
fn plugin_routes() -> Router<Api> {
    Router::new()
        .route("/.backstage/auth/v1/jwks.json", get(get_own_keys))
        .route(
            "/.well-known/backstage/permissions/metadata",
            get(permissions::get_metadata),
        )
        .route(
            "/.well-known/backstage/permissions/apply-conditions",
            post(permissions::apply_conditions),
        )
}

/// The keys with which what this catalog says to other plugins can be checked.
async fn get_own_keys(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let keys = api.auth.published_keys().await;
    keys.map(|keys| answer_json(&keys))
        .map_err(|error| asked.fail_with(error))
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
        Some(auth::OWN_KEYS) => "own_keys",
        Some(auth::PERMISSION_CONDITIONS) => "permission_conditions",
        Some("/api/catalog/.well-known/backstage/permissions/metadata") => "permission_metadata",
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

#[cfg(test)]
mod tests;
