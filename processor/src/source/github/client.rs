//! One credential's connection to GitHub.
//!
//! octocrab brings connection, TLS and authentication. Its typed answers, REST and GraphQL alike, are not used: they
//! hide the limit headers and drop what a partly failed GraphQL query did answer. Its layers for retries, redirects and a
//! cache are not built in: retries without delay, redirects to anywhere and a cache shared between credentials are worse
//! than none. App tokens will be its part when there are Apps.

use std::time::Duration;

use backoff::{BackoffBuilder, ExponentialBuilder, Retryable};
use bytes::Bytes;
use freshet_proto::message::Lane;
use http::{Method, Request};
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::GraphqlAnswer;
use super::connection::{CallAnswer, GithubConnection, build_octocrab, shorten_message};
use super::endpoints::{ClientError, Endpoints};
use super::error::CallError;
use crate::budget::RateBudget;
use crate::budget::headers::{RateHeaders, Resource, limit_of};
use crate::config::{GithubIntegration, RetryPolicy, Timeouts};
use crate::limits::GithubLimits;
use crate::metrics::{CallKind, ProcessorMetrics};

/// A GraphQL error class that means a limit.
const RATE_LIMITED_CLASS: &str = "RATE_LIMITED";
// The JSON form carries a blob as base64, which is a third longer.
const RAW_MEDIA_TYPE: &str = "application/vnd.github.raw+json";

/// One credential's connection to GitHub.
pub struct GithubClient {
    connection: GithubConnection,
    endpoints: Endpoints,
    retry: RetryPolicy,
    limits: GithubLimits,
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
        limits: GithubLimits,
        budget: RateBudget,
        metrics: ProcessorMetrics,
    ) -> Result<Self, ClientError> {
        let octocrab = build_octocrab(&endpoints.origin, integration.token.as_ref(), timeouts)
            .map_err(|source| ClientError::Octocrab {
                url: integration.api_base_url.clone(),
                source: Box::new(source),
            })?;
        let origin = Url::parse(&endpoints.origin).map_err(|source| ClientError::BaseUrl {
            url: integration.api_base_url.clone(),
            source: Some(source),
        })?;
        let connection = GithubConnection {
            octocrab,
            origin,
            installation: integration.host.clone(),
            timeouts,
            budget,
            metrics,
        };
        Ok(Self {
            connection,
            endpoints,
            retry,
            limits,
        })
    }

    /// How much is read of a repository and of a list of them.
    #[must_use]
    pub fn limits(&self) -> &GithubLimits {
        &self.limits
    }

    /// The budget every call of this client is made within.
    #[must_use]
    pub fn budget(&self) -> &RateBudget {
        &self.connection.budget
    }

    /// Asks a GraphQL query, again after a moment if that may help; the answer may be partial.
    ///
    /// # Errors
    /// [`CallError`] if there is no data at all.
    pub async fn ask_graphql<T: DeserializeOwned>(
        &self,
        kind: CallKind,
        lane: Lane,
        query: &str,
    ) -> Result<GraphqlAnswer<T>, CallError> {
        self.retry(CallError::is_transient, || {
            self.ask_graphql_once(kind, lane, query)
        })
        .await
    }

    /// Like [`Self::ask_graphql`], but a query that may be too large is not asked again: GitHub charges extra
    /// for each that takes it too long, and the caller can make a smaller one.
    ///
    /// # Errors
    /// [`CallError`] if there is no data at all.
    pub async fn ask_graphql_divisible<T: DeserializeOwned>(
        &self,
        kind: CallKind,
        lane: Lane,
        query: &str,
    ) -> Result<GraphqlAnswer<T>, CallError> {
        self.retry(
            |error| error.is_transient() && !error.may_be_too_large(),
            || self.ask_graphql_once(kind, lane, query),
        )
        .await
    }

    /// How long to wait after this many failures in a row.
    #[must_use]
    pub fn pause_after(&self, failed_in_a_row: usize) -> Duration {
        let mut pauses = self.backoff().without_max_times().build();
        pauses
            .nth(failed_in_a_row.saturating_sub(1))
            .unwrap_or(self.retry.delay_max)
    }

    async fn ask_graphql_once<T: DeserializeOwned>(
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
        // GraphQL has a window of its own, which counts points and not calls.
        let resource = Resource::Graphql;
        let bytes_max = self.limits.answer_bytes(kind);
        let answered = self
            .call(kind, lane, resource, builder, Some(&body), bytes_max)
            .await?;
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
            // Its class says it where its text might be any sentence.
            let limited = error.class == RATE_LIMITED_CLASS;
            let text = match (&answer.data, limited) {
                (_, true) => "rate limit",
                (None, false) => &error.message,
                (Some(_), false) => "",
            };
            if let Some(limit) = limit_of(200, headers, text) {
                let resource = Resource::Graphql;
                return Err(self
                    .connection
                    .close_budget(operation, resource, headers, limit));
            }
        }
        if answer.data.is_none() {
            let message = answer
                .errors
                .first()
                .map_or("no data", |error| error.message.as_str());
            return Err(CallError::Refused {
                operation,
                message: shorten_message(message),
            });
        }
        Ok(answer)
    }

    /// Reads one blob as bytes, at most `size_max` of them.
    ///
    /// # Errors
    /// [`CallError`] if it cannot be read or is larger.
    pub async fn read_blob(
        &self,
        lane: Lane,
        owner: &str,
        name: &str,
        oid: &str,
        size_max: usize,
    ) -> Result<Bytes, CallError> {
        let path = format!("/repos/{owner}/{name}/git/blobs/{oid}");
        // The size was shown before, but the blob endpoint is the one that is believed.
        let bytes_max = size_max.min(self.limits.answer_bytes(CallKind::Blob));
        self.get_rest(CallKind::Blob, lane, &path, RAW_MEDIA_TYPE, bytes_max)
            .await
    }

    /// Reads at most `bytes_max` from the REST API, again after a moment if that may help; `path` begins behind its
    /// base URL.
    ///
    /// # Errors
    /// [`CallError`] if there is no answer.
    pub async fn get_rest(
        &self,
        kind: CallKind,
        lane: Lane,
        path: &str,
        media_type: &str,
        bytes_max: usize,
    ) -> Result<Bytes, CallError> {
        let uri = format!("{}{path}", self.endpoints.rest);
        let once = || async {
            let request = Request::builder()
                .method(Method::GET)
                .uri(&uri)
                .header(http::header::ACCEPT, media_type);
            let resource = Resource::Core;
            self.call(kind, lane, resource, request, None::<&()>, bytes_max)
                .await
        };
        Ok(self.retry(CallError::is_transient, once).await?.body)
    }

    fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.retry.delay_min)
            .with_max_delay(self.retry.delay_max)
    }

    async fn retry<T, F>(
        &self,
        may_help: impl Fn(&CallError) -> bool,
        once: impl FnMut() -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        once.retry(self.backoff().with_max_times(self.retry.times_max))
            .when(may_help)
            .notify(|error, delay| {
                tracing::debug!(%error, delay_ms = delay.as_millis(), "asking GitHub again after a failed call");
            })
            .await
    }

    async fn call(
        &self,
        kind: CallKind,
        lane: Lane,
        resource: Resource,
        request: http::request::Builder,
        body: Option<&(impl serde::Serialize + ?Sized)>,
        bytes_max: usize,
    ) -> Result<CallAnswer, CallError> {
        let octocrab = &self.connection.octocrab;
        let request =
            octocrab
                .build_request(request, body)
                .map_err(|source| CallError::Request {
                    operation: kind.as_str(),
                    source: Box::new(source),
                })?;
        self.connection
            .make_call(kind, lane, resource, request, bytes_max)
            .await
    }
}
