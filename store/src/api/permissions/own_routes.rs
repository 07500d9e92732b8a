//! The rights that the routes below `/api/v1` need, which Backstage has no names for.
//!
//! They tell of the whole catalog at once, or change it at large: whoever may see some entities only is refused there, and
//! not shown a part that looks like the whole.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::permission::Permission;
use crate::api::Api;
use crate::api::auth::{Principal, principal_of};
use crate::api::error::{ApiProblem, RequestLine};

/// Lets a request through if its sender has the right for everything.
pub(in crate::api) async fn guard_own_route(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Response {
    let (principal, right) = (principal_of(&request), needed_right(request.method()));
    match check(&api, principal, right).await {
        Ok(()) => next.run(request).await,
        Err(problem) => RequestLine::of_request(&request)
            .fail_with(problem)
            .into_response(),
    }
}

async fn check(
    api: &Api,
    principal: Result<Principal, ApiProblem>,
    right: Permission,
) -> Result<(), ApiProblem> {
    api.require(&principal?, right).await
}

fn needed_right(method: &Method) -> Permission {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Permission::EntityRead,
        // All there is to do takes entities out of the catalog.
        _ => Permission::EntityDelete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_read_takes_away() {
        for (method, right) in [
            (Method::GET, Permission::EntityRead),
            (Method::HEAD, Permission::EntityRead),
            (Method::POST, Permission::EntityDelete),
            (Method::PUT, Permission::EntityDelete),
        ] {
            assert_eq!(needed_right(&method), right, "{method}");
        }
    }
}
