//! What went wrong, as Backstage would say it.

use std::fmt;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use freshet_runtime::error_chain::Chain;
use serde_json::json;

use super::WrittenUri;
use crate::query::InvalidQuery;
use crate::repo::RepoError;

const CATALOG: &str = "/api/catalog";

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ApiProblem {
    /// The request makes no sense.
    Input(String),
    /// There is no such thing.
    NotFound(String),
    /// It was there and will not come back.
    Gone(String),
    /// Nobody knows who asks.
    Unauthenticated(String),
    /// Whoever asks may not.
    NotAllowed(String),
    /// Something else is in its place.
    Conflict(String),
    /// Nobody can do that yet.
    NotImplemented(String),
    /// Whoever asks has asked too often.
    TooManyRequests(String),
    /// Not now.
    Unavailable(String),
    /// Our fault. What it was is in the log, not in the answer.
    Internal,
}

/// A problem with the request it answers.
pub(super) struct ApiError {
    problem: ApiProblem,
    asked: RequestLine,
}

/// What was asked, for the error envelope.
#[derive(Clone, Debug)]
pub(super) struct RequestLine {
    method: Method,
    url: String,
}

impl RequestLine {
    pub(super) fn of_request(request: &Request) -> Self {
        // The envelope shows the address as the client wrote it, not as it was routed.
        let written = request.extensions().get::<WrittenUri>();
        let uri = written.map_or_else(|| request.uri(), |WrittenUri(uri)| uri);
        Self {
            method: request.method().clone(),
            url: plugin_relative(uri),
        }
    }

    pub(super) fn fail_with(&self, problem: impl Into<ApiProblem>) -> ApiError {
        ApiError {
            problem: problem.into(),
            asked: self.clone(),
        }
    }
}

/// Backstage's plugins do not know where they are mounted.
fn plugin_relative(uri: &Uri) -> String {
    let text = uri.path_and_query().map_or("/", |text| text.as_str());
    match text.get(..CATALOG.len()) {
        // Routing ignores case, and so must this.
        Some(mount) if mount.eq_ignore_ascii_case(CATALOG) => text[CATALOG.len()..].to_owned(),
        _ => text.to_owned(),
    }
}

impl From<InvalidQuery> for ApiProblem {
    fn from(invalid: InvalidQuery) -> Self {
        Self::Input(invalid.0)
    }
}

impl From<RepoError> for ApiProblem {
    fn from(error: RepoError) -> Self {
        freshet_runtime::summed_up!(warn, error = %Chain(&error), "A request could not be answered, as the database did not");
        // The reason stays in the log: it may name hosts and users.
        Self::Unavailable("The database does not answer".to_owned())
    }
}

impl ApiProblem {
    /// Backstage's name of the error, and the status that goes with it.
    fn name_and_status(&self) -> (&'static str, StatusCode) {
        match self {
            Self::Input(_) => ("InputError", StatusCode::BAD_REQUEST),
            Self::NotFound(_) => ("NotFoundError", StatusCode::NOT_FOUND),
            Self::Gone(_) => ("GoneError", StatusCode::GONE),
            Self::Unauthenticated(_) => ("AuthenticationError", StatusCode::UNAUTHORIZED),
            Self::NotAllowed(_) => ("NotAllowedError", StatusCode::FORBIDDEN),
            Self::Conflict(_) => ("ConflictError", StatusCode::CONFLICT),
            Self::NotImplemented(_) => ("NotImplementedError", StatusCode::NOT_IMPLEMENTED),
            // Backstage has no name of its own for it.
            Self::TooManyRequests(_) => ("Error", StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable(_) => ("ServiceUnavailableError", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("Error", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl fmt::Display for ApiProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(message)
            | Self::NotFound(message)
            | Self::Gone(message)
            | Self::Unauthenticated(message)
            | Self::NotAllowed(message)
            | Self::Conflict(message)
            | Self::NotImplemented(message)
            | Self::TooManyRequests(message)
            | Self::Unavailable(message) => formatter.write_str(message),
            Self::Internal => formatter.write_str("An internal error occurred"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (name, status) = self.problem.name_and_status();
        let body = json!({
            "error": { "name": name, "message": self.problem.to_string() },
            "request": { "method": self.asked.method.as_str(), "url": self.asked.url },
            "response": { "statusCode": status.as_u16() },
        });
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        (status, [(header::CONTENT_TYPE, json)], body.to_string()).into_response()
    }
}
