//! One credential's connection to GitHub.
//!
//! octocrab brings connection, TLS and authentication. Its typed answers are not used: they hide the
//! limit headers and drop what a partly failed GraphQL query did answer. Its retry and cache layers are
//! not built in: retries without delay and a cache shared between credentials are worse than none.

use std::time::{Duration, Instant};

use backoff::{BackoffBuilder, ExponentialBuilder, Retryable};
use bytes::Bytes;
use freshet_proto::message::Lane;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Limited};
use octocrab::{OctoBody, Octocrab};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::answer::GraphqlAnswer;
use super::error::CallError;
use crate::budget::RateBudget;
use crate::budget::headers::{RateHeaders, Resource, limit_of};
use crate::config::{GithubIntegration, RetryPolicy, Timeouts};
use crate::metrics::{CallKind, CallOutcome, ProcessorMetrics};

/// Largest answer that is read, in bytes: a hundred files of the largest size GraphQL shows.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest part of a refusal's message that is kept.
const MESSAGE_CHARS_MAX: usize = 300;
/// A GraphQL error class that means a limit.
const RATE_LIMITED_CLASS: &str = "RATE_LIMITED";
const RAW_MEDIA_TYPE: &str = "application/vnd.github.raw+json";

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The configured address is no URL with a scheme and a host.
    #[error("{url}: not an API base URL")]
    BaseUrl {
        /// As configured.
        url: String,
        /// Why.
        #[source]
        source: Option<url::ParseError>,
    },
    /// octocrab refused.
    #[error("{url}: no client")]
    Octocrab {
        /// As configured.
        url: String,
        /// Why.
        #[source]
        source: Box<octocrab::Error>,
    },
}

/// Where the two APIs of one GitHub are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Scheme, host and port.
    pub origin: String,
    /// The host alone.
    pub host: String,
    /// Path of the GraphQL endpoint.
    pub graphql: String,
    /// Prefix of every REST path.
    pub rest: String,
}

impl Endpoints {
    /// Derives both APIs from the REST base URL, the one Backstage's configuration names.
    ///
    /// GitHub Enterprise Server has REST at `/api/v3` and GraphQL at `/api/graphql`; github.com has
    /// both at the root of its API host.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`] if it is no URL with a host.
    pub fn of(api_base_url: &str) -> Result<Self, ClientError> {
        let mistake = |source| ClientError::BaseUrl {
            url: api_base_url.to_owned(),
            source,
        };
        let url = url::Url::parse(api_base_url).map_err(|source| mistake(Some(source)))?;
        let host = url.host_str().ok_or_else(|| mistake(None))?.to_owned();
        let rest = url.path().trim_end_matches('/').to_owned();
        let root = rest.strip_suffix("/v3").unwrap_or(&rest);
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            host,
            graphql: format!("{root}/graphql"),
            rest,
        })
    }
}

/// One credential's connection to GitHub.
pub struct GithubClient {
    octocrab: Octocrab,
    installation: String,
    endpoints: Endpoints,
    timeouts: Timeouts,
    retry: RetryPolicy,
    budget: RateBudget,
    metrics: ProcessorMetrics,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    message: String,
}

impl GithubClient {
    /// A client for one integration; connects with the first call.
    ///
    /// # Errors
    /// [`ClientError`] if the integration's address or token is unusable.
    pub fn new(
        integration: &GithubIntegration,
        endpoints: Endpoints,
        timeouts: Timeouts,
        retry: RetryPolicy,
        budget: RateBudget,
        metrics: ProcessorMetrics,
    ) -> Result<Self, ClientError> {
        let octocrab = connection(&endpoints.origin, integration.token.as_ref(), timeouts)
            .map_err(|source| ClientError::Octocrab {
                url: integration.api_base_url.clone(),
                source: Box::new(source),
            })?;
        Ok(Self {
            octocrab,
            installation: integration.host.clone(),
            endpoints,
            timeouts,
            retry,
            budget,
            metrics,
        })
    }

    /// The budget every call of this client is made within.
    #[must_use]
    pub fn budget(&self) -> &RateBudget {
        &self.budget
    }

    /// Asks a GraphQL query, again after a moment if that may help; the answer may be partial.
    ///
    /// # Errors
    /// [`CallError`] if there is no data at all.
    pub async fn graphql<T: DeserializeOwned>(
        &self,
        kind: CallKind,
        lane: Lane,
        query: &str,
    ) -> Result<GraphqlAnswer<T>, CallError> {
        self.retrying(CallError::is_transient, || {
            self.graphql_once(kind, lane, query)
        })
        .await
    }

    /// Like [`Self::graphql`], but a query that may be too large is not asked again: GitHub charges extra
    /// for each that takes it too long, and the caller can make a smaller one.
    ///
    /// # Errors
    /// [`CallError`] if there is no data at all.
    pub async fn graphql_divisible<T: DeserializeOwned>(
        &self,
        kind: CallKind,
        lane: Lane,
        query: &str,
    ) -> Result<GraphqlAnswer<T>, CallError> {
        self.retrying(
            |error| error.is_transient() && !error.may_be_too_large(),
            || self.graphql_once(kind, lane, query),
        )
        .await
    }

    /// How long to wait after this many failures in a row.
    #[must_use]
    pub fn pause_after(&self, failed_in_a_row: usize) -> Duration {
        let mut pauses = self.waits().without_max_times().build();
        pauses
            .nth(failed_in_a_row.saturating_sub(1))
            .unwrap_or(self.retry.delay_max)
    }

    async fn graphql_once<T: DeserializeOwned>(
        &self,
        kind: CallKind,
        lane: Lane,
        query: &str,
    ) -> Result<GraphqlAnswer<T>, CallError> {
        let operation = kind.as_str();
        let body = serde_json::json!({ "query": query });
        let builder = Request::builder()
            .method(Method::POST)
            .uri(&self.endpoints.graphql);
        let request = self
            .octocrab
            .build_request(builder, Some(&body))
            .map_err(|source| CallError::Request {
                operation,
                source: Box::new(source),
            })?;
        let answered = self.call(kind, lane, Resource::Graphql, request).await?;
        let answer: GraphqlAnswer<T> = serde_json::from_slice(&answered.body)
            .map_err(|source| CallError::Unreadable { operation, source })?;
        self.check_graphql(operation, answer, &answered.headers)
    }

    // GitHub reports exhausted windows and secondary limits with status 200 and an error in the body. The
    // text of an error beside data belongs to one field, and may quote anything.
    fn check_graphql<T>(
        &self,
        operation: &'static str,
        answer: GraphqlAnswer<T>,
        headers: &RateHeaders,
    ) -> Result<GraphqlAnswer<T>, CallError> {
        for error in &answer.errors {
            let limited = error.class == RATE_LIMITED_CLASS;
            let text = match (&answer.data, limited) {
                (_, true) => "rate limit",
                (None, false) => &error.message,
                (Some(_), false) => "",
            };
            if let Some(limit) = limit_of(200, headers, text) {
                let closed = self.budget.close(Resource::Graphql, headers, limit);
                self.metrics.limited(&self.installation);
                return Err(CallError::Limited { operation, closed });
            }
        }
        if answer.data.is_none() {
            let message = answer
                .errors
                .first()
                .map_or("no data", |error| error.message.as_str());
            return Err(CallError::Refused {
                operation,
                message: shortened(message),
            });
        }
        Ok(answer)
    }

    /// Reads one blob as bytes, at most `size_max` of them.
    ///
    /// # Errors
    /// [`CallError`] if it cannot be read or is larger.
    pub async fn blob(
        &self,
        lane: Lane,
        owner: &str,
        name: &str,
        oid: &str,
        size_max: usize,
    ) -> Result<Bytes, CallError> {
        let kind = CallKind::Blob;
        let path = format!("/repos/{owner}/{name}/git/blobs/{oid}");
        let body = self.get(kind, lane, &path, RAW_MEDIA_TYPE).await?;
        if body.len() > size_max {
            let source = format!("{} bytes, more than {size_max}", body.len()).into();
            return Err(CallError::Body {
                operation: kind.as_str(),
                source,
            });
        }
        Ok(body)
    }

    /// Reads from the REST API, again after a moment if that may help; `path` begins behind its base URL.
    ///
    /// # Errors
    /// [`CallError`] if there is no answer.
    pub async fn get(
        &self,
        kind: CallKind,
        lane: Lane,
        path: &str,
        media_type: &str,
    ) -> Result<Bytes, CallError> {
        let uri = format!("{}{path}", self.endpoints.rest);
        let once = || async {
            let request = Request::builder()
                .method(Method::GET)
                .uri(&uri)
                .header(http::header::ACCEPT, media_type);
            let request = self
                .octocrab
                .build_request(request, None::<&()>)
                .map_err(|source| CallError::Request {
                    operation: kind.as_str(),
                    source: Box::new(source),
                })?;
            self.call(kind, lane, Resource::Core, request).await
        };
        Ok(self.retrying(CallError::is_transient, once).await?.body)
    }

    fn waits(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.retry.delay_min)
            .with_max_delay(self.retry.delay_max)
    }

    async fn retrying<T, F>(
        &self,
        may_help: impl Fn(&CallError) -> bool,
        once: impl FnMut() -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        once.retry(self.waits().with_max_times(self.retry.times_max))
            .when(may_help)
            .notify(|error, delay| {
                tracing::debug!(%error, delay_ms = delay.as_millis(), "asking GitHub again after a failed call");
            })
            .await
    }

    /// Makes one call within the budget and learns from its headers.
    async fn call(
        &self,
        kind: CallKind,
        lane: Lane,
        resource: Resource,
        request: Request<OctoBody>,
    ) -> Result<CallAnswer, CallError> {
        let operation = kind.as_str();
        let permit = self
            .budget
            .admit(lane, resource)
            .await
            .map_err(|closed| CallError::Limited { operation, closed })?;
        let started = Instant::now();
        let result = self.exchange(operation, resource, request).await;
        drop(permit);
        let outcome = match &result {
            Ok(_) => CallOutcome::Answered,
            Err(CallError::Limited { .. }) => CallOutcome::Limited,
            Err(_) => CallOutcome::Failed,
        };
        self.metrics.called(kind, outcome, started.elapsed());
        self.metrics.remaining(
            &self.installation,
            resource,
            self.budget.remaining(resource),
        );
        result
    }

    async fn exchange(
        &self,
        operation: &'static str,
        resource: Resource,
        request: Request<OctoBody>,
    ) -> Result<CallAnswer, CallError> {
        let after = self.timeouts.call;
        let (status, headers, body) = tokio::time::timeout(after, self.send(operation, request))
            .await
            .map_err(|_| CallError::TimedOut { operation, after })??;
        let headers = RateHeaders::read(&headers);
        if status < 400 {
            self.budget.learn(resource, &headers);
            return Ok(CallAnswer { headers, body });
        }
        let message = refusal(&body);
        if let Some(limit) = limit_of(status, &headers, &message) {
            let closed = self.budget.close(resource, &headers, limit);
            self.metrics.limited(&self.installation);
            return Err(CallError::Limited { operation, closed });
        }
        self.budget.learn(resource, &headers);
        Err(CallError::Status {
            operation,
            status,
            message,
        })
    }

    async fn send(
        &self,
        operation: &'static str,
        request: Request<OctoBody>,
    ) -> Result<(u16, HeaderMap, Bytes), CallError> {
        let answer =
            self.octocrab
                .execute(request)
                .await
                .map_err(|source| CallError::Unreachable {
                    operation,
                    source: Box::new(source),
                })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|source| CallError::Body { operation, source })?;
        Ok((parts.status.as_u16(), parts.headers, body.to_bytes()))
    }
}

struct CallAnswer {
    headers: RateHeaders,
    body: Bytes,
}

fn connection(
    origin: &str,
    token: Option<&SecretString>,
    timeouts: Timeouts,
) -> Result<Octocrab, octocrab::Error> {
    let within = |timeout: Duration| Some(timeout);
    let builder = Octocrab::builder()
        .base_uri(origin)?
        .set_connect_timeout(within(timeouts.connect))
        .set_read_timeout(within(timeouts.call))
        .set_write_timeout(within(timeouts.call));
    match token {
        Some(token) => builder.personal_token(token.clone()).build(),
        None => builder.build(),
    }
}

fn refusal(body: &[u8]) -> String {
    let message = serde_json::from_slice::<RefusalBody>(body).map_or_else(
        |_| String::from_utf8_lossy(body).into_owned(),
        |refusal| refusal.message,
    );
    shortened(&message)
}

fn shortened(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(api_base_url: &str, origin: &str, graphql: &str, rest: &str) {
        let endpoints = Endpoints::of(api_base_url).expect("a base URL");
        assert_eq!(
            (
                endpoints.origin.as_str(),
                endpoints.graphql.as_str(),
                endpoints.rest.as_str()
            ),
            (origin, graphql, rest)
        );
    }

    #[test]
    fn both_apis_follow_from_the_rest_base_url() {
        check(
            "https://api.github.com",
            "https://api.github.com",
            "/graphql",
            "",
        );
        check(
            "https://ghe.acme.example/api/v3",
            "https://ghe.acme.example",
            "/api/graphql",
            "/api/v3",
        );
        check(
            "https://ghe.acme.example/api/v3/",
            "https://ghe.acme.example",
            "/api/graphql",
            "/api/v3",
        );
        check(
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080",
            "/graphql",
            "",
        );
    }

    #[test]
    fn an_address_without_a_host_is_refused() {
        assert!(Endpoints::of("api.github.com").is_err());
        assert!(Endpoints::of("mailto:a@b").is_err());
    }
}
