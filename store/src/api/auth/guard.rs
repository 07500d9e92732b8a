//! The door of the API: says who a caller is, or turns him away.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::audit::AuditedRequest;
use super::bearer::bearer_token;
use super::origin::OriginRefusal;
use super::{ApiAuth, CredentialPolicy, OWN_KEYS, Principal, TokenRefusal};
use crate::api::error::{ApiProblem, RequestLine};
use crate::api::{Api, HEALTH, route_label};

/// Who is refused, in the log; from where he called is not told there.
const UNKNOWN: &str = "unknown";

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    /// It has no credentials.
    Missing,
    /// Its credentials are not good.
    Token(TokenRefusal),
    /// The same where it would have been let in without any.
    OptionalToken(TokenRefusal),
    /// It needs no credentials, and is from a page that may not send it.
    Origin(OriginRefusal),
    /// Its sender has sent too many.
    TooMany(Duration),
}

/// Lets a request in with who sends it, or answers it.
pub(in crate::api) async fn guard_request(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    if route
        .as_ref()
        .is_some_and(|route| is_public(route.as_str()))
    {
        return next.run(request).await;
    }
    let started = Instant::now();
    let asked = RequestLine::of_request(&request);
    let audited = AuditedRequest::new(request.method(), request.uri().path());
    // In two, as the body of a request cannot be looked at by two threads, and this waits for others.
    let (mut parts, body) = request.into_parts();
    match admit(&api.auth, &parts).await {
        Ok(principal) => {
            let caller = principal.to_string();
            parts.extensions.insert(principal);
            request = Request::from_parts(parts, body);
            let response = next.run(request).await;
            audited.record(&caller, response.status());
            response
        }
        Err(refusal) => {
            let response = refuse(&asked, refusal);
            let status = response.status();
            audited.record(UNKNOWN, status);
            let seconds = started.elapsed().as_secs_f64();
            api.metrics
                .observe_answer(route_label(route.as_ref()), status.as_u16(), seconds);
            response
        }
    }
}

async fn admit(auth: &ApiAuth, parts: &Parts) -> Result<Principal, Refusal> {
    let peer = peer_of(parts);
    match identify_sender(auth, parts).await {
        Ok(principal) => limit(auth, &peer, principal),
        // Guessing is limited as well, by where it comes from.
        Err(refusal) => Err(auth
            .admit(&peer)
            .map_or_else(Refusal::TooMany, |()| refusal)),
    }
}

/// Who sends a request that was let in.
pub(in crate::api) fn principal_of(request: &Request) -> Result<Principal, ApiProblem> {
    // Every route is behind the door. If one ever was not, it must not be open for that.
    let principal = request.extensions().get::<Principal>().cloned();
    principal.ok_or(ApiProblem::Internal)
}

/// Whoever watches over the process has no credentials, and learns nothing of the catalog: of what is no such
/// route, not even that. Whoever is to believe our tokens needs our keys first.
fn is_public(route: &str) -> bool {
    route.starts_with(HEALTH) || route == OWN_KEYS
}

async fn identify_sender(auth: &ApiAuth, parts: &Parts) -> Result<Principal, Refusal> {
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let token = authorization
        .and_then(|value| value.to_str().ok())
        .and_then(bearer_token);
    match (token, auth.credentials) {
        (Some(token), policy) => {
            let identified = auth.authenticator.identify(token).await;
            identified.map_err(|refusal| match policy {
                CredentialPolicy::Required => Refusal::Token(refusal),
                CredentialPolicy::Optional => Refusal::OptionalToken(refusal),
            })
        }
        (None, CredentialPolicy::Required) => Err(Refusal::Missing),
        (None, CredentialPolicy::Optional) => {
            let checked = auth.trusted.check(&parts.method, &parts.headers, |origin| {
                auth.cors.allow(origin)
            });
            checked
                .map(|()| Principal::Anonymous)
                .map_err(Refusal::Origin)
        }
    }
}

fn limit(auth: &ApiAuth, peer: &str, principal: Principal) -> Result<Principal, Refusal> {
    let admitted = match &principal {
        Principal::Anonymous => auth.admit(peer),
        known => auth.admit(&known.to_string()),
    };
    admitted.map(|()| principal).map_err(Refusal::TooMany)
}

fn peer_of(parts: &Parts) -> String {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or_else(
        || UNKNOWN.to_owned(),
        |ConnectInfo(address)| address.ip().to_canonical().to_string(),
    )
}

fn refuse(asked: &RequestLine, refusal: Refusal) -> Response {
    let wait = match refusal {
        Refusal::TooMany(wait) => Some(wait),
        Refusal::Missing | Refusal::Token(_) | Refusal::OptionalToken(_) | Refusal::Origin(_) => {
            None
        }
    };
    let mut response = asked.fail_with(refusal).into_response();
    if let Some(wait) = wait {
        // Whole seconds, so that whoever waits that long is let in.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// In Backstage's words.
impl From<Refusal> for ApiProblem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing => Self::Unauthenticated("Missing credentials".to_owned()),
            Refusal::Token(refusal) => refusal.into(),
            Refusal::OptionalToken(refusal) => match Self::from(refusal) {
                Self::Unauthenticated(message) => Self::Unauthenticated(format!(
                    "Could not resolve credentials; caused by AuthenticationError: {message}"
                )),
                other => other,
            },
            Refusal::Origin(OriginRefusal::Host(host)) => Self::NotAllowed(format!(
                "'{host}' is no name of this catalog; if it is, name it in freshet.api.hosts"
            )),
            Refusal::Origin(OriginRefusal::CrossSite) => Self::NotAllowed(
                "A page of another origin may not change anything here without credentials"
                    .to_owned(),
            ),
            Refusal::TooMany(_) => {
                Self::TooManyRequests("Too many requests, please try again later".to_owned())
            }
        }
    }
}

impl From<TokenRefusal> for ApiProblem {
    fn from(refusal: TokenRefusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            TokenRefusal::OtherPlugins(_) => Self::NotAllowed(message),
            TokenRefusal::Illegal
            | TokenRefusal::PluginName
            | TokenRefusal::Plugin
            | TokenRefusal::OnBehalfOf
            | TokenRefusal::User
            | TokenRefusal::LimitedUser => Self::Unauthenticated(message),
        }
    }
}
