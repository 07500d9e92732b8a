//! Which right a route needs before its handler sees a request.
//!
//! Rights that are given for some entities are the handlers' business, as only they know which are meant. What is decided
//! here is decided for a whole route. The routes below `/api/v1` have no names among Backstage's rights: they tell of the
//! whole catalog at once, or change it at large, so whoever may see some entities only is refused there, and not
//! shown a part that looks like the whole. A route that nobody thought of needs a right that few have.

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::permission::Permission;
use crate::api::Api;
use crate::api::auth::{OWN_KEYS, PERMISSION_CONDITIONS, Principal, principal_of};
use crate::api::error::{ApiProblem, RequestLine};

const OWN_ROUTES: &str = "/api/v1/";
const CATALOG_ROUTES: &str = "/api/catalog";
const ENTITY_BY_UID: &str = "/api/catalog/entities/by-uid/{uid}";
const REFRESH: &str = "/api/catalog/refresh";
/// Routes below this read what the sender may see.
const ENTITIES: &str = "/api/catalog/entit";
/// The same that are asked by a body.
const READING_POSTS: [&str; 4] = [
    "/api/catalog/entities/by-query",
    "/api/catalog/entities/by-refs",
    "/api/catalog/entity-facets",
    "/api/catalog/locations/by-query",
];

/// Who decides about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RouteRight {
    /// Nobody needs to.
    Free,
    /// The handler, by what it is about.
    Handler,
    /// Whoever has this right for everything may send it.
    Needs(Permission),
}

/// Lets a request through to its handler if its sender has the right that the route needs.
pub(in crate::api) async fn guard_route(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let right = right_for(request.method(), route.map(MatchedPath::as_str));
    let RouteRight::Needs(permission) = right else {
        return next.run(request).await;
    };
    let principal = principal_of(&request);
    match check(&api, principal, permission).await {
        Ok(()) => next.run(request).await,
        Err(problem) => RequestLine::of_request(&request)
            .fail_with(problem)
            .into_response(),
    }
}

async fn check(
    api: &Api,
    principal: Result<Principal, ApiProblem>,
    permission: Permission,
) -> Result<(), ApiProblem> {
    api.require(&principal?, permission).await
}

fn right_for(method: &Method, route: Option<&str>) -> RouteRight {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match route {
        // What leads nowhere is not found.
        None | Some(OWN_KEYS | PERMISSION_CONDITIONS) => RouteRight::Free,
        Some(route) if route.starts_with(OWN_ROUTES) => RouteRight::Needs(if reads {
            Permission::EntityRead
        } else {
            // All there is to do takes entities out of the catalog.
            Permission::EntityDelete
        }),
        Some(route) if route.starts_with(CATALOG_ROUTES) => right_in_catalog(method, route),
        Some(_) => RouteRight::Free,
    }
}

fn right_in_catalog(method: &Method, route: &str) -> RouteRight {
    match (method, route) {
        (&Method::POST, REFRESH) | (&Method::DELETE, ENTITY_BY_UID) => RouteRight::Handler,
        (&Method::POST, route) if READING_POSTS.contains(&route) => RouteRight::Handler,
        (
            &Method::GET | &Method::HEAD,
            "/api/catalog/.well-known/backstage/permissions/metadata",
        ) => RouteRight::Free,
        (&Method::GET | &Method::HEAD, route)
            if route.starts_with(ENTITIES) || route.starts_with("/api/catalog/locations") =>
        {
            RouteRight::Handler
        }
        (&Method::POST, "/api/catalog/locations")
        | (&Method::PUT, "/api/catalog/locations/{id}") => {
            RouteRight::Needs(Permission::LocationCreate)
        }
        (&Method::DELETE, "/api/catalog/locations/{id}") => {
            RouteRight::Needs(Permission::LocationDelete)
        }
        (&Method::POST, "/api/catalog/analyze-location") => {
            RouteRight::Needs(Permission::LocationAnalyze)
        }
        (&Method::POST, "/api/catalog/validate-entity") => {
            RouteRight::Needs(Permission::EntityValidate)
        }
        _ => RouteRight::Needs(Permission::IngestionManage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, route: &str, expected: RouteRight) {
        assert_eq!(right_for(method, Some(route)), expected, "{method} {route}");
    }

    #[test]
    fn every_route_needs_the_right_that_its_handler_does_not_ask_for() {
        use RouteRight::{Free, Handler, Needs};
        let (get, post) = (Method::GET, Method::POST);
        for route in [
            "/api/catalog/entities",
            "/api/catalog/entities/by-query",
            "/api/catalog/entities/by-name/{kind}/{namespace}/{name}",
            "/api/catalog/entities/by-name/{kind}/{namespace}/{name}/ancestry",
            "/api/catalog/entities/by-uid/{uid}",
            "/api/catalog/entity-facets",
            "/api/catalog/locations",
            "/api/catalog/locations/{id}",
        ] {
            check(&get, route, Handler);
        }
        for route in READING_POSTS {
            check(&post, route, Handler);
        }
        check(&post, REFRESH, Handler);
        check(&Method::DELETE, ENTITY_BY_UID, Handler);
        let location = "/api/catalog/locations/{id}";
        check(
            &post,
            "/api/catalog/locations",
            Needs(Permission::LocationCreate),
        );
        check(&Method::PUT, location, Needs(Permission::LocationCreate));
        check(&Method::DELETE, location, Needs(Permission::LocationDelete));
        check(&get, "/api/v1/problems", Needs(Permission::EntityRead));
        check(
            &post,
            "/api/v1/removals/confirm",
            Needs(Permission::EntityDelete),
        );
        check(
            &get,
            "/api/catalog/later",
            Needs(Permission::IngestionManage),
        );
        check(
            &post,
            "/api/catalog/entities/later",
            Needs(Permission::IngestionManage),
        );
        check(
            &Method::PUT,
            "/api/catalog/entities/by-query",
            Needs(Permission::IngestionManage),
        );
        check(&get, OWN_KEYS, Free);
        check(&post, PERMISSION_CONDITIONS, Free);
        check(&get, "/.backstage/health/v1/liveness", Free);
        assert_eq!(right_for(&post, None), Free);
    }
}
